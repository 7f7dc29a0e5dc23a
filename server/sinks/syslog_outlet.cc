#include "server/sinks/syslog_outlet.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "server/base/status_macros.h"
#include "server/sinks/json_line.h"

namespace holdfast::sinks {
namespace {

constexpr int kAuthPriv = 10 * 8;
constexpr int kWarning = 4;
constexpr int kInfo = 6;
constexpr size_t kHostCharsMax = 255;

std::string Header(int severity, const std::string& time, std::string_view host, int pid) {
  return fmt::format("<{}>1 {} {} holdfastd {} audit - ", kAuthPriv + severity, time, host, pid);
}

std::string HostName() {
  std::array<char, kHostCharsMax + 1> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "-";
  return name.data();
}

}  // namespace

std::string SyslogDatagram(const v1::AuditRecord& record, std::string_view host, int pid) {
  const int severity = record.result() == v1::AUDIT_RESULT_OK ? kInfo : kWarning;
  return Header(severity, UtcText(record.wall_ms()), host, pid) + JsonLine(record);
}

absl::Status SyslogOutlet::Connect() {
  if (socket_.valid()) return absl::OkStatus();
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(path_ + ": too long for the path of a socket");
  }
  std::memcpy(address.sun_path, path_.data(), path_.size());
  UniqueFd made(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made.valid()) return ErrnoStatus("socket");
  if (connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus("connect " + path_);
  }
  socket_ = std::move(made);
  return absl::OkStatus();
}

absl::StatusOr<bool> SyslogOutlet::Send(std::string_view datagram) {
  if (send(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) >= 0) return true;
  if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) return false;
  if (errno == EMSGSIZE) return absl::OutOfRangeError("too long");
  const absl::Status status = ErrnoStatus("send " + path_);
  socket_ = UniqueFd();
  return status;
}

absl::StatusOr<bool> SyslogOutlet::SendRecord(const v1::AuditRecord& record) {
  static const std::string& host = *new std::string(HostName());
  const absl::StatusOr<bool> sent = Send(SyslogDatagram(record, host, getpid()));
  if (!absl::IsOutOfRange(sent.status())) return sent;
  v1::AuditRecord shorter = record;
  shorter.set_reason("(left out: too long for the system's log)");
  return Send(SyslogDatagram(shorter, host, getpid()));
}

absl::StatusOr<size_t> SyslogOutlet::Write(const v1::AuditRecords& records) {
  HOLDFAST_RETURN_IF_ERROR(Connect());
  size_t taken = 0;
  for (const v1::AuditRecord& record : records.records()) {
    const absl::StatusOr<bool> sent = SendRecord(record);
    // What went before stays taken; the next try says what is wrong.
    if (!sent.ok() && taken == 0) return sent.status();
    if (!sent.ok() || !*sent) break;
    ++taken;
  }
  return taken;
}

absl::Status SyslogOutlet::WriteGap(const std::string& node_id, uint64_t first, uint64_t last) {
  HOLDFAST_RETURN_IF_ERROR(Connect());
  HOLDFAST_ASSIGN_OR_RETURN(const bool sent, Send(Header(kWarning, "-", HostName(), getpid()) +
                                                  JsonGap(node_id, first, last)));
  return sent ? absl::OkStatus() : absl::UnavailableError(path_ + ": takes nothing now");
}

}  // namespace holdfast::sinks

#include "api/ssh/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/base/check.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::ssh {
namespace {

constexpr int kBacklog = 1024;
constexpr int kPauseMillis = 100;  // when the process has no descriptor left

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

absl::StatusOr<SocketAddress> Parse(const std::string& address, uint16_t port) {
  SocketAddress out;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.size = sizeof(sockaddr_in);
    return out;
  }
  if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out.size = sizeof(sockaddr_in6);
    return out;
  }
  return absl::InvalidArgumentError(
      fmt::format("expected a numeric address for the SSH port, got '{}'", address));
}

uint16_t PortOf(const sockaddr_storage& storage) {
  return ntohs(storage.ss_family == AF_INET
                   ? reinterpret_cast<const sockaddr_in*>(&storage)->sin_port
                   : reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
}

// Numeric, and the same for a client whether it came to a v4 or to a v6 socket.
std::string SourceOf(const sockaddr_storage& storage) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    return inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  }
  const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    return inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text.data(), text.size());
  }
  return inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
}

absl::StatusOr<Listener::Socket> Bind(const std::string& address, uint16_t port) {
  HOLDFAST_ASSIGN_OR_RETURN(SocketAddress where, Parse(address, port));
  UniqueFd fd(socket(where.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return ErrnoStatus("socket for SSH");
  const int on = 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(fd.get(), reinterpret_cast<sockaddr*>(&where.storage), where.size) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return ErrnoStatus(fmt::format("SSH port {}:{}", address, port));
  }
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&where.storage), &where.size) != 0) {
    return ErrnoStatus("getsockname");
  }
  return Listener::Socket{std::move(fd), PortOf(where.storage)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(std::string address, Accepted accepted) {
  HOLDFAST_RETURN_IF_ERROR(Parse(address, 0).status());
  UniqueFd wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoStatus("eventfd");
  std::unique_ptr<Listener> listener(
      new Listener(std::move(address), std::move(accepted), std::move(wake)));
  listener->thread_ = std::thread([raw = listener.get()] { raw->Run(); });
  return listener;
}

Listener::Listener(std::string address, Accepted accepted, UniqueFd wake)
    : address_(std::move(address)), accepted_(std::move(accepted)), wake_(std::move(wake)) {}

Listener::~Listener() {
  {
    MutexLock lock(mu_);
    stop_ = true;
  }
  Wake();
  thread_.join();
}

absl::StatusOr<std::optional<Listener::Socket>> Listener::Prepare(uint16_t port) const {
  if (port != 0 && port == this->port()) return std::optional<Socket>();
  HOLDFAST_ASSIGN_OR_RETURN(Socket socket, Bind(address_, port));
  return std::optional<Socket>(std::move(socket));
}

uint16_t Listener::port() const {
  MutexLock lock(mu_);
  return port_;
}

// Only the thread may close the old socket: it might be polling it.
void Listener::Replace(Socket socket) {
  MutexLock lock(mu_);
  while (ordered_) done_.Wait(mu_);
  next_ = std::move(socket.fd);
  port_ = socket.port;
  ordered_ = true;
  Wake();
  while (ordered_) done_.Wait(mu_);
}

void Listener::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

bool Listener::TakeOrders() {
  MutexLock lock(mu_);
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof(count));
  if (stop_) return false;
  if (ordered_) {
    socket_ = std::move(next_);
    ordered_ = false;
    done_.NotifyAll();
  }
  return true;
}

void Listener::Run() {
  bool paused = false;
  while (true) {
    std::array<pollfd, 2> fds{{{wake_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}}};
    const nfds_t watched = socket_.valid() && !paused ? 2 : 1;
    const int ready = poll(fds.data(), watched, paused ? kPauseMillis : -1);
    HOLDFAST_CHECK(ready >= 0 || errno == EINTR);
    paused = false;
    if (!TakeOrders()) return;
    if (socket_.valid()) paused = !AcceptAll();
  }
}

bool Listener::AcceptAll() {
  while (true) {
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    UniqueFd fd(accept4(socket_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) {
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
      LogWarning("{}", ToText(ErrnoStatus("ssh: accept")));
      return false;
    }
    // Without it each step of the handshake waits for the other side's delayed acknowledgement.
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    accepted_(std::move(fd), SourceOf(from));
  }
}

}  // namespace holdfast::ssh

#ifndef HOLDFAST_SERVER_SINKS_SYSLOG_OUTLET_H_
#define HOLDFAST_SERVER_SINKS_SYSLOG_OUTLET_H_

#include <string>
#include <string_view>
#include <utility>

#include "server/base/file.h"
#include "server/sinks/outlet.h"

namespace holdfast::sinks {

// The system's log: one RFC 5424 datagram a record, facility authpriv, severity info or, when
// refused, warning; the message is the record's JSON. Connects again after an error.
class SyslogOutlet : public Outlet {
 public:
  explicit SyslogOutlet(std::string socket_path) : path_(std::move(socket_path)) {}

  absl::StatusOr<size_t> Write(const v1::AuditRecords& records) override;
  absl::Status WriteGap(const std::string& node_id, uint64_t first, uint64_t last) override;

 private:
  absl::Status Connect();
  // False: it would have to wait.
  absl::StatusOr<bool> Send(std::string_view datagram);
  absl::StatusOr<bool> SendRecord(const v1::AuditRecord& record);

  const std::string path_;
  UniqueFd socket_;
};

// The datagram of a record. `host` and `pid` as the header has them.
std::string SyslogDatagram(const v1::AuditRecord& record, std::string_view host, int pid);

}  // namespace holdfast::sinks

#endif  // HOLDFAST_SERVER_SINKS_SYSLOG_OUTLET_H_

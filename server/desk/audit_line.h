#ifndef HOLDFAST_SERVER_DESK_AUDIT_LINE_H_
#define HOLDFAST_SERVER_DESK_AUDIT_LINE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "holdfast/v1/audit.pb.h"
#include "server/base/limits.h"
#include "server/base/position.h"
#include "server/desk/caller.h"
#include "server/vault/command.h"
#include "server/vault/state_reader.h"

// The desk's records in the audit journal, built from whatever came in. The journal fills in
// number, node and time.
namespace holdfast::desk {

// What the node served when it answered.
struct Served {
  Position position;
  int64_t age_ms = -1;  // -1: unknown
};

// A text from outside as a record can hold it: UTF-8, no control characters, at most `bytes_max`.
std::string AuditText(std::string_view text, size_t bytes_max);

inline constexpr size_t kAuditReasonBytesMax = limits::kTextCharsMax;
inline constexpr size_t kAuditNameBytesMax = limits::kNameCharsMax * 4;
void SetReason(v1::AuditRecord& line, std::string_view reason, std::string_view ticket);

v1::AuditRecord AuditLine(std::string_view operation, const v1::Actor& actor,
                          const std::string& credential, const Served& served);
// Result and refusal by the status: OK or not.
void SetResult(v1::AuditRecord& line, const absl::Status& status);

void SetAccount(v1::AuditRecord& line, const vault::StateReader& state,
                const v1::AccountRow& account);
void SetResource(v1::AuditRecord& line, const v1::ResourceRow& resource);
// Which resource or account a write is about, as far as it is there already.
void SetSubject(v1::AuditRecord& line, const vault::StateReader& state,
                const vault::CommandBody& body);

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_AUDIT_LINE_H_

#ifndef HOLDFAST_SERVER_VAULT_VALIDATE_H_
#define HOLDFAST_SERVER_VAULT_VALIDATE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "holdfast/v1/rows.pb.h"
#include "server/vault/command.h"

// What a value must look like before it becomes part of a row, whoever sent it. Pure: what needs
// the state (is the name free?) is asked in the plans.
//
// Failure     INVALID_INPUT, MANDATORY_MISSING or LIMIT_REACHED; the message names the field, what
//             was expected and what came, and repeats no value that could be a secret.
namespace holdfast::vault {

inline constexpr size_t kHashBytes = 32;
inline constexpr size_t kRequestKeyCharsMax = 255;
// 1 to kRequestKeyCharsMax visible ASCII characters.
bool IsRequestKey(std::string_view text);
inline constexpr uint32_t kWaitMsLeast = 100;    // of the settings: how long a write waits
inline constexpr uint32_t kWaitMsMost = 25'000;  // below the time-out of a request

// Text from outside as a message may show it: cut to 80 bytes, with '?' for everything that is not
// visible ASCII.
std::string Shown(std::string_view text);

// One line of at most kNameCharsMax characters without control characters; may be empty.
absl::Status CheckLine(std::string_view field, std::string_view value);
// The same, not empty and without a blank at either end.
absl::Status CheckName(std::string_view field, std::string_view value);
// Lines and tabs are allowed.
absl::Status CheckText(std::string_view field, std::string_view value, size_t chars_max);
// A DNS label: it stands in certificates.
absl::Status CheckNodeId(std::string_view field, std::string_view value);

// Rows of a command, as far as the caller fills them.
absl::Status CheckUser(const v1::UserRow& user);
absl::Status CheckResource(const v1::ResourceRow& resource);
absl::Status CheckAccount(const v1::AccountRow& account);
absl::Status CheckMember(const v1::MemberRow& member);
absl::Status CheckSealed(std::string_view field, const v1::SealedSecret& secret);

absl::Status CheckRequestKey(const RequestKey& key, int64_t now_ms);
absl::Status CheckHash(std::string_view field, std::string_view hash);
absl::Status CheckExpiry(int64_t expires_ms, int64_t now_ms);  // 0 (never) is refused
absl::Status CheckToken(const NewToken& token, int64_t now_ms);
absl::Status CheckSshKey(const NewSshKey& key);
// 0 exactly with levels that wait for nobody, else at most `others`.
absl::Status CheckSettings(const SetSettings& settings, size_t others);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_VALIDATE_H_

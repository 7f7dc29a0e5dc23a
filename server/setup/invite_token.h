#ifndef HOLDFAST_SERVER_SETUP_INVITE_TOKEN_H_
#define HOLDFAST_SERVER_SETUP_INVITE_TOKEN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

namespace holdfast::setup {

inline constexpr size_t kInviteTokenBytesMax = 8 * 1024;
inline constexpr size_t kInviteUrlsMax = 16;

// What an invited node must know before it can trust anybody: docs/formats/join.md.
struct InviteToken {
  std::string cluster_id;
  std::string node_id;                // the only node that may use it
  std::string authority_fingerprint;  // 64 hex digits
  std::vector<std::string> urls;      // https, of members that may be primary
  SecretBytes secret;                 // what the primary knows the invitation by
};

// "HFJ1-" and base64url with a checksum. It holds the secret.
absl::StatusOr<SecretBytes> EncodeInviteToken(const InviteToken& token);

// White space around the text does not matter. INVALID_ARGUMENT says whether it is no invitation at
// all, cut short or mistyped; never repeats it.
absl::StatusOr<InviteToken> DecodeInviteToken(const SecretBytes& text);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_INVITE_TOKEN_H_

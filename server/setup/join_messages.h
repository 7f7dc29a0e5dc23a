#ifndef HOLDFAST_SERVER_SETUP_JOIN_MESSAGES_H_
#define HOLDFAST_SERVER_SETUP_JOIN_MESSAGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/v1/rows.pb.h"
#include "server/base/secret_bytes.h"

namespace holdfast::setup {

// What POST /v1/join carries: docs/formats/join.md. Both sides are strict: every key must be there
// and none that is not known. Thread-safe.
struct JoinRequest {
  std::string cluster_id;
  SecretBytes secret;  // of the invitation
  std::string request_pem;
  v1::MemberRow member;  // name and addresses
};
struct JoinAnswer {
  std::string cluster_id;
  std::string cluster_name;
  std::string authority_pem;
  std::string certificate_pem;
  std::string wrapped_root_key;  // crypto::WrapFor the key of the request
  std::vector<v1::MemberRow> members;
};

SecretBytes EncodeJoinRequest(const JoinRequest& request);
std::string EncodeJoinAnswer(const JoinAnswer& answer);

// INVALID_ARGUMENT names the key, what was expected and what kind of thing came.
absl::StatusOr<JoinRequest> DecodeJoinRequest(std::string_view body);
absl::StatusOr<JoinAnswer> DecodeJoinAnswer(std::string_view body);

// What the root key is wrapped for; both sides must name the same.
std::string JoinContext(std::string_view cluster_id, std::string_view node_id);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_JOIN_MESSAGES_H_

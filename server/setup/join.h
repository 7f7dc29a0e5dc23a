#ifndef HOLDFAST_SERVER_SETUP_JOIN_H_
#define HOLDFAST_SERVER_SETUP_JOIN_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/setup/config_file.h"
#include "server/setup/invite_token.h"

namespace holdfast::setup {

struct JoinOptions {
  ConfigFile config;  // node.data is the folder that is made; a fresh file is written
  InviteToken token;
  std::function<void(const std::string&)> progress;  // one line a step
};

struct JoinResult {
  std::string cluster_id;
  std::string cluster_name;
  std::string answered_by;  // URL
};

// Makes this machine a member: its key stays here, the certificate and the root key wrapped for
// that key come from the primary that the invitation vouches for. All or nothing on this side; an
// invitation whose answer was lost is used up, and a new one replaces it.
// INVALID_ARGUMENT: the invitation is for another node. PERMISSION_DENIED: used, expired, unknown.
absl::StatusOr<JoinResult> Join(JoinOptions options, const Clock& clock);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_JOIN_H_

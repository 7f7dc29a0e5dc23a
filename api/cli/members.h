#ifndef HOLDFAST_API_CLI_MEMBERS_H_
#define HOLDFAST_API_CLI_MEMBERS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/cli/session.h"

// Orders go to one node: where it answers, as any node that lives knows it.
namespace holdfast::cli {

struct Member {
  std::string id;
  std::string url;
  std::string role;
};

absl::StatusOr<std::vector<Member>> MembersOf(Session& session);
// NO_SUCH_MEMBER; also when nobody knows where it answers.
absl::StatusOr<Member> MemberNamed(Session& session, const std::string& id);
absl::StatusOr<std::unique_ptr<Session>> SessionWith(const Context& context, const Member& member);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_MEMBERS_H_

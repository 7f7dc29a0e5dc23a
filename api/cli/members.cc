#include "api/cli/members.h"

#include <fmt/format.h>

#include <utility>

#include "api/cli/exit_code.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {

namespace json = boost::json;

absl::StatusOr<std::vector<Member>> MembersOf(Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object status, session.Get("/v1/status"));
  std::vector<Member> members;
  const json::value* nodes = status.if_contains("nodes");
  if (nodes == nullptr || !nodes->is_array()) return members;
  for (const json::value& each : nodes->get_array()) {
    if (!each.is_object()) continue;
    const json::object& node = each.get_object();
    members.push_back(
        {.id = TextIn(node, "id"), .url = TextIn(node, "url"), .role = TextIn(node, "role")});
  }
  return members;
}

absl::StatusOr<Member> MemberNamed(Session& session, const std::string& id) {
  HOLDFAST_ASSIGN_OR_RETURN(std::vector<Member> members, MembersOf(session));
  for (Member& member : members) {
    if (member.id == id && !member.url.empty()) return std::move(member);
  }
  return RemoteError(404, "NO_SUCH_MEMBER",
                     fmt::format("no member is named {}; `holdfast node list` shows them", id), "");
}

absl::StatusOr<std::unique_ptr<Session>> SessionWith(const Context& context, const Member& member) {
  Globals globals = context.globals;
  globals.addresses = member.url;
  return Session::Open(globals);
}

}  // namespace holdfast::cli

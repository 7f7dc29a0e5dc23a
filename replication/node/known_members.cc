#include "replication/node/known_members.h"

#include <optional>
#include <string>

#include "holdfast/v1/local.pb.h"
#include "server/base/status_macros.h"

namespace holdfast::replication {
namespace {

constexpr char kKnownMembersFact[] = "known_members";

}  // namespace

absl::Status PutKnownMembers(storage::Store& store, const std::vector<v1::MemberRow>& members) {
  v1::KnownMembers message;
  for (const v1::MemberRow& member : members) *message.add_members() = member;
  return store.PutFact(kKnownMembersFact, message.SerializeAsString());
}

absl::StatusOr<std::vector<v1::MemberRow>> GetKnownMembers(storage::Store& store) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> fact,
                            store.GetFact(kKnownMembersFact));
  v1::KnownMembers message;
  if (!message.ParseFromString(fact.value_or(""))) {
    return absl::DataLossError("the fact known_members cannot be read");
  }
  return std::vector<v1::MemberRow>(message.members().begin(), message.members().end());
}

}  // namespace holdfast::replication

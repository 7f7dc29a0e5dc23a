// What the cluster is made of: its first rows, members, SSH servers, settings.
#include <algorithm>
#include <chrono>
#include <utility>

#include "fmt/format.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/vault/plan_context.h"
#include "server/vault/refusal.h"
#include "server/vault/validate.h"

namespace holdfast::vault {
namespace {

constexpr uint32_t kPortMax = 65535;
// So long an invite that ran out is told apart from one that never was.
constexpr int64_t kInviteKeptMs =
    std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::hours(7 * 24)).count();

bool IsEmpty(const StateReader& state) {
  for (int number = 1; number <= kTableMax; ++number) {
    const TableShape* shape = ShapeOf(static_cast<v1::Table>(number));
    if (shape == nullptr || !shape->named) continue;
    if (!state.ForEachName(shape->table, [](const std::string&) { return false; })) return false;
  }
  // Every numbered row was given its id by a counter or belongs to an organization.
  return state.ForEachId(List::kOrganizations, 0, /*after=*/0, [](uint64_t) { return false; });
}

size_t OtherVoters(const StateReader& state) {
  const auto members = state.Members();
  const auto voters = std::count_if(members.begin(), members.end(),
                                    [](const auto* member) { return !member->never_primary(); });
  return voters == 0 ? 0 : static_cast<size_t>(voters) - 1;
}

// Quorums of before and after one change meet; of two at a time they need not.
absl::Status RequireNoOtherChange(const PlanContext& context) {
  if (!context.state().HasPending(v1::TABLE_MEMBER)) return absl::OkStatus();
  return Refuse(Refusal::kRoleChangeUnderWay,
                "another change of the members is not committed yet: try again later");
}

// After a change of the members: are there still as many as must confirm each write?
absl::Status RequireEnoughVoters(const PlanContext& context) {
  const v1::ClusterRow* cluster = context.state().Cluster();
  if (cluster == nullptr || cluster->level() == v1::LEVEL_LOCAL) return absl::OkStatus();
  const size_t others = OtherVoters(context.state());
  if (cluster->k() <= others) return absl::OkStatus();
  return Refuse(
      Refusal::kNotEnoughSecondaries,
      fmt::format("{} secondaries must confirm each write, and only {} would be left that "
                  "vote: lower the settings first",
                  cluster->k(), others));
}

absl::Status DropOldInvites(PlanContext& context) {
  std::vector<uint64_t> old;
  for (const v1::InviteRow* invite : context.state().Invites()) {
    if (invite->expires_ms() + kInviteKeptMs < context.now_ms) old.push_back(invite->id());
  }
  for (const uint64_t id : old) {
    HOLDFAST_RETURN_IF_ERROR(context.draft.Delete(v1::TABLE_INVITE, id));
  }
  return absl::OkStatus();
}

absl::Status DropInvitesOf(const std::string& node_id, PlanContext& context) {
  std::vector<uint64_t> open;
  for (const v1::InviteRow* invite : context.state().Invites()) {
    if (invite->node_id() == node_id && invite->used_ms() == 0) open.push_back(invite->id());
  }
  for (const uint64_t id : open) {
    HOLDFAST_RETURN_IF_ERROR(context.draft.Delete(v1::TABLE_INVITE, id));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::InviteRow> FindUsableInvite(const PlanContext& context, const JoinMember& body) {
  const v1::InviteRow* invite = context.state().FindInviteByHash(body.invite_hash);
  if (invite == nullptr) {
    return Refuse(Refusal::kInviteUnknown, "no such invite: it was not made by this cluster");
  }
  if (invite->node_id() != body.member.node_id()) {
    return Refuse(Refusal::kInviteUnknown,
                  fmt::format("the invite is for node '{}', not for '{}'", invite->node_id(),
                              Shown(body.member.node_id())));
  }
  if (invite->used_ms() != 0) {
    return Refuse(
        Refusal::kInviteUsed,
        fmt::format("the invite for node '{}' is used: make a new one", invite->node_id()));
  }
  if (invite->expires_ms() <= context.now_ms) {
    return Refuse(
        Refusal::kInviteExpired,
        fmt::format("the invite for node '{}' has expired: make a new one", invite->node_id()));
  }
  return *invite;
}

absl::Status RequireOwnCertificate(const StateReader& state, const v1::MemberRow& member) {
  for (const v1::MemberRow* other : state.Members()) {
    if (other->node_id() == member.node_id() || other->fingerprint() != member.fingerprint()) {
      continue;
    }
    return Refuse(Refusal::kAlreadyExists,
                  fmt::format("the certificate is that of node '{}'", other->node_id()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PlanBody(const Bootstrap& body, PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireNode());
  if (!IsEmpty(context.state())) {
    return Refuse(Refusal::kAlreadyExists, "the vault has its first rows already");
  }
  for (const v1::Row& row : body.rows) {
    if (const absl::Status put = context.draft.Put(row); !put.ok()) {
      return Refuse(Refusal::kInvalidInput,
                    fmt::format("a first row: {}", std::string(put.message())));
    }
    context.draft.SkipIdsTo(KeyOf(row).id());
    if (row.has_counter() && row.counter().name() == kIdCounter) {
      context.draft.SkipIdsTo(row.counter().value());
    }
  }
  if (context.state().Cluster() == nullptr ||
      context.state().FindOrganization(kDefaultOrganization) == nullptr) {
    return Refuse(Refusal::kMandatoryMissing,
                  "the first rows must hold the cluster and its organization 1");
  }
  return absl::OkStatus();
}

absl::Status PlanBody(const CreateInvite& body, PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireOperator());
  HOLDFAST_RETURN_IF_ERROR(CheckNodeId("node id", body.node_id));
  HOLDFAST_RETURN_IF_ERROR(CheckHash("invite", body.token_hash));
  HOLDFAST_RETURN_IF_ERROR(CheckExpiry(body.expires_ms, context.now_ms));
  if (context.state().FindInviteByHash(body.token_hash) != nullptr) {
    return Refuse(Refusal::kAlreadyExists, "this invite exists already");
  }
  HOLDFAST_RETURN_IF_ERROR(DropOldInvites(context));
  if (context.state().Count(List::kInvites, 0) >= limits::kInvitesMax) {
    return Refuse(
        Refusal::kLimitReached,
        fmt::format("there are {} invites: wait until old ones have gone", limits::kInvitesMax));
  }
  v1::InviteRow invite;
  invite.set_id(context.draft.NextId());
  invite.set_node_id(body.node_id);
  invite.set_token_hash(body.token_hash);
  invite.set_expires_ms(body.expires_ms);
  invite.set_never_primary(body.never_primary);
  context.planned.id = invite.id();
  return context.draft.Put(std::move(invite));
}

absl::Status PlanBody(const JoinMember& body, PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireNode());
  HOLDFAST_RETURN_IF_ERROR(RequireNoOtherChange(context));
  HOLDFAST_ASSIGN_OR_RETURN(v1::InviteRow invite, FindUsableInvite(context, body));
  HOLDFAST_RETURN_IF_ERROR(CheckMember(body.member));
  HOLDFAST_RETURN_IF_ERROR(RequireOwnCertificate(context.state(), body.member));
  context.planned.id = invite.id();
  const bool never_primary = body.member.never_primary() || invite.never_primary();
  invite.set_used_ms(context.now_ms);
  HOLDFAST_RETURN_IF_ERROR(context.draft.Put(std::move(invite)));
  v1::Row row;
  *row.mutable_member() = body.member;
  row.mutable_member()->set_joined_ms(context.now_ms);
  row.mutable_member()->set_never_primary(never_primary);
  HOLDFAST_RETURN_IF_ERROR(context.draft.Put(std::move(row)));
  return RequireEnoughVoters(context);
}

absl::Status PlanBody(const ForgetMember& body, PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireOperator());
  HOLDFAST_RETURN_IF_ERROR(RequireNoOtherChange(context));
  if (context.state().FindMember(body.node_id) == nullptr) {
    return Refuse(Refusal::kNoSuchMember, fmt::format("no node '{}'", Shown(body.node_id)));
  }
  if (body.node_id == context.primary) {
    return Refuse(
        Refusal::kInvalidInput,
        fmt::format("node '{}' is primary: switch over to another one first", body.node_id));
  }
  context.planned.secrets_held = context.state().RowCount(v1::TABLE_ACCOUNT);
  HOLDFAST_RETURN_IF_ERROR(context.draft.Delete(v1::TABLE_MEMBER, body.node_id));
  if (context.state().FindSshd(body.node_id) != nullptr) {
    HOLDFAST_RETURN_IF_ERROR(context.draft.Delete(v1::TABLE_SSHD, body.node_id));
  }
  HOLDFAST_RETURN_IF_ERROR(DropInvitesOf(body.node_id, context));
  return RequireEnoughVoters(context);
}

absl::Status PlanBody(const SetSshd& body, PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireOperator());
  const std::string& node_id = body.sshd.node_id();
  if (!node_id.empty() && context.state().FindMember(node_id) == nullptr) {
    return Refuse(Refusal::kNoSuchMember, fmt::format("no node '{}'", Shown(node_id)));
  }
  if (body.sshd.port() > kPortMax) {
    return Refuse(
        Refusal::kInvalidInput,
        fmt::format("port: expected 0 (as configured) to {}, got {}", kPortMax, body.sshd.port()));
  }
  v1::Row row;
  *row.mutable_sshd() = body.sshd;
  return context.draft.Put(std::move(row));
}

absl::Status PlanBody(const SetSettings& body, PlanContext& context) {
  HOLDFAST_RETURN_IF_ERROR(context.RequireOperator());
  const v1::ClusterRow* cluster = context.state().Cluster();
  if (cluster == nullptr) {
    return Refuse(Refusal::kNotServing, "there is no cluster yet: its first rows are missing");
  }
  HOLDFAST_RETURN_IF_ERROR(CheckSettings(body, OtherVoters(context.state())));
  v1::Row row;
  *row.mutable_cluster() = *cluster;
  row.mutable_cluster()->set_level(body.level);
  row.mutable_cluster()->set_k(body.k);
  row.mutable_cluster()->set_policy(body.policy);
  if (body.wait_ms.has_value()) row.mutable_cluster()->set_wait_ms(*body.wait_ms);
  return context.draft.Put(std::move(row));
}

}  // namespace holdfast::vault

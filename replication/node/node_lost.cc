#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "replication/node/lost_names.h"
#include "replication/node/node.h"
#include "replication/node/reapply.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

constexpr std::chrono::seconds kReapplyWait{10};
constexpr size_t kPageRecords = 512;
constexpr size_t kPageBytes = 4 << 20;

bool Touches(const v1::Record& record, const std::vector<v1::RowKey>& keys) {
  return std::any_of(record.changes().begin(), record.changes().end(), [&](const auto& change) {
    const v1::RowKey key = change.has_put() ? vault::KeyOf(change.put()) : change.delete_();
    return std::any_of(keys.begin(), keys.end(), [&](const v1::RowKey& each) {
      return each.table() == key.table() && each.id() == key.id();
    });
  });
}

// Asked of the state of the primary: the node that asks may be behind, or not be believed.
absl::Status MayOrder(const vault::StateReader& state, const v1::Actor& by) {
  const v1::UserRow* user = state.FindUser(by.user_id());
  if (user == nullptr || user->name() != by.user_name()) {
    return absl::PermissionDeniedError(fmt::format(
        "the primary knows no user '{}' who could order this", by.user_name().substr(0, 64)));
  }
  if (user->locked()) {
    return absl::PermissionDeniedError(fmt::format("user '{}' is locked", user->name()));
  }
  return vault::MayOperateCluster(*user);
}

}  // namespace

std::vector<v1::LostWriteView> Node::LostWrites() const { return quarantine_.List(); }

absl::StatusOr<Position> Node::ApplyLost(const std::string& id, const v1::Actor& by, bool force) {
  HOLDFAST_ASSIGN_OR_RETURN(v1::LostWrite write, quarantine_.Find(id));
  HOLDFAST_ASSIGN_OR_RETURN(const v1::Quarantine about, quarantine_.FileOf(id));
  if (write.state() != v1::LOST_STATE_HELD) {
    return absl::FailedPreconditionError(fmt::format("lost write {} is not held any more", id));
  }
  v1::ReapplyRequest request;
  *request.mutable_write() = std::move(write);
  request.set_fork_seq(about.fork_seq());
  request.set_node_id(deps_.identity.node_id);
  request.set_force(force);
  *request.mutable_by() = by;
  v1::ReapplyResponse response;
  if (deps_.gate.view().primary) {
    HOLDFAST_ASSIGN_OR_RETURN(response, ReapplyHere(request));
  } else {
    const std::shared_ptr<PeerClient> primary =
        ClientOf(follow_->View().primary.value_or(std::string()));
    if (primary == nullptr) {
      return vault::Refuse(vault::Refusal::kNotPrimary,
                           "no primary is known that could do it again");
    }
    HOLDFAST_ASSIGN_OR_RETURN(response, primary->Reapply(request, kReapplyWait));
  }
  // If this fails it is asked again, and the primary does it once only.
  HOLDFAST_RETURN_IF_ERROR(quarantine_.Mark(id, v1::LOST_STATE_APPLIED, by.user_name()));
  return Position{.epoch = response.epoch(), .seq = response.seq()};
}

absl::Status Node::DropLost(const std::string& id, const std::string& by) {
  return quarantine_.Mark(id, v1::LOST_STATE_DROPPED, by);
}

absl::StatusOr<v1::ReapplyResponse> Node::Reapply(const PeerIdentity& peer,
                                                  const v1::ReapplyRequest& request) {
  if (request.node_id() != peer.node_id) {
    return absl::PermissionDeniedError(
        fmt::format("{} asks for a write of {}", peer.node_id, request.node_id()));
  }
  return ReapplyHere(request);
}

// Whether the cluster went on with the same rows: then the older write would undo a newer one.
absl::Status Node::CheckUnchangedSince(uint64_t fork_seq, const std::vector<v1::RowKey>& keys) {
  if (keys.empty()) return absl::OkStatus();
  const uint64_t head = deps_.ledger.progress().committed_seq;
  if (deps_.ledger.oldest_seq() > fork_seq + 1) {
    return absl::FailedPreconditionError(
        "the log since the fork is gone, so nobody knows whether it was changed since; --force "
        "does it all the same");
  }
  for (uint64_t seq = fork_seq + 1; seq <= head;) {
    HOLDFAST_ASSIGN_OR_RETURN(const std::vector<EntryPtr> entries,
                              deps_.ledger.ReadLog(seq, kPageRecords, kPageBytes));
    if (entries.empty()) break;
    for (const EntryPtr& entry : entries) {
      v1::Record record;
      if (!record.ParseFromString(entry->record) || !Touches(record, keys)) continue;
      return absl::FailedPreconditionError(fmt::format(
          "it was changed after the fork, at {} ({} by {}); --force does it all the same",
          entry->seq, record.operation(), record.actor().user_name()));
    }
    seq = entries.back()->seq + 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ReapplyResponse> Node::ReapplyHere(const v1::ReapplyRequest& request) {
  HOLDFAST_RETURN_IF_ERROR(deps_.gate.Admit(OperationClass::kPrimaryOnly));
  absl::StatusOr<vault::Command> command = absl::UnknownError("");
  absl::Status may;
  std::vector<v1::RowKey> touched;
  deps_.ledger.Read([&](const vault::StateReader& state, Position) {
    may = MayOrder(state, request.by());
    if (!may.ok()) return;
    command = CommandFor(request.write(), state, ToMillis(deps_.clock.Wall()));
    // Asked again, because the answer was lost: what it changed then is its own doing.
    const bool again =
        command.ok() && state.FindRequestKey(fmt::format("{}/{}", command->actor.user_id(),
                                                         command->request_key->key)) != nullptr;
    if (!again) touched = TouchedBy(request.write(), state);
  });
  HOLDFAST_RETURN_IF_ERROR(may);
  HOLDFAST_RETURN_IF_ERROR(command.status());
  if (!request.force()) {
    HOLDFAST_RETURN_IF_ERROR(CheckUnchangedSince(request.fork_seq(), touched));
  }
  auto promise = std::make_shared<std::promise<absl::StatusOr<WriteResult>>>();
  std::future<absl::StatusOr<WriteResult>> written = promise->get_future();
  deps_.ledger.Submit(*std::move(command), [promise](absl::StatusOr<WriteResult> result) {
    promise->set_value(std::move(result));
  });
  HOLDFAST_ASSIGN_OR_RETURN(const WriteResult result, written.get());
  LogInfo("lost write {} of {} was done again at {}", request.write().id(), request.node_id(),
          ToText(result.position));
  v1::ReapplyResponse response;
  response.set_epoch(result.position.epoch);
  response.set_seq(result.position.seq);
  return response;
}

}  // namespace holdfast::replication

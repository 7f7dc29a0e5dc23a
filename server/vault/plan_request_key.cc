#include "server/vault/plan_request_key.h"

#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/vault/refusal.h"
#include "server/vault/validate.h"

namespace holdfast::vault {
namespace {

// More than one a write, so that old ones go faster than new ones come; few, so that it costs
// little.
constexpr size_t kDroppedAWrite = 8;

std::string IdOf(const Command& command) {
  return fmt::format("{}/{}", command.actor.user_id(), command.request_key->key);
}

std::string ToList(const std::vector<uint64_t>& ids) {
  return fmt::format("{}", fmt::join(ids, ","));
}

// Of a row that was planned; what is no number ends the list.
std::vector<uint64_t> FromList(const std::string& text) {
  std::vector<uint64_t> ids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    uint64_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc()) break;
    ids.push_back(id);
    at = next + 1;  // behind the comma
  }
  return ids;
}

absl::Status DropExpired(const std::string& kept, int64_t now_ms, Draft& draft) {
  std::vector<std::string> old;
  draft.view().ForEachRequestKey([&](int64_t expires_ms, const std::string& id) {
    if (expires_ms > now_ms || old.size() == kDroppedAWrite) return false;
    if (id != kept) old.push_back(id);
    return true;
  });
  for (const std::string& id : old) {
    HOLDFAST_RETURN_IF_ERROR(draft.Delete(v1::TABLE_REQUEST_KEY, id));
  }
  return absl::OkStatus();
}

absl::Status CheckRoom(const StateReader& state, const std::string& id, uint64_t user_id) {
  if (state.RequestKeysAtMost(user_id) < limits::kRequestKeysPerUserMax) return absl::OkStatus();
  if (state.RequestKeyCount(user_id) < limits::kRequestKeysPerUserMax) return absl::OkStatus();
  if (state.FindRequestKey(id) != nullptr) return absl::OkStatus();  // takes its own place
  return Refuse(Refusal::kLimitReached,
                fmt::format("this user has used {} idempotency keys that have not expired yet",
                            limits::kRequestKeysPerUserMax));
}

}  // namespace

absl::StatusOr<std::optional<Planned>> PlannedBefore(const StateReader& state,
                                                     const Command& command) {
  HOLDFAST_RETURN_IF_ERROR(CheckRequestKey(*command.request_key, command.now_ms));
  const v1::RequestKeyRow* row = state.FindRequestKey(IdOf(command));
  if (row == nullptr || row->expires_ms() <= command.now_ms) return std::nullopt;
  if (row->request_digest() != command.request_key->digest) {
    return Refuse(
        Refusal::kIdempotencyKeyReused,
        fmt::format("this idempotency key was used for another request ({})", row->operation()));
  }
  Planned planned{.operation = row->operation(), .id = row->answer_id()};
  planned.account_ids = FromList(row->account_ids());
  planned.key_ids = FromList(row->key_ids());
  planned.token_id = row->token_id();
  planned.repeated = true;
  return planned;
}

absl::Status PutRequestKey(const Command& command, const Planned& planned, Draft& draft) {
  const std::string id = IdOf(command);
  HOLDFAST_RETURN_IF_ERROR(DropExpired(id, command.now_ms, draft));
  HOLDFAST_RETURN_IF_ERROR(CheckRoom(draft.view(), id, command.actor.user_id()));
  v1::Row row;
  v1::RequestKeyRow& key = *row.mutable_request_key();
  key.set_id(id);
  key.set_user_id(command.actor.user_id());
  key.set_request_digest(command.request_key->digest);
  key.set_operation(planned.operation);
  key.set_answer_id(planned.id);
  key.set_account_ids(ToList(planned.account_ids));
  key.set_key_ids(ToList(planned.key_ids));
  key.set_token_id(planned.token_id);
  key.set_created_ms(command.now_ms);
  key.set_expires_ms(command.request_key->expires_ms);
  return draft.Put(std::move(row));
}

}  // namespace holdfast::vault

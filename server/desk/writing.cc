// A write: checked, handed to the ledger, its record durable before its answer.
#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "server/desk/audit_line.h"
#include "server/desk/vault_desk.h"
#include "server/observe/log.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {

using vault::Refusal;

namespace {

constexpr int64_t kRequestKeyKeptMs =
    std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::hours(24)).count();

// Both enums have the same four, in the same order.
constexpr bool SameLevel(v1::Level level, replication::Level its) {
  return static_cast<int>(level) - 1 == static_cast<int>(its);
}
static_assert(SameLevel(v1::LEVEL_LOCAL, replication::Level::kLocal));
static_assert(SameLevel(v1::LEVEL_RECEIVED, replication::Level::kReceived));
static_assert(SameLevel(v1::LEVEL_DURABLE, replication::Level::kDurable));
static_assert(SameLevel(v1::LEVEL_APPLIED, replication::Level::kApplied));
static_assert(v1::Level_MAX == v1::LEVEL_APPLIED);
replication::Level LevelOf(v1::Level level) {
  return level == v1::LEVEL_UNSPECIFIED ? replication::Level::kLocal
                                        : static_cast<replication::Level>(level - 1);
}
v1::Level LevelOf(replication::Level level) {
  return static_cast<v1::Level>(static_cast<int>(level) + 1);
}

// The first record says what was done; this one that it was asked for again.
void MarkRepeated(v1::AuditRecord& line) {
  const std::string given = line.reason();
  const std::string reason =
      given.empty() ? "repeated, nothing changed" : "repeated, nothing changed: " + given;
  line.set_reason(AuditText(reason, kAuditReasonBytesMax));
}

}  // namespace

struct VaultDesk::Write {
  v1::Actor actor;
  v1::AuditRecord line;
  WriteDone done;
  Underway::Ticket ticket;
};

void VaultDesk::Submit(CallerPtr caller, vault::CommandBody body, WriteOptions options,
                       WriteDone done) {
  Write write{.actor = ActorOf(*caller), .done = std::move(done), .ticket = underway_.Begin()};
  absl::Status valid;
  parts_.ledger.Read([&](const vault::StateReader& state, const Position& shown) {
    valid = ValidUser(state, *caller).status();
    write.line =
        AuditLine(vault::OperationName(body), write.actor, caller->credential, ServedAt(shown));
    SetSubject(write.line, state, body);
    SetReason(write.line, caller->reason, caller->ticket);
  });
  if (!valid.ok()) return RefuseWrite(std::move(write), valid);
  SubmitChecked(std::move(write), std::move(body), std::move(options));
}

void VaultDesk::SubmitAsNode(const std::string& source, vault::CommandBody body, WriteDone done) {
  Write write{.actor = NodeActor(source), .done = std::move(done), .ticket = underway_.Begin()};
  parts_.ledger.Read([&](const vault::StateReader& state, const Position& shown) {
    write.line = AuditLine(vault::OperationName(body), write.actor, "", ServedAt(shown));
    SetSubject(write.line, state, body);
  });
  SubmitChecked(std::move(write), std::move(body), {});
}

void VaultDesk::SubmitChecked(Write write, vault::CommandBody body, WriteOptions options) {
  // A write that cannot be recorded is not begun.
  if (absl::Status failure = parts_.journal.failure(); !failure.ok()) {
    return write.done(vault::Refuse(Refusal::kAuditUnavailable,
                                    "the audit journal of this node takes no records"));
  }
  vault::Command command{.actor = write.actor, .now_ms = NowMs(), .body = std::move(body)};
  if (!options.idempotency_key.empty()) {
    command.request_key = vault::RequestKey{.key = std::move(options.idempotency_key),
                                            .digest = std::move(options.request_digest),
                                            .expires_ms = command.now_ms + kRequestKeyKeptMs};
  }
  replication::WriteOptions at;
  if (options.level) at.level = {.level = LevelOf(options.level->level), .k = options.level->k};
  parts_.ledger.Submit(
      std::move(command), at,
      [this, write = std::move(write)](absl::StatusOr<replication::WriteResult> result) mutable {
        OnWritten(std::move(write), std::move(result));
      });
}

void VaultDesk::OnWritten(Write write, absl::StatusOr<replication::WriteResult> result) {
  const bool unknown = vault::RefusalOf(result.status()) == Refusal::kOutcomeUnknown;
  if (!result.ok() && !unknown) return RefuseWrite(std::move(write), result.status());
  v1::AuditRecord line = std::move(write.line);
  SetResult(line, result.status());
  if (result.ok()) {
    if (result->planned.repeated) MarkRepeated(line);
    line.set_position_epoch(result->position.epoch);
    line.set_position_seq(result->position.seq);
    if (line.resource_id() == 0 && !line.resource_name().empty()) {
      line.set_resource_id(result->planned.id);
    }
    if (line.account_id() == 0 && !result->planned.account_ids.empty()) {
      line.set_account_id(result->planned.account_ids.front());
    }
  }
  auto held = std::make_shared<absl::StatusOr<replication::WriteResult>>(std::move(result));
  parts_.journal.Append(
      std::move(line), [write = std::move(write), held](const absl::Status& durable) {
        if (!held->ok()) return write.done(held->status());
        const Position position = (*held)->position;
        if (!durable.ok()) {
          // It stands, and the change log names who did it; but it is not recorded as promised.
          LogError("the audit record of the write at {} is not durable: {}", ToText(position),
                   ToText(durable));
          return write.done(vault::UnknownAt(
              position, fmt::format("written at position {}, but not recorded in the audit journal",
                                    ToText(position))));
        }
        const replication::LevelAsk level = (*held)->level;
        write.done(Written{.planned = std::move((*held)->planned),
                           .position = position,
                           .level = {.level = LevelOf(level.level), .k = level.k},
                           .degraded = (*held)->degraded});
      });
}

void VaultDesk::RefuseWrite(Write write, const absl::Status& status) {
  SetResult(write.line, status);
  const v1::AuditRecord line = write.line;
  refusals_.Record(line, [write = std::move(write), status] { write.done(status); });
}

}  // namespace holdfast::desk

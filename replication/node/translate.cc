#include "replication/node/translate.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "replication/core/history.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace holdfast::replication {
namespace {

constexpr uint64_t kRowBytesMin = 64;  // in a snapshot, of a row that room is made for

absl::StatusOr<Digest> ToDigest(const std::string& bytes, const char* what) {
  const std::optional<Digest> digest = ToArray<Digest>(bytes);
  if (!digest) {
    return absl::InvalidArgumentError(fmt::format("{}: expected a digest of {} bytes, got {}", what,
                                                  Digest{}.size(), bytes.size()));
  }
  return *digest;
}

// The wire has the newest first, values the oldest first.
template <typename Repeated>
void AddHistory(const std::vector<EpochStart>& history, Repeated* out) {
  for (auto start = history.rbegin(); start != history.rend(); ++start) {
    auto* point = out->Add();
    *point->mutable_epoch() = ToMessage(start->epoch);
    point->set_first_seq(start->first_seq);
    point->set_digest_before(std::string(AsText(start->digest)));
  }
}

template <typename Repeated>
absl::StatusOr<std::vector<EpochStart>> ReadHistory(const Repeated& points) {
  if (points.size() > static_cast<int>(kHelloHistoryMax)) {
    return absl::InvalidArgumentError(fmt::format("history: expected at most {} epochs, got {}",
                                                  kHelloHistoryMax, points.size()));
  }
  std::vector<EpochStart> history;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    HOLDFAST_ASSIGN_OR_RETURN(const Digest digest, ToDigest(point->digest_before(), "history"));
    history.push_back(
        {.epoch = FromMessage(point->epoch()), .first_seq = point->first_seq(), .digest = digest});
  }
  return history;
}

template <typename Repeated>
absl::StatusOr<std::vector<EntryPtr>> ReadEntries(const Repeated& messages, uint64_t first_seq) {
  std::vector<EntryPtr> entries;
  for (const v1::LogEntryMessage& each : messages) {
    auto entry = std::make_shared<LogEntry>();
    entry->seq = first_seq + entries.size();
    HOLDFAST_ASSIGN_OR_RETURN(entry->digest, ToDigest(each.digest(), "digest of an entry"));
    const std::optional<RecordMac> mac = ToArray<RecordMac>(each.mac());
    if (!mac) return absl::InvalidArgumentError("batch: a MAC of a wrong size");
    entry->mac = *mac;
    entry->record = each.record();
    // The epoch stands in the record only; it is believed once the MAC was found right.
    v1::Record record;
    if (record.ParseFromString(entry->record)) entry->epoch = FromMessage(record.epoch());
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

v1::EpochId ToMessage(const Epoch& epoch) {
  v1::EpochId message;
  message.set_number(epoch.number);
  message.set_node_id(epoch.node_id);
  return message;
}

Epoch FromMessage(const v1::EpochId& message) { return {message.number(), message.node_id()}; }

v1::Hello ToMessage(const HelloInfo& hello, const std::string& version) {
  v1::Hello message;
  message.set_cluster_id(hello.cluster_id);
  message.set_node_id(hello.node_id);
  message.set_protocol(hello.protocol);
  message.set_feature_level(hello.feature_level);
  *message.mutable_granted() = ToMessage(hello.granted);
  *message.mutable_last_epoch() = ToMessage(hello.last.epoch);
  message.set_last_seq(hello.last.seq);
  message.set_last_digest(std::string(AsText(hello.last.digest)));
  message.set_committed_seq(hello.committed_seq);
  AddHistory(hello.history, message.mutable_history());
  message.set_version(version);
  message.set_needs_snapshot(hello.needs_snapshot);
  message.set_snapshot_id(hello.snapshot_id);
  message.set_snapshot_offset(hello.snapshot_offset);
  return message;
}

absl::StatusOr<HelloInfo> FromMessage(const v1::Hello& message) {
  HelloInfo hello;
  hello.cluster_id = message.cluster_id();
  hello.node_id = message.node_id();
  hello.protocol = message.protocol();
  hello.feature_level = message.feature_level();
  hello.granted = FromMessage(message.granted());
  hello.committed_seq = message.committed_seq();
  hello.needs_snapshot = message.needs_snapshot();
  hello.snapshot_id = message.snapshot_id();
  hello.snapshot_offset = message.snapshot_offset();
  hello.last.epoch = FromMessage(message.last_epoch());
  hello.last.seq = message.last_seq();
  HOLDFAST_ASSIGN_OR_RETURN(hello.last.digest, ToDigest(message.last_digest(), "last digest"));
  HOLDFAST_ASSIGN_OR_RETURN(hello.history, ReadHistory(message.history()));
  return hello;
}

v1::HelloAnswer ToMessage(const HelloAnswerInfo& answer) {
  v1::HelloAnswer message;
  switch (answer.verdict) {
    case HelloVerdict::kContinue:
      message.set_verdict(v1::HELLO_VERDICT_CONTINUE);
      break;
    case HelloVerdict::kCut:
      message.set_verdict(v1::HELLO_VERDICT_CUT);
      break;
    case HelloVerdict::kSnapshot:
      message.set_verdict(v1::HELLO_VERDICT_SNAPSHOT);
      break;
    case HelloVerdict::kHigherEpoch:
      message.set_verdict(v1::HELLO_VERDICT_HIGHER_EPOCH);
      break;
    case HelloVerdict::kRefused:
      message.set_verdict(v1::HELLO_VERDICT_REFUSED);
      break;
  }
  *message.mutable_epoch() = ToMessage(answer.epoch);
  message.set_cut_after_seq(answer.cut_after_seq);
  message.set_reason(answer.reason);
  message.set_committed_seq(answer.committed_seq);
  AddHistory(answer.history, message.mutable_history());
  return message;
}

absl::StatusOr<HelloAnswerInfo> FromMessage(const v1::HelloAnswer& message) {
  HelloAnswerInfo answer{.epoch = FromMessage(message.epoch()),
                         .cut_after_seq = message.cut_after_seq(),
                         .reason = message.reason(),
                         .committed_seq = message.committed_seq()};
  switch (message.verdict()) {
    case v1::HELLO_VERDICT_CONTINUE:
      answer.verdict = HelloVerdict::kContinue;
      break;
    case v1::HELLO_VERDICT_CUT:
      answer.verdict = HelloVerdict::kCut;
      break;
    case v1::HELLO_VERDICT_SNAPSHOT:
      answer.verdict = HelloVerdict::kSnapshot;
      break;
    case v1::HELLO_VERDICT_HIGHER_EPOCH:
      answer.verdict = HelloVerdict::kHigherEpoch;
      break;
    default:
      answer.verdict = HelloVerdict::kRefused;
  }
  HOLDFAST_ASSIGN_OR_RETURN(answer.history, ReadHistory(message.history()));
  return answer;
}

v1::Ack ToMessage(const AckInfo& ack) {
  v1::Ack message;
  message.set_received_seq(ack.received_seq);
  message.set_durable_seq(ack.durable_seq);
  message.set_applied_seq(ack.applied_seq);
  message.set_echo_mono_ns(ack.echo_mono_ns);
  *message.mutable_epoch() = ToMessage(ack.epoch);
  return message;
}

AckInfo FromMessage(const v1::Ack& message) {
  return {.epoch = FromMessage(message.epoch()),
          .received_seq = message.received_seq(),
          .durable_seq = message.durable_seq(),
          .applied_seq = message.applied_seq(),
          .echo_mono_ns = message.echo_mono_ns()};
}

v1::Heartbeat ToMessage(const HeartbeatInfo& heartbeat, int64_t wall_ms) {
  v1::Heartbeat message;
  *message.mutable_epoch() = ToMessage(heartbeat.epoch);
  message.set_head_seq(heartbeat.head_seq);
  message.set_committed_seq(heartbeat.committed_seq);
  message.set_echo_mono_ns(heartbeat.echo_mono_ns);
  message.set_wall_ms(wall_ms);
  if (heartbeat.digest_seq != 0) {
    message.set_digest_seq(heartbeat.digest_seq);
    message.set_state_digest(std::string(AsText(heartbeat.state_digest)));
  }
  return message;
}

HeartbeatInfo FromMessage(const v1::Heartbeat& message) {
  HeartbeatInfo heartbeat{.epoch = FromMessage(message.epoch()),
                          .head_seq = message.head_seq(),
                          .committed_seq = message.committed_seq(),
                          .echo_mono_ns = message.echo_mono_ns()};
  if (const auto digest = ToArray<Digest>(message.state_digest())) {
    heartbeat.digest_seq = message.digest_seq();
    heartbeat.state_digest = *digest;
  }
  return heartbeat;
}

v1::LogEntryMessage ToMessage(const LogEntry& entry) {
  v1::LogEntryMessage message;
  message.set_record(entry.record);
  message.set_digest(std::string(AsText(entry.digest)));
  message.set_mac(std::string(AsText(entry.mac)));
  return message;
}

v1::Batch ToBatch(const Epoch& epoch, const Digest& previous, const std::vector<EntryPtr>& entries,
                  uint64_t committed, uint64_t durable, int64_t wall_ms) {
  v1::Batch message;
  *message.mutable_epoch() = ToMessage(epoch);
  message.set_first_seq(entries.front()->seq);
  message.set_previous_digest(std::string(AsText(previous)));
  for (const EntryPtr& entry : entries) *message.add_entries() = ToMessage(*entry);
  message.set_committed_seq(committed);
  message.set_durable_seq(durable);
  message.set_wall_ms(wall_ms);
  return message;
}

absl::StatusOr<ForeignBatch> FromMessage(const v1::Batch& message, const crypto::KeyRing& keys) {
  if (message.entries().empty() ||
      message.entries_size() > static_cast<int>(limits::kStreamBatchRecordsMax)) {
    return absl::InvalidArgumentError(fmt::format("batch: expected 1 to {} entries, got {}",
                                                  limits::kStreamBatchRecordsMax,
                                                  message.entries_size()));
  }
  ForeignBatch batch;
  batch.info.epoch = FromMessage(message.epoch());
  batch.info.first_seq = message.first_seq();
  batch.info.committed_seq = message.committed_seq();
  batch.info.durable_seq = message.durable_seq();
  HOLDFAST_ASSIGN_OR_RETURN(batch.info.previous_digest,
                            ToDigest(message.previous_digest(), "previous digest"));
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<EntryPtr> entries,
                            ReadEntries(message.entries(), message.first_seq()));
  HOLDFAST_ASSIGN_OR_RETURN(batch.items, CheckEntries(entries, batch.info.previous_digest, keys));
  for (const WindowItem& item : batch.items) batch.info.entries.push_back(MetaOf(*item.entry));
  return batch;
}

absl::StatusOr<std::vector<EntryPtr>> FromMessage(const v1::ReadLogResponse& message,
                                                  uint64_t first_seq, Digest& previous) {
  HOLDFAST_ASSIGN_OR_RETURN(previous, ToDigest(message.previous_digest(), "previous digest"));
  return ReadEntries(message.entries(), first_seq);
}

v1::SnapshotBegin ToMessage(const SnapshotPoint& point, const std::string& id) {
  v1::SnapshotBegin message;
  message.set_snapshot_id(id);
  *message.mutable_last_epoch() = ToMessage(point.last_epoch);
  message.set_seq(point.seq);
  message.set_digest(std::string(AsText(point.digest)));
  message.set_state_digest(std::string(AsText(point.state_digest)));
  message.set_rows(point.changes);
  message.set_pending(point.pending);
  for (const auto& [table, rows] : point.tables) {
    v1::TableSize& size = *message.add_tables();
    size.set_table(table);
    size.set_rows(rows);
  }
  return message;
}

absl::StatusOr<SnapshotPoint> FromMessage(const v1::SnapshotBegin& message,
                                          const std::vector<EpochStart>& history) {
  SnapshotPoint point{.last_epoch = FromMessage(message.last_epoch()),
                      .seq = message.seq(),
                      .changes = message.rows(),
                      .history = HistoryUpTo(history, message.seq()),
                      .pending = message.pending()};
  HOLDFAST_ASSIGN_OR_RETURN(point.digest, ToDigest(message.digest(), "digest"));
  HOLDFAST_ASSIGN_OR_RETURN(point.state_digest, ToDigest(message.state_digest(), "state digest"));
  if (point.seq == 0 || point.history.empty() || point.history.back().epoch != point.last_epoch) {
    return absl::InvalidArgumentError("snapshot: its position does not fit the history");
  }
  uint64_t left = message.bytes() / kRowBytesMin;  // No more room than the stream could fill.
  for (const v1::TableSize& size : message.tables()) {
    const uint64_t rows = std::min(size.rows(), left);
    left -= rows;
    if (v1::Table_IsValid(static_cast<int>(size.table()))) {
      point.tables.emplace_back(static_cast<v1::Table>(size.table()), rows);
    }
  }
  return point;
}

GrantAsk FromMessage(const v1::GrantRequest& message) {
  GrantAsk ask{.epoch = FromMessage(message.epoch()),
               .restart = message.restart(),
               .dry_run = message.dry_run()};
  ask.last.epoch = FromMessage(message.last_epoch());
  ask.last.seq = message.last_seq();
  ask.last.digest = ToArray<Digest>(message.last_digest()).value_or(Digest{});
  if (message.has_k()) ask.k = message.k();
  return ask;
}

v1::GrantRequest ToMessage(const GrantAsk& ask) {
  v1::GrantRequest message;
  *message.mutable_epoch() = ToMessage(ask.epoch);
  *message.mutable_last_epoch() = ToMessage(ask.last.epoch);
  message.set_last_seq(ask.last.seq);
  message.set_last_digest(std::string(AsText(ask.last.digest)));
  message.set_restart(ask.restart);
  message.set_dry_run(ask.dry_run);
  if (ask.k) message.set_k(*ask.k);
  return message;
}

v1::GrantResponse ToMessage(const GrantAnswer& answer) {
  v1::GrantResponse message;
  message.set_granted(answer.granted);
  *message.mutable_granted_before() = ToMessage(answer.granted_before);
  *message.mutable_rival_before() = ToMessage(answer.rival_before);
  *message.mutable_last_epoch() = ToMessage(answer.last.epoch);
  message.set_last_seq(answer.last.seq);
  message.set_setting_k(answer.setting_k);
  for (uint32_t k : answer.pending_k) message.add_pending_k(k);
  for (uint32_t k : answer.granted_k) message.add_granted_k(k);
  message.set_degrade(answer.degrade);
  message.set_committed_seq(answer.committed_seq);
  message.set_follows(answer.follows);
  message.set_reason(answer.reason);
  return message;
}

GrantAnswer FromMessage(const v1::GrantResponse& message, const std::string& node_id,
                        const GrantAsk& ask) {
  GrantAnswer answer{.node_id = node_id,
                     .asked = ask.epoch,
                     .granted = message.granted(),
                     .granted_before = FromMessage(message.granted_before()),
                     .setting_k = message.setting_k(),
                     .pending_k = {message.pending_k().begin(), message.pending_k().end()},
                     .reason = message.reason(),
                     .dry_run = ask.dry_run,
                     .granted_k = {message.granted_k().begin(), message.granted_k().end()},
                     .degrade = message.degrade(),
                     .committed_seq = message.committed_seq(),
                     .follows = message.follows()};
  answer.rival_before = FromMessage(message.rival_before());
  answer.last.epoch = FromMessage(message.last_epoch());
  answer.last.seq = message.last_seq();
  return answer;
}

v1::TakeOverRequest ToMessage(const TakeOverAsk& ask) {
  v1::TakeOverRequest message;
  *message.mutable_from_epoch() = ToMessage(ask.from_epoch);
  message.set_hand_over_seq(ask.hand_over.seq);
  message.set_digest(std::string(AsText(ask.hand_over.digest)));
  return message;
}

TakeOverAsk FromMessage(const v1::TakeOverRequest& message) {
  TakeOverAsk ask{.from_epoch = FromMessage(message.from_epoch())};
  ask.hand_over = {.epoch = ask.from_epoch,
                   .seq = message.hand_over_seq(),
                   .digest = ToArray<Digest>(message.digest()).value_or(Digest{})};
  return ask;
}

v1::TakeOverResponse ToMessage(const TakeOverAnswer& answer) {
  v1::TakeOverResponse message;
  switch (answer.outcome) {
    case TakeOverOutcome::kUnderWay:
      message.set_outcome(v1::TakeOverResponse::OUTCOME_UNDER_WAY);
      break;
    case TakeOverOutcome::kAccepted:
      message.set_outcome(v1::TakeOverResponse::OUTCOME_ACCEPTED);
      break;
    case TakeOverOutcome::kRefused:
      message.set_outcome(v1::TakeOverResponse::OUTCOME_REFUSED);
      break;
  }
  *message.mutable_epoch() = ToMessage(answer.epoch);
  message.set_reason(answer.reason);
  return message;
}

std::optional<TakeOverAnswer> FromMessage(const v1::TakeOverResponse& message) {
  TakeOverAnswer answer{.epoch = FromMessage(message.epoch()), .reason = message.reason()};
  switch (message.outcome()) {
    case v1::TakeOverResponse::OUTCOME_UNDER_WAY:
      answer.outcome = TakeOverOutcome::kUnderWay;
      return answer;
    case v1::TakeOverResponse::OUTCOME_ACCEPTED:
      answer.outcome = TakeOverOutcome::kAccepted;
      return answer;
    case v1::TakeOverResponse::OUTCOME_REFUSED:
      answer.outcome = TakeOverOutcome::kRefused;
      return answer;
    default:
      return std::nullopt;  // of a newer program: asked again
  }
}

MemberReport FromMessage(const v1::NodeReport& message) {
  MemberReport report{.node_id = message.node_id(),
                      .primary = message.role() == "primary",
                      .epoch = FromMessage(message.epoch()),
                      .granted = FromMessage(message.granted()),
                      .committed_seq = message.committed_seq()};
  report.last.epoch = FromMessage(message.last_epoch());
  report.last.seq = message.head_seq();
  return report;
}

}  // namespace holdfast::replication

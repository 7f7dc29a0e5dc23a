#include "replication/core/log_track.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/core/history.h"
#include "server/base/check.h"

namespace holdfast::replication {
namespace {

BatchOutcome Refuse(BatchRefusal refusal, std::string detail) {
  BatchOutcome out;
  out.refusal = refusal;
  out.detail = std::move(detail);
  return out;
}

// Within one log epochs only rise, and equal numbers mean the same epoch.
bool MayFollow(const Epoch& before, const Epoch& after) {
  return after == before || after.number > before.number;
}

}  // namespace

const char* LogStartFault(const LogStart& start) {
  if (const char* fault = HistoryFault(start.history)) return fault;
  EntryMeta at = start.committed;
  for (const EntryMeta& entry : start.pending) {
    if (entry.seq != at.seq + 1) return "pending entries are not dense";
    if (!MayFollow(at.epoch, entry.epoch)) return "epochs of entries go back";
    at = entry;
  }
  if (at.seq == 0) return start.history.empty() ? nullptr : "a history without a log";
  if (start.history.empty()) return "a log without a history";
  if (start.history.back().epoch != at.epoch) return "the history does not end in the log's epoch";
  if (start.history.back().first_seq > at.seq) return "the history goes beyond the log";
  if (start.pending.size() > kPendingRecordsMax) return "more pending entries than allowed";
  return nullptr;
}

LogTrack::LogTrack(LogStart start) : committed_(start.committed), head_(start.committed) {
  HOLDFAST_CHECK(LogStartFault(start) == nullptr);
  history_ = std::move(start.history);
  pending_.assign(start.pending.begin(), start.pending.end());
  if (!pending_.empty()) head_ = pending_.back();
  durable_ = head_.seq;
  applied_ = told_committed_ = committed_.seq;
}

void LogTrack::Follow(const Epoch& epoch, uint64_t epoch_first_seq) {
  HOLDFAST_CHECK(epoch.number > 0 && epoch_first_seq > 0);
  source_ = Source::kPrimary;
  source_epoch_ = epoch;
  source_first_seq_ = epoch_first_seq;
  told_committed_ = committed_.seq;  // The last source's word was about the last source's log.
}

void LogTrack::Unfollow() {
  if (source_ == Source::kPrimary) source_ = Source::kNone;
}

void LogTrack::Lead(const Epoch& epoch) {
  HOLDFAST_CHECK(epoch.number > head_.epoch.number);
  source_ = Source::kSelf;
  source_epoch_ = epoch;
  source_first_seq_ = head_.seq + 1;
  told_committed_ = committed_.seq;
}

void LogTrack::StopLeading() {
  if (source_ == Source::kSelf) source_ = Source::kNone;
}

BatchOutcome LogTrack::OnBatch(const BatchInfo& batch) {
  if (source_ != Source::kPrimary) {
    return Refuse(
        BatchRefusal::kNotAfterHello,
        fmt::format("a batch of epoch {}, but no primary was accepted yet", ToText(batch.epoch)));
  }
  if (batch.epoch != source_epoch_) {
    return Refuse(BatchRefusal::kOldEpoch,
                  fmt::format("expected a batch of epoch {}, got one of {}", ToText(source_epoch_),
                              ToText(batch.epoch)));
  }
  BatchOutcome out = CheckEntries(batch);
  if (out.refusal.has_value()) return out;
  out = CheckOverlap(batch);
  if (out.refusal.has_value()) return out;

  for (size_t i = out.skip; i < batch.entries.size(); ++i) {
    if (auto start = Push(batch.entries[i])) out.new_epochs.push_back(*start);
  }
  OnCommitted(batch.committed_seq);
  return out;
}

// The batch in itself: dense, epochs rise and end at the sender's.
BatchOutcome LogTrack::CheckEntries(const BatchInfo& batch) const {
  if (batch.first_seq == 0) return Refuse(BatchRefusal::kBadEntries, "seq 0 holds no entry");
  const Epoch* before = nullptr;
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    const EntryMeta& entry = batch.entries[i];
    if (entry.seq != batch.first_seq + i) {
      return Refuse(
          BatchRefusal::kBadEntries,
          fmt::format("entry {} of a batch from {}: got seq {}", i, batch.first_seq, entry.seq));
    }
    const bool known = entry.epoch.number > 0 && MayFollow(entry.epoch, batch.epoch);
    if (!known || (before != nullptr && !MayFollow(*before, entry.epoch))) {
      return Refuse(BatchRefusal::kBadEntries,
                    fmt::format("entry {} of epoch {} cannot stand there in a log of epoch {}",
                                entry.seq, ToText(entry.epoch), ToText(batch.epoch)));
    }
    before = &entry.epoch;
  }
  return {};
}

// The batch beside this log: it joins on, and where they overlap they are the same.
BatchOutcome LogTrack::CheckOverlap(const BatchInfo& batch) const {
  if (batch.first_seq > head_.seq + 1) {
    return Refuse(BatchRefusal::kGap,
                  fmt::format("expected seq {}, got {}", head_.seq + 1, batch.first_seq));
  }
  const auto here = MetaAt(batch.first_seq - 1);  // Below committed it is not known, see below.
  if (here.has_value() && here->digest != batch.previous_digest) {
    return Refuse(BatchRefusal::kDigestMismatch,
                  fmt::format("another chain digest at {} than the primary's", ToText(*here)));
  }
  BatchOutcome out;
  for (const EntryMeta& entry : batch.entries) {
    if (entry.seq > head_.seq) break;
    const auto mine = MetaAt(entry.seq);  // nullopt: shown long ago; the first known one vouches.
    if (mine.has_value() && *mine != entry) {
      return Refuse(BatchRefusal::kDigestMismatch,
                    fmt::format("this node has {}, the primary sent another {}", ToText(*mine),
                                ToText(entry)));
    }
    ++out.skip;
  }
  out.append = batch.entries.size() - out.skip;
  if (out.append > 0 && !MayFollow(head_.epoch, batch.entries[out.skip].epoch)) {
    return Refuse(BatchRefusal::kBadEntries,
                  fmt::format("an entry of epoch {} after one of {}",
                              ToText(batch.entries[out.skip].epoch), ToText(head_.epoch)));
  }
  if (pending_.size() + out.append > kPendingRecordsMax) {
    return Refuse(BatchRefusal::kTooManyPending,
                  fmt::format("{} entries wait for the commit position, at most {}",
                              pending_.size(), kPendingRecordsMax));
  }
  return out;
}

std::optional<EpochStart> LogTrack::AppendOwn(const EntryMeta& entry) {
  HOLDFAST_CHECK(source_ == Source::kSelf);
  HOLDFAST_CHECK(entry.epoch == source_epoch_ && entry.seq == head_.seq + 1);
  return Push(entry);
}

std::optional<EpochStart> LogTrack::Push(const EntryMeta& entry) {
  std::optional<EpochStart> start;
  if (entry.epoch != head_.epoch) {
    start = EpochStart{entry.epoch, entry.seq, head_.digest};
    history_.push_back(*start);
  }
  pending_.push_back(entry);
  head_ = entry;
  return start;
}

CutOutcome LogTrack::CutAfter(uint64_t seq) {
  HOLDFAST_CHECK(source_ == Source::kNone);
  CutOutcome out;
  if (seq < committed_.seq) {
    out.refused = true;
    out.detail =
        fmt::format("asked to cut after {}, but {} is committed here", seq, committed_.seq);
    return out;
  }
  if (seq >= head_.seq) return out;
  out.first_dropped_seq = seq + 1;
  out.last_dropped_seq = head_.seq;
  pending_.resize(seq - committed_.seq);
  head_ = pending_.empty() ? committed_ : pending_.back();
  durable_ = std::min(durable_, head_.seq);
  told_committed_ = committed_.seq;
  history_ = HistoryUpTo(history_, head_.seq);
  return out;
}

void LogTrack::Reset(const EntryMeta& at, std::vector<EpochStart> history) {
  LogTrack fresh(LogStart{at, {}, std::move(history)});
  *this = std::move(fresh);
}

uint64_t LogTrack::OnDurable(uint64_t seq) {
  HOLDFAST_CHECK(seq <= head_.seq);
  durable_ = std::max(durable_, seq);
  return MoveCommitted();
}

uint64_t LogTrack::OnCommitted(uint64_t seq) {
  if (Heeds(seq)) told_committed_ = std::max(told_committed_, seq);
  return MoveCommitted();
}

uint64_t LogTrack::MoveCommitted() {
  const uint64_t target = std::min(told_committed_, durable_);
  while (committed_.seq < target) {
    committed_ = std::move(pending_.front());
    pending_.pop_front();
  }
  HOLDFAST_CHECK(applied_ <= committed_.seq && committed_.seq <= durable_ && durable_ <= head_.seq);
  return committed_.seq;
}

uint64_t LogTrack::CommittedOnceDurable(uint64_t seq) const {
  const uint64_t durable = std::max(durable_, std::min(seq, head_.seq));
  return std::max(committed_.seq, std::min(told_committed_, durable));
}

void LogTrack::OnApplied(uint64_t seq) {
  HOLDFAST_CHECK(applied_ <= seq && seq <= committed_.seq);
  applied_ = seq;
}

void LogTrack::OnStoredRows(uint64_t seq) {
  HOLDFAST_CHECK(seq <= durable_);
  told_committed_ = std::max(told_committed_, seq);
  MoveCommitted();
}

std::optional<EntryMeta> LogTrack::MetaAt(uint64_t seq) const {
  if (seq == committed_.seq) return committed_;
  if (seq < committed_.seq || seq > head_.seq) return std::nullopt;
  return pending_[seq - committed_.seq - 1];
}

}  // namespace holdfast::replication

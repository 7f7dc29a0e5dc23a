#include <algorithm>
#include <set>
#include <utility>

#include "replication/ledger/history_fact.h"
#include "replication/ledger/ledger.h"
#include "server/base/check.h"
#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

Level ToLevel(v1::Level level) {
  switch (level) {
    case v1::LEVEL_RECEIVED:
      return Level::kReceived;
    case v1::LEVEL_DURABLE:
      return Level::kDurable;
    case v1::LEVEL_APPLIED:
      return Level::kApplied;
    default:
      return Level::kLocal;
  }
}

// True: `record` changes who is a member; `voters` are those after it.
bool ChangesMembers(const v1::Record& record, std::set<std::string>& voters) {
  bool changed = false;
  for (const v1::RowChange& change : record.changes()) {
    if (change.has_put() && change.put().has_member()) {
      changed = true;
      const v1::MemberRow& member = change.put().member();
      if (member.never_primary()) {
        voters.erase(member.node_id());
      } else {
        voters.insert(member.node_id());
      }
    } else if (change.delete_().table() == v1::TABLE_MEMBER) {
      changed = true;
      voters.erase(change.delete_().name());
    }
  }
  return changed;
}

}  // namespace

const v1::ClusterRow* ClusterRowIn(const v1::Record& record) {
  const v1::ClusterRow* found = nullptr;
  for (const v1::RowChange& change : record.changes()) {
    if (change.has_put() && change.put().has_cluster()) found = &change.put().cluster();
  }
  return found;
}

uint32_t KOf(const v1::ClusterRow& row) {
  const bool waits = row.level() == v1::LEVEL_DURABLE || row.level() == v1::LEVEL_APPLIED;
  return waits ? row.k() : 0;
}

// One transaction: new entries, and the rows of everything up to `commits` that are still owed.
absl::Status Ledger::StoreAppend(const std::vector<EntryPtr>& entries, uint64_t commits,
                                 const std::vector<EpochStart>& history) {
  storage::AppendBatch batch;
  batch.entries = entries;
  std::vector<const v1::RowChange*> rows;
  for (uint64_t seq = window_.rows_seq() + 1; seq <= commits; ++seq) {
    for (const v1::RowChange& change : window_.at(seq).record->changes()) rows.push_back(&change);
  }
  batch.rows = rows;
  if (commits > window_.rows_seq()) {
    const EntryMeta at = window_.MetaAt(commits);
    batch.applied = storage::Applied{.position = {at.epoch.number, at.seq},
                                     .digest = at.digest,
                                     .state_digest = window_.StateDigestAt(commits)};
  }
  if (!history.empty()) batch.facts.emplace_back(kHistoryFact, EncodeHistory(history));
  HOLDFAST_CRASH_POINT("ledger.append.before_store");
  const MonoTime began = clock_.Mono();
  if (const absl::Status status = store_.Append(batch); !status.ok()) {
    return NoteLost({.appended = entries, .commits = commits}, status);
  }
  if (options_.stored && !entries.empty()) options_.stored(clock_.Mono() - began);
  HOLDFAST_CRASH_POINT("ledger.append.after_store");
  NoteStored(entries, commits);
  return absl::OkStatus();
}

void Ledger::NoteStored(const std::vector<EntryPtr>& entries, uint64_t commits) {
  stored_seq_ = std::max(stored_seq_, commits);
  MutexLock lock(mu_);
  for (const EntryPtr& entry : entries) {
    log_sizes_.Add(entry->seq, entry->record.size(), window_.at(entry->seq).record->wall_ms());
  }
}

// What is committed: shown, then answered to whoever waits for it, and only then told to those whom
// it wakes for other work.
void Ledger::Advance() {
  const bool moved = ShowCommitted();
  AnswerReady();
  if (moved) Moved();
}

// First on this disk, then to readers. True: there was something new.
bool Ledger::ShowCommitted() {
  uint64_t target = 0;
  {
    MutexLock lock(mu_);
    if (!failure_.ok()) return false;
    if (rule_) {
      track_->OnCommitted(rule_->OnTick(clock_.Mono()));
      if (rule_->degraded() != degraded_told_) {
        LogWarning("{}", degraded_told_ ? "enough secondaries confirm writes again"
                                        : "writes are acknowledged by this node alone");
        degraded_told_ = rule_->degraded();
      }
    }
    target = track_->committed_seq();
    if (target <= track_->applied_seq()) return false;
  }
  if (const absl::Status status = Show(target); !status.ok()) CloseWith(status);
  Confirm(target);  // What moves it is our own rule, or the primary's word, which comes by itself.
  return true;
}

// Of the snapshot that this node holds: committed. If that cannot be kept it is asked for again
// after a restart, and nothing is served until then.
void Ledger::Confirm(uint64_t committed_seq) {
  {
    MutexLock lock(mu_);
    if (unconfirmed_seq_ == 0 || committed_seq < unconfirmed_seq_ || !failure_.ok()) return;
    if (!track_->Heeds(committed_seq)) return;
    unconfirmed_seq_ = 0;
  }
  if (const absl::Status put = store_.PutFact(kUnconfirmedFact, ""); !put.ok()) {
    LogWarning("that the snapshot is committed is not kept: {}", holdfast::ToText(put));
  }
  Moved();
}

absl::Status Ledger::Show(uint64_t seq) {
  if (seq > stored_seq_) {
    const EntryMeta at = window_.MetaAt(seq);
    HOLDFAST_CRASH_POINT("ledger.committed.before_save");
    HOLDFAST_RETURN_IF_ERROR(committed_file_.Save({at.epoch.number, at.seq}));
    HOLDFAST_CRASH_POINT("ledger.committed.after_save");
  }
  ApplyShown(seq);
  MutexLock lock(mu_);
  track_->OnApplied(seq);
  return absl::OkStatus();
}

void Ledger::ApplyShown(uint64_t seq) {
  uint64_t first = 0;
  {
    WriterLock lock(state_mu_);
    first = shown_.seq + 1;
    StateDigest digest(shown_state_digest_);
    for (uint64_t s = first; s <= seq; ++s) {
      const WindowItem& item = window_.at(s);
      for (const v1::RowChange& change : item.record->changes()) {
        // It was laid over this very state before; a failure here is ours.
        HOLDFAST_CHECK(state_->Apply(change).ok());
        if (changed_) changed_->Note(change);
      }
      digest.Add(item.digest_change);
      if (s % kDigestEvery != 0) continue;
      digest_marks_.push_back({s, digest.value()});
      if (digest_marks_.size() > kDigestMarks) digest_marks_.pop_front();
    }
    shown_state_digest_ = digest.value();
    if (seq >= first) shown_ = window_.MetaAt(seq);
  }
  if (seq < first) return;
  pending_->Forget(seq);
  for (uint64_t s = first; s <= seq; ++s) LearnFrom(*window_.at(s).record);
  if (stored_seq_ > window_.rows_seq()) window_.RowsStored(std::min(stored_seq_, seq));
}

// What the ledger itself must know of a committed record. Who votes is the commit rule's, told when
// the record was appended: told again here, it would count before what the rule has yet to count.
void Ledger::LearnFrom(const v1::Record& record) {
  for (const v1::RowChange& change : record.changes()) {
    if (!change.has_put()) continue;
    const v1::Row& row = change.put();
    if (row.has_data_key()) {
      if (const absl::Status status = keys_.Load(row.data_key()); !status.ok()) {
        LogError("data key {} cannot be used: {}", row.data_key().id(), holdfast::ToText(status));
      }
    } else if (row.has_cluster()) {
      ReadSetting();
    }
  }
}

Ledger::Setting Ledger::SettingOf(const v1::ClusterRow& row) const {
  const std::chrono::milliseconds wait(row.wait_ms());
  return {.level = {.level = ToLevel(row.level()), .k = row.k()},
          .k = KOf(row),
          .block = row.policy() != v1::POLICY_DEGRADE,
          .wait = row.wait_ms() == 0 ? options_.commit_wait_max : wait};
}

void Ledger::ReadSetting() {
  {
    ReaderLock lock(state_mu_);
    const v1::ClusterRow* row = state_->Cluster();
    setting_ = row == nullptr ? Setting{.wait = options_.commit_wait_max} : SettingOf(*row);
  }
  lowered_.reset();
  MutexLock lock(mu_);
  queue_wait_ = setting_.wait;
}

std::vector<const v1::DataKeyRow*> Ledger::AllDataKeys(const vault::State& state) {
  std::vector<const v1::DataKeyRow*> keys = state.DataKeysOf(vault::kClusterOrganization);
  state.ForEachId(vault::List::kOrganizations, 0, 0, [&](uint64_t organization) {
    for (const v1::DataKeyRow* key : state.DataKeysOf(organization)) keys.push_back(key);
    return true;
  });
  return keys;
}

Membership Ledger::Members() {
  Membership members;
  RunOnWriter([&] { members = MembersNow(); });
  return members;
}

Membership Ledger::MembersNow() const {
  std::set<std::string> voters;
  uint64_t shown = 0;
  {
    ReaderLock lock(state_mu_);
    shown = shown_.seq;
    for (const v1::MemberRow* member : state_->Members()) {
      if (!member->never_primary()) voters.insert(member->node_id());
    }
  }
  Membership members{.committed = {voters.begin(), voters.end()}, .pending = {}};
  for (uint64_t seq = shown + 1; seq <= window_.head_seq(); ++seq) {
    if (!ChangesMembers(*window_.at(seq).record, voters)) continue;
    members.pending.emplace_back(voters.begin(), voters.end());
  }
  return members;
}

std::vector<KSetting> Ledger::PendingSettings() const {
  uint64_t shown = 0;
  {
    ReaderLock lock(state_mu_);
    shown = shown_.seq;
  }
  std::vector<KSetting> pending;
  for (uint64_t seq = shown + 1; seq <= window_.head_seq(); ++seq) {
    if (const v1::ClusterRow* row = ClusterRowIn(*window_.at(seq).record)) {
      pending.push_back(RuleSetting(seq, SettingOf(*row)));
    }
  }
  return pending;
}

}  // namespace holdfast::replication

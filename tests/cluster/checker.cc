#include "tests/cluster/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::sim {

using replication::ToText;

void Checker::Fail(std::string what) {
  if (!failure_.has_value()) failure_ = std::move(what);
}

bool Checker::IsCommitted(const replication::EntryMeta& meta) const {
  return meta.seq <= committed_.size() && committed_[meta.seq - 1] == meta;
}

void Checker::OnRuleCommitted(int node, const Epoch& epoch, uint64_t committed,
                              const std::vector<Entry>& log) {
  const auto [it, fresh] = committers_.emplace(epoch.number, epoch.node_id);
  if (it->second != epoch.node_id) {
    Fail(fmt::format("two committers of epoch {}: {} and {}", epoch.number, it->second,
                     epoch.node_id));
  }
  if (committed > log.size()) return Fail(fmt::format("node{} committed beyond its log", node));
  // Below the start the log was compared when it was committed, as far as the digests chain.
  const uint64_t from = std::min<uint64_t>(committed_.size(), committed);
  if (from > 0 && !IsCommitted(log[from - 1].meta)) {
    return Fail(fmt::format("node{} commits {}, but {} is committed there", node,
                            ToText(log[from - 1].meta), ToText(committed_[from - 1])));
  }
  for (uint64_t seq = from + 1; seq <= committed; ++seq) Commit(log[seq - 1]);
}

void Checker::Commit(const Entry& entry) {
  committed_.push_back(entry.meta);
  lost_.erase(entry.meta.digest);
  if (entry.key != 0 && entry.revoked) revoked_at_[entry.key] = entry.meta.seq;
}

void Checker::OnAppended(int node, const Entry& before, const Entry& entry) {
  if (before.tail.kind == replication::LogTail::Kind::kOpen) return;
  if (before.meta.epoch != entry.meta.epoch) return;
  Fail(fmt::format("node{} appends {} after the last record of that epoch", node,
                   ToText(entry.meta)));
}

void Checker::OnShown(int node, uint64_t seq, const std::vector<Entry>& log, const State& state) {
  if (seq > 0 && seq <= log.size() && IsLost(log[seq - 1].meta)) return;  // Not told yet.
  const auto at = static_cast<size_t>(node);
  if (seq < shown_[at]) {
    Fail(fmt::format("node{} has shown {} and shows {} now", node, shown_[at], seq));
  }
  shown_[at] = std::max(shown_[at], seq);
  if (seq > 0 && (seq > log.size() || !IsCommitted(log[seq - 1].meta))) {
    return Fail(fmt::format("node{} shows up to {}, which is not committed", node,
                            seq > log.size() ? "beyond its log" : ToText(log[seq - 1].meta)));
  }
  const auto [it, fresh] = digests_.emplace(seq, state.Digest());
  if (it->second != state.Digest()) {
    Fail(fmt::format("node{} has another state at {} than somebody else had", node, seq));
  }
}

void Checker::OnKeyTried(int node, uint64_t seq, uint64_t key, bool accepted) {
  const auto it = revoked_at_.find(key);
  if (accepted && it != revoked_at_.end() && it->second <= seq) {
    Fail(fmt::format("node{} accepts key {} at {}, revoked at {}", node, key, seq, it->second));
  }
}

void Checker::OnLossAccepted(const std::vector<Entry>& log) {
  uint64_t same = std::min<uint64_t>(log.size(), committed_.size());
  while (same > 0 && log[same - 1].meta != committed_[same - 1]) --same;
  for (uint64_t seq = same + 1; seq <= committed_.size(); ++seq) {
    lost_.insert(committed_[seq - 1].digest);
    ++lost_count_;
  }
  committed_.resize(same);
  answered_seq_ = std::min(answered_seq_, same);
  digests_.erase(digests_.upper_bound(same), digests_.end());
  std::erase_if(revoked_at_, [same](const auto& revoked) { return revoked.second > same; });
  for (uint64_t& shown : shown_) shown = std::min(shown, same);
}

void Checker::OnTakenBack(int node, uint64_t seq, const replication::EntryMeta& was) {
  const auto at = static_cast<size_t>(node);
  if (IsLost(was)) shown_[at] = std::min(shown_[at], seq);
  if (seq < shown_[at]) {
    Fail(fmt::format("node{} is taken back to {}, but {} is not lost", node, seq, shown_[at]));
  }
}

void Checker::OnAnswered(int node, const Entry& entry) {
  ++answered_count_;
  answered_seq_ = std::max(answered_seq_, entry.meta.seq);
  if (!IsCommitted(entry.meta)) {
    Fail(fmt::format("node{} answered {}, which is not committed", node, ToText(entry.meta)));
  }
}

void Checker::OnGateOpened(int node, const std::vector<Entry>& log) {
  if (answered_seq_ == 0) return;
  const auto& last = committed_[answered_seq_ - 1];
  if (answered_seq_ > log.size() || log[answered_seq_ - 1].meta != last) {
    Fail(fmt::format("node{} opens its gate without {}, which was acknowledged", node,
                     ToText(last)));
  }
}

}  // namespace holdfast::sim

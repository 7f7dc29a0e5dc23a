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
  for (uint64_t seq = from + 1; seq <= committed; ++seq) committed_.push_back(log[seq - 1].meta);
}

void Checker::OnShown(int node, uint64_t seq, const std::vector<Entry>& log) {
  if (seq < shown_[node]) {
    Fail(fmt::format("node{} has shown {} and shows {} now", node, shown_[node], seq));
  }
  shown_[node] = std::max(shown_[node], seq);
  if (seq > 0 && (seq > log.size() || !IsCommitted(log[seq - 1].meta))) {
    Fail(fmt::format("node{} shows up to {}, which is not committed", node,
                     seq > log.size() ? "beyond its log" : ToText(log[seq - 1].meta)));
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

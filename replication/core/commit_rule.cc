#include "replication/core/commit_rule.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "server/base/check.h"

namespace holdfast::replication {

const char* ToText(Level level) {
  switch (level) {
    case Level::kLocal:
      return "local";
    case Level::kReceived:
      return "received";
    case Level::kDurable:
      return "durable";
    case Level::kApplied:
      return "applied";
  }
  return "unknown";
}

CommitRule::CommitRule(CommitStart start)
    : epoch_(std::move(start.epoch)),
      start_seq_(start.start_seq),
      committed_(start.committed_seq),
      k_(start.k),
      start_k_(start.k),
      degrade_(start.degrade),
      wait_(start.wait),
      start_voters_(std::move(start.pending_voters)),
      pending_(start.pending.begin(), start.pending.end()) {
  HOLDFAST_CHECK(committed_ < start_seq_);
  for (const KSetting& setting : pending_) {
    HOLDFAST_CHECK(setting.seq < start_seq_ && setting.seq > committed_);
    start_k_ = std::max(start_k_, setting.k);
  }
  for (const std::string& voter : start.voters) followers_[voter].votes = true;
  start_voters_.push_back(std::move(start.voters));  // the last one: by the committed rows
}

uint64_t CommitRule::OnOwnDurable(uint64_t seq) {
  own_durable_ = std::max(own_durable_, seq);
  return Advance();
}

uint64_t CommitRule::OnAck(const std::string& node_id, const AckInfo& ack) {
  const auto it = followers_.find(node_id);
  if (it == followers_.end() || ack.epoch != epoch_) return committed_;
  Follower& follower = it->second;
  follower.streams = std::max(follower.streams, 1U);
  follower.acked = true;
  follower.ack.received_seq = std::max(follower.ack.received_seq, ack.received_seq);
  follower.ack.durable_seq = std::max(follower.ack.durable_seq, ack.durable_seq);
  follower.ack.applied_seq = std::max(follower.ack.applied_seq, ack.applied_seq);
  return Advance();
}

uint64_t CommitRule::OnSettingAppended(const KSetting& setting) {
  HOLDFAST_CHECK(setting.seq >= start_seq_);
  if (setting.seq == start_seq_) {
    start_setting_ = setting;
    start_k_ = setting.k;
    return committed_;
  }
  HOLDFAST_CHECK(pending_.empty() || setting.seq > pending_.back().seq);
  HOLDFAST_CHECK(setting.seq > committed_);
  pending_.push_back(setting);
  return committed_;
}

uint64_t CommitRule::OnVoterAppended(uint64_t seq, const std::string& node_id, bool votes) {
  HOLDFAST_CHECK(seq > start_seq_ && seq > committed_);
  HOLDFAST_CHECK(pending_voters_.empty() || seq >= pending_voters_.back().seq);
  pending_voters_.push_back({seq, node_id, votes});
  return committed_;
}

void CommitRule::VoterCounts(const std::string& node_id, bool votes) {
  Follower& follower = followers_[node_id];
  follower.votes = votes;
  for (auto& voters : start_voters_) {
    std::erase(voters, node_id);
    if (votes) voters.push_back(node_id);
  }
  if (!votes && follower.streams == 0) followers_.erase(node_id);
}

void CommitRule::OnConnected(const std::string& node_id) {
  Follower& follower = followers_[node_id];
  follower =
      Follower{.votes = follower.votes, .streams = follower.streams + 1, .acked = false, .ack = {}};
}

void CommitRule::OnDisconnected(const std::string& node_id) {
  const auto it = followers_.find(node_id);
  if (it == followers_.end() || it->second.streams == 0) return;
  if (--it->second.streams > 0) return;
  it->second.acked = false;
  if (!it->second.votes) followers_.erase(it);
}

uint64_t CommitRule::DurableOn(uint32_t k) const {
  if (k == 0) return own_durable_;
  std::vector<uint64_t> durable;
  durable.reserve(followers_.size());
  for (const auto& [id, follower] : followers_) {
    if (follower.votes) durable.push_back(follower.ack.durable_seq);
  }
  if (durable.size() < k) return 0;
  std::sort(durable.begin(), durable.end(), std::greater<>());
  return std::min(own_durable_, durable[k - 1]);
}

// Of a set of voters that may or may not be those that count. Where there are several, a k that is
// too large for one of them belongs to another: all of this one is enough.
uint64_t CommitRule::DurableOn(uint32_t k, const std::vector<std::string>& voters) const {
  if (start_voters_.size() > 1) k = std::min<uint32_t>(k, static_cast<uint32_t>(voters.size()));
  if (k == 0) return own_durable_;
  std::vector<uint64_t> durable;
  for (const std::string& id : voters) {
    const auto it = followers_.find(id);
    if (it != followers_.end()) durable.push_back(it->second.ack.durable_seq);
  }
  if (durable.size() < k) return 0;
  std::sort(durable.begin(), durable.end(), std::greater<>());
  return std::min(own_durable_, durable[k - 1]);
}

bool CommitRule::StartIsCommitted() const {
  if (own_durable_ < start_seq_) return false;
  if (degraded_) return true;
  return std::all_of(start_voters_.begin(), start_voters_.end(), [this](const auto& voters) {
    return DurableOn(start_k_, voters) >= start_seq_;
  });
}

bool CommitRule::MayDegrade() const {
  if (committed_ >= start_seq_) return degrade_;
  return degrade_ && std::all_of(pending_.begin(), pending_.end(),
                                 [](const KSetting& setting) { return setting.degrade; });
}

void CommitRule::SettingCounts(const KSetting& setting) {
  k_ = setting.k;
  degrade_ = setting.degrade;
  wait_ = setting.wait;
  degraded_ = degraded_ && degrade_;
}

void CommitRule::SetVoters(const std::vector<std::string>& voters) {
  for (auto& [id, follower] : followers_) follower.votes = false;
  for (const std::string& id : voters) followers_[id].votes = true;
  std::erase_if(followers_, [](const auto& f) { return !f.second.votes && f.second.streams == 0; });
}

bool CommitRule::CountNext(uint64_t seq) {
  const uint64_t none = seq + 1;
  const uint64_t setting = pending_.empty() ? none : pending_.front().seq;
  const uint64_t voter = pending_voters_.empty() ? none : pending_voters_.front().seq;
  if (std::min(setting, voter) > seq) return false;
  committed_ = std::max(committed_, std::min(setting, voter));
  if (setting <= voter) {
    SettingCounts(pending_.front());
    pending_.pop_front();
  } else {
    VoterCounts(pending_voters_.front().node_id, pending_voters_.front().votes);
    pending_voters_.pop_front();
  }
  return true;
}

uint64_t CommitRule::Advance() {
  if (committed_ < start_seq_) {
    if (!StartIsCommitted()) return committed_;
    committed_ = start_seq_;
    while (!pending_.empty() && pending_.front().seq < start_seq_) {
      SettingCounts(pending_.front());
      pending_.pop_front();
    }
    if (start_setting_.has_value()) SettingCounts(*start_setting_);
    if (start_voters_.size() > 1) SetVoters(start_voters_[start_voters_.size() - 2]);
  }
  const auto reached = [this] { return degraded_ ? own_durable_ : DurableOn(k_); };
  while (CountNext(reached())) {
  }
  committed_ = std::max(committed_, reached());
  if (degraded_ && DurableOn(k_) >= committed_) degraded_ = false;
  return committed_;
}

uint64_t CommitRule::OnTick(MonoTime now) {
  if (committed_ >= own_durable_ || degraded_) {
    waiting_seq_ = 0;
    return committed_;
  }
  if (waiting_seq_ <= committed_) {
    waiting_seq_ = committed_ + 1;
    waiting_since_ = now;
  }
  if (MayDegrade() && now - waiting_since_ >= wait_) {
    degraded_ = true;
    waiting_seq_ = 0;
  }
  return Advance();
}

bool CommitRule::Answerable(Level level, uint32_t level_k, uint64_t seq) const {
  if (seq > committed_) return false;
  if (level == Level::kLocal || degraded_) return true;
  uint32_t count = 0;
  for (const auto& [id, follower] : followers_) {
    const uint64_t reached = level == Level::kReceived  ? follower.ack.received_seq
                             : level == Level::kDurable ? follower.ack.durable_seq
                                                        : follower.ack.applied_seq;
    if (follower.votes && reached >= seq) ++count;
  }
  return count >= level_k;
}

uint32_t CommitRule::connected() const {
  return static_cast<uint32_t>(
      std::count_if(followers_.begin(), followers_.end(),
                    [](const auto& f) { return f.second.votes && f.second.acked; }));
}

bool CommitRule::ConnectedEnough(uint32_t k) const { return connected() >= k; }

}  // namespace holdfast::replication

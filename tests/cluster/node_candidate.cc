#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/cluster/node.h"
#include "tests/cluster/world.h"

namespace holdfast::sim {

using replication::CandidateEffects;
using replication::CandidateMachine;
using replication::CandidateMode;
using replication::GrantAsk;
using replication::PromotionOrder;
using replication::Role;
using replication::ToText;

void Node::Promote(const PromotionOrder& order) {
  Live& l = *live_;
  const Role role = l.role.role();
  if (!Trusted() || (role != Role::kSecondary && role != Role::kRestarting)) return;
  if (l.mode == CandidateMode::kTakeOver && l.candidate != nullptr) return;
  Trace(fmt::format("is ordered to become primary{}{}{}{}", order.dry_run ? ", dry run" : "",
                    order.old_primary_is_down ? ", the word" : "",
                    order.accept_loss.unknown ? ", accepts any loss" : "",
                    order.k.has_value() ? fmt::format(", k {}", *order.k) : ""));
  l.mode = CandidateMode::kOrder;
  l.order = order;
  l.candidate = nullptr;
  if (role == Role::kSecondary) return ApplyRole(l.role.OnPromote());
  BeginCandidate();
}

void Node::BeginCandidate() {
  const uint64_t attempt = ++live_->attempt;
  disk_.Barrier(Disk::kStore, [this, attempt] {
    Live& l = *live_;
    if (attempt != l.attempt || l.role.role() != Role::kRestarting) return;
    if (HasLiveStream() && l.mode != CandidateMode::kTakeOver) return AbandonCandidate();
    replication::CandidateFacts facts{.self = id_,
                                      .members = {},
                                      .promises = l.guard.promises(),
                                      .log = CandidateLogNow(),
                                      .following = {},
                                      .mode = l.mode,
                                      .order = l.order};
    if (world_.planted().ignore_pending_voters) facts.log.pending_voters.clear();
    if (world_.planted().degrade_counts) facts.log.degrade = false;
    for (int i = 0; i < world_.nodes(); ++i) {
      if (i != index_) facts.members.push_back(NodeName(i));
    }
    l.candidate = std::make_unique<CandidateMachine>(facts, Now());
    ApplyCandidate(l.candidate->Begin(Now()));
  });
}

void Node::AbandonCandidate() {
  Live& l = *live_;
  ++l.attempt;
  l.mode = CandidateMode::kRestart;
  l.order = {};
  l.candidate = nullptr;
  ApplyRole(l.role.OnRestartGivenUp());
}

// An order that was refused leaves a node as it was: one that waited to serve again waits on.
void Node::CandidateEnded() {
  Live& l = *live_;
  const bool ordered = l.mode == CandidateMode::kOrder;
  if (ordered && l.candidate->verdict().refusal.has_value()) {
    Trace(fmt::format("the order is refused: {}", ToText(*l.candidate->verdict().refusal)));
  }
  Trace(fmt::format("gives up: {}", l.candidate->Waiting()));
  const replication::CandidateFacts facts = l.candidate->facts();
  AbandonCandidate();
  const bool mine = replication::WasPrimary(facts) &&
                    !replication::HandedOverTo(id_, facts.log.shape).has_value();
  if (ordered && mine && !HasLiveStream()) ApplyRole(l.role.OnPromote());
}

void Node::ApplyCandidate(const CandidateEffects& effects) {
  if (effects.give_up) return CandidateEnded();
  if (effects.resume.has_value()) return Resume(*effects.resume);
  if (!effects.look.empty()) AskGrants(effects.look, /*dry_run=*/true);
  if (effects.grant_self.has_value()) GrantSelf(*effects.grant_self);
  if (!effects.ask_grants.empty()) AskGrants(effects.ask_grants, /*dry_run=*/false);
  if (effects.fetch.has_value()) FetchTail(*effects.fetch);
}

// Every member that did not grant is stopped now, and none of them ever claimed an epoch newer than
// the last one in this log.
bool Node::WordIsTrue() const {
  const auto granted = live_->candidate->GrantedBy();
  const uint64_t last = live_->candidate->facts().log.shape.last.epoch.number;
  for (int i = 0; i < world_.nodes(); ++i) {
    if (std::find(granted.begin(), granted.end(), NodeName(i)) != granted.end()) continue;
    Node& other = world_.node(i);
    if (other.up() || other.disk().image().promises.own.number > last) return false;
  }
  return true;
}

void Node::Resume(const Epoch& epoch) {
  Live& l = *live_;
  const replication::PromotionVerdict verdict = l.candidate->verdict();
  if (l.order.old_primary_is_down) {
    // The operator gives the word where it is true, and takes the order back where it is not.
    if (!WordIsTrue()) return AbandonCandidate();
    world_.OnWordUsed(l.candidate->GrantedBy(), epoch);
  }
  const auto mode = l.mode;
  Trace(fmt::format("may become primary in {} ({}complete)", ToText(epoch),
                    verdict.complete == true ? "" : "not "));
  if (mode == CandidateMode::kOrder) {
    world_.CountOrder();
    if (verdict.complete != true) world_.checker().OnLossAccepted(l.log);
  }
  if (mode == CandidateMode::kTakeOver) world_.CountTakeOver();
  l.candidate = nullptr;
  ++l.attempt;
  l.start_k = l.order.k;
  l.mode = CandidateMode::kRestart;
  l.order = {};
  ApplyRole(l.role.OnRestartAllowed(epoch));
}

void Node::GrantSelf(const Epoch& epoch) {
  const auto k = live_->order.k;
  if (!live_->guard.GrantSelf(epoch, k).has_value()) {
    return ApplyCandidate(live_->candidate->OnSelfGrantRefused(live_->guard.promises()));
  }
  Trace(fmt::format("grants itself {}", ToText(epoch)));
  const auto done = [this, epoch, attempt = live_->attempt] {
    Live& l = *live_;
    if (attempt != l.attempt || l.candidate == nullptr || l.candidate->candidate() != epoch) return;
    ApplyCandidate(l.candidate->OnSelfGranted(Now()));
  };
  PersistPromises(done, world_.planted().epoch_not_written);
  EpochRose(epoch);
}

void Node::AskGrants(const std::vector<std::string>& whom, bool dry_run) {
  const GrantAsk ask = live_->candidate->Ask(dry_run);
  for (int i = 0; i < world_.nodes(); ++i) {
    if (std::find(whom.begin(), whom.end(), NodeName(i)) == whom.end()) continue;
    world_.network().Call(
        index_, i,
        [ask](Node& voter, const Network::Respond& respond) { voter.OnGrantAsk(ask, respond); },
        [id = NodeName(i), attempt = live_->attempt](Node& caller) {
          Live& c = *caller.live_;
          if (c.candidate == nullptr || attempt != c.attempt) return;
          caller.ApplyCandidate(c.candidate->OnUnreachable(id, caller.Now()));
        });
  }
}

// ---- The tail of whoever is ahead.

void Node::FetchTail(const replication::FetchTail& what) {
  Trace(fmt::format("fetches from {} of {}", what.first_seq, what.node_id));
  world_.CountFetch();
  if (world_.planted().skip_fetch) {
    replication::CandidateLog log = CandidateLogNow();
    for (const auto& said : live_->candidate->Said()) {
      if (said.id == what.node_id) log.shape.last = said.last;
    }
    return ApplyCandidate(live_->candidate->OnFetched(log, Now()));
  }
  for (int i = 0; i < world_.nodes(); ++i) {
    if (NodeName(i) != what.node_id) continue;
    world_.network().Call(
        index_, i,
        [first = what.first_seq, attempt = live_->attempt](Node& callee,
                                                           const Network::Respond& respond) {
          const Live& l = *callee.live_;
          const uint64_t to = l.track.durable_seq();
          std::vector<Entry> entries;
          for (uint64_t seq = first; seq <= to; ++seq) entries.push_back(l.log[seq - 1]);
          Digest before{};
          if (first > 1 && first - 2 < l.log.size()) before = l.log[first - 2].meta.digest;
          respond([first, before, entries, attempt](Node& caller) {
            if (caller.live_->candidate == nullptr || attempt != caller.live_->attempt) return;
            caller.OnTail(first, before, entries);
          });
        });
  }
}

// What is the same stays, what differs is replaced: all of it above what was shown here.
void Node::OnTail(uint64_t first_seq, const Digest& before, const std::vector<Entry>& entries) {
  Live& l = *live_;
  const Digest mine = first_seq > 1 ? l.log[first_seq - 2].meta.digest : Digest{};
  if (before != mine || entries.empty() || first_seq != l.track.committed_seq() + 1) {
    return ApplyCandidate(l.candidate->OnFetchFailed("another log", Now()));
  }
  size_t same = 0;
  while (same < entries.size() && first_seq + same <= l.log.size() &&
         l.log[first_seq + same - 1].meta == entries[same].meta) {
    ++same;
  }
  const uint64_t keep = first_seq + same - 1;
  l.track.Unfollow();
  if (same < entries.size()) {
    const replication::CutOutcome cut = l.track.CutAfter(keep);
    if (cut.refused) return ApplyCandidate(l.candidate->OnFetchFailed(cut.detail, Now()));
    l.log.resize(keep);
    replication::BatchInfo batch{.epoch = entries.back().meta.epoch,
                                 .first_seq = keep + 1,
                                 .previous_digest = last().digest,
                                 .entries = {},
                                 .committed_seq = 0,
                                 .durable_seq = 0};
    for (size_t i = same; i < entries.size(); ++i) batch.entries.push_back(entries[i].meta);
    l.track.Follow(batch.epoch, keep + 1);
    const replication::BatchOutcome out = l.track.OnBatch(batch);
    l.track.Unfollow();
    if (out.refusal.has_value()) {
      world_.checker().Fail(fmt::format("{} cannot take a tail: {}", id_, out.detail));
      return;
    }
    l.log.insert(l.log.end(), entries.begin() + static_cast<std::ptrdiff_t>(same), entries.end());
  }
  Trace(fmt::format("has fetched up to {}, kept its own up to {}", ToText(last()), keep));
  world_.Moment(index_);
  disk_.Submit(
      Disk::kStore,
      [keep,
       fresh =
           std::vector<Entry>(entries.begin() + static_cast<std::ptrdiff_t>(same), entries.end()),
       history = l.track.history()](DiskImage& image) {
        if (fresh.empty()) return;
        image.log.resize(keep);
        image.log.insert(image.log.end(), fresh.begin(), fresh.end());
        image.history = history;
      },
      [this, to = l.track.head_seq(), attempt = l.attempt] {
        Live& now = *live_;
        if (now.track.head_seq() >= to) now.track.OnDurable(to);
        if (now.candidate == nullptr || attempt != now.attempt) return;
        ApplyCandidate(now.candidate->OnFetched(CandidateLogNow(), Now()));
      });
}

}  // namespace holdfast::sim

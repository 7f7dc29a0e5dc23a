#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "replication/node/node.h"
#include "replication/node/translate.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr uint32_t kJournalRecordsMax = 1000;
constexpr size_t kJournalBytesMax = 512 * 1024;
constexpr uint32_t kLogRecordsMax = 512;

}  // namespace

absl::Status Node::CheckMember(const PeerIdentity& peer) {
  absl::Status status =
      absl::PermissionDeniedError(fmt::format("{} is not a member", peer.node_id));
  const auto compare = [&](const v1::MemberRow& member) {
    status = member.fingerprint() == peer.fingerprint
                 ? absl::OkStatus()
                 : absl::PermissionDeniedError(fmt::format(
                       "the certificate of {} is not the one that it joined with", peer.node_id));
  };
  bool by_rows = false;
  // Asked before each batch that is sent: no row is copied.
  deps_.ledger.Read([&](const vault::StateReader& state, Position) {
    by_rows = state.Cluster() != nullptr;
    if (const v1::MemberRow* member = state.FindMember(peer.node_id)) compare(*member);
  });
  if (by_rows) return status;
  for (const v1::MemberRow& member : told_members_) {
    if (member.node_id() == peer.node_id) compare(member);
  }
  return status;
}

v1::ExchangeResponse Node::Exchange(const PeerIdentity& peer, const v1::ExchangeRequest& request) {
  if (request.me().node_id() == peer.node_id) OnReport(request.me());
  v1::ExchangeResponse response;
  *response.mutable_me() = Me();
  return response;
}

void Node::OnReport(const v1::NodeReport& report) {
  const MemberReport seen = FromMessage(report);
  const MonoTime now = deps_.clock.Mono();
  MutexLock lock(mu_);
  if (stop_ || !started_) return;
  heard_[report.node_id()] = {.report = report,
                              .at = now,
                              .clock_offset = FromMillis(report.wall_ms()) - deps_.clock.Wall(),
                              .gone = false};
  const bool acknowledged = seen.primary && report.state() == "running";
  // One that has stopped because of a split says that it is secondary. It did acknowledge.
  OnEpochSeen(seen.granted, acknowledged || report.split());
  OnEpochSeen(seen.epoch, acknowledged || report.split());
  if (rehearsal_) CarryOutRehearsal(rehearsal_->machine.OnReport(seen));
  if (candidate_) CarryOut(candidate_->OnReport(seen));
  if (hand_over_ && seen.primary) CarryOut(hand_over_->OnEpochSeen(seen.epoch));
  if (acknowledged) OnServes(seen.node_id, seen.epoch);
  Wake();
}

std::map<std::string, std::chrono::milliseconds> Node::ClockOffsets() const {
  std::map<std::string, std::chrono::milliseconds> offsets;
  const MonoTime now = deps_.clock.Mono();
  MutexLock lock(mu_);
  for (const auto& [id, heard] : heard_) {
    const bool recent = !heard.gone && now - heard.at < limits::kLinkStaleAfter;
    if (recent && heard.report.wall_ms() != 0) offsets.emplace(id, heard.clock_offset);
  }
  return offsets;
}

void Node::OnFailure(const std::string& node_id, const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return;  // Silent: kLinkStaleAfter tells.
  MutexLock lock(mu_);
  if (const auto heard = heard_.find(node_id); heard != heard_.end()) heard->second.gone = true;
}

absl::StatusOr<v1::GrantResponse> Node::Grant(const PeerIdentity& peer,
                                              const v1::GrantRequest& request) {
  const GrantAsk ask = FromMessage(request);
  if (ask.epoch.node_id != peer.node_id) {
    return absl::PermissionDeniedError(
        fmt::format("{} asks for an epoch of {}", peer.node_id, ask.epoch.node_id));
  }
  MutexLock lock(mu_);
  if (stop_ || !started_) return absl::UnavailableError("the node starts or stops");
  VoterFacts facts;
  const LinkView link = follow_->View();
  if (link.live) facts.following = link.primary;
  facts.primary = role_.publishing() || role_.role() == Role::kClaiming;
  HOLDFAST_ASSIGN_OR_RETURN(
      const GrantAnswer answer, book_->Decide(ask, std::move(facts), [&](VoterFacts& held_facts) {
        const HeldLog held =
            ask.dry_run ? deps_.ledger.Held() : deps_.ledger.HoldAppends(ask.epoch);
        held_facts.last = held.last;
        held_facts.setting_k = held.setting_k;
        held_facts.pending_k = held.pending_k;
        held_facts.degrade = held.degrade;
        held_facts.committed_seq = held.committed_seq;
      }));
  LogInfo("{} asks for epoch {}{}: {}", peer.node_id, ToText(ask.epoch),
          ask.dry_run ? ", promising nothing" : "", answer.granted ? "granted" : answer.reason);
  if (answer.granted && !ask.dry_run) {
    follow_->Granted(ask.epoch);
    if (candidate_) CarryOut(candidate_->OnSelfGrantRefused(book_->promises()));
  }
  return ToMessage(answer);
}

absl::StatusOr<v1::ReadJournalResponse> Node::ReadJournal(const PeerIdentity& peer,
                                                          const v1::ReadJournalRequest& request) {
  // Every member may read what every member must keep. It has all before what it asks for.
  v1::ReadJournalResponse response;
  response.set_head(deps_.journal.head());
  if (request.first_number() > 0) {
    deps_.journal.Collected(peer.node_id, std::min(request.first_number() - 1, response.head()));
  }
  response.set_oldest(deps_.journal.oldest());
  if (request.first_number() < response.oldest() || request.first_number() > response.head()) {
    return response;
  }
  HOLDFAST_ASSIGN_OR_RETURN(
      *response.mutable_records(),
      deps_.journal.Read(request.first_number(),
                         std::clamp<uint32_t>(request.records_max(), 1, kJournalRecordsMax),
                         kJournalBytesMax));
  return response;
}

// What is durable here: nobody may build on more.
absl::StatusOr<v1::ReadLogResponse> Node::ReadLog(const PeerIdentity& peer,
                                                  const v1::ReadLogRequest& request) {
  (void)peer;  // Every member may have what every member gets as a follower.
  const uint64_t first = std::max<uint64_t>(request.first_seq(), 1);
  v1::ReadLogResponse response;
  response.set_last_seq(deps_.ledger.progress().durable_seq);
  if (first > response.last_seq()) return response;
  const size_t records =
      std::min<uint64_t>(std::clamp<uint32_t>(request.records_max(), 1, kLogRecordsMax),
                         response.last_seq() - first + 1);
  const std::optional<Digest> before = deps_.ledger.DigestAt(first - 1);
  if (!before) return absl::OutOfRangeError(fmt::format("record {} is not retained", first - 1));
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<EntryPtr> entries,
                            deps_.ledger.ReadLog(first, records, limits::kRecordBytesMax));
  response.set_previous_digest(std::string(AsText(*before)));
  for (const EntryPtr& entry : entries) *response.add_entries() = ToMessage(*entry);
  return response;
}

absl::Status Node::Follow(const PeerIdentity& peer, FollowerConnection& connection) {
  PublishLoop loop(PublishLoop::Deps{.identity = deps_.identity,
                                     .ledger = deps_.ledger,
                                     .keys = deps_.keys,
                                     .clock = deps_.clock,
                                     .shelf = shelf_,
                                     .serving =
                                         [this] {
                                           MutexLock lock(serving_mu_);
                                           return serving_;
                                         },
                                     .is_member = [this, &peer] { return CheckMember(peer).ok(); },
                                     .higher_epoch =
                                         [this](const Epoch& epoch) {
                                           {
                                             MutexLock lock(wake_mu_);
                                             seen_.push_back(epoch);
                                           }
                                           Wake();
                                         }},
                   peer, connection);
  {
    MutexLock lock(streams_mu_);
    if (ending_streams_) return absl::UnavailableError("this node ends its streams");
    streams_.insert(&loop);
  }
  const absl::Status status = loop.Run();
  if (!status.ok()) LogInfo("stream of {}: {}", peer.node_id, holdfast::ToText(status));
  {
    MutexLock lock(streams_mu_);
    streams_.erase(&loop);
    streams_gone_.NotifyAll();
  }
  ExchangeNow(peer.node_id);  // One that was killed is known as down at once.
  return status;
}

}  // namespace holdfast::replication

#include "replication/node/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "holdfast/v1/local.pb.h"
#include "replication/node/known_members.h"
#include "replication/node/translate.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

constexpr std::chrono::milliseconds kTickEvery{200};
constexpr std::chrono::milliseconds kHandOverTick{2};
constexpr size_t kJournalPage = 1000;
constexpr size_t kJournalPageBytes = 4 << 20;

// What of the ledger's progress a role, or the view of it, turns on: not every record.
struct LedgerTurn {
  bool leading = false;
  bool started = false;
  bool ended = false;
  bool failed = false;
  bool trusted = true;
  bool joined = false;
  uint64_t epoch = 0;
  bool operator==(const LedgerTurn&) const = default;
};

constexpr std::string_view kUnconfirmed =
    "the word of a primary that the snapshot it holds is committed; if there is none any more, "
    "promote this node";

LedgerTurn TurnOf(const LedgerProgress& progress) {
  return {.leading = progress.leading,
          .started = progress.epoch_start_committed,
          .ended = progress.ended,
          .failed = !progress.failure.ok(),
          .trusted = progress.distrust.empty() && !progress.unconfirmed,
          .joined = progress.shown.seq > 0,
          .epoch = progress.shown.epoch};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::Make(Deps deps) {
  auto node = std::unique_ptr<Node>(new Node(std::move(deps)));
  HOLDFAST_ASSIGN_OR_RETURN(node->book_,
                            EpochBook::Open(node->deps_.store, node->deps_.identity.node_id));
  HOLDFAST_ASSIGN_OR_RETURN(node->denials_, DenyBook::Open(node->deps_.store));
  HOLDFAST_ASSIGN_OR_RETURN(node->told_members_, GetKnownMembers(node->deps_.store));
  return node;
}

Node::Node(Deps deps)
    : deps_(std::move(deps)),
      shelf_({.ledger = deps_.ledger,
              .keys = deps_.keys,
              .clock = deps_.clock,
              .folder = deps_.identity.data_folder}),
      quarantine_({.data_folder = deps_.identity.data_folder,
                   .node_id = deps_.identity.node_id,
                   .keys = deps_.keys,
                   .clock = deps_.clock}) {}

Node::~Node() { End(/*in_order=*/false); }

absl::Status Node::Start(const std::string& peer_address) {
  follow_ = std::make_unique<FollowLoop>(
      FollowLoop::Deps{.identity = deps_.identity,
                       .ledger = deps_.ledger,
                       .book = *book_,
                       .keys = deps_.keys,
                       .clock = deps_.clock,
                       .client = [this](const std::string& id) { return ClientOf(id); },
                       .keep_lost =
                           [this](uint64_t fork_seq, const Epoch& epoch) {
                             return quarantine_.Keep(deps_.ledger, fork_seq, epoch);
                           },
                       .link_changed = [this] { Wake(); }});
  subscription_ = deps_.ledger.Subscribe([this, last = LedgerTurn()]() mutable {
    const LedgerTurn now = TurnOf(deps_.ledger.progress());
    if (now == last) return;
    last = now;
    Wake();
  });
  HOLDFAST_ASSIGN_OR_RETURN(server_,
                            PeerServer::Start(peer_address, deps_.tls, *this, deps_.clock));
  FollowMembers();
  {
    MutexLock lock(mu_);
    started_ = true;
    const CandidateFacts facts = CandidateFactsNow(CandidateMode::kRestart);
    const bool trusted = deps_.ledger.progress().distrust.empty();
    const bool handed_over = HandedOverTo(facts.self, facts.log.shape).has_value();
    TellRole(/*primary=*/false);
    CarryOut(role_.OnStart(WasPrimary(facts) && trusted, handed_over && trusted));
  }
  UpdateView();
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Node::Stop() { End(/*in_order=*/true); }

void Node::End(bool in_order) {
  {
    MutexLock lock(mu_);
    if (stop_) return;
  }
  if (in_order) EndInOrder();
  {
    MutexLock lock(mu_);
    stop_ = true;
    const absl::Status stops = vault::Refuse(vault::Refusal::kNotServing, "the node stops");
    FinishPromotion(stops);
    FinishSwitchover(stops);
    if (rehearsal_) Finish([done = std::move(rehearsal_->done), stops] { done(stops); });
    rehearsal_.reset();
  }
  {
    MutexLock lock(wake_mu_);
    end_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
  CallFinished();
  if (subscription_ != 0) deps_.ledger.Unsubscribe(subscription_);
  deps_.gate.Set(NodeView{.node_id = deps_.identity.node_id, .why_not = "the node stops"});
  SetServing(std::nullopt);
  EndStreams();
  deps_.ledger.StepDown();
  std::map<std::string, std::unique_ptr<MemberLink>> links;
  {
    MutexLock lock(links_mu_);
    links.swap(links_);
  }
  links.clear();
  if (server_) server_->Stop();
  // It stays: whoever still asks what this node is, a health probe say, asks it.
  if (follow_) follow_->Stop();
}

int Node::peer_port() const { return server_ ? server_->port() : 0; }

Role Node::role() const {
  MutexLock lock(mu_);
  return role_.role();
}

uint64_t Node::epoch_changes() const {
  MutexLock lock(mu_);
  return epoch_changes_;
}

void Node::Wake() {
  {
    MutexLock lock(wake_mu_);
    happened_ = true;
  }
  wake_.NotifyAll();
}

void Node::Run() {
  MonoTime collect_at{};
  bool hands_over = false;  // an acknowledgement of its target tells nobody
  while (true) {
    std::vector<Epoch> seen;
    {
      MutexLock lock(wake_mu_);
      if (!happened_ && !end_) wake_.WaitFor(wake_mu_, hands_over ? kHandOverTick : kTickEvery);
      if (end_) return;
      happened_ = false;
      seen.swap(seen_);
    }
    hands_over = Tick(seen);
    UpdateView();
    TellOfChange();
    CallFinished();
    const MonoTime now = deps_.clock.Mono();
    if (now < collect_at) continue;
    collect_at = now + kTickEvery;
    FollowMembers();
    EndStreamsOfStrangers();
    server_->TellRefused();
    SettleDenials();
    WatchStreams();
    CollectOwnJournal();
    KeepMembers();
    TrimLog();
  }
}

// By records, bytes and age, whichever comes first; but what a snapshot on the shelf leads to
// stays, as long as that does not grow without bounds.
void Node::TrimLog() {
  Retention retention = deps_.retention;
  retention.needed_from = shelf_.NeededFrom();
  retention.newer_than_ms = ToMillis(deps_.clock.Wall()) - deps_.log_age_max.count();
  const absl::StatusOr<LogSizes::Order> trimmed = deps_.ledger.Trim(retention);
  if (!trimmed.ok()) {
    LogWarning("the log cannot be trimmed: {}", holdfast::ToText(trimmed.status()));
  } else if (trimmed->let_go && retention.needed_from != Retention{}.needed_from) {
    LogWarning(
        "the log has twice its size: it is kept for no snapshot any more, whoever is being "
        "sent one needs another");
    shelf_.LetGo();
  }
}

// For a start at which the rows cannot be trusted: whom to ask then.
void Node::KeepMembers() {
  std::vector<v1::MemberRow> members;
  deps_.ledger.Read([&](const vault::StateReader& state, Position) {
    for (const v1::MemberRow* member : state.Members()) members.push_back(*member);
  });
  if (members.empty()) return;
  v1::KnownMembers message;
  for (const v1::MemberRow& member : members) *message.add_members() = member;
  std::string bytes = message.SerializeAsString();
  if (bytes == kept_members_) return;
  if (const absl::Status put = PutKnownMembers(deps_.store, members); !put.ok()) {
    LogWarning("the members are not kept: {}", holdfast::ToText(put));
    return;
  }
  kept_members_ = std::move(bytes);
}

// True: a hand-over is under way, so look again soon.
bool Node::Tick(const std::vector<Epoch>& seen) {
  const LedgerProgress progress = deps_.ledger.progress();
  const MonoTime now = deps_.clock.Mono();
  book_->OnCommitted({.number = progress.shown.epoch, .node_id = ""});
  const EpochPromises promises = book_->promises();
  MutexLock lock(mu_);
  const LinkView link = follow_->View();
  // A primary that was killed refuses the next call, and is known as down with it.
  const std::optional<std::string> linked = link.live ? link.primary : std::nullopt;
  if (linked_ && linked != linked_) ExchangeNow(*linked_);
  linked_ = linked;
  for (const Epoch& epoch : seen) OnEpochSeen(epoch, false);
  if (!progress.failure.ok() && !log_failed_) {
    log_failed_ = true;
    CarryOut(role_.OnLogFailed());
  }
  if (progress.epoch_start_committed) CarryOut(role_.OnEpochStartCommitted());
  if (candidate_ && SpeaksAgainstCandidate(link)) {
    InterruptCandidate("follows " + link.primary.value_or("a primary"));
  }
  if (candidate_) CarryOut(candidate_->OnTick(now));
  if (rehearsal_) CarryOutRehearsal(rehearsal_->machine.OnTick(now));
  if (hand_over_) CarryOut(hand_over_->OnTick(now));
  if (!link.live) RetryTakeOver(now);
  TickSwitchover(now);
  TickOrders(now);
  if (link.live) waiting_.clear();
  std::vector<MemberReport> reports;
  for (const auto& [id, heard] : heard_) reports.push_back(FromMessage(heard.report));
  const std::optional<std::string> primary = PickPrimary(reports, promises.granted);
  follow_->SetPrimary(primary, primary ? FromMessage(heard_[*primary].report.epoch()) : Epoch{});
  return handing_ != nullptr && !handing_->machine.done() && !handing_->record_lost;
}

// What was denied here, and what the rows say by now.
void Node::SettleDenials() {
  if (denials_->empty()) return;
  std::vector<v1::Denial> carried_out;
  deps_.ledger.Read([&](const vault::StateReader& state, Position) {
    carried_out = denials_->CarriedOut(state);
  });
  const absl::Status settled = denials_->Settle(carried_out);
  denials_fault_.Tell("denials cannot be kept", settled);
}

std::string Node::WaitingNow() const {
  if (candidate_) return candidate_->Waiting();
  if (hand_over_) return hand_over_->Waiting();
  if (handing_ && role_.holds_writes()) {
    return "hands over to " + handing_->machine.target() + "; writes wait";
  }
  if (role_.role() == Role::kStarting)
    return "waits until enough secondaries have its first record";
  return waiting_;
}

std::vector<v1::MemberRow> Node::Members() const {
  std::vector<v1::MemberRow> members;
  deps_.ledger.Read([&](const vault::StateReader& state, Position) {
    for (const v1::MemberRow* member : state.Members()) members.push_back(*member);
  });
  return members.empty() ? told_members_ : members;
}

// One link for each other member, made anew when its address has changed.
void Node::FollowMembers() {
  std::map<std::string, std::string> wanted;
  for (const v1::MemberRow& member : Members()) {
    if (member.node_id() != deps_.identity.node_id) {
      wanted[member.node_id()] = member.peer_address();
    }
  }
  std::vector<std::unique_ptr<MemberLink>> gone;  // joined without the lock
  MutexLock lock(links_mu_);
  for (auto link = links_.begin(); link != links_.end();) {
    const auto found = wanted.find(link->first);
    if (found != wanted.end() && found->second == addresses_[link->first]) {
      wanted.erase(found);
      ++link;
    } else {
      gone.push_back(std::move(link->second));
      link = links_.erase(link);
    }
  }
  for (const auto& [id, address] : wanted) {
    addresses_[id] = address;
    links_[id] = std::make_unique<MemberLink>(
        MemberLink::Deps{.clock = deps_.clock,
                         .audit = deps_.audit,
                         .me = [this] { return Me(); },
                         .on_report = [this](const v1::NodeReport& r) { OnReport(r); },
                         .on_failure = [this](const std::string& failed,
                                              const absl::Status& why) { OnFailure(failed, why); }},
        id, PeerClient::Make(address, id, deps_.tls));
  }
}

std::shared_ptr<PeerClient> Node::ClientOf(const std::string& node_id) const {
  MutexLock lock(links_mu_);
  const auto found = links_.find(node_id);
  return found == links_.end() ? nullptr : found->second->client();
}

// What this node's own journal holds becomes queryable beside the others' records.
void Node::CollectOwnJournal() {
  const std::string& me = deps_.identity.node_id;
  const absl::StatusOr<uint64_t> have = deps_.audit.Highest(me);
  if (!have.ok() || *have >= deps_.journal.head()) return;
  const uint64_t first = std::max(*have + 1, deps_.journal.oldest());
  const absl::StatusOr<v1::AuditRecords> page =
      deps_.journal.Read(first, kJournalPage, kJournalPageBytes);
  const absl::Status added = page.ok() ? deps_.audit.Add(*page) : page.status();
  own_audit_fault_.Tell("own audit records cannot be listed", added);
}

v1::NodeReport Node::Me() const { return ReportNow(); }

v1::NodeReport Node::ReportNow() const {
  const LedgerProgress progress = deps_.ledger.progress();
  const LinkView link = follow_->View();
  const EpochPromises promises = book_->promises();
  const NodeView view = deps_.gate.view();
  v1::NodeReport report;
  report.set_lost_writes(quarantine_.held());
  MutexLock lock(mu_);
  const bool primary = role_.publishing();
  report.set_node_id(deps_.identity.node_id);
  report.set_role(primary ? "primary" : "secondary");
  if (!progress.failure.ok()) {
    report.set_state("failed");
  } else if (primary) {
    report.set_state(role_.gate_open() || role_.holds_writes() ? "running" : "starting");
  } else if (role_.role() == Role::kRestarting) {
    report.set_state("restarting");
  } else {
    // The link's "down" means its primary; a node that speaks of itself is not down.
    report.set_state(ToText(link.state == PeerState::kDown ? PeerState::kConnecting : link.state));
  }
  report.set_serving(view.can_read);
  *report.mutable_epoch() = ToMessage(primary ? role_.epoch() : view.epoch);
  report.set_head_seq(progress.head_seq);
  report.set_durable_seq(progress.durable_seq);
  report.set_committed_seq(progress.committed_seq);
  report.set_applied_seq(progress.committed_seq);
  report.set_version(deps_.identity.version);
  report.set_journal_head(deps_.journal.head());
  report.set_wall_ms(ToMillis(deps_.clock.Wall()));
  *report.mutable_granted() = ToMessage(promises.granted);
  *report.mutable_last_epoch() = ToMessage(deps_.ledger.Shape().last.epoch);
  report.set_waiting(WaitingNow());
  if (report.waiting().empty() && !progress.store_fault.ok()) {
    report.set_waiting(FaultText(progress.store_fault) + ": nothing is written until it is back");
  }
  report.set_split(role_.split());
  report.set_degraded(progress.degraded);
  for (v1::Denial& denial : denials_->InForce(kDenialsReportedMax)) {
    *report.add_denials() = std::move(denial);
  }
  if (primary) {
    report.set_lag_seconds(0);
    report.set_lag_records(0);
    report.set_link_age_seconds(0);
    return report;
  }
  if (!progress.distrust.empty()) {
    if (report.state() == ToText(PeerState::kConnecting)) report.set_state("diverged");
    report.set_waiting(
        "a snapshot from a primary: the rows of this node cannot be trusted; if it was the "
        "primary, "
        "promote another node");
  }
  if (progress.unconfirmed && report.waiting().empty())
    report.set_waiting(std::string(kUnconfirmed));
  report.set_snapshot_bytes(link.snapshot_bytes);
  report.set_snapshot_bytes_total(link.snapshot_bytes_total);
  if (link.lag_seconds) report.set_lag_seconds(*link.lag_seconds);
  if (link.lag_records) report.set_lag_records(*link.lag_records);
  if (link.link_age_seconds) report.set_link_age_seconds(*link.link_age_seconds);
  return report;
}

std::vector<v1::NodeReport> Node::Reports() const {
  std::vector<v1::NodeReport> reports{Me()};
  const MonoTime now = deps_.clock.Mono();
  for (const v1::MemberRow& member : Members()) {
    if (member.node_id() == deps_.identity.node_id) continue;
    v1::NodeReport report;
    report.set_node_id(member.node_id());
    report.set_state("down");
    MutexLock lock(mu_);
    const auto heard = heard_.find(member.node_id());
    if (heard != heard_.end() && !heard->second.gone &&
        now - heard->second.at <= limits::kLinkStaleAfter) {
      report = heard->second.report;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

void Node::WatchStreams() {
  MutexLock lock(streams_mu_);
  for (PublishLoop* stream : streams_) stream->Watch();
}

std::vector<FollowerView> Node::Followers() const {
  std::vector<FollowerView> views;
  MutexLock lock(streams_mu_);
  for (const PublishLoop* stream : streams_) views.push_back(stream->View());
  return views;
}

NodeView Node::ViewNow() const {
  const MonoTime now = deps_.clock.Mono();
  const LinkView link = follow_->View();
  NodeView view{.node_id = deps_.identity.node_id, .age_at = now};
  {
    MutexLock lock(mu_);
    view.primary = (role_.gate_open() || role_.holds_writes()) && !stop_;
    view.epoch = view.primary ? role_.epoch() : link.epoch;
  }
  bool joined = false;
  deps_.ledger.Read([&](const vault::StateReader& state, Position shown) {
    joined = state.Cluster() != nullptr;
    if (view.epoch.number == 0) view.epoch.number = shown.epoch;
    const std::string primary = view.primary ? deps_.identity.node_id : link.primary.value_or("");
    if (const v1::MemberRow* member = state.FindMember(primary)) {
      view.primary_rest_url = member->rest_url();
      view.primary_ssh_address = member->ssh_address();
    }
  });
  view.primary_up = view.primary || link.live;
  view.age_seconds = view.primary ? std::optional<double>(0) : link.lag_seconds;
  const LedgerProgress progress = deps_.ledger.progress();
  const std::string& distrust = progress.distrust;
  view.can_read = joined && distrust.empty() && !progress.unconfirmed;
  if (!joined) view.why_not = "it has joined and waits for its first snapshot";
  if (progress.unconfirmed) view.why_not = fmt::format("it waits for {}", kUnconfirmed);
  if (!distrust.empty()) {
    view.why_not =
        "its rows cannot be trusted, it waits for a snapshot from a primary: " + distrust;
  }
  return view;
}

void Node::UpdateView() {
  NodeView view = ViewNow();
  MutexLock lock(mu_);  // A step down that came since then has closed the gate: it stays closed.
  view.primary = view.primary && (role_.gate_open() || role_.holds_writes()) && !stop_;
  deps_.gate.Set(std::move(view));
}

}  // namespace holdfast::replication

#ifndef HOLDFAST_TESTS_CLUSTER_NODE_H_
#define HOLDFAST_TESTS_CLUSTER_NODE_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/core/candidate.h"
#include "replication/core/commit_rule.h"
#include "replication/core/follower.h"
#include "replication/core/hand_over.h"
#include "replication/core/publisher.h"
#include "replication/core/role.h"
#include "replication/core/switchover.h"
#include "tests/cluster/disk.h"
#include "tests/cluster/network.h"
#include "tests/cluster/planted.h"
#include "tests/cluster/state.h"

namespace holdfast::sim {

std::string NodeName(int index);

// How long a primary with the policy `degrade` waits for its followers.
inline constexpr Nanos kDegradeWait = milliseconds(1500);

// One node: the machines of replication/core in a shell that is small enough to be read, and that
// does what docs/formats/stream.md asks of a shell. What it holds is lost in a crash, but the disk.
//
// Files       node.cc: start, roles, epochs, what is shown. node_primary.cc: writing, handing over.
//             node_publish.cc: the streams of its followers. node_follower.cc: the stream it
//             follows. node_calls.cc: exchange, grants, take-over. node_candidate.cc: to become
//             primary.
class Node {
 public:
  Node(World& world, int index);

  // ---- The machine room.
  void Boot();
  void Crash();
  bool up() const { return live_ != nullptr; }
  uint64_t life() const { return life_; }
  // SIGSTOP until then: nothing that is for it is lost, nothing is done.
  void Pause(MonoTime until);
  MonoTime paused_until() const { return paused_until_; }
  bool answers() const;  // is up and runs
  // The machine slept: the steady clock of this node is ahead from here on.
  void JumpClock(Nanos by) { clock_ahead_ += by; }
  Disk& disk() { return disk_; }

  // ---- The network's.
  void OnAccepted(const LinkPtr& link);
  void OnDialed(uint64_t dial, const LinkPtr& link);  // null: refused
  void OnLinkBroken(const LinkPtr& link);

  // ---- Clients and operators.
  bool gate_open() const { return answers() && live_->role.gate_open(); }
  // Planned and appended; false: refused, nothing happened.
  bool Write(Entry entry);
  void Promote(const replication::PromotionOrder& order);
  void Switchover(int target);
  void StopInOrder();                       // then it crashes, with nothing left to write
  bool HasLiveStream() const;               // of a primary that is heard
  std::vector<std::string> Voters() const;  // as committed
  std::vector<std::vector<std::string>> PendingVoters() const;
  uint32_t SettingK() const;
  bool MembersAtRest() const;  // no change of members waits to be committed
  bool AtRest() const { return MembersAtRest() && PendingSettings().empty(); }
  // The operator starts it where it reaches the primary of this epoch.
  void Hears(const Epoch& epoch) { SeeEpoch(epoch); }
  void Trim();
  void FailLog();
  uint64_t shown() const { return Serves() ? live_->shown : 0; }
  // Its rows are those of its log, and known to be committed.
  bool Serves() const { return !live_->distrusted && live_->unconfirmed == 0; }
  bool Trusted() const { return !live_->distrusted; }
  uint64_t head() const { return live_->track.head_seq(); }
  replication::EntryMeta last() const { return live_->track.head(); }
  replication::Role role() const { return live_->role.role(); }
  std::string Describe() const;

 private:
  struct Stream {  // of a follower
    LinkPtr link;
    replication::PublisherMachine machine;
    bool said_hello = false;
    std::string node_id;
    std::optional<uint64_t> snapshot_from;  // waits until the committed position is there
  };
  struct Waiting {
    Entry entry;
    replication::Level level;
    uint32_t level_k = 0;
  };
  struct Heard {
    replication::MemberReport report;
    MonoTime at;
  };
  // All that a crash takes.
  struct Live {
    Live(const std::string& self, const DiskImage& image, replication::LogStart start);
    replication::EpochGuard guard;
    Epoch persisted_granted;
    replication::LogTrack track;
    replication::RoleMachine role;
    std::vector<Entry> log;
    uint64_t oldest_retained = 1;
    uint64_t shown = 0;
    uint64_t unconfirmed = 0;
    bool distrusted = false;
    State state;
    uint64_t state_seq = 0;
    uint64_t position_submitted = 0;
    std::map<std::string, Heard> reports;
    MonoTime exchanged_at{};
    // As a follower.
    std::unique_ptr<replication::FollowerMachine> follower;
    LinkPtr link;
    uint64_t dial = 0;
    std::deque<std::function<void()>> inbox;
    bool busy = false;
    bool installing = false;  // a snapshot: no hello before it is in place
    bool hello_waits = false;
    // As a primary.
    std::unique_ptr<replication::CommitRule> rule;
    std::map<uint64_t, Stream> streams;
    std::vector<Waiting> waiting;
    uint64_t start_seq = 0;
    std::optional<uint32_t> start_k;  // by an operator's order
    bool flushing = false;
    std::unique_ptr<replication::SwitchoverMachine> switchover;
    std::optional<MonoTime> stopping_since;
    uint64_t stop_seq = 0;  // of the clean-stop record
    // As a candidate, or as who has handed over.
    std::unique_ptr<replication::CandidateMachine> candidate;
    replication::CandidateMode mode = replication::CandidateMode::kRestart;
    replication::PromotionOrder order;
    std::unique_ptr<replication::HandOverMachine> hand_over;
    MonoTime took_over_at{};
    uint64_t attempt = 0;
  };

  // node.cc
  replication::LogStart ReadLog() const;
  std::function<void()> Alive(std::function<void()> what);
  MonoTime Now() const;
  void Trace(const std::string& what) const;
  void Tick();
  void ApplyRole(const replication::RoleEffects& effects);
  void Claim(const Epoch& epoch);
  void PersistPromises(std::function<void()> done, bool planted_skip = false);
  void SeeEpoch(const Epoch& epoch);
  void EpochRose(const Epoch& epoch);
  void StopFollowing();
  void StartFollowing();
  void CommittedMoved();
  void Show(uint64_t seq);
  void ShowState(uint64_t seq);
  void Confirm(uint64_t committed);
  void TryAKey();
  Setting CommittedSetting() const;
  std::vector<replication::KSetting> PendingSettings() const;
  bool MayDegrade() const;
  replication::CandidateLog CandidateLogNow() const;

  // node_primary.cc
  void Lead(const Epoch& epoch);
  void StopPublishing();
  void Drain();
  void Append(Entry entry);
  void Flush();
  void RuleMoved();
  void VotersAppended(uint64_t seq, const std::vector<std::string>& voters);
  void Answer();
  replication::SwitchoverProgress Progress() const;
  void StepSwitchover();
  void ApplySwitchover(const replication::SwitchoverEffects& effects);
  void AppendHandOver();
  void StepStop();

  // node_publish.cc
  replication::PrimaryLog LogNow(const replication::HelloInfo& hello) const;
  void OnHello(uint64_t id, const replication::HelloInfo& hello);
  void OnAck(uint64_t id, const replication::AckInfo& ack);
  void ApplyStream(uint64_t id, const replication::PublisherEffects& effects);
  void SendBatch(uint64_t id, const replication::SendBatch& what);
  void SendSnapshots();
  uint64_t SnapshotAt(uint64_t from) const;
  void EndStream(uint64_t id);

  // node_follower.cc
  void ApplyFollower(const replication::FollowerEffects& effects);
  void DropLink(const replication::FollowerEffects& effects);
  void SayHello();
  void Arrived(const LinkPtr& link, std::function<void()> frame);
  void NextFrame();
  void FollowerAnswer(const replication::HelloAnswerInfo& answer);
  void FollowerBatch(const replication::BatchInfo& batch, const std::vector<Entry>& entries);
  void FollowerHeartbeat(const replication::HeartbeatInfo& heartbeat);
  void FollowerSnapshot(const std::vector<Entry>& entries, bool pending);
  void InstallSnapshot(const std::vector<Entry>& entries, bool pending, const LinkPtr& from);
  void PersistThenGoOn(const Epoch& epoch);
  void CutThenGoOn(uint64_t seq);
  void SendAck();

  // node_calls.cc
  void UpdatePrimary();
  void YieldTo(const Epoch& winner);
  void Exchange();
  replication::MemberReport Report() const;
  void OnReport(const replication::MemberReport& report);
  void OnGrantAsk(const replication::GrantAsk& ask, const Network::Respond& respond);
  void ApplyHandOver(const replication::HandOverEffects& effects);
  void GoOnToTakeOver();
  replication::TakeOverFacts TakeOverFactsNow() const;
  void OnTakeOverAsk(const replication::TakeOverAsk& ask, const Network::Respond& respond);

  // node_candidate.cc
  void BeginCandidate();
  void ApplyCandidate(const replication::CandidateEffects& effects);
  void CandidateEnded();
  void AbandonCandidate();
  void Resume(const Epoch& epoch);
  bool WordIsTrue() const;
  void GrantSelf(const Epoch& epoch);
  void AskGrants(const std::vector<std::string>& whom, bool dry_run);
  void FetchTail(const replication::FetchTail& what);
  void OnTail(uint64_t first_seq, const Digest& before, const std::vector<Entry>& entries);

  World& world_;
  int index_;
  std::string id_;
  Disk disk_;
  uint64_t life_ = 0;
  MonoTime paused_until_{};
  Nanos clock_ahead_{};
  std::unique_ptr<Live> live_;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_NODE_H_

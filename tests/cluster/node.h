#ifndef HOLDFAST_TESTS_CLUSTER_NODE_H_
#define HOLDFAST_TESTS_CLUSTER_NODE_H_

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replication/core/commit_rule.h"
#include "replication/core/follower.h"
#include "replication/core/publisher.h"
#include "replication/core/restart.h"
#include "replication/core/role.h"
#include "tests/cluster/disk.h"
#include "tests/cluster/network.h"
#include "tests/cluster/planted.h"

namespace holdfast::sim {

std::string NodeName(int index);

// One node: the machines of replication/core in a shell that is small enough to be read, and that
// does what docs/formats/stream.md asks of a shell. What it holds is lost in a crash, but the disk.
//
// Files       node.cc: start, roles, epochs. node_primary.cc: writing, publishing.
// node_follower.cc:
//             the stream it follows. node_calls.cc: exchange, restart, grants.
class Node {
 public:
  Node(World& world, int index);

  // ---- The machine room.
  void Boot();
  void Crash();
  bool up() const { return live_ != nullptr; }
  uint64_t life() const { return life_; }
  Disk& disk() { return disk_; }

  // ---- The network's.
  void OnAccepted(const LinkPtr& link);
  void OnDialed(uint64_t dial, const LinkPtr& link);  // null: refused
  void OnLinkBroken(const LinkPtr& link);

  // ---- Clients and operators.
  bool gate_open() const { return up() && live_->role.gate_open(); }
  bool Write(uint64_t number, std::optional<uint32_t> k);
  void Promote(bool old_primary_is_down);
  bool MayPromote() const;
  bool HasLiveStream() const;  // of a primary that is heard
  void Trim();
  void FailLog();
  uint64_t shown() const { return live_->shown; }
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
    bool flushing = false;
    // As a candidate.
    std::unique_ptr<replication::RestartMachine> restart;
    uint64_t attempt = 0;
    bool ordered = false;
    bool word = false;
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
  uint32_t SettingK() const;
  std::vector<replication::KSetting> PendingK() const;
  std::vector<uint32_t> PendingKs() const;
  std::vector<std::string> Others() const;

  // node_primary.cc
  void Lead(const Epoch& epoch);
  void StopPublishing();
  void Drain();
  void Append(Entry entry);
  void Flush();
  void RuleMoved();
  void Answer();
  replication::PrimaryLog LogNow(const replication::HelloInfo& hello) const;
  void OnHello(uint64_t id, const replication::HelloInfo& hello);
  void OnAck(uint64_t id, const replication::AckInfo& ack);
  void ApplyStream(uint64_t id, const replication::PublisherEffects& effects);
  void SendBatch(uint64_t id, const replication::SendBatch& what);
  void SendSnapshots();
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
  void FollowerSnapshot(const std::vector<Entry>& entries);
  void PersistThenGoOn(const Epoch& epoch);
  void CutThenGoOn(uint64_t seq);
  void SendAck();

  // node_calls.cc
  void UpdatePrimary();
  void Exchange();
  replication::MemberReport Report() const;
  void OnReport(const replication::MemberReport& report);
  void BeginRestart();
  void ApplyRestart(const replication::RestartEffects& effects);
  void AbandonRestart();
  void GrantSelf(const Epoch& epoch);
  void AskGrants(const std::vector<std::string>& whom);
  void OnGrantAsk(const replication::GrantAsk& ask, const Network::Respond& respond);

  World& world_;
  int index_;
  std::string id_;
  Disk disk_;
  uint64_t life_ = 0;
  std::unique_ptr<Live> live_;
};

}  // namespace holdfast::sim

#endif  // HOLDFAST_TESTS_CLUSTER_NODE_H_

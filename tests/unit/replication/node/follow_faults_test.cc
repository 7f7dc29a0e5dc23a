#include <gtest/gtest.h>

#include <utility>

#include "replication/node/translate.h"
#include "server/base/encoding.h"
#include "server/base/mutex.h"
#include "server/crypto/record_chain.h"
#include "tests/unit/replication/node/node_fixture.h"

namespace holdfast::replication {
namespace {

// A primary whose log is right and who says what a test makes of it.
class ScriptedPrimary : public PeerHandler {
 public:
  using Twist = std::function<void(std::vector<v1::PrimaryFrame>& frames)>;

  explicit ScriptedPrimary(Member& member) : member_(member) {
    server_ = *PeerServer::Start(member.Address(), member.tls(), *this, member.disk().clock());
  }
  // Ends the stream; the next ones are twisted so. Null: says what is right.
  void Set(Twist twist) {
    MutexLock lock(mu_);
    twist_ = std::move(twist);
    if (connection_ != nullptr) connection_->Cancel();
  }
  int streams() const {  // that have ended
    MutexLock lock(mu_);
    return streams_;
  }

  absl::Status CheckMember(const PeerIdentity&) override { return absl::OkStatus(); }
  // The time from the first report that the follower gave of itself to the first that says that it
  // follows; nullopt: not yet.
  std::optional<std::chrono::nanoseconds> KnownToFollowAfter() const {
    MutexLock lock(mu_);
    return known_after_;
  }
  void ForgetReports() {
    MutexLock lock(mu_);
    first_report_.reset();
    known_after_.reset();
  }
  v1::ExchangeResponse Exchange(const PeerIdentity&, const v1::ExchangeRequest& request) override {
    v1::ExchangeResponse response;
    NoteReport(request.me());
    const LogShape shape = member_.disk().ledger().Shape();
    v1::NodeReport& me = *response.mutable_me();
    me.set_node_id(member_.name());
    me.set_role("primary");
    me.set_state("running");
    me.set_serving(true);
    *me.mutable_epoch() = ToMessage(shape.history.back().epoch);
    *me.mutable_granted() = me.epoch();
    *me.mutable_last_epoch() = ToMessage(shape.last.epoch);
    me.set_head_seq(shape.last.seq);
    me.set_committed_seq(shape.last.seq);
    return response;
  }
  absl::StatusOr<v1::GrantResponse> Grant(const PeerIdentity&, const v1::GrantRequest&) override {
    return absl::UnimplementedError("not this one");
  }
  absl::StatusOr<v1::ReadJournalResponse> ReadJournal(const PeerIdentity&,
                                                      const v1::ReadJournalRequest&) override {
    return v1::ReadJournalResponse();
  }
  absl::StatusOr<v1::ReadLogResponse> ReadLog(const PeerIdentity&,
                                              const v1::ReadLogRequest&) override {
    return absl::UnimplementedError("not this one");
  }
  absl::StatusOr<v1::TakeOverResponse> TakeOver(const PeerIdentity&,
                                                const v1::TakeOverRequest&) override {
    return absl::UnimplementedError("not this one");
  }
  absl::Status Follow(const PeerIdentity&, FollowerConnection& connection) override {
    v1::FollowerFrame frame;
    if (!connection.Read(&frame) || !frame.has_hello()) return absl::CancelledError("no hello");
    std::vector<v1::PrimaryFrame> frames = FramesFor(frame.hello());
    {
      MutexLock lock(mu_);
      if (twist_) twist_(frames);
      connection_ = &connection;
    }
    for (const v1::PrimaryFrame& next : frames) connection.Write(next);
    while (connection.Read(&frame)) continue;
    MutexLock lock(mu_);
    connection_ = nullptr;
    ++streams_;
    return absl::OkStatus();
  }

 private:
  void NoteReport(const v1::NodeReport& report) {
    MutexLock lock(mu_);
    const MonoTime now = member_.disk().clock().Mono();
    if (!first_report_) first_report_ = now;
    const bool follows = report.state() == ToText(PeerState::kStreaming) ||
                         report.state() == ToText(PeerState::kCatchup);
    if (follows && !known_after_) known_after_ = now - *first_report_;
  }
  // The answer, all that the follower lacks in one batch, and a heartbeat.
  std::vector<v1::PrimaryFrame> FramesFor(const v1::Hello& hello) {
    Ledger& ledger = member_.disk().ledger();
    const LogShape shape = ledger.Shape();
    const Epoch epoch = shape.history.back().epoch;
    std::vector<v1::PrimaryFrame> frames(3);
    *frames[0].mutable_hello_answer() =
        ToMessage(HelloAnswerInfo{.verdict = HelloVerdict::kContinue,
                                  .epoch = epoch,
                                  .committed_seq = shape.last.seq,
                                  .history = shape.history});
    const auto entries = ledger.ReadLog(hello.last_seq() + 1, 1000, 1 << 20);
    if (entries.ok() && !entries->empty()) {
      *frames[1].mutable_batch() = ToBatch(epoch, *ledger.DigestAt(hello.last_seq()), *entries,
                                           shape.last.seq, shape.last.seq, 0);
    }
    *frames[2].mutable_heartbeat() = ToMessage(
        HeartbeatInfo{.epoch = epoch, .head_seq = shape.last.seq, .committed_seq = shape.last.seq},
        0);
    if (!frames[1].has_batch()) frames.erase(frames.begin() + 1);
    return frames;
  }

  Member& member_;
  mutable Mutex mu_;
  Twist twist_ ABSL_GUARDED_BY(mu_);
  FollowerConnection* connection_ ABSL_GUARDED_BY(mu_) = nullptr;
  int streams_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<MonoTime> first_report_ ABSL_GUARDED_BY(mu_);
  std::optional<std::chrono::nanoseconds> known_after_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<PeerServer> server_;
};

// `b` follows the scripted primary `a`, and has everything up to "alice".
class FollowFaultsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status founded = a_.Found({b_.Row()});
    ASSERT_TRUE(founded.ok()) << founded;
    ASSERT_TRUE(a_.disk().AddUser("alice").ok());
    primary_ = std::make_unique<ScriptedPrimary>(a_);
    const absl::Status started = b_.Start({a_.Row(), b_.Row()});
    ASSERT_TRUE(started.ok()) << started;
    ASSERT_TRUE(Eventually([&] { return b_.shown() == a_.head(); }));
  }
  void TearDown() override {
    b_.Crash();
    primary_.reset();
  }

  void SecondEpoch() {
    b_.Crash();
    a_.disk().ledger().StepDown();
    ASSERT_TRUE(a_.disk().ledger().StartEpoch(EpochOf(2)).ok());
    ASSERT_TRUE(b_.Start().ok());
    ASSERT_TRUE(Eventually([&] { return b_.shown() == a_.head(); }));
  }
  // "bob" is written, and comes to `b` with `twist` only: `b` takes nothing, says why and goes on
  // serving; then the primary says what is right.
  void ExpectRefused(const ScriptedPrimary::Twist& twist, const std::string& why,
                     std::optional<PeerState> state = std::nullopt) {
    const Digest before = b_.disk().StateDigestNow();
    const uint64_t head = b_.head();
    ASSERT_TRUE(a_.disk().AddUser("bob").ok());
    primary_->Set(twist);
    ASSERT_TRUE(Eventually([&] { return b_.node().Link().fault.find(why) != std::string::npos; }))
        << b_.node().Link().fault;
    if (state) {
      EXPECT_TRUE(Eventually([&] { return b_.node().Link().state == *state; }));
      EXPECT_TRUE(Eventually([&] { return b_.node().Me().state() == ToText(*state); }));
    }
    const int seen = primary_->streams();  // It comes again, and takes nothing again.
    ASSERT_TRUE(Eventually([&] { return primary_->streams() > seen; }));
    EXPECT_EQ(b_.head(), head);
    EXPECT_EQ(b_.disk().StateDigestNow(), before);
    EXPECT_TRUE(b_.Reads());
    EXPECT_TRUE(b_.disk().Knows("alice"));
    EXPECT_FALSE(b_.disk().Knows("bob"));
    primary_->Set(nullptr);
    ASSERT_TRUE(Eventually([&] { return b_.shown() == a_.head(); })) << b_.node().Link().fault;
    EXPECT_TRUE(b_.disk().Knows("bob"));
    EXPECT_EQ(b_.disk().StateDigestNow(), a_.disk().StateDigestNow());
    EXPECT_TRUE(Eventually([&] { return b_.node().Link().live; }));
  }
  const std::shared_ptr<const SecretBytes> root_ = NewRoot();
  const crypto::CertificateAuthority authority_ =
      *crypto::CreateAuthority(kCluster, RealClock().Wall());
  Member a_{"a", authority_, root_};
  Member b_{"b", authority_, root_};
  std::unique_ptr<ScriptedPrimary> primary_;
};

// The twists find: the answer, the batch that holds "bob", a heartbeat.
v1::Batch& BatchOf(std::vector<v1::PrimaryFrame>& frames) { return *frames.at(1).mutable_batch(); }

// It follows a moment after it has heard of the primary, with the exchange that told it; the next
// usual one comes a second after that. The best of some starts: the machine may be slow at times.
TEST_F(FollowFaultsTest, WhatChangesOfANodeIsToldAtOnce) {
  constexpr std::chrono::nanoseconds kSoon =
      std::chrono::milliseconds(limits::kHeartbeatEvery) * 3 / 4;
  std::optional<std::chrono::nanoseconds> best;
  for (int start = 0; start < 10 && best.value_or(kSoon) >= kSoon; ++start) {
    b_.Crash();
    primary_->ForgetReports();
    ASSERT_TRUE(b_.Start().ok());
    ASSERT_TRUE(Eventually([&] { return primary_->KnownToFollowAfter().has_value(); }));
    best = std::min(best.value_or(kSoon), *primary_->KnownToFollowAfter());
  }
  EXPECT_LT(*best, kSoon);
}

TEST_F(FollowFaultsTest, AGap) {
  ASSERT_TRUE(a_.disk().AddUser("carol").ok());
  ExpectRefused(
      [](std::vector<v1::PrimaryFrame>& frames) {
        v1::Batch& batch = BatchOf(frames);
        batch.set_first_seq(batch.first_seq() + 1);
        batch.set_previous_digest(batch.entries(0).digest());
        batch.mutable_entries()->DeleteSubrange(0, 1);
      },
      "expected seq ");
}

TEST_F(FollowFaultsTest, ABatchOfAnOldEpoch) {
  SecondEpoch();
  ExpectRefused(
      [](std::vector<v1::PrimaryFrame>& frames) { BatchOf(frames).mutable_epoch()->set_number(1); },
      "expected a frame of epoch 2@a, got 1@a");
}

TEST_F(FollowFaultsTest, AnAnswerOfAnOldEpoch) {
  SecondEpoch();
  ExpectRefused(
      [](std::vector<v1::PrimaryFrame>& frames) {
        v1::HelloAnswer& answer = *frames[0].mutable_hello_answer();
        answer.mutable_epoch()->set_number(1);
        answer.mutable_history()->DeleteSubrange(0, 1);
        BatchOf(frames).mutable_epoch()->set_number(1);
      },
      "this node has granted 2@a, the primary serves in 1@a");
}

TEST_F(FollowFaultsTest, AnotherPrimaryInTheSameEpoch) {
  ExpectRefused(
      [](std::vector<v1::PrimaryFrame>& frames) {
        v1::HelloAnswer& answer = *frames[0].mutable_hello_answer();
        answer.mutable_epoch()->set_node_id("c");
        answer.mutable_history(0)->mutable_epoch()->set_node_id("c");
      },
      "this node has granted 1@a, the primary serves in 1@c");
}

TEST_F(FollowFaultsTest, AWrongDigest) {
  ExpectRefused(
      [](std::vector<v1::PrimaryFrame>& frames) {
        (*BatchOf(frames).mutable_entries(0)->mutable_record())[0] ^= 1;
      },
      "wrong chain digest", PeerState::kDiverged);
}

TEST_F(FollowFaultsTest, AWrongDigestBeforeTheBatch) {
  ExpectRefused(
      [this](std::vector<v1::PrimaryFrame>& frames) {
        v1::Batch& batch = BatchOf(frames);
        Digest before{};  // Of another history: all that comes behind it fits.
        batch.set_previous_digest(std::string(before.begin(), before.end()));
        for (v1::LogEntryMessage& entry : *batch.mutable_entries()) {
          const LogEntry other = crypto::MakeEntry(EpochOf(1), batch.first_seq(), before,
                                                   entry.record(), a_.disk().keys());
          entry.set_digest(std::string(other.digest.begin(), other.digest.end()));
          entry.set_mac(std::string(other.mac.begin(), other.mac.end()));
          before = other.digest;
        }
      },
      "another chain digest", PeerState::kDiverged);
}

TEST_F(FollowFaultsTest, AWrongMac) {
  ExpectRefused(
      [](std::vector<v1::PrimaryFrame>& frames) {
        (*BatchOf(frames).mutable_entries(0)->mutable_mac())[0] ^= 1;
      },
      "wrong MAC", PeerState::kDiverged);
}

TEST_F(FollowFaultsTest, AnUnknownRecordKind) {
  ExpectRefused(
      [this](std::vector<v1::PrimaryFrame>& frames) {
        v1::Batch& batch = BatchOf(frames);
        batch.mutable_entries()->DeleteSubrange(1, batch.entries_size() - 1);
        v1::LogEntryMessage& entry = *batch.mutable_entries(0);
        v1::Record record;
        ASSERT_TRUE(record.ParseFromString(entry.record()));
        record.set_kind(static_cast<v1::RecordKind>(99));
        const LogEntry other = crypto::MakeEntry(EpochOf(1), batch.first_seq(),
                                                 *ToArray<Digest>(batch.previous_digest()),
                                                 record.SerializeAsString(), a_.disk().keys());
        entry.set_record(other.record);
        entry.set_digest(std::string(other.digest.begin(), other.digest.end()));
        entry.set_mac(std::string(other.mac.begin(), other.mac.end()));
      },
      "record kind 99", PeerState::kUpgradeRequired);
}

TEST_F(FollowFaultsTest, ABatchBeforeTheAnswer) {
  ExpectRefused([](std::vector<v1::PrimaryFrame>& frames) { std::swap(frames[0], frames[1]); },
                "a batch before the stream");
}

TEST_F(FollowFaultsTest, AHeartbeatBeforeTheAnswer) {
  ExpectRefused([](std::vector<v1::PrimaryFrame>& frames) { std::swap(frames[0], frames[2]); },
                "a heartbeat before the stream");
}

TEST_F(FollowFaultsTest, ASecondAnswer) {
  ExpectRefused([](std::vector<v1::PrimaryFrame>& frames) { frames[1] = frames[0]; },
                "an answer without a hello");
}

TEST_F(FollowFaultsTest, AFrameOfAnUnknownKind) {
  ExpectRefused([](std::vector<v1::PrimaryFrame>& frames) { frames[1].Clear(); },
                "a frame of an unknown kind");
}

TEST_F(FollowFaultsTest, AnEmptyBatch) {
  ExpectRefused([](std::vector<v1::PrimaryFrame>& frames) { BatchOf(frames).clear_entries(); },
                "batch: expected 1 to ");
}

TEST_F(FollowFaultsTest, ARefusal) {
  ExpectRefused(
      [](std::vector<v1::PrimaryFrame>& frames) {
        frames.resize(1);
        frames[0].mutable_hello_answer()->set_verdict(v1::HELLO_VERDICT_REFUSED);
        frames[0].mutable_hello_answer()->set_reason("not this cluster");
      },
      "not this cluster");
}

TEST_F(FollowFaultsTest, AnOrderToCutWhatWasShown) {
  ExpectRefused(
      [](std::vector<v1::PrimaryFrame>& frames) {
        frames[0].mutable_hello_answer()->set_verdict(v1::HELLO_VERDICT_CUT);
        frames[0].mutable_hello_answer()->set_cut_after_seq(1);
      },
      "asked to cut what was shown here", PeerState::kDiverged);
}

TEST_F(FollowFaultsTest, AnotherStateDigestEndsServingUntilASnapshotCame) {
  primary_->Set([this](std::vector<v1::PrimaryFrame>& frames) {
    frames.back().mutable_heartbeat()->set_digest_seq(a_.head());
    frames.back().mutable_heartbeat()->set_state_digest(std::string(32, 'x'));
  });
  ASSERT_TRUE(Eventually([&] { return !b_.Reads(); }));
  // A log that goes on is not what it needs, now or after a restart.
  ASSERT_TRUE(Eventually(
      [&] { return b_.node().Link().fault.find("expected a snapshot") != std::string::npos; }));
  b_.Crash();
  ASSERT_TRUE(b_.Start().ok());
  EXPECT_FALSE(b_.Reads());
  primary_.reset();
  a_.Crash();
  const absl::Status started = a_.Start();  // A real one.
  ASSERT_TRUE(started.ok()) << started;
  ASSERT_TRUE(Eventually([&] { return b_.Reads(); })) << b_.node().Link().fault;
  EXPECT_TRUE(b_.disk().Knows("alice"));
}

}  // namespace
}  // namespace holdfast::replication

#include "replication/ledger/ledger.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "replication/core/history.h"
#include "replication/ledger/history_fact.h"
#include "server/crypto/record_chain.h"
#include "server/vault/refusal.h"
#include "tests/unit/replication/ledger/ledger_fixture.h"

namespace holdfast::replication {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using vault::Refusal;
using vault::RefusalOf;

TEST_F(LedgerTest, ALostCommittedFileIsNotMadeAnew) {
  ASSERT_EQ(unlink((node_.folder() + "/committed").c_str()), 0);
  for (int start = 0; start < 2; ++start) {
    node_.Crash();
    const absl::Status opened = node_.Open();
    EXPECT_EQ(opened.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(opened.message()), HasSubstr("/committed: not there"));
    node_.Crash();  // Lets go of the disk.
  }
}

TEST_F(LedgerTest, WhatWasAnsweredIsThereAfterACrash) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  const Digest before = node_.StateDigestNow();
  node_.Crash();
  ASSERT_TRUE(node_.Open().ok());
  EXPECT_TRUE(node_.Knows("alice"));
  EXPECT_EQ(node_.StateDigestNow(), before);
}

TEST_F(LedgerTest, ARefusedCommandTakesNoSeq) {
  const auto first = node_.AddUser("alice");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(RefusalOf(node_.AddUser("alice").status()), Refusal::kAlreadyExists);
  const auto second = node_.AddUser("bob");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->position.seq, first->position.seq + 1);
}

TEST_F(LedgerTest, CommandsOfOneBatchSeeEachOther) {
  std::vector<std::future<absl::StatusOr<WriteResult>>> answers;
  for (int i = 0; i < 50; ++i) {
    vault::AddUser add;
    add.user.set_name("twin");
    add.user.set_organization_id(1);
    add.user.set_role(v1::ROLE_PASSWORD_USER);
    answers.push_back(node_.Submit(std::move(add)));
  }
  int made = 0;
  for (auto& answer : answers) made += answer.get().ok() ? 1 : 0;
  EXPECT_EQ(made, 1);
}

TEST_F(LedgerTest, WhatProgressNamesCanBeReadAtOnce) {
  std::atomic<bool> stop = false;
  std::atomic<int> missing = 0;
  std::thread stream([&] {  // as a follower's stream does
    while (!stop) {
      const uint64_t head = node_.ledger().progress().head_seq;
      const auto entries = node_.ledger().ReadLog(head, 1, 1);
      if (!entries.ok() || entries->empty()) ++missing;
    }
  });
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(node_.AddUser("user" + std::to_string(i)).ok());
  stop = true;
  stream.join();
  EXPECT_EQ(missing, 0);
}

TEST_F(LedgerTest, AFailedCommitClosesItAndReadsGoOn) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  node_.disk().FailNextCommit(absl::DataLossError("fsync failed"), /*lands=*/true);
  EXPECT_EQ(RefusalOf(node_.AddUser("bob").status()), Refusal::kOutcomeUnknown);
  EXPECT_EQ(RefusalOf(node_.AddUser("carol").status()), Refusal::kLedgerClosed);
  EXPECT_TRUE(node_.Knows("alice"));
  EXPECT_FALSE(node_.Knows("bob"));
  EXPECT_FALSE(node_.ledger().progress().failure.ok());
}

TEST_F(LedgerTest, WithoutASecondaryNothingIsPlanned) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());  // committed under the old setting
  const uint64_t head = node_.ledger().progress().head_seq;
  EXPECT_EQ(RefusalOf(node_.AddUser("alice").status()), Refusal::kNotEnoughSecondaries);
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
}

TEST_F(LedgerTest, AWriteWaitsForItsAcknowledgementAndIsNotShownBefore) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  node_.ledger().OnConnected("b");
  node_.ledger().OnAck("b", AckOf(node_.ledger().progress().head_seq));

  EXPECT_EQ(RefusalOf(node_.AddUser("alice").status()), Refusal::kOutcomeUnknown);
  EXPECT_FALSE(node_.Knows("alice"));  // pending: kept, not shown

  const uint64_t before_bob = node_.ledger().progress().head_seq;
  auto bob = node_.Submit([] {
    vault::AddUser add;
    add.user.set_name("bob");
    add.user.set_organization_id(1);
    add.user.set_role(v1::ROLE_PASSWORD_USER);
    return add;
  }());
  while (node_.ledger().progress().durable_seq <= before_bob) {
  }
  node_.ledger().OnAck("b", AckOf(before_bob + 1));
  EXPECT_TRUE(bob.get().ok());
  EXPECT_TRUE(node_.Knows("alice"));
  EXPECT_TRUE(node_.Knows("bob"));
}

TEST_F(LedgerTest, ShownStaysShownWhenTheRowsWereNotStoredYet) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  node_.ledger().OnConnected("b");
  node_.ledger().OnAck("b", AckOf(node_.ledger().progress().head_seq));
  (void)node_.AddUser("alice");
  node_.ledger().OnAck("b", AckOf(node_.ledger().progress().head_seq));
  while (!node_.Knows("alice")) {
  }
  node_.Crash();
  ASSERT_TRUE(node_.Open().ok());
  EXPECT_TRUE(node_.Knows("alice"));
}

TEST_F(LedgerTest, WhatNobodyConfirmsDoesNotPileUpWithoutEnd) {
  node_.Crash();
  ASSERT_TRUE(node_.Open(std::chrono::milliseconds(1), /*pending_writes_max=*/4).ok());
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(2)).ok());
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  node_.ledger().OnConnected("b");
  node_.ledger().OnAck("b", {.epoch = EpochOf(2)});  // it is there, and confirms nothing
  for (int i = 0; i < 4; ++i) (void)node_.AddUser("u" + std::to_string(i));
  const uint64_t head = node_.ledger().progress().head_seq;
  EXPECT_EQ(vault::RefusalOf(node_.AddUser("one-too-many").status()), vault::Refusal::kOverloaded);
  EXPECT_EQ(node_.ledger().progress().head_seq, head);
}

// ---- The other side: what a secondary does with the same entries.

TEST_F(FollowingTest, ItIsAPrefixWithTheSameDigest) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  const uint64_t head = node_.ledger().progress().head_seq;
  const ForeignOutcome outcome = Send(1, head);
  EXPECT_FALSE(outcome.refusal.has_value()) << outcome.detail;
  EXPECT_TRUE(outcome.failure.ok()) << outcome.failure;
  EXPECT_TRUE(follower_.Knows("alice"));
  EXPECT_EQ(follower_.StateDigestNow(), node_.StateDigestNow());
  follower_.Crash();
  ASSERT_TRUE(follower_.Open().ok());
  EXPECT_TRUE(follower_.Knows("alice"));
}

TEST_F(FollowingTest, PendingIsKeptNotShownAndCanBeCut) {
  const uint64_t before = node_.ledger().progress().head_seq;
  ASSERT_TRUE(node_.AddUser("alice").ok());
  Send(1, before);
  EXPECT_EQ(follower_.ledger().progress().head_seq, before + 1);
  EXPECT_FALSE(follower_.Knows("alice"));
  follower_.Crash();
  ASSERT_TRUE(follower_.Open().ok());
  EXPECT_EQ(follower_.ledger().progress().head_seq, before + 1);  // a restart drops nothing
  EXPECT_FALSE(follower_.Knows("alice"));
  EXPECT_FALSE(follower_.ledger().CutAfter(before - 1).ok());  // what was shown is never cut
  EXPECT_TRUE(follower_.ledger().CutAfter(before).ok());
  EXPECT_EQ(follower_.ledger().progress().head_seq, before);
}

TEST_F(FollowingTest, AGapAndAnOldEpochChangeNothing) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  EXPECT_EQ(Send(2, 0).refusal, BatchRefusal::kGap);
  EXPECT_EQ(follower_.ledger().progress().head_seq, 0U);
  follower_.ledger().HoldAppends(EpochOf(2, "c"));
  EXPECT_TRUE(Send(1, 0).refusal.has_value());
  // Somebody was about to follow the old primary when the newer epoch was granted.
  follower_.ledger().Follow(EpochOf(1), 1);
  EXPECT_TRUE(Send(1, 0).refusal.has_value());
  EXPECT_EQ(follower_.ledger().progress().head_seq, 0U);
}

TEST_F(FollowingTest, ACutBeforeACrashLeavesNoEpochBehind) {
  const uint64_t shown = node_.ledger().progress().head_seq;
  Send(1, shown);
  std::vector<EpochStart> history = follower_.ledger().Shape().history;
  history.push_back({.epoch = EpochOf(2, "c"), .first_seq = shown + 1, .digest = Digest{7}});
  follower_.Crash();  // after the log was cut, before the history followed
  {
    auto store = storage::MemoryStore::Open(follower_.shared_disk());
    ASSERT_TRUE((*store)->PutFact(kHistoryFact, EncodeHistory(history)).ok());
  }
  ASSERT_TRUE(follower_.Open().ok());
  ASSERT_TRUE(node_.AddUser("alice").ok());
  follower_.ledger().Follow(EpochOf(1), 1);
  Send(shown + 1, shown + 1);  // the log grows past where that epoch had begun
  follower_.Crash();
  const absl::Status opened = follower_.Open();
  ASSERT_TRUE(opened.ok()) << opened;
  EXPECT_TRUE(follower_.Knows("alice"));
}

TEST_F(FollowingTest, AForgedEntryIsNotTaken) {
  auto entries = node_.ledger().ReadLog(1, 2, 1 << 20);
  ASSERT_TRUE(entries.ok());
  LogEntry forged = *entries->front();
  forged.record += 'x';
  EXPECT_TRUE(absl::IsDataLoss(
      CheckEntries({std::make_shared<const LogEntry>(forged)}, Digest{}, follower_.keys())
          .status()));
  forged = *entries->front();
  forged.mac[0] ^= 1;
  EXPECT_TRUE(absl::IsUnauthenticated(
      CheckEntries({std::make_shared<const LogEntry>(forged)}, Digest{}, follower_.keys())
          .status()));
}

// Right in its chain and its MAC: only this program is too old for it.
TEST_F(FollowingTest, WhatANewerProgramWroteIsNotTaken) {
  v1::Record known;
  known.mutable_epoch()->set_number(EpochOf(1).number);
  known.mutable_epoch()->set_node_id(EpochOf(1).node_id);
  known.set_seq(1);
  known.set_kind(v1::RECORD_KIND_CHANGES);
  const auto check = [this](const v1::Record& record) {
    const LogEntry entry =
        crypto::MakeEntry(EpochOf(1), 1, Digest{}, record.SerializeAsString(), follower_.keys());
    return CheckEntries({std::make_shared<const LogEntry>(entry)}, Digest{}, follower_.keys())
        .status();
  };
  EXPECT_TRUE(check(known).ok()) << check(known);

  v1::Record kind = known;
  kind.set_kind(static_cast<v1::RecordKind>(9));
  v1::Record field = known;
  field.GetReflection()->MutableUnknownFields(&field)->AddVarint(99, 1);
  v1::Record table = known;
  table.add_changes()->mutable_delete_()->set_table(static_cast<v1::Table>(99));
  v1::Record change = known;
  change.add_changes();
  for (const v1::Record& record : {kind, field, table, change}) {
    const absl::Status status = check(record);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << record.ShortDebugString();
    EXPECT_EQ(status.message().find("upgrade_required"), 0U) << status;
  }
}

TEST_F(FollowingTest, ASnapshotReplacesEverythingOrNothing) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  std::vector<v1::RowChange> rows;
  const auto point = CopyInto(rows);
  ASSERT_TRUE(point.ok());
  std::vector<v1::RowChange> changed = rows;
  changed.pop_back();
  EXPECT_TRUE(absl::IsDataLoss(Replace(*point, changed)));
  EXPECT_EQ(follower_.ledger().progress().committed_seq, 0U);
  ASSERT_TRUE(Replace(*point, rows).ok());
  EXPECT_TRUE(follower_.Knows("alice"));

  // An older one is refused: shown never goes back.
  SnapshotPoint older = *point;
  --older.seq;
  EXPECT_TRUE(absl::IsDataLoss(Replace(older, rows)));
  EXPECT_EQ(follower_.ledger().progress().committed_seq, point->seq);

  // And the log goes on behind it, also over a restart.
  ASSERT_TRUE(node_.AddUser("bob").ok());
  follower_.Crash();
  ASSERT_TRUE(follower_.Open().ok());
  EXPECT_TRUE(follower_.Knows("alice"));
  follower_.ledger().Follow(EpochOf(1), 1);
  const ForeignOutcome outcome = Send(point->seq + 1, node_.ledger().progress().head_seq);
  EXPECT_FALSE(outcome.refusal.has_value()) << outcome.detail;
  EXPECT_TRUE(follower_.Knows("bob"));
  EXPECT_EQ(follower_.StateDigestNow(), node_.StateDigestNow());
}

std::set<id_t> Threads() {
  std::set<id_t> threads;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    threads.insert(static_cast<id_t>(std::stoul(task.path().filename())));
  }
  return threads;
}

TEST_F(FollowingTest, ASnapshotThatComesInGivesWayToReadsAndWrites) {
  const int usual = getpriority(PRIO_PROCESS, 0);
  if (usual > 9) GTEST_SKIP() << "nothing can be ten steps nicer than " << usual;
  auto staged = follower_.ledger().StageRows();
  ASSERT_TRUE(staged.ok()) << staged.status();
  const std::set<id_t> before = Threads();
  SnapshotRows rows(follower_.keys(), *std::move(staged));
  const auto that_give_way = [&] {
    int count = 0;
    for (const id_t thread : Threads()) {
      if (!before.contains(thread) && getpriority(PRIO_PROCESS, thread) == usual + 10) ++count;
    }
    return count;
  };
  const RealClock clock;
  const MonoTime until = clock.Mono() + std::chrono::seconds(30);
  while (that_give_way() < 2 && clock.Mono() < until) std::this_thread::yield();
  EXPECT_EQ(that_give_way(), 2);  // one stores the rows, one builds the state
}

TEST_F(FollowingTest, ADivergedNodeTakesASnapshotOfANewerEpochAlsoAtALowerSeq) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  ASSERT_TRUE(node_.AddUser("bob").ok());
  const uint64_t head = node_.ledger().progress().head_seq;
  Send(1, head);
  ASSERT_TRUE(follower_.Knows("bob"));

  std::vector<v1::RowChange> rows;
  auto point = CopyInto(rows);
  point->last_epoch = EpochOf(2, "c");  // as if another primary had gone on from before bob
  point->seq = head - 1;
  point->history.push_back({.epoch = EpochOf(2, "c"), .first_seq = head - 1, .digest = Digest{7}});
  const absl::Status replaced = Replace(*point, rows);
  ASSERT_TRUE(replaced.ok()) << replaced;
  for (int starts = 0; starts < 2; ++starts) {
    EXPECT_EQ(follower_.ledger().progress().shown, (Position{.epoch = 2, .seq = head - 1}));
    EXPECT_EQ(follower_.ledger().Shape().history, point->history);
    follower_.Crash();
    const absl::Status opened = follower_.Open();
    ASSERT_TRUE(opened.ok()) << opened;
  }
}

// Each row of the copy is of another moment; together they are those of one position.
TEST_F(FollowingTest, ACopyMadeWhileOthersWriteIsOfOnePosition) {
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(node_.AddUser("user" + std::to_string(i)).ok());
  std::vector<v1::RowChange> changes;
  int written = 0;
  const auto point = node_.ledger().CopyRows([&](const v1::RowChange& change) {
    changes.push_back(change);
    // After the first user: rows that are copied already change, others come, names move.
    if (change.put().has_user() && written < 400) {
      EXPECT_TRUE(node_.AddUser("later" + std::to_string(written++)).ok());
    }
    return absl::OkStatus();
  });
  ASSERT_TRUE(point.ok()) << point.status();
  EXPECT_EQ(written, 400);
  EXPECT_EQ(point->changes, changes.size());
  ASSERT_TRUE(node_.AddUser("after").ok());
  const absl::Status replaced = Replace(*point, changes);
  ASSERT_TRUE(replaced.ok()) << replaced;
  EXPECT_TRUE(follower_.Knows("later399"));
  EXPECT_FALSE(follower_.Knows("after"));
  EXPECT_EQ(follower_.ledger().progress().committed_seq, point->seq);
}

// As a copy sees it that came between: the first row before, the second one after.
TEST_F(FollowingTest, NamesThatChangedPlacesDuringACopyAreNoFault) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  ASSERT_TRUE(node_.AddUser("bob").ok());
  std::vector<v1::RowChange> changes;
  std::vector<v1::RowChange> swapped;
  const auto point = node_.ledger().CopyRows([&](const v1::RowChange& change) {
    changes.push_back(change);
    const std::string& name = change.put().user().name();
    if (name == "alice" || name == "bob") swapped.push_back(change);
    return absl::OkStatus();
  });
  ASSERT_TRUE(point.ok());
  ASSERT_EQ(swapped.size(), 2U);
  std::vector<v1::RowChange> early = swapped;
  early[0].mutable_put()->mutable_user()->set_name("bob");
  early[1].mutable_put()->mutable_user()->set_name("alice");
  std::vector<v1::RowChange> all = changes;
  all.insert(all.end(), early.begin(), early.end());
  all.insert(all.end(), swapped.begin(), swapped.end());
  const absl::Status replaced = Replace(*point, all);
  EXPECT_TRUE(replaced.ok()) << replaced;
  EXPECT_TRUE(follower_.Knows("alice"));
  EXPECT_TRUE(follower_.Knows("bob"));
}

TEST_F(FollowingTest, RowsChangedByHandAreNotServedAndTheLogStaysGoodForAVote) {
  ASSERT_TRUE(node_.AddUser("alice").ok());
  Send(1, node_.ledger().progress().head_seq);
  const HeldLog held = follower_.ledger().Held();
  v1::RowChange change;
  follower_.ledger().Read([&](const vault::StateReader& state, Position) {
    *change.mutable_put()->mutable_user() = *state.FindUserByName(1, "alice");
  });
  follower_.Crash();
  change.mutable_put()->mutable_user()->set_super_administrator(true);
  ASSERT_TRUE(follower_.ChangeRowsByHand(change).ok());
  for (int starts = 0; starts < 2; ++starts) {
    const absl::Status opened = follower_.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    EXPECT_NE(follower_.ledger().progress().distrust.find("beside Holdfast"), std::string::npos);
    EXPECT_FALSE(follower_.Knows("alice"));
    EXPECT_EQ(follower_.ledger().Held().last, held.last);
    EXPECT_EQ(follower_.ledger().Held().setting_k, 0U) << "what is not known asks most of a quorum";
    EXPECT_FALSE(follower_.ledger().StartEpoch(EpochOf(7, "b")).ok());
    follower_.Crash();
  }
  ASSERT_TRUE(follower_.Open().ok());
  std::vector<v1::RowChange> rows;
  const auto point = CopyInto(rows);
  ASSERT_TRUE(Replace(*point, rows).ok());
  EXPECT_EQ(follower_.ledger().progress().distrust, "");
  follower_.Crash();
  ASSERT_TRUE(follower_.Open().ok());
  EXPECT_EQ(follower_.ledger().progress().distrust, "");
  EXPECT_TRUE(follower_.Knows("alice"));
}

// A copy up to the record that an epoch begins with, before that is committed: it counts as durable
// where it is in place, and is not to be read before somebody says that it is committed.
TEST_F(FollowingTest, ASnapshotOfAStartRecordThatIsNotCommittedIsKeptAndNotShown) {
  AddMember("b");
  ASSERT_TRUE(node_.Write(Durable(1)).ok());
  node_.ledger().OnConnected("b");
  node_.ledger().OnAck("b", AckOf(node_.ledger().progress().head_seq));
  vault::AddUser add;
  add.user.set_name("pending");
  add.user.set_organization_id(1);
  add.user.set_role(v1::ROLE_PASSWORD_USER);
  (void)node_.Submit(add).get();  // outcome unknown: nobody confirms it
  node_.ledger().StepDown();
  ASSERT_TRUE(node_.ledger().StartEpoch(EpochOf(2)).ok());
  const LedgerProgress starting = node_.ledger().progress();
  ASSERT_LT(starting.committed_seq, starting.head_seq);
  std::vector<v1::RowChange> rows;
  const auto add_row = [&](const v1::RowChange& row) {
    rows.push_back(row);
    return absl::OkStatus();
  };
  const auto committed = node_.ledger().CopyRows(add_row);
  EXPECT_EQ(committed->seq, starting.committed_seq);
  EXPECT_FALSE(committed->pending);
  rows.clear();
  const auto point = node_.ledger().CopyRows(add_row, /*with_start=*/true);
  ASSERT_TRUE(point.ok());
  EXPECT_EQ(point->seq, starting.head_seq);
  EXPECT_TRUE(point->pending);
  follower_.ledger().Unfollow();
  const absl::Status replaced = Replace(*point, rows);
  ASSERT_TRUE(replaced.ok()) << replaced;
  EXPECT_TRUE(follower_.ledger().progress().unconfirmed);
  EXPECT_EQ(follower_.ledger().progress().durable_seq, point->seq);
  EXPECT_EQ(follower_.ledger().Held().last.seq, point->seq);
  follower_.Crash();
  ASSERT_TRUE(follower_.Open().ok());
  EXPECT_TRUE(follower_.ledger().progress().unconfirmed);
  EXPECT_EQ(follower_.ledger().progress().distrust, "");

  follower_.ledger().Follow(EpochOf(2), point->seq);
  follower_.ledger().CommitForeign(point->seq - 1);
  EXPECT_TRUE(follower_.ledger().progress().unconfirmed);
  follower_.ledger().CommitForeign(point->seq);
  EXPECT_FALSE(follower_.ledger().progress().unconfirmed);
  EXPECT_TRUE(follower_.Knows("pending"));
  follower_.Crash();
  ASSERT_TRUE(follower_.Open().ok());
  EXPECT_FALSE(follower_.ledger().progress().unconfirmed);

  node_.ledger().OnConnected("b");
  AckInfo ack = AckOf(point->seq);
  ack.epoch = EpochOf(2);
  node_.ledger().OnAck("b", ack);
  EXPECT_EQ(node_.StateDigestNow(), follower_.StateDigestNow());
  EXPECT_FALSE(node_.ledger().CopyRows(add_row, /*with_start=*/true)->pending);
}

// The digest at a multiple is remembered: a follower may be told of it later.
TEST_F(FollowingTest, TheStateDigestIsRememberedAtMultiples) {
  std::vector<std::future<absl::StatusOr<WriteResult>>> writes;
  for (uint64_t i = 0; i < kDigestEvery + 40; ++i) {
    vault::AddUser add;
    add.user.set_name("u" + std::to_string(i));
    add.user.set_organization_id(1);
    add.user.set_role(v1::ROLE_PASSWORD_USER);
    writes.push_back(node_.Submit(std::move(add)));
    if (writes.size() < 64) continue;  // one that waits for longer than the fixture's is refused
    for (auto& write : writes) ASSERT_TRUE(write.get().ok());
    writes.clear();
  }
  for (auto& write : writes) ASSERT_TRUE(write.get().ok());
  const uint64_t head = node_.ledger().progress().head_seq;
  for (uint64_t seq = 1; seq <= head; seq += 100) Send(seq, head, 100);
  ASSERT_EQ(follower_.ledger().progress().committed_seq, head);
  const auto mark = node_.ledger().NewestDigestMark();
  ASSERT_TRUE(mark.has_value());
  EXPECT_EQ(mark->seq, kDigestEvery);
  EXPECT_EQ(follower_.ledger().StateDigestAt(kDigestEvery), mark->state_digest);
  EXPECT_EQ(follower_.ledger().StateDigestAt(head), node_.ledger().ShownDigest().state_digest);
  EXPECT_EQ(follower_.ledger().StateDigestAt(head - 1), std::nullopt);
}

// Whoever calls while the writer is idle is it for a moment, and answers: never two at once.
TEST_F(LedgerTest, WritersTakeTurns) {
  constexpr int kWrites = 300;
  AddMember("b");
  vault::SetSettings patient = Durable(1);
  patient.wait_ms = 25'000;
  ASSERT_TRUE(node_.Write(patient).ok());
  node_.ledger().OnConnected("b");
  node_.ledger().OnAck("b", AckOf(node_.ledger().progress().durable_seq));  // or nothing is taken
  std::atomic<int> answered = 0;
  std::atomic<int> inside = 0;
  std::atomic<bool> alone = true;
  std::thread follower([&] {
    while (answered < kWrites) {
      node_.ledger().OnAck("b", AckOf(node_.ledger().progress().durable_seq));
    }
  });
  std::thread asks([&] {
    while (answered < kWrites) node_.ledger().Held();
  });
  const auto done = [&](const absl::StatusOr<WriteResult>& result) {
    EXPECT_TRUE(result.ok()) << result.status();
    if (++inside > 1) alone = false;
    const MonoTime until = node_.clock().Mono() + std::chrono::microseconds(50);
    while (node_.clock().Mono() < until) std::this_thread::yield();
    --inside;
    ++answered;
  };
  for (int n = 0; n < kWrites; ++n) {
    vault::AddUser add;
    add.user.set_name(fmt::format("u{}", n));
    add.user.set_organization_id(1);
    add.user.set_role(v1::ROLE_PASSWORD_USER);
    vault::Command command{.now_ms = 1'700'000'000'000, .body = std::move(add)};
    command.actor.set_via("LOCAL");
    node_.ledger().Submit(std::move(command), {}, done);
  }
  follower.join();
  asks.join();
  EXPECT_TRUE(alone);
}

}  // namespace
}  // namespace holdfast::replication

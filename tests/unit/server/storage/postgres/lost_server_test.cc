#include <signal.h>

#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "server/storage/postgres/postgres_audit_store.h"
#include "tests/unit/server/storage/postgres/postgres_fixture.h"

namespace holdfast::storage::postgres {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// The server goes away at the worst moments; commits are found out, never guessed.
class LostServerTest : public PostgresFixture {
 protected:
  std::string Counts() {
    return Sql("SELECT count(*), max(seq) FROM holdfast.log") + " " +
           Sql("SELECT count(*), max(id) FROM holdfast.accounts");
  }
  static std::string Expected(uint64_t n) {
    const std::string number = std::to_string(n);
    return number + "|" + number + " " + number + "|" + number;
  }
};

TEST_F(LostServerTest, ACommitWhoseAnswerWasLostIsFoundThere) {
  const auto store = MustOpen();
  ASSERT_TRUE(AppendOne(*store, 1).ok());
  proxy_.Plan(SocketProxy::Fault::kAfter, kCommitMark);
  EXPECT_TRUE(AppendOne(*store, 2).ok());
  EXPECT_FALSE(proxy_.planned());
  EXPECT_TRUE(AppendOne(*store, 3).ok());
  EXPECT_EQ(Counts(), Expected(3));
}

TEST_F(LostServerTest, ACommitThatNeverArrivedIsSentAgain) {
  const auto store = MustOpen();
  ASSERT_TRUE(AppendOne(*store, 1).ok());
  proxy_.Plan(SocketProxy::Fault::kBefore, kCommitMark);
  EXPECT_TRUE(AppendOne(*store, 2).ok());
  EXPECT_FALSE(proxy_.planned());
  EXPECT_EQ(Counts(), Expected(2));
}

TEST_F(LostServerTest, AServerThatHangsIsCutOffAndAskedAgain) {
  auto opened = Open(/*by_proxy=*/true, std::chrono::milliseconds(1000));
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_TRUE(AppendOne(**opened, 1).ok());
  proxy_.Plan(SocketProxy::Fault::kHang, kCommitMark);
  EXPECT_TRUE(AppendOne(**opened, 2).ok());
  EXPECT_EQ(Counts(), Expected(2));
}

TEST_F(LostServerTest, EveryConnectionLostAtRandomLosesAndDoublesNothing) {
  const auto store = MustOpen();
  std::atomic<bool> end = false;
  std::thread cutter([&] {
    for (unsigned i = 0; !end; ++i) {
      for (unsigned spin = 0; spin < 1 + i * 7919 % 13; ++spin) {
        Sql("SELECT 1");  // a while: a new process each
      }
      proxy_.CutAll();
    }
  });
  for (uint64_t seq = 1; seq <= 300; ++seq) {
    const absl::Status status = AppendOne(*store, seq);
    ASSERT_TRUE(status.ok()) << status;
    if (seq % 50 == 0) {
      ASSERT_TRUE(store->ReadLog(seq, 1, 1000).ok());
    }
  }
  end = true;
  cutter.join();
  EXPECT_EQ(Counts(), Expected(300));
  EXPECT_TRUE(store->failure().ok());
}

TEST_F(LostServerTest, ARestartOfTheServerIsSurvivedByWritesReadsAndFacts) {
  const auto store = MustOpen();
  std::atomic<uint64_t> acknowledged = 0;
  std::atomic<bool> end = false;
  absl::Status failed;
  std::thread writer([&] {
    for (uint64_t seq = 1; !end && failed.ok(); ++seq) {
      failed = AppendOne(*store, seq);
      if (failed.ok()) acknowledged = seq;
    }
  });
  for (int round = 0; round < 3; ++round) {
    const uint64_t before = acknowledged;
    while (acknowledged < before + 20) std::this_thread::yield();
    if (round == 1) {
      const int backend = std::stoi(Sql("SELECT pid FROM pg_stat_activity WHERE datname = '" +
                                        database_ + "' AND usename = 'hf_runtime' LIMIT 1"));
      kill(backend, SIGKILL);  // The postmaster then restarts all of them.
    } else {
      server_.Restart();
    }
    EXPECT_TRUE(store->ReadLog(1, 1, 1000).ok());
    EXPECT_TRUE(store->GetFact("none").ok());
  }
  const uint64_t before = acknowledged;
  while (acknowledged < before + 5 && !end) std::this_thread::yield();
  end = true;
  writer.join();
  EXPECT_TRUE(failed.ok()) << failed;
  EXPECT_TRUE(store->PutFact("a", "1").ok());
  EXPECT_EQ(Counts(), Expected(acknowledged));
}

TEST_F(LostServerTest, AServerThatStaysAwayIsAnAnswerAndTheAppendIsFoundOutLater) {
  auto opened = Open(/*by_proxy=*/true, std::chrono::milliseconds(500));
  ASSERT_TRUE(opened.ok()) << opened.status();
  PostgresStore& store = **opened;
  ASSERT_TRUE(AppendOne(store, 1).ok());
  uint64_t seq = 2;
  for (const auto fault : {SocketProxy::Fault::kAfter, SocketProxy::Fault::kBefore}) {
    proxy_.Refuse(true);
    proxy_.Plan(fault, kCommitMark);
    const MonoTime began = clock_.Mono();
    const absl::Status status = AppendOne(store, seq);
    EXPECT_LT(clock_.Mono() - began, std::chrono::seconds(10));
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("is not known"));
    EXPECT_EQ(store.PutFact("a", "1").code(), StatusCode::kUnavailable) << "before that is known";
    EXPECT_EQ(store.FindOut().status().code(), StatusCode::kUnavailable);
    EXPECT_TRUE(store.failure().ok()) << store.failure();
    proxy_.Refuse(false);
    EXPECT_TRUE(store.PutFact("a", "1").ok());
    EXPECT_EQ(AppendOne(store, seq).code(), StatusCode::kFailedPrecondition) << "not asked for";
    const auto there = store.FindOut();
    ASSERT_TRUE(there.ok()) << there.status();
    EXPECT_EQ(*there, fault == SocketProxy::Fault::kAfter);
    EXPECT_FALSE(*store.FindOut()) << "asked for once";
    if (!*there) {
      EXPECT_TRUE(AppendOne(store, seq).ok()) << store.failure();
    }
    EXPECT_TRUE(AppendOne(store, ++seq).ok()) << store.failure();
    ++seq;
    EXPECT_EQ(Counts(), Expected(seq - 1));
  }
  opened->reset();
  EXPECT_EQ(MustOpen()->Load([](v1::Row&&) { return absl::OkStatus(); })->last.seq, seq - 1);
}

TEST_F(LostServerTest, AnAppendThatIsThereAfterAllCanBeCut) {
  auto opened = Open(/*by_proxy=*/true, std::chrono::milliseconds(500));
  ASSERT_TRUE(opened.ok()) << opened.status();
  PostgresStore& store = **opened;
  ASSERT_TRUE(AppendOne(store, 1).ok());
  proxy_.Refuse(true);
  proxy_.Plan(SocketProxy::Fault::kAfter, kCommitMark);
  const EntryPtr two[] = {EntryAt(2), EntryAt(3)};
  ASSERT_EQ(store.Append({.entries = two}).code(), StatusCode::kUnavailable);
  proxy_.Refuse(false);
  EXPECT_TRUE(*store.FindOut());
  EXPECT_TRUE(store.CutAfter(1, {{"history", "short"}}).ok());
  EXPECT_EQ(*store.GetFact("history"), "short");
  auto other = std::make_shared<LogEntry>(*EntryAt(2));
  other->epoch.number = 7;
  other->digest[0] ^= 1;
  const EntryPtr one[] = {other};
  ASSERT_TRUE(store.Append({.entries = one, .applied = AppliedAt(other)}).ok());
  EXPECT_EQ(store.Load([](v1::Row&&) { return absl::OkStatus(); })->last, PointOf(*other));
  EXPECT_EQ(Sql("SELECT count(*) FROM holdfast.log"), "2");
}

TEST_F(LostServerTest, AnIdleServerThatWentAwayIsWaitedForByWhoeverAsksAgain) {
  auto opened = Open(/*by_proxy=*/true, std::chrono::milliseconds(300));
  ASSERT_TRUE(opened.ok()) << opened.status();
  PostgresStore& store = **opened;
  ASSERT_TRUE(AppendOne(store, 1).ok());
  ASSERT_TRUE(AppendOne(store, 2).ok());
  proxy_.Refuse(true);
  proxy_.CutAll();
  EXPECT_EQ(store.PutFact("a", "1").code(), StatusCode::kUnavailable);
  EXPECT_EQ(store.TrimUpTo(1).code(), StatusCode::kUnavailable);
  EXPECT_EQ(store.CutAfter(2, {}).code(), StatusCode::kUnavailable);
  EXPECT_TRUE(store.failure().ok()) << store.failure();
  proxy_.Refuse(false);
  EXPECT_TRUE(store.PutFact("a", "1").ok());
  EXPECT_TRUE(store.TrimUpTo(1).ok());
}

// A cut, a fact, a trim and a snapshot: none of them closes the store, and each is what is there.
TEST_F(LostServerTest, WhateverWasWrittenIsFoundOutWhenTheServerIsBack) {
  for (const auto fault : {SocketProxy::Fault::kAfter, SocketProxy::Fault::kBefore}) {
    const bool lands = fault == SocketProxy::Fault::kAfter;
    auto opened = Open(/*by_proxy=*/true, std::chrono::milliseconds(300));
    ASSERT_TRUE(opened.ok()) << opened.status();
    PostgresStore& store = **opened;
    const uint64_t last = store.Load([](v1::Row&&) { return absl::OkStatus(); })->last.seq;
    ASSERT_TRUE(AppendOne(store, last + 1).ok());
    const EntryPtr pending[] = {EntryAt(last + 2), EntryAt(last + 3)};
    ASSERT_TRUE(store.Append({.entries = pending}).ok());
    const auto lose = [&](const std::string& mark, const std::function<absl::Status()>& write) {
      proxy_.Refuse(true);
      proxy_.Plan(fault, mark);
      EXPECT_EQ(write().code(), StatusCode::kUnavailable);
      EXPECT_FALSE(proxy_.planned());
      proxy_.Refuse(false);
    };
    lose("COMMIT", [&] { return store.CutAfter(last + 2, {{"history", std::to_string(last)}}); });
    EXPECT_EQ(*store.FindOut(), lands);
    EXPECT_EQ(Sql("SELECT max(seq) FROM holdfast.log"), std::to_string(last + (lands ? 2 : 3)));
    EXPECT_EQ(store.GetFact("history")->has_value(), lands);
    EXPECT_TRUE(store.CutAfter(last + 2, {}).ok());

    lose(kCommitMark, [&] { return store.PutFact("granted", "7"); });
    EXPECT_EQ(Sql("SELECT count(*) FROM holdfast.facts WHERE name = 'granted'"), lands ? "1" : "0");
    EXPECT_TRUE(store.PutFact("granted", "8").ok());
    EXPECT_EQ(**store.GetFact("granted"), "8");

    lose(kCommitMark, [&] { return store.TrimUpTo(last + 1); });
    EXPECT_TRUE(store.TrimUpTo(last + 1).ok());
    EXPECT_EQ(Sql("SELECT min(seq) FROM holdfast.log"), std::to_string(last + 2));

    int given = 0;
    const auto next = [&]() -> absl::StatusOr<std::optional<v1::Row>> {
      if (++given > 1) return std::optional<v1::Row>();
      return std::optional<v1::Row>(AccountRow(1, "new"));
    };
    const EntryPtr at = EntryAt(last + 9);
    lose("COMMIT", [&] { return store.ReplaceBySnapshot(next, AppliedAt(at), at->epoch, {}); });
    EXPECT_EQ(*store.FindOut(), lands);
    EXPECT_EQ(store.Load([](v1::Row&&) { return absl::OkStatus(); })->last.seq,
              last + (lands ? 9 : 2));
    EXPECT_TRUE(store.failure().ok()) << store.failure();
    EXPECT_TRUE(store.PutFact("history", "").ok());
    opened->reset();
    Sql("DELETE FROM holdfast.facts WHERE name IN ('history', 'granted')");
    if (lands) {
      EXPECT_EQ(Sql("SELECT count(*) FROM holdfast.accounts"), "1");
    }
  }
}

TEST_F(LostServerTest, AProcessThatEndsWaitsForNoServer) {
  const auto store = MustOpen();  // wait_max: 20 s
  ASSERT_TRUE(AppendOne(*store, 1).ok());
  proxy_.Refuse(true);
  proxy_.Plan(SocketProxy::Fault::kAfter, kCommitMark);
  absl::Status status;
  std::thread writer([&] { status = AppendOne(*store, 2); });
  std::thread reader([&] { store->GetFact("none").status().IgnoreError(); });
  while (proxy_.planned()) std::this_thread::yield();
  const MonoTime began = clock_.Mono();
  store->StopWaiting();
  writer.join();
  reader.join();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  EXPECT_EQ(AppendOne(*store, 2).code(), StatusCode::kUnavailable);
  EXPECT_FALSE(store->GetFact("none").ok());
  EXPECT_LT(clock_.Mono() - began, std::chrono::seconds(3));
}

TEST_F(LostServerTest, AProcessThatEndsCutsAServerThatHangs) {
  const auto store = MustOpen();
  ASSERT_TRUE(AppendOne(*store, 1).ok());
  proxy_.Plan(SocketProxy::Fault::kHang, kCommitMark);
  absl::Status status;
  std::thread writer([&] { status = AppendOne(*store, 2); });
  while (proxy_.planned()) std::this_thread::yield();
  const MonoTime began = clock_.Mono();
  store->StopWaiting();
  writer.join();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  EXPECT_LT(clock_.Mono() - began, std::chrono::seconds(5));
}

TEST_F(LostServerTest, AnotherProcessThatWroteMeanwhileIsDataLoss) {
  const auto first = MustOpen();
  ASSERT_TRUE(AppendOne(*first, 1).ok());
  proxy_.Refuse(true);
  proxy_.CutAll();
  {
    std::unique_ptr<PostgresStore> second;
    while (second == nullptr) {  // The server needs a moment to see that the first is gone.
      auto opened = Open(/*by_proxy=*/false);
      if (opened.ok()) second = *std::move(opened);
    }
    ASSERT_TRUE(AppendOne(*second, 2).ok());
  }
  proxy_.Refuse(false);
  const absl::Status status = AppendOne(*first, 2);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another process has written"));
  EXPECT_EQ(Counts(), Expected(2));
}

TEST_F(LostServerTest, WhetherACommitIsThereIsAskedUntilThereIsAnAnswer) {
  auto opened = Open(/*by_proxy=*/true, std::chrono::seconds(8));
  ASSERT_TRUE(opened.ok()) << opened.status();
  PostgresStore& store = **opened;
  ASSERT_TRUE(AppendOne(store, 1).ok());
  proxy_.Refuse(true);
  proxy_.Plan(SocketProxy::Fault::kAfter, kCommitMark);
  absl::Status status;
  std::atomic<bool> answered = false;
  std::thread writer([&] {
    status = AppendOne(store, 2);
    answered = true;
  });
  while (proxy_.planned()) std::this_thread::yield();
  HeldLock lock(*this, "holdfast.meta");
  proxy_.Refuse(false);
  std::set<std::string> asked;
  while (!answered && asked.size() < 2) {  // The second time: the first was in vain.
    asked.insert(
        Sql("SELECT query_start FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
            "current_database() AND query LIKE 'SELECT writer%'"));
    asked.erase("");
  }
  lock.End();
  writer.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(Counts(), Expected(2));
}

TEST_F(LostServerTest, AWriteThatWaitedForALockInVainCanBeTriedAgain) {
  auto opened = Open(/*by_proxy=*/true, std::chrono::seconds(2));
  ASSERT_TRUE(opened.ok()) << opened.status();
  PostgresStore& store = **opened;
  ASSERT_TRUE(AppendOne(store, 1).ok());
  HeldLock lock(*this, "holdfast.log");
  EXPECT_EQ(AppendOne(store, 2).code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(store.failure().ok());
  lock.End();
  EXPECT_TRUE(AppendOne(store, 2).ok());
  EXPECT_EQ(Counts(), Expected(2));
}

TEST_F(LostServerTest, SomebodyElsesWriteThatAReadFindsClosesTheStore) {
  const auto store = MustOpen();
  const EntryPtr entry = EntryAt(1);
  ASSERT_TRUE(store->Append({.entries = {&entry, 1}}).ok());
  proxy_.Refuse(true);
  proxy_.CutAll();
  Sql("UPDATE holdfast.meta SET commits = commits + 1");
  proxy_.Refuse(false);
  const absl::Status status = store->Append({.applied = AppliedAt(entry)});
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("somebody else has written"));
  EXPECT_EQ(store->failure(), status);
}

TEST_F(LostServerTest, AWriterThatIsNoLongerItIsStoppedByTheServer) {
  const auto store = MustOpen();
  ASSERT_TRUE(AppendOne(*store, 1).ok());
  Sql("UPDATE holdfast.meta SET writer = gen_random_uuid()");
  EXPECT_EQ(AppendOne(*store, 2).code(), StatusCode::kDataLoss);
  EXPECT_EQ(store->failure().code(), StatusCode::kDataLoss);
  EXPECT_EQ(Counts(), Expected(1));
}

TEST_F(LostServerTest, ADatabaseThatWentBackIsDataLoss) {
  const auto store = MustOpen();
  for (uint64_t seq = 1; seq <= 5; ++seq) ASSERT_TRUE(AppendOne(*store, seq).ok());
  proxy_.Refuse(true);
  proxy_.CutAll();
  Sql("UPDATE holdfast.meta SET commits = commits - 3");  // as a restored copy would have it
  proxy_.Refuse(false);
  const absl::Status status = AppendOne(*store, 6);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("went back"));
}

TEST_F(LostServerTest, ASnapshotThatLosesItsServerChangesNothingAndCanBeTriedAgain) {
  const auto store = MustOpen();
  ASSERT_TRUE(AppendOne(*store, 1).ok());
  const auto replace = [&](bool cut) {
    int given = 0;
    return store->ReplaceBySnapshot(
        [&, cut]() -> absl::StatusOr<std::optional<v1::Row>> {
          if (++given > 3) return std::optional<v1::Row>();
          if (cut && given == 2) proxy_.CutAll();
          return std::optional<v1::Row>(AccountRow(static_cast<uint64_t>(given), "new"));
        },
        AppliedAt(EntryAt(9)), EntryAt(9)->epoch, {});
  };
  EXPECT_EQ(replace(true).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Counts(), Expected(1));
  EXPECT_TRUE(AppendOne(*store, 2).ok());
  proxy_.Plan(SocketProxy::Fault::kAfter, "COMMIT");
  EXPECT_TRUE(replace(false).ok());
  EXPECT_FALSE(proxy_.planned());
  EXPECT_EQ(Sql("SELECT count(*), max(name) FROM holdfast.accounts"), "3|new");
  EXPECT_EQ(store->Load([](v1::Row&&) { return absl::OkStatus(); })->last.seq, 9u);
}

TEST_F(LostServerTest, WhatIsAddedToTheAuditStoreAgainIsThereOnce) {
  const DatabaseOptions options{.connection = server_.RuntimeConnection(database_, proxy_.folder()),
                                .migrate_connection = server_.OwnerConnection(database_)};
  auto store = PostgresAuditStore::Open(options, clock_);
  ASSERT_TRUE(store.ok()) << store.status();
  v1::AuditRecords records;
  for (uint64_t number = 1; number <= 3; ++number) {
    v1::AuditRecord& record = *records.add_records();
    record.set_node_id("a");
    record.set_number(number);
  }
  for (const auto fault : {SocketProxy::Fault::kAfter, SocketProxy::Fault::kBefore}) {
    proxy_.Plan(fault, "INSERT INTO holdfast.audit_records");
    EXPECT_EQ((*store)->Add(records).code(), StatusCode::kUnavailable);
    EXPECT_FALSE(proxy_.planned());
    absl::Status again;
    do {
      again = (*store)->Add(records);
    } while (absl::IsUnavailable(again));  // until it is connected again
    EXPECT_TRUE(again.ok()) << again;
    EXPECT_EQ((*store)->List({})->records.size(), static_cast<uint64_t>(records.records_size()));
    v1::AuditRecord& record = *records.add_records();
    record.set_node_id("a");
    record.set_number(4);
  }
}

TEST_F(LostServerTest, AnAuditStoreWhoseServerIsAwayHoldsNobodyUp) {
  const DatabaseOptions options{.connection = server_.RuntimeConnection(database_, proxy_.folder()),
                                .migrate_connection = server_.OwnerConnection(database_)};
  auto store = PostgresAuditStore::Open(options, clock_);
  ASSERT_TRUE(store.ok()) << store.status();
  v1::AuditRecords records;
  records.add_records()->set_node_id("a");
  records.mutable_records(0)->set_number(5);
  ASSERT_TRUE((*store)->Add(records).ok());
  proxy_.Refuse(true);
  proxy_.CutAll();
  records.mutable_records(0)->set_number(6);
  const MonoTime began = clock_.Mono();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ((*store)->Add(records).code(), StatusCode::kUnavailable);
    EXPECT_EQ(*(*store)->Highest("a"), 5u);
  }
  EXPECT_LT(clock_.Mono() - began, std::chrono::milliseconds(500));
  proxy_.Refuse(false);
  while (absl::IsUnavailable((*store)->Add(records))) {
  }
  EXPECT_EQ(*(*store)->Highest("a"), 6u);
  EXPECT_EQ((*store)->List({})->records.size(), 2u);
}

}  // namespace
}  // namespace holdfast::storage::postgres

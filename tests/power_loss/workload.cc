#include "tests/power_loss/workload.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/power_loss/node.h"
#include "tests/unit/replication/ledger/ledger_fixture.h"

namespace holdfast::power_loss {
namespace {

using replication::EpochOf;
using replication::NewRoot;
using replication::TestNode;

void Say(const char* what, uint64_t number) { Recorder::Get().Say(what, number); }

void Must(const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; }

void Await(const char* what, const std::function<bool()>& so) {
  const MonoTime end = RealClock().Mono() + std::chrono::seconds(20);
  while (!so()) {
    ASSERT_LT(RealClock().Mono(), end) << "not " << what;
    std::this_thread::yield();
  }
}

// Frames of the WAL go into the database meanwhile: there is a checkpoint within every part.
void AwaitCheckpoint(size_t since) {
  ASSERT_TRUE(Recorder::Get().WaitFor(since, [](const DiskOp& op) {
    return op.kind == DiskOp::Kind::kSync && op.path == "vault.db";
  }));
}

// What else a node writes while it runs.
class Besides {
 public:
  explicit Besides(Node& node) : node_(node) {}
  void Once() {
    ++count_;
    Say("promise.begun", count_);
    Must(node_.store().PutFact("promise", std::to_string(count_)));
    Say("promise.sure", count_);
    v1::AuditRecord record;
    record.set_operation("account.retrieve");
    record.set_result(v1::AUDIT_RESULT_OK);
    record.set_source(std::string(900, 's'));
    Must(node_.journal().AppendAndWait(record));
    const uint64_t head = node_.journal().head();
    Say("audit", head);
    const auto written = node_.journal().Read(head, 1, 1 << 20);
    Must(written.status());
    const v1::AuditRecord* const copy = &written->records(0);
    Must(node_.audit().Add(absl::Span<const v1::AuditRecord* const>(&copy, 1)));
  }

 private:
  Node& node_;
  uint64_t count_ = 0;
};

void LearnDigests(replication::Ledger& ledger, Life& life, uint64_t seq = 1) {
  while (true) {
    const auto entries = ledger.ReadLog(seq, 1000, 1 << 24);
    Must(entries.status());
    if (!entries.ok() || entries->empty()) return;
    for (const EntryPtr& entry : *entries) {
      life.digests[{entry->epoch.number, entry->seq}] = entry->digest;
    }
    seq = entries->back()->seq + 1;
  }
}

void WriteAlone(Node& node, Besides& besides, const std::string& prefix, int count) {
  const size_t since = Recorder::Get().size();
  for (int i = 0; i < count; ++i) {
    const std::string name = prefix + std::to_string(i);
    if (i % 3 == 0) node.SubmitUser(name + "-with");  // into the same batch, perhaps
    Must(node.AddUser(name).status());
    if (i % 5 == 0) besides.Once();
  }
  AwaitCheckpoint(since);
}

// Acknowledges for the secondary up to `seq`.
void Acknowledge(Node& node, uint64_t epoch, uint64_t seq) {
  Say("may_show", NumberOf({epoch, seq}));
  node.ledger().OnAck("other", {.epoch = EpochOf(epoch, node.name()),
                                .received_seq = seq,
                                .durable_seq = seq,
                                .applied_seq = seq});
}

void AwaitDurable(Node& node, uint64_t seq) {
  Await("durable", [&] { return node.ledger().progress().durable_seq >= seq; });
  Say("durable", seq);
}

void AwaitShown(Node& node, uint64_t seq) {
  Await("shown", [&] { return node.ledger().progress().committed_seq >= seq; });
  Say("shown", NumberOf(node.ledger().progress().shown));
}

void WriteConfirmed(Node& node, Besides& besides, uint64_t epoch, const std::string& prefix,
                    int count) {
  node.ledger().OnConnected("other");
  Acknowledge(node, epoch, node.ledger().progress().committed_seq);  // Nothing new.
  const size_t since = Recorder::Get().size();
  for (int i = 0; i < count; ++i) {
    const uint64_t head = node.ledger().progress().head_seq;
    const int together = 1 + i % 4;
    for (int j = 0; j < together; ++j) {
      node.SubmitUser(prefix + std::to_string(i) + "-" + std::to_string(j));
    }
    AwaitDurable(node, head + static_cast<uint64_t>(together));
    if (i % 6 == 0) besides.Once();
    if (i % 4 == 3) continue;  // Not yet: the next one confirms both.
    Acknowledge(node, epoch, head + static_cast<uint64_t>(together));
    AwaitShown(node, head + static_cast<uint64_t>(together));
  }
  AwaitCheckpoint(since);
}

}  // namespace

Life LiveAsPrimary(const std::string& folder) {
  Life life{.name = "node", .root = NewRoot()};
  Recorder::Get().Start(folder);
  Node node(life.name, folder, life.root);
  Must(node.Open());
  Besides besides(node);
  Must(node.ledger().StartEpoch(EpochOf(1, life.name)));
  Must(node.Begin());
  Say("begun", 0);
  WriteAlone(node, besides, "alone", 60);

  Must(node.AddMember("other"));
  Must(node.SetLevel(v1::LEVEL_DURABLE, 1));
  Say("may_show", NumberOf(node.ledger().progress().shown));
  WriteConfirmed(node, besides, 1, "both", 40);
  LearnDigests(node.ledger(), life);

  const uint64_t pending_from = node.ledger().progress().head_seq;
  node.SubmitUser("never-confirmed");
  AwaitDurable(node, pending_from + 1);
  LearnDigests(node.ledger(), life);
  node.Close();
  Must(node.Open());
  Must(node.ledger().StartEpoch(EpochOf(2, life.name)));
  const uint64_t started = node.ledger().progress().head_seq;
  node.ledger().OnConnected("other");
  Acknowledge(node, 2, started);
  AwaitShown(node, started);
  LearnDigests(node.ledger(), life);
  Must(node.store().TrimUpTo(started - 20));  // As retention does.
  WriteConfirmed(node, besides, 2, "again", 30);
  LearnDigests(node.ledger(), life, started);
  node.Close();
  life.ops = Recorder::Get().Stop();
  return life;
}

namespace {

class Feed {
 public:
  Feed(TestNode& source, Node& node) : source_(source), node_(node) {}
  // Entries from `first` to `last` in one batch, of which those up to `committed` are.
  void Send(uint64_t first, uint64_t last, uint64_t committed) {
    const auto entries = source_.ledger().ReadLog(first, last - first + 1, 1 << 24);
    Must(entries.status());
    replication::ForeignBatch batch;
    batch.info = {.epoch = EpochOf(1), .first_seq = first, .committed_seq = committed};
    batch.info.previous_digest = *source_.ledger().DigestAt(first - 1);
    auto items = replication::CheckEntries(*entries, batch.info.previous_digest, node_.keys());
    Must(items.status());
    batch.items = *std::move(items);
    for (const EntryPtr& entry : *entries) {
      batch.info.entries.push_back(replication::MetaOf(*entry));
    }
    Say("may_show", NumberOf({1, std::max(committed, node_.ledger().progress().committed_seq)}));
    const replication::ForeignOutcome outcome = node_.ledger().AppendForeign(batch);
    ASSERT_FALSE(outcome.refusal.has_value()) << outcome.detail;
    Must(outcome.failure);
    Say("durable", last);
    Say("shown", NumberOf(node_.ledger().progress().shown));
  }
  void Commit(uint64_t seq) {
    Say("may_show", NumberOf({1, seq}));
    node_.ledger().CommitForeign(seq);
    Say("shown", NumberOf(node_.ledger().progress().shown));
  }
  // Ever further, the committed position some entries behind.
  void Stream(Besides& besides, uint64_t from, uint64_t to) {
    const size_t since = Recorder::Get().size();
    for (uint64_t seq = from; seq <= to;) {
      const uint64_t last = std::min(to, seq + seq % 5);
      Send(seq, last, seq - 1);
      if (seq % 3 == 0) Commit(last);
      if (seq % 7 == 0) besides.Once();
      seq = last + 1;
    }
    AwaitCheckpoint(since);
  }

 private:
  TestNode& source_;
  Node& node_;
};

void Install(TestNode& source, Node& node) {
  auto staged = node.ledger().StageRows();
  Must(staged.status());
  replication::SnapshotRows rows(node.keys(), *std::move(staged));
  const auto point = source.ledger().CopyRows([&](const v1::RowChange& change) {
    v1::RowChange copy = change;
    return rows.Apply(copy);
  });
  Must(point.status());
  Say("cut", 0);  // The log ends with the old rows.
  Say("may_show", NumberOf({point->last_epoch.number, point->seq}));
  Must(node.ledger().ReplaceBySnapshot(*point, std::move(rows), [] {}));
  Say("durable", point->seq);
  Say("shown", NumberOf(node.ledger().progress().shown));
}

}  // namespace

Life LiveAsSecondary(const std::string& folder) {
  Life life{.name = "b", .root = NewRoot()};
  TestNode source("a", life.root);
  Must(source.Open());
  Must(source.ledger().StartEpoch(EpochOf(1)));
  Must(source.Begin());
  for (int i = 0; i < 220; ++i) Must(source.AddUser("user" + std::to_string(i)).status());
  LearnDigests(source.ledger(), life);

  Recorder::Get().Start(folder);
  Node node(life.name, folder, life.root);
  Must(node.Open());
  Besides besides(node);
  Feed feed(source, node);
  node.ledger().Follow(EpochOf(1), 1);
  feed.Send(1, 3, 2);
  Say("begun", 0);
  feed.Stream(besides, 4, 80);

  feed.Send(81, 90, 84);
  Say("cut", 84);
  node.ledger().Unfollow();
  Must(node.ledger().CutAfter(84));
  node.ledger().Follow(EpochOf(1), 1);
  feed.Send(85, 86, 84);
  node.Close();
  Must(node.Open());
  node.ledger().Follow(EpochOf(1), 1);
  feed.Stream(besides, 87, 120);

  const size_t since = Recorder::Get().size();
  node.ledger().Unfollow();
  Install(source, node);
  AwaitCheckpoint(since);
  const uint64_t installed = node.ledger().progress().committed_seq;
  for (int i = 0; i < 60; ++i) Must(source.AddUser("later" + std::to_string(i)).status());
  LearnDigests(source.ledger(), life);
  node.ledger().Follow(EpochOf(1), 1);
  feed.Stream(besides, installed + 1, installed + 60);
  node.Close();
  life.ops = Recorder::Get().Stop();
  return life;
}

}  // namespace holdfast::power_loss

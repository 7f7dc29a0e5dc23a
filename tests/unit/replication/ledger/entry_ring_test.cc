#include "replication/ledger/entry_ring.h"

#include <gtest/gtest.h>

#include "replication/ledger/state_digest.h"

namespace holdfast::replication {
namespace {

EntryPtr Entry(uint64_t seq, size_t bytes = 100) {
  auto entry = std::make_shared<LogEntry>();
  entry->seq = seq;
  entry->record.assign(bytes, 'r');
  return entry;
}

std::vector<uint64_t> SeqsOf(const std::vector<EntryPtr>& entries) {
  std::vector<uint64_t> out;
  for (const EntryPtr& entry : entries) out.push_back(entry->seq);
  return out;
}

TEST(EntryRingTest, ReadsFromAnyHeldSeqWithinItsBounds) {
  EntryRing ring(1 << 20);
  for (uint64_t seq = 5; seq <= 10; ++seq) ring.Push(Entry(seq));
  EXPECT_EQ(SeqsOf(ring.Read(7, 100, 1 << 20)), (std::vector<uint64_t>{7, 8, 9, 10}));
  EXPECT_EQ(SeqsOf(ring.Read(5, 2, 1 << 20)), (std::vector<uint64_t>{5, 6}));
  EXPECT_EQ(SeqsOf(ring.Read(5, 100, 250)), (std::vector<uint64_t>{5, 6}));
  EXPECT_EQ(SeqsOf(ring.Read(5, 100, 1)), (std::vector<uint64_t>{5})) << "one always fits";
  EXPECT_TRUE(ring.Read(4, 100, 1 << 20).empty()) << "no longer held";
  EXPECT_TRUE(ring.Read(11, 100, 1 << 20).empty()) << "not yet there";
}

TEST(EntryRingTest, TheOldestGoWhenItIsFull) {
  EntryRing ring(3 * (1000 + sizeof(LogEntry)));
  for (uint64_t seq = 1; seq <= 10; ++seq) ring.Push(Entry(seq, 1000));
  EXPECT_TRUE(ring.Read(7, 100, 1 << 20).empty());
  EXPECT_EQ(SeqsOf(ring.Read(8, 100, 1 << 20)), (std::vector<uint64_t>{8, 9, 10}));
}

TEST(EntryRingTest, ACutTailIsGoneAndMayBeWrittenAnew) {
  EntryRing ring(1 << 20);
  for (uint64_t seq = 1; seq <= 5; ++seq) ring.Push(Entry(seq));
  ring.CutAfter(3);
  EXPECT_EQ(SeqsOf(ring.Read(1, 100, 1 << 20)), (std::vector<uint64_t>{1, 2, 3}));
  ring.Push(Entry(4));
  EXPECT_EQ(ring.Read(4, 1, 1 << 20).size(), 1u);
}

Digest Filled(uint8_t byte) {
  Digest digest;
  digest.fill(byte);
  return digest;
}

TEST(StateDigestTest, OrderDoesNotMatterAndRemovingUndoesAdding) {
  StateDigest one;
  one.Add(Filled(0xf3));
  one.Add(Filled(0x5a));
  one.Add(Filled(0xff));
  StateDigest other;
  other.Add(Filled(0xff));
  other.Add(Filled(0xf3));
  other.Add(Filled(0x11));
  other.Remove(Filled(0x11));
  EXPECT_NE(one, other);
  other.Add(Filled(0x5a));
  EXPECT_EQ(one, other);
}

TEST(StateDigestTest, ARowTwiceIsNotARowNever) {
  StateDigest twice;
  twice.Add(Filled(0x80));
  twice.Add(Filled(0x80));
  EXPECT_NE(twice, StateDigest());
}

TEST(StateDigestTest, BorrowsAcrossTheWholeNumber) {
  StateDigest digest;
  Digest one{};
  one[31] = 1;
  digest.Remove(one);
  EXPECT_EQ(digest.value(), Filled(0xff));
  digest.Add(one);
  EXPECT_EQ(digest, StateDigest());
}

}  // namespace
}  // namespace holdfast::replication

#include "replication/ledger/log_sizes.h"

#include <gtest/gtest.h>

namespace holdfast::replication {
namespace {

// 1000 entries of 872 and 128 bytes, one a second.
LogSizes Thousand() {
  LogSizes sizes;
  for (uint64_t seq = 1; seq <= 1000; ++seq) {
    sizes.Add(seq, 872, static_cast<int64_t>(seq) * 1000);
  }
  return sizes;
}

TEST(LogSizesTest, KeepsWhatIsWithinAllBounds) {
  EXPECT_EQ(Thousand().size().records, 1000U);
  EXPECT_EQ(Thousand().size().bytes, 1'000'000U);
  EXPECT_EQ(Thousand().TrimFor({}).up_to, 0U);
}

TEST(LogSizesTest, WhicheverBoundIsReachedFirst) {
  EXPECT_EQ(Thousand().TrimFor({.records = 10}).up_to, 990U);
  EXPECT_EQ(Thousand().TrimFor({.bytes = 500'000}).up_to, 512U) << "by blocks of 256";
  EXPECT_EQ(Thousand().TrimFor({.newer_than_ms = 300'000}).up_to, 256U);
  EXPECT_EQ(Thousand().TrimFor({.records = 900, .bytes = 400'000}).up_to, 768U);
}

TEST(LogSizesTest, WhatOthersNeedStaysUpToTwiceTheBounds) {
  const LogSizes::Order kept = Thousand().TrimFor({.records = 600, .needed_from = 100});
  EXPECT_EQ(kept.up_to, 100U);
  EXPECT_FALSE(kept.let_go);
  const LogSizes::Order gone = Thousand().TrimFor({.records = 400, .needed_from = 100});
  EXPECT_EQ(gone.up_to, 600U);
  EXPECT_TRUE(gone.let_go);
  EXPECT_TRUE(Thousand().TrimFor({.bytes = 300'000, .needed_from = 100}).let_go);
}

TEST(LogSizesTest, CountsOnAfterACutAndATrim) {
  LogSizes sizes = Thousand();
  sizes.CutAfter(900);
  EXPECT_EQ(sizes.size().records, 900U);
  EXPECT_EQ(sizes.size().bytes, 900'000U);
  sizes.TrimmedUpTo(100);
  EXPECT_EQ(sizes.size().records, 800U);
  EXPECT_EQ(sizes.TrimFor({.records = 10}).up_to, 890U);
  sizes.TrimmedUpTo(900);
  EXPECT_EQ(sizes.size().records, 0U);
  EXPECT_EQ(sizes.size().bytes, 0U);
  sizes.Add(901, 10, 1);
  EXPECT_EQ(sizes.size().records, 1U);
}

}  // namespace
}  // namespace holdfast::replication

#include "api/http/connection_counts.h"

#include <gtest/gtest.h>

namespace holdfast::http {
namespace {

using Verdict = ConnectionCounts::Verdict;

TEST(ConnectionCountsTest, OneSourceCannotTakeThePlacesOfAnother) {
  ConnectionCounts counts(
      {.strangers_per_source_max = 2, .strangers_max = 9, .connections_max = 9});
  EXPECT_EQ(counts.Enter("a"), Verdict::kAdmitted);
  EXPECT_EQ(counts.Enter("a"), Verdict::kAdmitted);
  EXPECT_EQ(counts.Enter("a"), Verdict::kTooManyFromSource);
  EXPECT_EQ(counts.Enter("b"), Verdict::kAdmitted);
}

TEST(ConnectionCountsTest, WhoProvedItselfNoLongerCountsForItsSource) {
  ConnectionCounts counts(
      {.strangers_per_source_max = 1, .strangers_max = 9, .connections_max = 2});
  EXPECT_EQ(counts.Enter("a"), Verdict::kAdmitted);
  counts.Authenticated("a");
  EXPECT_EQ(counts.Enter("a"), Verdict::kAdmitted);
  EXPECT_EQ(counts.Enter("a"), Verdict::kTooMany);
  counts.Leave("a", /*authenticated=*/true);
  EXPECT_EQ(counts.Enter("a"), Verdict::kTooManyFromSource);
  counts.Leave("a", /*authenticated=*/false);
  EXPECT_EQ(counts.Enter("a"), Verdict::kAdmitted);
}

TEST(ConnectionCountsTest, StrangersOfManySourcesAreBoundedTogether) {
  ConnectionCounts counts(
      {.strangers_per_source_max = 1, .strangers_max = 2, .connections_max = 9});
  EXPECT_EQ(counts.Enter("a"), Verdict::kAdmitted);
  EXPECT_EQ(counts.Enter("b"), Verdict::kAdmitted);
  EXPECT_EQ(counts.Enter("c"), Verdict::kTooManyStrangers);
  EXPECT_EQ(counts.strangers(), 2u);
}

TEST(SourceOfTest, AnIPv6ClientOwnsItsWholeNetwork) {
  EXPECT_EQ(SourceOf("2001:db8:1:2::1"), SourceOf("2001:db8:1:2:ffff::9"));
  EXPECT_NE(SourceOf("2001:db8:1:2::1"), SourceOf("2001:db8:1:3::1"));
}

TEST(SourceOfTest, AMappedAddressIsTheIPv4Address) {
  EXPECT_EQ(SourceOf("::ffff:10.1.2.3"), SourceOf("10.1.2.3"));
  EXPECT_NE(SourceOf("::ffff:10.1.2.3"), SourceOf("10.1.2.4"));
}

}  // namespace
}  // namespace holdfast::http

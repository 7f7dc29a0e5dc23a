// What is left of an append whose caller does not know how much of it is there.
#include "server/storage/log_bounds.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

namespace holdfast::storage {
namespace {

EntryPtr Entry(uint64_t seq, uint8_t branch = 0) {
  auto entry = std::make_shared<LogEntry>();
  entry->seq = seq;
  entry->epoch = {.number = 1u + branch, .node_id = "a"};
  entry->digest[0] = static_cast<uint8_t>(seq);
  entry->digest[1] = branch;
  return entry;
}

class RestOfTest : public testing::Test {
 protected:
  // A log up to `last`, whose rows are at `applied`.
  void Have(uint64_t last, uint64_t applied) {
    for (uint64_t seq = 1; seq <= last; ++seq) log_[seq] = Entry(seq);
    bounds_.last = PointOf(*log_[last]);
    bounds_.applied = {.position = {1, applied}, .digest = log_[applied]->digest};
  }
  absl::StatusOr<LogPoint> PointAt(uint64_t seq) {
    if (!log_.contains(seq)) return absl::InternalError("asked for an entry that is not there");
    return PointOf(*log_[seq]);
  }
  LogBounds::PointAt point_at() {
    return [this](uint64_t seq) { return PointAt(seq); };
  }
  absl::StatusOr<LogBounds::Rest> RestOf(std::vector<EntryPtr> entries, uint64_t applied = 0) {
    entries_ = std::move(entries);
    AppendBatch batch{.entries = entries_};
    if (applied != 0) {
      batch.applied = Applied{.position = {1, applied}};
      batch.rows = rows_;
    }
    return bounds_.RestOf(batch, point_at());
  }

  std::map<uint64_t, EntryPtr> log_;
  std::vector<EntryPtr> entries_;
  const v1::RowChange change_;
  const v1::RowChange* const rows_[1] = {&change_};
  LogBounds bounds_;
};

TEST_F(RestOfTest, WhatFollowsIsAllLeft) {
  Have(5, 3);
  const auto rest = RestOf({Entry(6), Entry(7)});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->batch.entries.size(), 2u);
  EXPECT_FALSE(rest->cut_after.has_value());
  EXPECT_TRUE(rest->known);
}

TEST_F(RestOfTest, TheSameIsPassedOverAndWhatIsMoreIsCut) {
  Have(8, 3);
  auto rest = RestOf({Entry(4), Entry(5), Entry(6), Entry(7), Entry(8), Entry(9)});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->batch.entries.size(), 1u);
  EXPECT_FALSE(rest->cut_after.has_value());
  rest = RestOf({Entry(4), Entry(5)});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_TRUE(rest->batch.entries.empty());
  EXPECT_EQ(rest->cut_after, 5u);
  EXPECT_TRUE(rest->known);
}

TEST_F(RestOfTest, AnotherTailReplacesWhatIsBeyondTheRows) {
  Have(8, 3);
  auto rest = RestOf({Entry(4, 1), Entry(5, 1)});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->batch.entries.size(), 2u);
  EXPECT_EQ(rest->cut_after, 3u);
  rest = RestOf({Entry(2), Entry(3), Entry(4, 1)});
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->batch.entries.size(), 1u);
  EXPECT_EQ(rest->cut_after, 3u);
}

TEST_F(RestOfTest, NothingReplacesWhatTheRowsAreOf) {
  Have(8, 6);
  EXPECT_EQ(RestOf({Entry(5, 1), Entry(6, 1)}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(RestOfTest, ACallerBelowTheRowsIsStillBehindAndBringsNoOlderRows) {
  Have(8, 6);
  const auto rest = RestOf({Entry(4), Entry(5)}, 5);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_TRUE(rest->batch.entries.empty());
  EXPECT_TRUE(rest->batch.rows.empty());
  EXPECT_FALSE(rest->batch.applied.has_value());
  EXPECT_FALSE(rest->cut_after.has_value());
  EXPECT_FALSE(rest->known);
  const auto later = RestOf({Entry(6), Entry(7)}, 7);
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(later->batch.rows.size(), 1u);
  EXPECT_EQ(later->cut_after, 7u);
  EXPECT_TRUE(later->known);
}

TEST_F(RestOfTest, RowsAloneSayNothingOfTheLog) {
  Have(8, 6);
  const auto rest = RestOf({}, 6);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(rest->batch.rows.size(), 1u);
  EXPECT_FALSE(rest->cut_after.has_value());
  EXPECT_FALSE(rest->known);
}

}  // namespace
}  // namespace holdfast::storage

#include "server/desk/audit_gaps.h"

#include <gtest/gtest.h>

namespace holdfast::desk {
namespace {

v1::NodeReport Member(const std::string& id, const std::string& state, uint64_t head) {
  v1::NodeReport report;
  report.set_node_id(id);
  report.set_state(state);
  report.set_journal_head(head);
  return report;
}

TEST(AuditGapsTest, WithoutGapsEverythingUpToTheHighestIsThere) {
  const auto journals =
      CoverageOf({{.node_id = "a", .highest = 9, .gaps = {}}}, {Member("a", "running", 12)});
  ASSERT_EQ(journals.size(), 1u);
  EXPECT_EQ(journals[0].begins, 1u);
  EXPECT_EQ(journals[0].contiguous, 9u);
  EXPECT_EQ(journals[0].head, 12u);
  EXPECT_TRUE(journals[0].head_is_current);
  EXPECT_TRUE((AuditGaps{.journals = journals}).whole());
}

TEST(AuditGapsTest, ABeginningThatWasNeverHereIsNoGap) {
  const auto journals =
      CoverageOf({{.node_id = "a", .highest = 90, .gaps = {{.first = 1, .last = 40}}}}, {});
  EXPECT_EQ(journals.at(0).begins, 41u);
  EXPECT_EQ(journals.at(0).contiguous, 90u);
  EXPECT_TRUE(journals.at(0).gaps.empty());
  EXPECT_TRUE((AuditGaps{.journals = journals}).whole());
}

TEST(AuditGapsTest, AGapEndsWhatIsContiguous) {
  const auto journals = CoverageOf(
      {{.node_id = "a",
        .highest = 90,
        .gaps = {{.first = 1, .last = 4}, {.first = 20, .last = 29}, {.first = 50, .last = 50}}}},
      {});
  EXPECT_EQ(journals.at(0).begins, 5u);
  EXPECT_EQ(journals.at(0).contiguous, 19u);
  EXPECT_EQ(journals.at(0).gaps.size(), 2u);
  EXPECT_FALSE((AuditGaps{.journals = journals}).whole());
}

TEST(AuditGapsTest, AMemberOfWhichNothingIsHereYetIsNamed) {
  const auto journals = CoverageOf({{.node_id = "gone", .highest = 3, .gaps = {}}},
                                   {Member("b", "streaming", 7), Member("c", "down", 0)});
  ASSERT_EQ(journals.size(), 3u);
  EXPECT_EQ(journals[0].node_id, "b");
  EXPECT_EQ(journals[0].contiguous, 0u);
  EXPECT_EQ(journals[0].head, 7u);
  EXPECT_FALSE(journals[1].head_is_current);
  EXPECT_EQ(journals[2].node_id, "gone");
  EXPECT_EQ(journals[2].head, 3u);
  EXPECT_FALSE(journals[2].head_is_current);
}

}  // namespace
}  // namespace holdfast::desk

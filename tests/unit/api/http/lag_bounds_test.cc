#include "api/http/lag_bounds.h"

#include <gtest/gtest.h>

namespace holdfast::http {
namespace {

Lag Records(uint64_t records) { return {.records = records, .seconds = 0.0}; }
LagBound AtMost(uint64_t records) { return {.records = records, .seconds = std::nullopt}; }

TEST(LagBoundsTest, LeavesAtTheBoundAndReturnsAtHalfOfItAfterTwoGoodChecks) {
  LagBounds bounds;
  EXPECT_TRUE(bounds.IsInside(AtMost(10), Records(10)));
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(11)));
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(6)));
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(6)));
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(5)));
  EXPECT_TRUE(bounds.IsInside(AtMost(10), Records(5)));
  EXPECT_TRUE(bounds.IsInside(AtMost(10), Records(10)));
}

TEST(LagBoundsTest, OneBadCheckStartsTheCountAgain) {
  LagBounds bounds;
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(11)));
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(0)));
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(7)));
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(0)));
  EXPECT_TRUE(bounds.IsInside(AtMost(10), Records(0)));
}

TEST(LagBoundsTest, AnUnknownLagIsNotZero) {
  LagBounds bounds;
  EXPECT_FALSE(bounds.IsInside(AtMost(1000), Lag{}));
  const LagBound seconds = {.records = std::nullopt, .seconds = 5};
  EXPECT_FALSE(bounds.IsInside(seconds, {.records = 0, .seconds = std::nullopt}));
}

TEST(LagBoundsTest, BothBoundsCountWhenBothAreGiven) {
  LagBounds bounds;
  const LagBound both = {.records = 10, .seconds = 2};
  EXPECT_TRUE(bounds.IsInside(both, {.records = 10, .seconds = 2.0}));
  EXPECT_FALSE(bounds.IsInside(both, {.records = 10, .seconds = 2.1}));
  EXPECT_TRUE(bounds.IsInside({.records = 10, .seconds = 3}, {.records = 1, .seconds = 2.1}));
}

TEST(LagBoundsTest, EveryBoundHasItsOwnMemory) {
  LagBounds bounds;
  EXPECT_FALSE(bounds.IsInside(AtMost(10), Records(50)));
  EXPECT_TRUE(bounds.IsInside(AtMost(100), Records(50)));
}

TEST(LagBoundsTest, AStrangersBoundsTakeBoundedMemoryAndStayCorrect) {
  LagBounds bounds;
  for (uint64_t i = 0; i < LagBounds::kBoundsMax; ++i) bounds.IsInside(AtMost(i), Records(1000));
  EXPECT_FALSE(bounds.IsInside(AtMost(500), Records(501)));
  EXPECT_TRUE(bounds.IsInside(AtMost(500), Records(500))) << "remembered beyond the limit";
}

}  // namespace
}  // namespace holdfast::http

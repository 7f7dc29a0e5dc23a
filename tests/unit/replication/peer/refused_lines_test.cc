#include "replication/peer/refused_lines.h"

#include <gtest/gtest.h>

namespace holdfast::replication {
namespace {

using std::chrono::seconds;

constexpr MonoTime kStart{std::chrono::hours(1)};

TEST(RefusedLinesTest, TheFirstIsALineAndTheOthersAreCounted) {
  RefusedLines lines;
  EXPECT_EQ(lines.Note("a", "bad certificate", kStart), "bad certificate");
  for (int i = 0; i < 100'000; ++i) {
    EXPECT_EQ(lines.Note("a", "no certificate", kStart + seconds(1)), std::nullopt);
  }
  EXPECT_EQ(lines.Note("b", "not TLS", kStart + seconds(2)), "not TLS");
  EXPECT_EQ(lines.Due(kStart + seconds(59)), std::nullopt);
  EXPECT_EQ(lines.Due(kStart + seconds(90)), "no certificate (100000 times within 90 s)");
  EXPECT_EQ(lines.Due(kStart + seconds(90)), std::nullopt);
  EXPECT_EQ(lines.Note("a", "bad certificate", kStart + seconds(100)), std::nullopt);
  EXPECT_EQ(lines.Note("a", "bad certificate", kStart + seconds(150)),
            "bad certificate (2 times within 60 s)");
  EXPECT_EQ(lines.count(), 100'004u);
}

TEST(RefusedLinesTest, KindsAreBounded) {
  RefusedLines lines;
  size_t told = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (lines.Note(std::to_string(i), "text", kStart).has_value()) ++told;
  }
  EXPECT_EQ(told, RefusedLines::kKindsMax);
  EXPECT_EQ(lines.Due(kStart + RefusedLines::kEvery).value_or("").substr(0, 10), "text (9936");
}

}  // namespace
}  // namespace holdfast::replication

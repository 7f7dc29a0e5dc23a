#include "replication/node/gate.h"

#include <gtest/gtest.h>

namespace holdfast::replication {
namespace {

TEST(GateTest, TellsOfAChangeOfReadingAndOfNothingElse) {
  Gate gate;
  int told = 0;
  bool seen = false;
  gate.WhenReadChanges([&] {
    ++told;
    seen = gate.view().can_read;  // not under the gate's lock
  });
  gate.Set({.node_id = "a"});
  EXPECT_EQ(told, 0);
  gate.Set({.node_id = "a", .can_read = true});
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(seen);
  for (uint64_t epoch = 1; epoch < 100; ++epoch) {
    gate.Set({.node_id = "a", .primary = true, .epoch = {epoch, "a"}, .can_read = true});
  }
  EXPECT_EQ(told, 1);
  gate.Set({.node_id = "a"});
  EXPECT_EQ(told, 2);
  EXPECT_FALSE(seen);
}

}  // namespace
}  // namespace holdfast::replication

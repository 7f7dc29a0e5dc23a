#include "api/cli/health.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::cli {
namespace {

namespace json = boost::json;

json::object Node(const std::string& role, const std::string& state) {
  return {{"id", "a"},          {"role", role},      {"state", state}, {"serving", true},
          {"waiting", nullptr}, {"degraded", false}, {"split", false}};
}

TEST(HealthTest, StatesThatReplicateAreHealthy) {
  EXPECT_TRUE(IsHealthy(Node("primary", "running")));
  for (const char* state : {"streaming", "catchup", "snapshot"}) {
    EXPECT_TRUE(IsHealthy(Node("secondary", state))) << state;
  }
  for (const char* state : {"connecting", "stale", "diverged", "upgrade_required", "failed", "down",
                            "restarting", "starting"}) {
    EXPECT_FALSE(IsHealthy(Node("secondary", state))) << state;
  }
}

TEST(HealthTest, WhatServesMayStillNotBeHealthy) {
  const struct {
    const char* field;
    json::value value;
  } cases[] = {{"serving", false}, {"split", true}, {"degraded", true}, {"waiting", "a database"}};
  for (const auto& each : cases) {
    json::object node = Node("primary", "running");
    node[each.field] = each.value;
    EXPECT_FALSE(IsHealthy(node)) << each.field;
    EXPECT_FALSE(IsWhole({node, Node("secondary", "streaming")})) << each.field;
  }
}

TEST(HealthTest, AWholeClusterHasAPrimary) {
  EXPECT_TRUE(IsWhole({Node("primary", "running"), Node("secondary", "streaming")}));
  EXPECT_FALSE(IsWhole({Node("secondary", "streaming")}));
  EXPECT_FALSE(IsWhole({}));
}

}  // namespace
}  // namespace holdfast::cli

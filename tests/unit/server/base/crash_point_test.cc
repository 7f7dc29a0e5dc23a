#include "server/base/crash_point.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <set>

namespace holdfast {
namespace {

void Pass(int times) {
  for (int i = 0; i < times; ++i) HOLDFAST_CRASH_POINT("store.sqlite.before_commit");
}

TEST(CrashPointTest, NothingHappensWhileNothingIsArmed) { Pass(3); }

TEST(CrashPointTest, TheArmedPointKills) {
  EXPECT_EXIT(
      {
        ArmCrashPoint("store.sqlite.before_commit");
        Pass(1);
        exit(0);
      },
      testing::KilledBySignal(SIGKILL), "");
}

TEST(CrashPointTest, AnotherPointDoesNot) {
  EXPECT_EXIT(
      {
        ArmCrashPoint("store.sqlite.after_commit");
        Pass(3);
        exit(7);
      },
      testing::ExitedWithCode(7), "");
}

TEST(CrashPointTest, OnThePassageThatWasNamed) {
  EXPECT_EXIT(
      {
        ArmCrashPoint("store.sqlite.before_commit:3");
        Pass(2);
        exit(7);
      },
      testing::ExitedWithCode(7), "");
  EXPECT_EXIT(
      {
        ArmCrashPoint("store.sqlite.before_commit:3");
        Pass(3);
        exit(7);
      },
      testing::KilledBySignal(SIGKILL), "");
}

TEST(CrashPointTest, WhatIsNotAPointIsRefused) {
  for (const char* spec : {"store.sqlite", "store.sqlite.before_commit:", ":1",
                           "store.sqlite.before_commit:0", "store.sqlite.before_commit:1x",
                           "store.sqlite.before_commit:-1", " store.sqlite.before_commit"}) {
    EXPECT_FALSE(ArmCrashPoint(spec)) << spec;
  }
  EXPECT_TRUE(ArmCrashPoint(""));
}

TEST(CrashPointTest, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const CrashPoint& point : kCrashPoints) EXPECT_TRUE(names.insert(point.name).second);
}

}  // namespace
}  // namespace holdfast

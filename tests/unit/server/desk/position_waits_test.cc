#include "server/desk/position_waits.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr MonoTime kStart{std::chrono::hours(1)};
constexpr std::chrono::seconds kSecond{1};

// Epoch 1 holds 1 to 9, epoch 2 holds 10 to 14, epoch 3 was never part of it, 4 holds 15 on.
const std::vector<EpochStart> kHistory{
    {.epoch = {1, "a"}, .first_seq = 1},
    {.epoch = {2, "b"}, .first_seq = 10},
    {.epoch = {4, "a"}, .first_seq = 15},
};

TEST(ReachTest, IsReachedWhenTheLogHoldsIt) {
  for (const Position& at : {Position{1, 1}, {1, 9}, {2, 10}, {2, 14}, {4, 15}, {4, 20}, {0, 0}}) {
    EXPECT_EQ(ReachOf(at, {4, 20}, kHistory), Reach::kReached) << ToText(at);
  }
}

TEST(ReachTest, IsLostBeyondTheEndOfItsEpoch) {
  EXPECT_EQ(ReachOf({1, 10}, {4, 20}, kHistory), Reach::kLost);
  EXPECT_EQ(ReachOf({2, 15}, {4, 20}, kHistory), Reach::kLost);
  EXPECT_EQ(ReachOf({2, 99}, {4, 20}, kHistory), Reach::kLost) << "also when the log is not there";
  EXPECT_EQ(ReachOf({3, 12}, {4, 20}, kHistory), Reach::kLost) << "an epoch of another log";
}

TEST(ReachTest, WaitsForWhatMayStillCome) {
  EXPECT_EQ(ReachOf({4, 21}, {4, 20}, kHistory), Reach::kNotYet);
  EXPECT_EQ(ReachOf({5, 3}, {4, 20}, kHistory), Reach::kNotYet) << "an epoch not known yet";
  EXPECT_EQ(ReachOf({1, 1}, {0, 0}, {}), Reach::kNotYet) << "an empty log";
}

TEST(ReachTest, AnEpochStartThatIsNotShownDecidesNothing) {
  EXPECT_EQ(ReachOf({2, 15}, {2, 12}, kHistory), Reach::kNotYet)
      << "the start of epoch 4 may still be cut";
  EXPECT_EQ(ReachOf({4, 15}, {2, 14}, kHistory), Reach::kNotYet);
}

class PositionWaitsTest : public testing::Test {
 protected:
  void Add(const Position& position, MonoTime deadline) {
    ASSERT_TRUE(waits_.Add(position, deadline, [this, position](const absl::Status& status) {
      const auto refusal = vault::RefusalOf(status);
      heard_.push_back(ToText(position) + " " +
                       (refusal.has_value() ? std::string(vault::RefusalName(*refusal))
                                            : std::string(status.ok() ? "OK" : "?")));
    }));
  }
  static void Call(const std::vector<PositionWaits::Ready>& ready) {
    for (const auto& each : ready) each.done(each.status);
  }
  std::vector<std::string> TakeHeard() { return std::exchange(heard_, {}); }

  PositionWaits waits_{5};
  std::vector<std::string> heard_;
};

TEST_F(PositionWaitsTest, AnswersInOrderAsTheLogMoves) {
  Add({4, 22}, kStart + kSecond);
  Add({4, 21}, kStart + kSecond);
  Add({4, 30}, kStart + kSecond);
  Call(waits_.TakeDecided({4, 20}, kHistory));
  EXPECT_THAT(TakeHeard(), IsEmpty());
  Call(waits_.TakeDecided({4, 25}, kHistory));
  EXPECT_THAT(TakeHeard(), ElementsAre("4.21 OK", "4.22 OK"));
  Call(waits_.TakeDecided({4, 25}, kHistory));
  EXPECT_THAT(TakeHeard(), IsEmpty()) << "each hears once";
}

TEST_F(PositionWaitsTest, ANewEpochDecidesAlsoWhatLiesBeyondIt) {
  Call(waits_.TakeDecided({2, 14}, kHistory));
  Add({2, 99}, kStart + kSecond);
  Call(waits_.TakeDecided({2, 14}, kHistory));
  EXPECT_THAT(TakeHeard(), IsEmpty());
  Call(waits_.TakeDecided({4, 15}, kHistory));
  EXPECT_THAT(TakeHeard(), ElementsAre("2.99 POSITION_LOST"));
}

TEST_F(PositionWaitsTest, OneThatComesAfterItsEpochHasEndedIsLostAtOnce) {
  Call(waits_.TakeDecided({4, 15}, kHistory));
  Add({2, 99}, kStart + kSecond);
  Call(waits_.TakeDecided({4, 15}, kHistory));
  EXPECT_THAT(TakeHeard(), ElementsAre("2.99 POSITION_LOST"));
}

TEST_F(PositionWaitsTest, GivesUpAtTheDeadline) {
  Add({4, 21}, kStart + kSecond);
  Add({5, 1}, kStart + 2 * kSecond);
  Call(waits_.TakeExpired({4, 20}, kStart + kSecond - std::chrono::nanoseconds(1)));
  EXPECT_THAT(TakeHeard(), IsEmpty());
  Call(waits_.TakeExpired({4, 20}, kStart + kSecond));
  EXPECT_THAT(TakeHeard(), ElementsAre("4.21 POSITION_NOT_REACHED"));
  Call(waits_.TakeExpired({4, 20}, kStart + 3 * kSecond));
  EXPECT_THAT(TakeHeard(), ElementsAre("5.1 POSITION_NOT_REACHED"));
  EXPECT_TRUE(waits_.empty());
}

TEST_F(PositionWaitsTest, HoldsNoMoreThanItsBound) {
  for (uint64_t i = 0; i < 5; ++i) Add({4, 30 + i}, kStart);
  EXPECT_FALSE(waits_.Add({4, 99}, kStart, [](const absl::Status&) {}));
}

}  // namespace
}  // namespace holdfast::desk

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tests/cluster/world.h"

namespace holdfast::sim {
namespace {

constexpr uint64_t kSeeds = 1000;
// A planted fault may need rare company: a crash right after a grant, two orders at once. The
// search ends with the first seed that shows it.
constexpr uint64_t kPlantedSeeds = 10'000;

Plan PlanOf(uint64_t seed) {
  Random random(seed);
  constexpr int kNodes[] = {2, 2, 2, 3, 3, 3, 3, 5, 5, 5};
  Plan plan{.seed = seed, .nodes = kNodes[random.Below(10)]};
  plan.voters = plan.nodes > 2 && random.Chance(0.2) ? plan.nodes - 1 : plan.nodes;
  plan.setting.k = static_cast<uint32_t>(random.Index(plan.voters));
  plan.setting.degrade = plan.setting.k > 0 && random.Chance(0.2);
  return plan;
}

// A broken invariant of the machines aborts: the seed is told then too.
uint64_t running_seed = 0;
void OnAbort(int) {
  std::fprintf(stderr, "aborted in seed %llu\n", static_cast<unsigned long long>(running_seed));
}

Outcome RunOf(const Plan& plan) {
  running_seed = plan.seed;
  std::signal(SIGABRT, OnAbort);
  return World(plan).Run();
}

std::string Say(const Plan& plan, const Outcome& out) {
  return fmt::format("seed {} ({} nodes, {} vote, k {}{}): {}\n{}rerun with HOLDFAST_SEED={}",
                     plan.seed, plan.nodes, plan.voters, plan.setting.k,
                     plan.setting.degrade ? ", degrade" : "", out.failure, out.story, plan.seed);
}

uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(ClusterTest, KeepsItsPromises) {
  const uint64_t first = Number("HOLDFAST_SEED", Number("HOLDFAST_FIRST_SEED", 1));
  const uint64_t count =
      std::getenv("HOLDFAST_SEED") != nullptr ? 1 : Number("HOLDFAST_SEEDS", kSeeds);
  Outcome sum;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Plan plan = PlanOf(seed);
    const Outcome out = RunOf(plan);
    EXPECT_EQ(out.failure, "") << Say(plan, out);
    if (count == 1 && out.failure.empty()) fmt::print("{}", out.story);
    sum.answered += out.answered;
    sum.epochs += out.epochs;
    sum.snapshots += out.snapshots;
    sum.early_snapshots += out.early_snapshots;
    sum.cuts += out.cuts;
    sum.orders += out.orders;
    sum.fetches += out.fetches;
    sum.hand_overs += out.hand_overs;
    sum.take_overs += out.take_overs;
    sum.retries += out.retries;
    sum.yields += out.yields;
    sum.lost += out.lost;
    sum.stops += out.stops;
  }
  fmt::print(
      "{} runs: {} answered, {} epochs, {} snapshots ({} before their commit), {} cuts, {} orders "
      "carried out, {} tails "
      "fetched, {} hand-overs, {} take-overs ({} gone on with), {} yields, {} clean stops, {} "
      "records given up\n",
      count, sum.answered, sum.epochs, sum.snapshots, sum.early_snapshots, sum.cuts, sum.orders,
      sum.fetches, sum.hand_overs, sum.take_overs, sum.retries, sum.yields, sum.stops, sum.lost);
}

// Seeds that once failed, and why. A change of the simulation makes other runs of them; the unit
// tests of the rule stay.
TEST(ClusterSeedTest, AStreamThatEndsAfterItsSuccessorBeganTakesNoAcknowledgements) {
  for (const uint64_t seed : {19, 96, 106, 130, 255, 628}) {
    const Plan plan = PlanOf(seed);
    const Outcome out = RunOf(plan);
    EXPECT_EQ(out.failure, "") << Say(plan, out);
  }
}

TEST(ClusterSeedTest, AHandOverWhoseProofIsLostIsTakenOverByTheGrantsOfAll) {
  const Plan plan = PlanOf(102);
  const Outcome out = RunOf(plan);
  EXPECT_EQ(out.failure, "") << Say(plan, out);
}

TEST(ClusterSeedTest, WhoIsForgottenByTheTailItFetchedIsNotPrimary) {
  const Plan plan = PlanOf(245);
  const Outcome out = RunOf(plan);
  EXPECT_EQ(out.failure, "") << Say(plan, out);
}

// One seed is one run: else a failing one could not be looked at.
TEST(ClusterTest, TheSameSeedGivesTheSameRun) {
  const Outcome first = RunOf(PlanOf(31));
  const Outcome again = RunOf(PlanOf(31));
  EXPECT_EQ(first.story, again.story);
  EXPECT_EQ(first.answered, again.answered);
}

// ---- The checkers catch what they are there for.

struct Fault {
  const char* name;
  bool Planted::*which;
};
class PlantedTest : public ::testing::TestWithParam<Fault> {};

TEST_P(PlantedTest, IsCaught) {
  const bool one = std::getenv("HOLDFAST_SEED") != nullptr;
  const uint64_t first = Number("HOLDFAST_SEED", 1);
  for (uint64_t seed = first; seed <= (one ? first : kPlantedSeeds); ++seed) {
    Plan plan = PlanOf(seed);
    plan.planted.*GetParam().which = true;
    const Outcome out = RunOf(plan);
    if (out.failure.empty()) continue;
    fmt::print("{}: caught by seed {}: {}\n", GetParam().name, seed, out.failure);
    if (one) fmt::print("{}", out.story);
    return;
  }
  FAIL() << GetParam().name << " is not caught";
}

INSTANTIATE_TEST_SUITE_P(
    Each, PlantedTest,
    ::testing::Values(Fault{"AnswerBeforeCommit", &Planted::answer_before_commit},
                      Fault{"AckBeforeFsync", &Planted::ack_before_fsync},
                      Fault{"ShowPending", &Planted::show_pending},
                      Fault{"ShowBeforePosition", &Planted::show_before_position},
                      Fault{"PositionNotWritten", &Planted::position_not_written},
                      Fault{"GrantNotWritten", &Planted::grant_not_written},
                      Fault{"KeepLinkAfterGrant", &Planted::keep_link_after_grant},
                      Fault{"ResumeHanded", &Planted::resume_handed},
                      Fault{"IgnorePendingVoters", &Planted::ignore_pending_voters},
                      Fault{"EpochNotWritten", &Planted::epoch_not_written},
                      Fault{"CommitWithoutFollowers", &Planted::commit_without_followers},
                      Fault{"ForgetCut", &Planted::forget_cut},
                      Fault{"MissRevocation", &Planted::miss_revocation},
                      Fault{"SkipFetch", &Planted::skip_fetch},
                      Fault{"ForgetGrantedK", &Planted::forget_granted_k},
                      Fault{"WaitForSnapshot", &Planted::wait_for_snapshot},
                      Fault{"ShowPendingSnapshot", &Planted::show_pending_snapshot},
                      Fault{"DegradeCounts", &Planted::degrade_counts}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace holdfast::sim

#include "api/ssh/refusal_answer.h"

#include <gtest/gtest.h>

#include <string>

#include "server/vault/refusal.h"

namespace holdfast::ssh {
namespace {

using vault::Refusal;

struct Told {
  std::string err;
  int exit_status;
  bool operator==(const Told&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Told& told) {
  return out << told.exit_status << " " << told.err;
}

Told Tell(const absl::Status& status, const desk::NodeFacts& facts = {}) {
  const Answer answer = RefusalAnswer(status, facts);
  EXPECT_TRUE(answer.out.empty()) << "scripts take stdout for the password";
  return {answer.err, answer.exit_status};
}

Told Tell(Refusal refusal, const std::string& message) {
  return Tell(vault::Refuse(refusal, message));
}

TEST(RefusalAnswerTest, HasTheTextsThatScriptsKnow) {
  EXPECT_EQ(Tell(Refusal::kNoSuchResource, "x"), (Told{"ERROR: Resource not found.\r\n", 1}));
  EXPECT_EQ(Tell(Refusal::kNoSuchAccount, "x"), (Told{"ERROR: Account not found.\r\n", 1}));
  EXPECT_EQ(Tell(Refusal::kNotPermitted, "x"),
            (Told{"ERROR: You do not have permission to perform this operation.\r\n", 1}));
}

TEST(RefusalAnswerTest, SaysWhereThePrimaryIsWhileItIsUp) {
  const absl::Status refused = vault::Refuse(Refusal::kNotPrimary, "x");
  desk::NodeFacts facts;
  facts.epoch.number = 7;
  facts.primary_up = true;
  facts.primary_ssh_address = "10.0.0.1:6622";
  EXPECT_EQ(Tell(refused, facts),
            (Told{"ERROR: READONLY primary=10.0.0.1:6622 epoch=7: write operations are not "
                  "permitted on a secondary.\r\n",
                  75}));
  facts.primary_up = false;
  EXPECT_EQ(Tell(refused, facts),
            (Told{"ERROR: READONLY primary=unknown epoch=7: write operations are not permitted on "
                  "a secondary.\r\n",
                  75}));
}

TEST(RefusalAnswerTest, AsksToTryAgainWhereTheMomentIsWrongAndNotTheCommand) {
  EXPECT_EQ(Tell(Refusal::kOutcomeUnknown, "at position 3.9"),
            (Told{"ERROR: OUTCOME_UNKNOWN: at position 3.9\r\n", 75}));
  for (const Refusal refusal :
       {Refusal::kNotEnoughSecondaries, Refusal::kNotServing, Refusal::kAuditUnavailable,
        Refusal::kLedgerClosed, Refusal::kOverloaded, Refusal::kTooStale}) {
    EXPECT_EQ(Tell(refusal, "x").exit_status, 75) << vault::RefusalName(refusal);
  }
  EXPECT_EQ(Tell(Refusal::kAlreadyExists, "the account exists"),
            (Told{"ERROR: the account exists\r\n", 1}));
}

TEST(RefusalAnswerTest, TellsAStrangerNothing) {
  for (const Refusal refusal : {Refusal::kAuthFailed, Refusal::kUserLocked,
                                Refusal::kHostNotAllowed, Refusal::kSshNotEnabled}) {
    EXPECT_EQ(Tell(refusal, "user 7 is locked"), (Told{"ERROR: Authentication failed.\r\n", 1}));
  }
  EXPECT_EQ(Tell(absl::DataLossError("row 7 of account")), (Told{"ERROR: Internal error.\r\n", 1}));
}

TEST(RefusalAnswerTest, IsOneLineWhateverTheMessageQuotes) {
  EXPECT_EQ(Tell(Refusal::kInvalidInput, "name \"a\r\nb\x1b[2J\" is bad"),
            (Told{"ERROR: name \"a??b?[2J\" is bad\r\n", 1}));
  EXPECT_LT(Tell(Refusal::kInvalidInput, std::string(100'000, 'a')).err.size(), 600u);
}

}  // namespace
}  // namespace holdfast::ssh

// The four commands over a real vault: what they answer, and what they leave behind.
#include "api/ssh/commands.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <type_traits>

#include "server/crypto/strong_password.h"
#include "server/vault/refusal.h"
#include "tests/support/state_desk.h"

namespace holdfast::ssh {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

static_assert(!std::is_default_constructible_v<DeclaredClass>,
              "a command without a class must not compile");

constexpr char kEveToken[] = "EEEEEEEE-0000-0000-0000-000000000002";

struct Told {
  std::string out;
  std::string err;
  int exit_status;
  bool operator==(const Told&) const = default;
};
std::ostream& operator<<(std::ostream& o, const Told& told) {
  return o << told.exit_status << " out '" << told.out << "' err '" << told.err << "'";
}
Told Good(const std::string& out) { return {out, "", 0}; }
Told Bad(const std::string& err, int exit_status = 1) { return {"", err, exit_status}; }

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    const vault::Planned planned = desk_.AddAccount(1, "db server", "root", "swordfish");
    resource_ = planned.id;
    root_ = planned.account_ids.at(0);
    admin_ = LogIn(StateDesk::kAdminToken);
    eve_id_ = desk_.AddUser("eve", v1::ROLE_PASSWORD_USER, kEveToken);
    eve_ = LogIn(kEveToken);
  }

  desk::CallerPtr LogIn(const std::string& token) {
    auto caller = desk_.AuthenticateToken(SecretBytes::CopyOf(token), "127.0.0.1");
    EXPECT_TRUE(caller.ok()) << caller.status();
    return *std::move(caller);
  }
  Told Run(const std::string& line, const desk::CallerPtr& caller) {
    int calls = 0;
    Told told;
    RunCommandLine(desk_, caller, SecretBytes::CopyOf(line), [&](Answer answer) {
      ++calls;
      told = {std::string(answer.out.RevealText(Purpose::kCompare)), answer.err,
              answer.exit_status};
    });
    EXPECT_EQ(calls, 1) << line;
    return told;
  }
  Told Run(const std::string& line) { return Run(line, admin_); }
  void Share(v1::ShareLevel level) {
    desk_.Do(vault::SetShare{.user_id = eve_id_, .resource_id = resource_, .level = level});
  }
  void BecomeSecondary(bool primary_up) {
    desk::NodeFacts facts = desk_.Facts();
    facts.primary = false;
    facts.primary_up = primary_up;
    facts.epoch.number = 4;
    desk_.SetFacts(facts);
  }
  uint64_t AccountId(const std::string& resource, const std::string& account) {
    uint64_t id = 0;
    desk_.ReadState([&](const vault::StateReader& state) {
      const auto* const found = state.FindResourceByName(1, resource);
      const auto* const row =
          found == nullptr ? nullptr : state.FindAccountByName(found->id(), account);
      if (row != nullptr) id = row->id();
    });
    return id;
  }

  StateDesk desk_;
  uint64_t resource_ = 0;
  uint64_t root_ = 0;
  uint64_t eve_id_ = 0;
  desk::CallerPtr admin_;
  desk::CallerPtr eve_;
};

// ---- RETRIEVE

TEST_F(CommandsTest, RetrieveGivesTheSecretAndCrLf) {
  EXPECT_EQ(Run("RETRIEVE --resource=db server --account=root"), Good("swordfish\r\n"));
  EXPECT_EQ(Run("retrieve --resource=DB Server --account=ROOT"), Good("swordfish\r\n"));
}

TEST_F(CommandsTest, RetrieveRecordsReasonAndTicket) {
  Run("RETRIEVE --resource=db server --account=root --reason=nightly job run --ticketid=T 7");
  const v1::AuditRecord record = desk_.audit().back();
  EXPECT_EQ(record.reason(), "nightly job run");
  EXPECT_EQ(record.ticket(), "T 7");
  EXPECT_EQ(record.account_id(), root_);
}

TEST_F(CommandsTest, RetrieveTellsWhatIsMissingAndNothingOfWhatIsHidden) {
  EXPECT_EQ(Run("RETRIEVE --resource=none --account=root"), Bad("ERROR: Resource not found.\r\n"));
  EXPECT_EQ(Run("RETRIEVE --resource=db server --account=none"),
            Bad("ERROR: Account not found.\r\n"));
  EXPECT_EQ(Run("RETRIEVE --resource=db server --account=root", eve_),
            Bad("ERROR: Resource not found.\r\n"));
  Share(v1::SHARE_LEVEL_VIEW);
  EXPECT_EQ(Run("RETRIEVE --resource=db server --account=root", eve_), Good("swordfish\r\n"));
}

TEST_F(CommandsTest, AnEmptyAccountIsTheOnlyOneThereIs) {
  EXPECT_EQ(Run("RETRIEVE --resource=db server --account="), Good("swordfish\r\n"));
  Run("CREATE --resource=db server --account=backup --newpassword=Aa1!aaaaaa");
  EXPECT_EQ(Run("RETRIEVE --resource=db server --account="), Bad("ERROR: Account not found.\r\n"));
  EXPECT_EQ(Run("RETRIEVE --resource=none --account="), Bad("ERROR: Resource not found.\r\n"));
}

TEST_F(CommandsTest, ACallerWhoseTokenWentIsToldNothing) {
  desk_.Do(vault::SetUserLocked{.user_id = eve_id_, .locked = true});
  EXPECT_EQ(Run("RETRIEVE --resource=db server --account=root", eve_),
            Bad("ERROR: Authentication failed.\r\n"));
}

// ---- RESET_LOCAL

TEST_F(CommandsTest, ResetLocalStoresTheGivenPassword) {
  EXPECT_EQ(Run("RESET_LOCAL --resource=db server --account=root --newpassword=Tr0ub4dor & 3"),
            Good("Password changed successfully\r\n"));
  EXPECT_EQ(desk_.SecretOf(root_), "Tr0ub4dor & 3");
}

TEST_F(CommandsTest, AWriteKeepsItsReasonAndTicketDoneOrRefused) {
  Run("RESET_LOCAL --resource=db server --account=root --reason=rotation due --ticketid=T-17");
  EXPECT_EQ(desk_.audit().back().result(), v1::AUDIT_RESULT_OK);
  EXPECT_EQ(desk_.audit().back().reason(), "rotation due");
  EXPECT_EQ(desk_.audit().back().ticket(), "T-17");
  Run("RESET_LOCAL --resource=db server --account=none --reason=why not");
  EXPECT_EQ(desk_.audit().back().operation(), "RESET_LOCAL");
  EXPECT_EQ(desk_.audit().back().result(), v1::AUDIT_RESULT_REFUSED);
  EXPECT_EQ(desk_.audit().back().reason(), "why not");
  Run("RESET_REMOTE --resource=db server --account=root --reason=remote");
  EXPECT_EQ(desk_.audit().back().refusal(), "REMOTE_RESET_NOT_CONFIGURED");
  EXPECT_EQ(desk_.audit().back().reason(), "remote");
}

TEST_F(CommandsTest, ResetLocalWithoutAPasswordMakesAStrongOne) {
  EXPECT_EQ(Run("RESET_LOCAL --resource=db server --account=root"),
            Good("Password changed successfully\r\n"));
  const std::string made = desk_.SecretOf(root_);
  EXPECT_NE(made, "swordfish");
  EXPECT_EQ(crypto::WhyNotStrong(SecretBytes::CopyOf(made)), "");
  Run("RESET_LOCAL --resource=db server --account=root");
  EXPECT_NE(desk_.SecretOf(root_), made);
}

TEST_F(CommandsTest, ResetLocalKeepsThePolicyOfTheAccount) {
  EXPECT_EQ(Run("RESET_LOCAL --resource=db server --account=root --newpassword=weak"),
            Bad("ERROR: Password does not comply with the policy Strong.\r\n"));
  EXPECT_EQ(desk_.SecretOf(root_), "swordfish");
}

TEST_F(CommandsTest, ResetLocalNeedsTheRightToModify) {
  Share(v1::SHARE_LEVEL_VIEW);
  EXPECT_EQ(Run("RESET_LOCAL --resource=db server --account=root", eve_),
            Bad("ERROR: You do not have permission to perform this operation.\r\n"));
  EXPECT_EQ(desk_.SecretOf(root_), "swordfish");
  Share(v1::SHARE_LEVEL_MODIFY);
  EXPECT_EQ(Run("RESET_LOCAL --resource=db server --account=root", eve_),
            Good("Password changed successfully\r\n"));
}

TEST_F(CommandsTest, AWriteWhoseOutcomeIsUnknownIsNoSuccess) {
  desk_.FailWrites(vault::Refuse(vault::Refusal::kOutcomeUnknown, "at position 4.17"));
  EXPECT_EQ(Run("RESET_LOCAL --resource=db server --account=root"),
            Bad("ERROR: OUTCOME_UNKNOWN: at position 4.17\r\n", 75));
}

// ---- RESET_REMOTE

TEST_F(CommandsTest, ResetRemoteSaysThatItIsNotConfiguredAndChangesNothing) {
  const Told told =
      Run("RESET_REMOTE --resource=db server --account=root --newpassword=Aa1!aaaaaa");
  EXPECT_THAT(told.err, StartsWith("ERROR: Remote password reset is not configured."));
  EXPECT_EQ(told.exit_status, 1);
  EXPECT_EQ(told.out, "");
  EXPECT_EQ(desk_.SecretOf(root_), "swordfish");
}

// ---- CREATE

TEST_F(CommandsTest, CreateMakesTheResourceWithItsAccount) {
  EXPECT_EQ(Run("CREATE --resource=web 1 --account=deploy --newpassword=s3cret one "
                "--resourcetype=Linux --notes=made by hand"),
            Good("Resource web 1 has been added successfully\r\n"));
  const uint64_t id = AccountId("web 1", "deploy");
  ASSERT_NE(id, 0u);
  EXPECT_EQ(desk_.SecretOf(id), "s3cret one");
  EXPECT_EQ(Run("RETRIEVE --resource=web 1 --account=deploy"), Good("s3cret one\r\n"));
}

TEST_F(CommandsTest, CreateAddsAnAccountToAResourceThatIsThere) {
  EXPECT_EQ(Run("CREATE --resource=db server --account=backup --newpassword=Aa1!aaaaaa"),
            Good("Resource db server has been added successfully\r\n"));
  EXPECT_EQ(desk_.SecretOf(AccountId("db server", "backup")), "Aa1!aaaaaa");
  EXPECT_EQ(Run("CREATE --resource=db server --account=weak --newpassword=weak"),
            Bad("ERROR: Password does not comply with the policy Strong.\r\n"));
  const Told twice = Run("CREATE --resource=db server --account=backup --newpassword=Bb2!bbbbbb");
  EXPECT_EQ(twice.exit_status, 1);
  EXPECT_THAT(twice.err, HasSubstr("exists already"));
  EXPECT_EQ(desk_.SecretOf(AccountId("db server", "backup")), "Aa1!aaaaaa");
}

TEST_F(CommandsTest, CreateWithoutATypeNeedsTheResource) {
  EXPECT_EQ(Run("CREATE --resource=none --account=a --newpassword=x"),
            Bad("ERROR: Resource not found.\r\n"));
}

TEST_F(CommandsTest, CreateIsRefusedToWhoMayNot) {
  Share(v1::SHARE_LEVEL_MODIFY);
  for (const char* line : {"CREATE --resource=db server --account=x --newpassword=Aa1!aaaaaa",
                           "CREATE --resource=new --account=x --newpassword=y --resourcetype=L"}) {
    EXPECT_EQ(Run(line, eve_),
              Bad("ERROR: You do not have permission to perform this operation.\r\n"))
        << line;
  }
}

// ---- All of them

TEST_F(CommandsTest, WhatCannotBeReadIsUsage) {
  for (const char* line : {"", "ls -l", "RETRIEVE", "RETRIEVE --resource=x --account=y --z=1",
                           "RETRIEVEX --resource=x --account=y"}) {
    const Told told = Run(line);
    EXPECT_EQ(told.exit_status, 2) << line;
    EXPECT_EQ(told.out, "");
    EXPECT_THAT(told.err, StartsWith("ERROR: Invalid command.\r\n"));
    EXPECT_THAT(told.err, HasSubstr("Usage:"));
  }
}

const std::map<std::string, std::string>& Samples() {
  static const auto* const samples = new std::map<std::string, std::string>{
      {"RETRIEVE", "RETRIEVE --resource=db server --account=root"},
      {"RESET_LOCAL", "RESET_LOCAL --resource=db server --account=root --newpassword=Aa1!aaaaaa"},
      {"RESET_REMOTE", "RESET_REMOTE --resource=db server --account=root"},
      {"CREATE", "CREATE --resource=n --account=a --newpassword=Aa1!aaaaaa --resourcetype=L"},
  };
  return *samples;
}

TEST_F(CommandsTest, TheTableIsInTheOrderOfTheAlternatives) {
  ASSERT_EQ(Commands().size(), Samples().size());
  for (size_t i = 0; i < Commands().size(); ++i) {
    const std::string word(Commands()[i].word);
    const auto parsed = ParseCommandLine(Samples().at(word));
    ASSERT_TRUE(parsed.ok()) << word;
    EXPECT_EQ(parsed->index(), i) << word;
  }
}

TEST_F(CommandsTest, ASecondaryServesReadsAndRefusesEveryWrite) {
  for (const bool primary_up : {true, false}) {
    BecomeSecondary(primary_up);
    for (const CommandRow& row : Commands()) {
      const Told told = Run(Samples().at(std::string(row.word)));
      if (row.op_class == OperationClass::kRetrieve) {
        EXPECT_EQ(told, Good("swordfish\r\n")) << row.word;
        continue;
      }
      EXPECT_EQ(told, Bad(std::string("ERROR: READONLY primary=") +
                              (primary_up ? "a.test:6622" : "unknown") +
                              " epoch=4: write operations are not permitted on a secondary.\r\n",
                          75))
          << row.word;
    }
    EXPECT_EQ(desk_.SecretOf(root_), "swordfish");
    EXPECT_EQ(AccountId("n", "a"), 0u);
  }
}

TEST_F(CommandsTest, OnlyRetrieveIsARead) {
  for (const CommandRow& row : Commands()) {
    EXPECT_EQ(row.op_class == OperationClass::kRetrieve, row.word == "RETRIEVE") << row.word;
    EXPECT_NE(row.op_class, OperationClass::kNode) << row.word;
  }
}

}  // namespace
}  // namespace holdfast::ssh

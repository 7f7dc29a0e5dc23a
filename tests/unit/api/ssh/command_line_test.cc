#include "api/ssh/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/base/limits.h"

namespace holdfast::ssh {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <typename T>
T Parsed(std::string_view line) {
  absl::StatusOr<Command> command = ParseCommandLine(line);
  if (!command.ok()) {
    ADD_FAILURE() << command.status();
    return T{};
  }
  T* const typed = std::get_if<T>(&*command);
  if (typed == nullptr) {
    ADD_FAILURE() << "another command: " << line;
    return T{};
  }
  return std::move(*typed);
}

std::string Refusal(std::string_view line) {
  const absl::StatusOr<Command> command = ParseCommandLine(line);
  if (command.ok()) {
    ADD_FAILURE() << "was taken: " << line;
    return "";
  }
  EXPECT_EQ(command.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(command.status().message());
}

std::string_view Shown(const SecretBytes& secret) { return secret.RevealText(Purpose::kCompare); }

// ---- What is taken

TEST(CommandLineTest, ReadsTheDocumentedRetrieveWithBlanksInTheReason) {
  const auto c = Parsed<RetrieveCommand>(
      "RETRIEVE --resource=srv build 01 --account=root --reason=Testing password retrieval "
      "--ticketid=7");
  EXPECT_EQ(c.resource, "srv build 01");
  EXPECT_EQ(c.account, "root");
  EXPECT_EQ(c.reason, "Testing password retrieval");
  EXPECT_EQ(c.ticket, "7");
}

TEST(CommandLineTest, TakesAnEmptyAccount) {
  EXPECT_EQ(Parsed<RetrieveCommand>("RETRIEVE --resource=r --account= --reason=x").account, "");
  EXPECT_EQ(Parsed<RetrieveCommand>("RETRIEVE --resource=r --account=").account, "");
}

TEST(CommandLineTest, TakesTheCommandWordInAnyLetterCase) {
  EXPECT_EQ(Parsed<RetrieveCommand>("retrieve --resource=r --account=a").resource, "r");
  EXPECT_EQ(Parsed<ResetLocalCommand>("Reset_Local --resource=r --account=a").resource, "r");
}

TEST(CommandLineTest, TakesOptionsInAnyOrderAndBlanksAroundTheLine) {
  const auto c = Parsed<RetrieveCommand>("  RETRIEVE   --account=a --reason= --resource=r   ");
  EXPECT_EQ(c.resource, "r");
  EXPECT_EQ(c.account, "a");
  EXPECT_EQ(c.reason, "");
}

TEST(CommandLineTest, KeepsInnerBlanksAndTakesOnlyOneBeforeTheNextOption) {
  const auto c = Parsed<ResetLocalCommand>(
      "RESET_LOCAL --resource=a  b --newpassword=x  "
      "--account=c --reason= y");
  EXPECT_EQ(c.resource, "a  b");
  ASSERT_TRUE(c.new_password.has_value());
  EXPECT_EQ(Shown(*c.new_password), "x ");
  EXPECT_EQ(c.reason, " y");
}

TEST(CommandLineTest, LeavesTheNewPasswordOutWhenItIsNotGiven) {
  EXPECT_FALSE(Parsed<ResetLocalCommand>("RESET_LOCAL --resource=r --account=a").new_password);
  EXPECT_FALSE(Parsed<ResetRemoteCommand>("RESET_REMOTE --resource=r --account=a").new_password);
}

TEST(CommandLineTest, TakesAnyPasswordThatNamesNoOption) {
  for (const char* secret :
       {"a b", "--", "--x=1", "p --force=1", "x --newpasswords=y", "=", "\"", "'a\"", "\xff\xfe",
        "l1\nl2\t", "--reason", "a--reason=b", "\"a\" \"b\"", "$(id)", "a;b|c&d"}) {
    const auto c = Parsed<ResetLocalCommand>(
        std::string("RESET_LOCAL --resource=r --account=a --newpassword=") + secret);
    ASSERT_TRUE(c.new_password.has_value()) << secret;
    EXPECT_EQ(Shown(*c.new_password), secret);
  }
}

TEST(CommandLineTest, AKnownOptionInsideAPasswordEndsIt) {
  const auto c =
      Parsed<ResetLocalCommand>("RESET_LOCAL --resource=r --account=a --newpassword=x --reason=y");
  EXPECT_EQ(Shown(*c.new_password), "x");
  EXPECT_EQ(c.reason, "y");
}

TEST(CommandLineTest, AValueWhollyInsideOnePairOfQuotesLosesIt) {
  const auto c = Parsed<CreateCommand>(
      "CREATE --resource=\"my srv\" --account='root' --newpassword=\"it's\" --resourcetype=\"\" "
      "--notes=say \"hi\"");
  EXPECT_EQ(c.resource, "my srv");
  EXPECT_EQ(c.account, "root");
  EXPECT_EQ(Shown(c.new_password), "it's");
  EXPECT_EQ(c.resource_type, "");
  EXPECT_EQ(c.notes, "say \"hi\"");
}

TEST(CommandLineTest, FreeTextKeepsWhatLooksLikeAnUnknownOption) {
  EXPECT_EQ(
      Parsed<RetrieveCommand>("RETRIEVE --resource=r --account=a --reason=run --dry=1 now").reason,
      "run --dry=1 now");
}

TEST(CommandLineTest, AnOptionNeedsABlankBeforeIt) {
  EXPECT_EQ(Parsed<RetrieveCommand>("RETRIEVE --resource=a--account=b --account=c").resource,
            "a--account=b");
  EXPECT_EQ(Parsed<RetrieveCommand>("RETRIEVE --resource=--account=b --account=c").resource,
            "--account=b");
}

TEST(CommandLineTest, CountsCharactersAndNotBytes) {
  std::string name;
  for (size_t i = 0; i < limits::kNameCharsMax; ++i) name += "\xC3\xA9";
  EXPECT_EQ(Parsed<RetrieveCommand>("RETRIEVE --account=a --resource=" + name).resource, name);
}

// ---- What is refused

TEST(CommandLineTest, RefusesWhatIsNoCommand) {
  for (const char* line :
       {"", " ", "ls", "RETRIEVEX --resource=r --account=a", "RETRIEV --resource=r --account=a",
        "--resource=r --account=a", "RETRIEVE\t--resource=r --account=a", "RESET",
        "RESET-LOCAL --resource=r --account=a", "\"RETRIEVE\" --resource=r --account=a",
        "RETRIEVE--resource=r --account=a", "/bin/sh -c RETRIEVE"}) {
    EXPECT_THAT(Refusal(line), HasSubstr("unknown command")) << line;
    EXPECT_EQ(CommandWord(line), "") << line;
  }
}

TEST(CommandLineTest, RefusesAMissingOrEmptyResource) {
  EXPECT_THAT(Refusal("RETRIEVE"), HasSubstr("--resource is missing"));
  EXPECT_THAT(Refusal("RETRIEVE --account=a"), HasSubstr("--resource is missing"));
  EXPECT_THAT(Refusal("RETRIEVE --resource= --account=a"), HasSubstr("--resource is empty"));
  EXPECT_THAT(Refusal("RETRIEVE --resource=\"\" --account=a"), HasSubstr("--resource is empty"));
}

TEST(CommandLineTest, RefusesAMissingAccount) {
  EXPECT_THAT(Refusal("RETRIEVE --resource=r"), HasSubstr("--account is missing"));
  EXPECT_THAT(Refusal("RETRIEVE --resource=r --account"), HasSubstr("--account is missing"));
}

TEST(CommandLineTest, RefusesTextBeforeTheFirstOption) {
  for (const char* line :
       {"RETRIEVE r a", "RETRIEVE -x --resource=r --account=a",
        "RETRIEVE --force=1 --resource=r --account=a", "RETRIEVE --Resource=r --account=a",
        "RETRIEVE --resource r --account=a", "RETRIEVE x--resource=r --account=a"}) {
    EXPECT_THAT(Refusal(line), HasSubstr("expected an option")) << line;
  }
}

TEST(CommandLineTest, RefusesAnUnknownOptionInsideAName) {
  for (const char* option : {"resource", "account", "ticketid", "resourcetype"}) {
    const bool create = std::string(option) == "resourcetype";
    std::string line = create ? "CREATE --newpassword=p" : "RETRIEVE";
    for (const char* other : {"resource", "account"}) {
      if (std::string(other) != option) line += std::string(" --") + other + "=v";
    }
    EXPECT_THAT(Refusal(line + " --" + option + "=v --typo=1"),
                HasSubstr(std::string("unknown option inside the value of --") + option));
  }
}

TEST(CommandLineTest, RefusesAnOptionOfAnotherCommandRatherThanSwallowingIt) {
  EXPECT_THAT(Refusal("CREATE --resource=r --account=a --newpassword=p --reason=x"),
              HasSubstr("CREATE does not take --reason"));
  EXPECT_THAT(Refusal("RETRIEVE --resource=r --account=a --reason=x --newpassword=p"),
              HasSubstr("RETRIEVE does not take --newpassword"));
  EXPECT_THAT(Refusal("RESET_LOCAL --resource=r --account=a --newpassword=p --notes=x"),
              HasSubstr("RESET_LOCAL does not take --notes"));
  EXPECT_THAT(Refusal("RESET_REMOTE --resource=r --account=a --resourcetype=x"),
              HasSubstr("RESET_REMOTE does not take --resourcetype"));
}

TEST(CommandLineTest, RefusesAnOptionGivenTwice) {
  EXPECT_THAT(Refusal("RETRIEVE --resource=r --account=a --account=a"),
              HasSubstr("--account is given twice"));
  EXPECT_THAT(Refusal("RETRIEVE --resource=r --account=a --reason=see --reason=y"),
              HasSubstr("--reason is given twice"));
}

TEST(CommandLineTest, RefusesAnEmptyNewPassword) {
  EXPECT_THAT(Refusal("RESET_LOCAL --resource=r --account=a --newpassword="),
              HasSubstr("--newpassword is empty"));
  EXPECT_THAT(Refusal("RESET_LOCAL --resource=r --account=a --newpassword=''"),
              HasSubstr("--newpassword is empty"));
}

TEST(CommandLineTest, RefusesACreateWithoutAccountOrPassword) {
  EXPECT_THAT(Refusal("CREATE --resource=r --account=a --resourcetype=Linux"),
              HasSubstr("--newpassword is missing"));
  EXPECT_THAT(Refusal("CREATE --resource=r --account= --newpassword=p"),
              HasSubstr("--account is empty"));
}

TEST(CommandLineTest, RefusesControlCharactersInNames) {
  for (const char* bad : {"a\tb", "a\nb", "a\rb", "a\x1b[2J", "a\x7f"}) {
    EXPECT_THAT(Refusal(std::string("RETRIEVE --account=a --resource=") + bad),
                HasSubstr("control character in the value of --resource"));
  }
}

TEST(CommandLineTest, RefusesNulBytesEverywhere) {
  const std::string nul(1, '\0');
  EXPECT_THAT(Refusal("RETRIEVE --account=a --resource=r" + nul), HasSubstr("NUL byte"));
  EXPECT_THAT(Refusal("RETRIEVE --account=a --resource=r --reason=" + nul), HasSubstr("NUL byte"));
  EXPECT_THAT(Refusal("RESET_LOCAL --account=a --resource=r --newpassword=p" + nul + "q"),
              HasSubstr("NUL byte"));
}

TEST(CommandLineTest, RefusesWhatIsNotUtf8OutsideThePassword) {
  EXPECT_THAT(Refusal("RETRIEVE --account=a --resource=\xff"), HasSubstr("not UTF-8"));
  EXPECT_THAT(Refusal("RETRIEVE --account=a --resource=r --reason=\xC3"), HasSubstr("not UTF-8"));
}

TEST(CommandLineTest, RefusesValuesAndLinesBeyondTheirBounds) {
  EXPECT_THAT(
      Refusal("RETRIEVE --account=a --resource=" + std::string(limits::kNameCharsMax + 1, 'x')),
      HasSubstr("256 characters, at most 255"));
  EXPECT_THAT(Refusal("RETRIEVE --account=a --resource=r --reason=" +
                      std::string(limits::kTextCharsMax + 1, 'x')),
              HasSubstr("4097 characters, at most 4096"));
  EXPECT_THAT(Refusal("RETRIEVE --account=a --resource=r --reason=" +
                      std::string(limits::kSshCommandBytesMax, 'x')),
              HasSubstr("at most 65536"));
}

TEST(CommandLineTest, ARefusalNeverRepeatsAValue) {
  for (const char* line :
       {"RESET_LOCAL --resource=r --newpassword=hunter2hunter2",
        "RESET_LOCAL --newpassword=hunter2hunter2 --account=a",
        "RETRIEVE --resource=r --account=a --newpassword=hunter2hunter2",
        "RESET_LOCAL hunter2hunter2 --resource=r --account=a",
        "RESET_LOCAL --resource=r --account=a --x=hunter2hunter2", "hunter2hunter2 --resource=r"}) {
    EXPECT_THAT(Refusal(line), Not(HasSubstr("hunter2"))) << line;
  }
}

TEST(CommandWordTest, NamesOurCommandsOnly) {
  EXPECT_EQ(CommandWord(" retrieve --x"), "RETRIEVE");
  EXPECT_EQ(CommandWord("CREATE"), "CREATE");
  EXPECT_EQ(CommandWord("DELETE"), "");
  EXPECT_EQ(CommandWord(""), "");
}

}  // namespace
}  // namespace holdfast::ssh

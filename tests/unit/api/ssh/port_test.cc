// The transport alone, with the stock OpenSSH client: what runs, what is refused.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/api/ssh/port_fixture.h"

namespace holdfast::ssh {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PortTest : public PortFixture {
 protected:
  PortTest() { StartServer(); }
};

TEST_F(PortTest, GivesTheBytesOfTheAnswerAndNothingElse) {
  const Finished done = Ssh("SECRET swordfish");
  EXPECT_EQ(done.exit_status, 0);
  EXPECT_EQ(done.out, "swordfish");
  EXPECT_THAT(done.err, IsEmpty());
}

TEST_F(PortTest, GivesRefusalsOnStderrWithTheirExitStatus) {
  for (const int status : {1, 2, 75}) {
    const Finished done = Ssh("REFUSE " + std::to_string(status));
    EXPECT_EQ(done.exit_status, status);
    EXPECT_THAT(done.out, IsEmpty());
    EXPECT_EQ(done.err, "ERROR: refused.\r\n");
  }
}

TEST_F(PortTest, ATerminalChangesNothing) {
  const Finished done = Ssh("SECRET swordfish\r\n", {"-tt"});
  EXPECT_EQ(done.exit_status, 0);
  EXPECT_EQ(done.out, "swordfish\r\n");
}

TEST_F(PortTest, GivesAnAnswerOfTheLargestSizeWhole) {
  const Finished done = Ssh("BIG 65538");
  EXPECT_EQ(done.exit_status, 0);
  EXPECT_EQ(done.out, std::string(65538, 'x'));
}

TEST_F(PortTest, LogsInWithEachKindOfKey) {
  for (const std::vector<std::string>& type : {std::vector<std::string>{"-t", "rsa", "-b", "2048"},
                                               {"-t", "ecdsa", "-b", "256"},
                                               {"-t", "ecdsa", "-b", "384"},
                                               {"-t", "ed25519"}}) {
    key_ = MakeKey("k" + type[1] + type.back(), type);
    vault_.Allow("deploy", key_.blob);
    EXPECT_EQ(Ssh("SECRET x").out, "x") << type[1];
  }
}

TEST_F(PortTest, ShowsBothHostKeys) {
  for (const char* type : {"ssh-ed25519", "ecdsa-sha2-nistp256"}) {
    EXPECT_EQ(Ssh("SECRET x", {"-o", std::string("HostKeyAlgorithms=") + type}).out, "x");
  }
}

TEST_F(PortTest, RunsSeveralCommandsAtOnceOnOneConnection) {
  const std::vector<std::string> shared{"-o", "ControlMaster=auto", "-o",
                                        "ControlPath=" + (folder_ / "mux")};
  Process first = StartSsh("HOLD", shared);
  vault_.WaitForHeld(1);
  EXPECT_EQ(Ssh("SECRET two", shared).out, "two");
  Process third = StartSsh("HOLD", shared);
  vault_.Release(2, [] { return Answer{.out = SecretBytes::CopyOf("late"), .err = {}}; });
  EXPECT_EQ(first.Finish().out, "late");
  EXPECT_EQ(third.Finish().out, "late");
  EXPECT_EQ(vault_.asked(), 2u) << "one login: a probe and a proof";
}

TEST_F(PortTest, RefusesAKeyThatNobodyKnows) {
  key_ = MakeKey("stranger", {"-t", "ed25519"});
  const Finished done = Ssh("SECRET x");
  EXPECT_EQ(done.exit_status, 255);
  EXPECT_THAT(done.out, IsEmpty());
  EXPECT_THAT(done.err, HasSubstr("Permission denied (publickey)"));
  EXPECT_EQ(vault_.ran(), 0u);
}

TEST_F(PortTest, ARefusedLoginIsRecordedOnceAConnectionHoweverManyKeysAreOffered) {
  const ClientKey first = key_;
  key_ = MakeKey("stranger", {"-t", "ed25519"});
  const ClientKey second = MakeKey("stranger2", {"-t", "ed25519"});
  EXPECT_EQ(Ssh("SECRET x", {"-i", second.path}).exit_status, 255);
  WaitForConnections(0);
  EXPECT_EQ(vault_.recorded(), 1u);
  EXPECT_EQ(Ssh("SECRET x", {"-i", first.path}).out, "x") << "after a stranger's key the right one";
  WaitForConnections(0);
  EXPECT_EQ(vault_.recorded(), 1u) << "a key that was refused on the way to a login is no refusal";
}

TEST_F(PortTest, RefusesAKnownKeyUnderAnotherLogin) {
  std::vector<std::string> words = Client({}, "somebody");
  words.push_back("SECRET x");
  EXPECT_EQ(RunProgram(words).exit_status, 255);
  EXPECT_EQ(vault_.ran(), 0u);
}

TEST_F(PortTest, RefusesASmallRsaKey) {
  key_ = MakeKey("small", {"-t", "rsa", "-b", "1024"});
  vault_.Allow("deploy", key_.blob);
  EXPECT_EQ(Ssh("SECRET x").exit_status, 255);
  EXPECT_EQ(vault_.ran(), 0u);
}

TEST_F(PortTest, GoesOnToTheNextKeyAfterOneOfAKindThatIsNotTaken) {
  const ClientKey foreign = MakeKey("p521", {"-t", "ecdsa", "-b", "521"});
  EXPECT_EQ(RunProgram({"ssh-keygen", "-q", "-s", foreign.path, "-I", "x", "-n", "deploy",
                        key_.path + ".pub"})
                .exit_status,
            0)
      << "beside the key there is now a certificate, which the client offers first";
  EXPECT_EQ(Ssh("SECRET x", {"-i", foreign.path}).out, "x");
}

TEST_F(PortTest, OffersNoMethodButPublicKey) {
  const Finished done = Ssh("SECRET x", {"-o", "PubkeyAuthentication=no"});
  EXPECT_EQ(done.exit_status, 255);
  EXPECT_THAT(done.err, HasSubstr("Permission denied (publickey)"));
}

TEST_F(PortTest, RefusesOldAlgorithms) {
  for (const char* old : {"KexAlgorithms=diffie-hellman-group14-sha256", "Ciphers=aes256-ctr",
                          "HostKeyAlgorithms=rsa-sha2-256"}) {
    const Finished done = Ssh("SECRET x", {"-o", old});
    EXPECT_EQ(done.exit_status, 255) << old;
    EXPECT_THAT(done.out, IsEmpty());
  }
}

TEST_F(PortTest, RefusesAShell) {
  const Finished done = RunProgram(Client());
  EXPECT_NE(done.exit_status, 0);
  EXPECT_THAT(done.out, IsEmpty());
  EXPECT_EQ(vault_.ran(), 0u);
}

TEST_F(PortTest, RefusesASubsystem) {
  EXPECT_NE(Ssh("sftp", {"-s"}).exit_status, 0);
  EXPECT_EQ(vault_.ran(), 0u);
}

TEST_F(PortTest, RefusesForwarding) {
  EXPECT_EQ(Ssh("SECRET x", {"-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"}).exit_status,
            255);
  EXPECT_NE(RunProgram(Client({"-W", "127.0.0.1:" + std::to_string(server_->port())})).exit_status,
            0);
  EXPECT_EQ(vault_.ran(), 0u);
  EXPECT_EQ(Ssh("SECRET x", {"-A", "-X"}).out, "x") << "asked for and not needed: no harm";
}

TEST_F(PortTest, TakesNoEnvironmentAndRunsTheCommandAllTheSame) {
  EXPECT_EQ(Ssh("SECRET x", {"-o", "SetEnv=LD_PRELOAD=/tmp/evil.so"}).out, "x");
}

TEST_F(PortTest, RefusesACommandBeyondTheBound) {
  const Finished done = Ssh("SECRET " + std::string(64 * 1024, 'a'));
  EXPECT_EQ(done.exit_status, 2);
  EXPECT_THAT(done.out, IsEmpty());
  EXPECT_THAT(done.err, HasSubstr("ERROR: Invalid command."));
  EXPECT_EQ(vault_.ran(), 0u);
}

TEST_F(PortTest, ChecksTheCallerAgainAtEachCommand) {
  const std::vector<std::string> shared{"-o", "ControlMaster=auto", "-o",
                                        "ControlPath=" + (folder_ / "mux")};
  Process first = StartSsh("HOLD", shared);
  vault_.WaitForHeld(1);
  vault_.Forbid("deploy");
  EXPECT_EQ(Ssh("SECRET two", shared).exit_status, 255);
  EXPECT_EQ(first.Finish().exit_status, 255) << "the connection is over";
  EXPECT_EQ(vault_.ran(), 1u);
}

TEST_F(PortTest, EndsOpenConnectionsOfACallerWhoIsNoLongerValid) {
  vault_.Allow("other", key_.blob);
  Process revoked = StartSsh("HOLD");
  std::vector<std::string> words = Client({}, "other");
  words.push_back("HOLD");
  Process stays(words);
  vault_.WaitForHeld(2);
  vault_.Forbid("deploy");
  server_->RecheckSessions();
  EXPECT_EQ(revoked.Finish().exit_status, 255);
  vault_.Release(2, [] { return Answer{.out = SecretBytes::CopyOf("late"), .err = {}}; });
  EXPECT_EQ(stays.Finish().out, "late");
}

}  // namespace
}  // namespace holdfast::ssh

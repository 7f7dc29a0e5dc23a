// Transport and commands together: the stock client talks to a vault.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "api/ssh/commands.h"
#include "server/crypto/ssh_key.h"
#include "tests/support/state_desk.h"
#include "tests/unit/api/ssh/port_fixture.h"

namespace holdfast::ssh {
namespace {

using ::testing::HasSubstr;

class FrontEndTest : public PortFixture {
 protected:
  FrontEndTest() {
    user_ = desk_.AddUser("deploy", v1::ROLE_PASSWORD_ADMINISTRATOR,
                          "DDDDDDDD-0000-0000-0000-000000000002");
    desk_.AddAccount(user_, "db", "root", "swordfish");
    key_id_ = desk_.Do(vault::AddSshKey{.user_id = user_, .key = KeyOf(key_)}).key_ids.at(0);
    StartServer({}, MakeSshVault(desk_));
  }
  ~FrontEndTest() override { server_.reset(); }  // It borrows the desk.
  static vault::NewSshKey KeyOf(const ClientKey& key) {
    const auto type = crypto::CheckPublicKey(key.blob);
    EXPECT_TRUE(type.ok()) << type.status();
    return {*type, key.blob, crypto::SshFingerprint(key.blob), ""};
  }

  StateDesk desk_;
  uint64_t user_ = 0;
  uint64_t key_id_ = 0;
};

TEST_F(FrontEndTest, RetrievesAndResetsWithTheStockClient) {
  const Finished got = Ssh("RETRIEVE --resource=db --account=root --reason=nightly job");
  EXPECT_EQ(got.out, "swordfish\r\n");
  EXPECT_EQ(got.err, "");
  EXPECT_EQ(got.exit_status, 0);
  EXPECT_EQ(desk_.audit().back().via(), "SSH");
  EXPECT_EQ(desk_.audit().back().user_name(), "deploy");
  EXPECT_EQ(Ssh("RESET_LOCAL --resource=db --account=root --newpassword=New1!secret").out,
            "Password changed successfully\r\n");
  EXPECT_EQ(Ssh("RETRIEVE --resource=db --account=root").out, "New1!secret\r\n");
}

TEST_F(FrontEndTest, AKeyThatWasRevokedEndsTheConnectionAndLogsNobodyIn) {
  const std::vector<std::string> shared{"-o", "ControlMaster=auto",
                                        "-o", "ControlPersist=60",
                                        "-o", "ControlPath=" + (folder_ / "mux")};
  EXPECT_EQ(Ssh("RETRIEVE --resource=db --account=root", shared).out, "swordfish\r\n");
  desk_.Do(vault::RemoveSshKey{.key_id = key_id_});
  server_->RecheckSessions();
  WaitForConnections(0);
  const Finished refused = Ssh("RETRIEVE --resource=db --account=root");
  EXPECT_EQ(refused.exit_status, 255);
  EXPECT_EQ(refused.out, "");
  WaitForConnections(0);
  EXPECT_EQ(desk_.audit().back().operation(), "login");
  EXPECT_EQ(desk_.audit().back().refusal(), "AUTH_FAILED");
}

TEST_F(FrontEndTest, ASecondaryAnswersTheSameKeyAndSaysWhereThePrimaryIs) {
  desk::NodeFacts facts = desk_.Facts();
  facts.primary = false;
  desk_.SetFacts(facts);
  EXPECT_EQ(Ssh("RETRIEVE --resource=db --account=root").out, "swordfish\r\n");
  const Finished refused = Ssh("RESET_LOCAL --resource=db --account=root");
  EXPECT_EQ(refused.exit_status, 75);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("ERROR: READONLY primary=a.test:6622 epoch=1: "));
}

}  // namespace
}  // namespace holdfast::ssh

#include "server/setup/init.h"

#include <gmock/gmock.h>

#include "replication/ledger/ledger.h"
#include "server/base/encoding.h"
#include "server/base/file.h"
#include "server/crypto/seal.h"
#include "server/setup/identity.h"
#include "server/setup/node_folder.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/server/setup/temp_folder.h"

namespace holdfast::setup {
namespace {

using ::testing::HasSubstr;

class InitTest : public TempFolderTest {
 protected:
  InitOptions Options() const {
    const auto config = FindConfig(Path("node.toml"), Path("data"), "a");
    EXPECT_TRUE(config.ok()) << config.status();
    return {.config = *config,
            .cluster_name = "first",
            .admin_token_file = Path("admin.token"),
            .recovery_key_file = Path("recovery.key")};
  }
  void ExpectNothingLeft() const {
    EXPECT_FALSE(FileExists(Path("data")));
    EXPECT_FALSE(FileExists(Path("recovery.key")));
    EXPECT_FALSE(FileExists(Path("node.toml")));
  }
  std::string LineOf(const std::string& name) const {
    std::string text = ReadFile(Path(name), 1000).value_or("");
    EXPECT_TRUE(text.ends_with('\n'));
    return text.substr(0, text.size() - 1);
  }

  ManualClock clock_;
};

TEST_F(InitTest, FilesAreThereAndTheOwnersAlone) {
  const auto made = Init(Options(), clock_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(ModeOf(Path("data")), 0700u);
  for (const char* secret : {"data/node.key", "data/seal.key", "data/root.sealed", "data/vault.db",
                             "data/committed", "admin.token", "recovery.key"}) {
    EXPECT_TRUE(FileExists(Path(secret))) << secret;
    EXPECT_EQ(ModeOf(Path(secret)) & 0077, 0u) << secret;
  }
  EXPECT_FALSE(FileExists(Path("data/unfinished")));
  EXPECT_TRUE(made->recovery_key.empty());
  const auto config = LoadConfig(Path("node.toml"));
  ASSERT_TRUE(config.ok()) << config.status();
  const auto identity = LoadIdentity(*config, clock_.Wall());
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->cluster_id, made->cluster_id);
  EXPECT_EQ(identity->node_id, "a");
}

TEST_F(InitTest, TheLogOpensAgainAndTheAdministratorIsInIt) {
  ASSERT_TRUE(Init(Options(), clock_).ok());
  const auto identity = LoadIdentity(*LoadConfig(Path("node.toml")), clock_.Wall());
  ASSERT_TRUE(identity.ok()) << identity.status();
  crypto::KeyRing keys(identity->root_key.Clone(), identity->cluster_id);
  const auto store = storage::sqlite::SqliteStore::Open({.path = PathIn(Path("data"), kStoreFile)});
  ASSERT_TRUE(store.ok()) << store.status();
  const auto ledger = replication::Ledger::Open(
      {.node_id = "a", .committed_path = PathIn(Path("data"), kCommittedFile)}, **store, keys,
      clock_);
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  EXPECT_EQ((*ledger)->progress().committed_seq, 2u);  // epoch start, bootstrap
  const SecretBytes token = SecretBytes::CopyOf(LineOf("admin.token"));
  (*ledger)->Read([&](const vault::StateReader& state, Position) {
    const auto* row = state.FindTokenByHash(std::string(AsText(keys.HashToken(token))));
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(state.FindUser(row->user_id())->name(), "admin");
    EXPECT_EQ(state.Cluster()->name(), "first");
    ASSERT_NE(state.FindMember("a"), nullptr);
    EXPECT_EQ(state.FindMember("a")->fingerprint().size(), 64u);
    EXPECT_GT(state.Counter("id"), 0u);
  });
}

TEST_F(InitTest, TheRecoveryKeyOpensTheRootKey) {
  const auto made = Init(Options(), clock_);
  ASSERT_TRUE(made.ok()) << made.status();
  const auto identity = LoadIdentity(*LoadConfig(Path("node.toml")), clock_.Wall());
  const auto wrapped = ReadFile(PathIn(Path("data"), kRecoveryFile), 4096);
  ASSERT_TRUE(wrapped.ok() && identity.ok());
  const auto root = crypto::RecoveryUnwrap(SecretBytes::CopyOf(LineOf("recovery.key")), *wrapped,
                                           made->cluster_id);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->RevealText(Purpose::kCompare), identity->root_key.RevealText(Purpose::kCompare));
}

TEST_F(InitTest, WithoutAFileTheRecoveryKeyIsInTheResult) {
  InitOptions options = Options();
  options.recovery_key_file.clear();
  const auto made = Init(options, clock_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->recovery_key.empty());
}

TEST_F(InitTest, ASecondInitIsRefusedAndChangesNothing) {
  ASSERT_TRUE(Init(Options(), clock_).ok());
  const std::string token = LineOf("admin.token");
  InitOptions again = Options();
  EXPECT_EQ(Init(again, clock_).status().code(), absl::StatusCode::kAlreadyExists);
  again.admin_token_file = Path("other.token");
  again.recovery_key_file = Path("other.key");
  const auto refused = Init(again, clock_);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("a node is there already"));
  EXPECT_FALSE(FileExists(Path("other.token")));
  EXPECT_EQ(LineOf("admin.token"), token);
  EXPECT_TRUE(LoadIdentity(*LoadConfig(Path("node.toml")), clock_.Wall()).ok());
}

TEST_F(InitTest, AFailureLeavesNothingAndTheNextInitWorks) {
  InitOptions options = Options();
  options.admin_token_file = Path("no-such-folder/admin.token");
  EXPECT_FALSE(Init(options, clock_).ok());
  ExpectNothingLeft();
  options = Options();
  options.recovery_key_file = Path("no-such-folder/recovery.key");
  EXPECT_FALSE(Init(options, clock_).ok());
  ExpectNothingLeft();
  EXPECT_FALSE(FileExists(Path("admin.token")));
  EXPECT_TRUE(Init(Options(), clock_).ok());
}

}  // namespace
}  // namespace holdfast::setup

#include "server/setup/bootstrap.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/base/encoding.h"
#include "server/crypto/random.h"
#include "server/vault/state.h"

namespace holdfast::setup {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;

class BootstrapTest : public ::testing::Test {
 protected:
  BootstrapTest()
      : keys_(crypto::RandomSecret(crypto::kRootKeyBytes), "c1"),
        token_(SecretBytes::CopyOf("TOKEN")),
        authority_(*crypto::CreateAuthority("c1", FromMillis(kNow))) {
    v1::MemberRow member;
    member.set_node_id("a");
    const auto bootstrap = MakeBootstrap({.cluster_name = "first",
                                          .authority = authority_,
                                          .member = member,
                                          .admin_token = token_,
                                          .now_ms = kNow},
                                         keys_);
    EXPECT_TRUE(bootstrap.ok()) << bootstrap.status();
    for (const v1::Row& row : bootstrap->rows) {
      const absl::Status put = state_.Put(row);
      EXPECT_TRUE(put.ok()) << put;
    }
  }

  crypto::KeyRing keys_;
  SecretBytes token_;
  crypto::CertificateAuthority authority_;
  vault::State state_;
};

TEST_F(BootstrapTest, TheFirstUserMayDoEverythingAndTheTokenIsItsOwn) {
  const auto* token = state_.FindTokenByHash(std::string(AsText(keys_.HashToken(token_))));
  ASSERT_NE(token, nullptr);
  const v1::UserRow* user = state_.FindUser(token->user_id());
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(user->name(), "admin");
  EXPECT_EQ(user->role(), v1::ROLE_ADMINISTRATOR);
  EXPECT_TRUE(user->super_administrator() && user->operate_cluster());
  EXPECT_TRUE(user->rest_enabled() && user->ssh_enabled());
  EXPECT_NE(state_.FindOrganization(user->organization_id()), nullptr);
}

TEST_F(BootstrapTest, SecretsOpenWithTheRootKeyAlone) {
  crypto::KeyRing fresh(keys_.root_key().Clone(), "c1");
  for (const uint64_t organization : {vault::kClusterOrganization, vault::kDefaultOrganization}) {
    const auto rows = state_.DataKeysOf(organization);
    ASSERT_EQ(rows.size(), 1u);
    ASSERT_TRUE(fresh.Load(*rows[0]).ok());
  }
  const auto ca_key =
      fresh.Open(vault::kClusterOrganization, v1::TABLE_CLUSTER, state_.Cluster()->ca_key());
  ASSERT_TRUE(ca_key.ok()) << ca_key.status();
  EXPECT_TRUE(crypto::CheckKeyFits(state_.Cluster()->ca_certificate(), *ca_key).ok());
  std::set<std::string> types;
  for (const v1::HostKeyRow* key : state_.HostKeys()) {
    types.insert(key->type());
    EXPECT_TRUE(
        fresh.Open(vault::kClusterOrganization, v1::TABLE_HOST_KEY, key->private_key()).ok());
  }
  EXPECT_EQ(types, (std::set<std::string>{"ssh-ed25519", "ecdsa-sha2-nistp256"}));
}

TEST_F(BootstrapTest, TheClusterBeginsLocalWithOneMemberAndAnSshServer) {
  EXPECT_EQ(state_.Cluster()->level(), v1::LEVEL_LOCAL);
  EXPECT_EQ(state_.Cluster()->k(), 0u);
  ASSERT_EQ(state_.Members().size(), 1u);
  EXPECT_EQ(state_.Members()[0]->joined_ms(), kNow);
  ASSERT_NE(state_.FindSshd(""), nullptr);
  EXPECT_TRUE(state_.FindSshd("")->enabled());
}

}  // namespace
}  // namespace holdfast::setup

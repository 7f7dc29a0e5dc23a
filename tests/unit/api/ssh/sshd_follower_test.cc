// The rows decide: where the SSH server listens, with which keys, and who may stay.
#include "api/ssh/sshd_follower.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "api/ssh/commands.h"
#include "api/ssh/replicated_settings.h"
#include "server/crypto/ssh_key.h"
#include "server/vault/state.h"
#include "tests/unit/server/desk/vault_desk_fixture.h"

namespace holdfast::ssh {
namespace {

constexpr uint16_t kConfigured = 6622;

void PutSshd(vault::State& state, const std::string& node, uint32_t port, bool enabled) {
  v1::Row row;
  row.mutable_sshd()->set_node_id(node);
  row.mutable_sshd()->set_port(port);
  row.mutable_sshd()->set_enabled(enabled);
  ASSERT_TRUE(state.Put(std::move(row)).ok());
}

void PutHostKey(vault::State& state, uint64_t id, bool active) {
  v1::Row row;
  row.mutable_host_key()->set_id(id);
  row.mutable_host_key()->set_type(std::string(crypto::kSshEd25519));
  row.mutable_host_key()->set_active(active);
  ASSERT_TRUE(state.Put(std::move(row)).ok());
}

TEST(SshdStateTest, WithoutAHostKeyItIsOff) {
  vault::State state;
  EXPECT_FALSE(SshdStateOf(state, "a", kConfigured).enabled);
  PutHostKey(state, 1, /*active=*/false);
  EXPECT_FALSE(SshdStateOf(state, "a", kConfigured).enabled) << "published, not used yet";
  PutHostKey(state, 2, /*active=*/true);
  const SshdState sshd = SshdStateOf(state, "a", kConfigured);
  EXPECT_TRUE(sshd.enabled);
  EXPECT_EQ(sshd.port, kConfigured);
  ASSERT_EQ(sshd.host_keys.size(), 1u);
  EXPECT_EQ(sshd.host_keys[0].id(), 2u);
}

TEST(SshdStateTest, TheNodesOwnRowBeatsTheClusters) {
  vault::State state;
  PutHostKey(state, 1, true);
  PutSshd(state, "", 7000, false);
  EXPECT_FALSE(SshdStateOf(state, "a", kConfigured).enabled);
  EXPECT_EQ(SshdStateOf(state, "a", kConfigured).port, 7000);
  PutSshd(state, "a", 0, true);
  EXPECT_TRUE(SshdStateOf(state, "a", kConfigured).enabled);
  EXPECT_EQ(SshdStateOf(state, "a", kConfigured).port, 7000) << "it says nothing of the port";
  PutSshd(state, "a", 7001, true);
  EXPECT_EQ(SshdStateOf(state, "a", kConfigured).port, 7001);
  EXPECT_FALSE(SshdStateOf(state, "b", kConfigured).enabled);
}

class SshdFollowerTest : public desk::VaultDeskFixture {
 protected:
  SshdFollowerTest() {
    auto server = SshServer::Start({.address = "127.0.0.1"}, MakeSshVault(*desk_), clock_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    follower_ = std::make_unique<SshdFollower>(
        SshdFollower::Parts{.server = *server_,
                            .ledger = *ledger_,
                            .keys = *keys_,
                            .clock = clock_,
                            .node_id = "a",
                            .configured_port = 0,
                            .may_serve = [this] { return may_serve_.load(); }});
  }
  ~SshdFollowerTest() override {
    follower_.reset();
    server_.reset();
  }
  static void WaitFor(const std::function<bool()>& holds) {
    while (!holds()) std::this_thread::yield();
  }
  void Switch(bool enabled) {
    v1::SshdRow row;  // of the cluster
    row.set_enabled(enabled);
    Do(vault::SetSshd{.sshd = row});
  }

  std::atomic<bool> may_serve_{true};
  std::unique_ptr<SshServer> server_;
  std::unique_ptr<SshdFollower> follower_;
};

TEST_F(SshdFollowerTest, ListensAsTheRowsSayAndClosesWhenTheNodeCannotServe) {
  WaitFor([&] { return server_->port() != 0; });
  Switch(false);
  WaitFor([&] { return server_->port() == 0; });
  Switch(true);
  WaitFor([&] { return server_->port() != 0; });
  may_serve_ = false;
  WaitFor([&] { return server_->port() == 0; });
  may_serve_ = true;
  WaitFor([&] { return server_->port() != 0; });
}

}  // namespace
}  // namespace holdfast::ssh

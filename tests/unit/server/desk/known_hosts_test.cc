#include "server/desk/known_hosts.h"

#include <gtest/gtest.h>

#include "server/base/check.h"
#include "server/vault/state.h"

namespace holdfast::desk {
namespace {

class KnownHostsTest : public testing::Test {
 protected:
  void PutMember(const std::string& node_id, const std::string& ssh_address) {
    v1::Row row;
    row.mutable_member()->set_node_id(node_id);
    row.mutable_member()->set_ssh_address(ssh_address);
    HOLDFAST_CHECK(state_.Put(std::move(row)).ok());
  }
  void PutSshd(const std::string& node_id, uint32_t port) {
    v1::Row row;
    row.mutable_sshd()->set_node_id(node_id);
    row.mutable_sshd()->set_port(port);
    HOLDFAST_CHECK(state_.Put(std::move(row)).ok());
  }
  void PutKey(uint64_t id, const std::string& type, const std::string& bytes, bool active) {
    v1::Row row;
    row.mutable_host_key()->set_id(id);
    row.mutable_host_key()->set_type(type);
    row.mutable_host_key()->set_public_key(bytes);
    row.mutable_host_key()->set_active(active);
    HOLDFAST_CHECK(state_.Put(std::move(row)).ok());
  }
  std::string Text() const {
    const auto text = KnownHostsOf(state_);
    return text.ok() ? *text : std::string(text.status().message());
  }
  vault::State state_;
};

TEST_F(KnownHostsTest, HasEachKeyForEachNode) {
  PutMember("a", "a.test:6622");
  PutMember("b", "[2001:db8::2]:22");
  PutKey(1, "ssh-ed25519", "k1", true);
  PutKey(2, "ecdsa-sha2-nistp256", "k2", false);
  EXPECT_EQ(Text(),
            "[a.test]:6622 ssh-ed25519 azE=\n"
            "[a.test]:6622 ecdsa-sha2-nistp256 azI=\n"
            "2001:db8::2 ssh-ed25519 azE=\n"
            "2001:db8::2 ecdsa-sha2-nistp256 azI=\n");
}

TEST_F(KnownHostsTest, FollowsThePortOfTheNodeThenThatOfTheCluster) {
  PutMember("a", "a.test:6622");
  PutMember("b", "b.test:6622");
  PutMember("c", "c.test:6622");
  PutKey(1, "ssh-ed25519", "k1", true);
  PutSshd("", 2222);
  PutSshd("a", 22);
  PutSshd("c", 0);
  EXPECT_EQ(Text(),
            "a.test ssh-ed25519 azE=\n"
            "[b.test]:2222 ssh-ed25519 azE=\n"
            "[c.test]:2222 ssh-ed25519 azE=\n");
  EXPECT_EQ(*SshAddressOf(state_, *state_.FindMember("a")), "a.test:22");
}

TEST_F(KnownHostsTest, AnAddressThatCouldForgeALineIsLeftOut) {
  PutKey(1, "ssh-ed25519", "k1", true);
  int number = 0;
  for (const std::string& bad : std::initializer_list<std::string>{
           "", "host", "host:", "host:0", "host:65536", "a,b:22", "*:22", "a b:22", "a\nb:22",
           "2001:db8::2:22", ":22", "[]:22"}) {
    PutMember("n" + std::to_string(++number), bad);
  }
  EXPECT_EQ(Text(), "");
  PutMember("z", "z.test:22");
  EXPECT_EQ(Text(), "z.test ssh-ed25519 azE=\n");
}

TEST_F(KnownHostsTest, RefusesAKeyThatCouldForgeALine) {
  PutMember("a", "a.test:22");
  PutKey(1, "ssh-ed25519 AAAA", "k1", true);
  EXPECT_EQ(KnownHostsOf(state_).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace holdfast::desk

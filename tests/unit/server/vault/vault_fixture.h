#ifndef HOLDFAST_TESTS_UNIT_SERVER_VAULT_VAULT_FIXTURE_H_
#define HOLDFAST_TESTS_UNIT_SERVER_VAULT_VAULT_FIXTURE_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "server/vault/plan.h"
#include "server/vault/refusal.h"
#include "server/vault/state.h"

namespace holdfast::vault {

inline constexpr int64_t kNow = 1'700'000'000'000;
inline constexpr uint64_t kRoot = 10;  // super administrator who operates the cluster
inline constexpr uint64_t kNobody = 0;

inline std::string Hash(char fill) { return std::string(32, fill); }

inline v1::SealedSecret Sealed(char fill = 's') {
  v1::SealedSecret secret;
  secret.set_id(std::string(16, fill));
  secret.set_generation(1);
  secret.set_nonce(std::string(12, fill));
  secret.set_ciphertext(std::string(24, fill));
  return secret;
}

inline v1::AccountRow Account(const std::string& name) {
  v1::AccountRow account;
  account.set_name(name);
  *account.mutable_secret() = Sealed();
  return account;
}

inline v1::UserRow User(const std::string& name, v1::Role role = v1::ROLE_PASSWORD_USER) {
  v1::UserRow user;
  user.set_name(name);
  user.set_role(role);
  user.set_rest_enabled(true);
  user.set_ssh_enabled(true);
  return user;
}

inline NewSshKey Key(const std::string& blob) {
  return {
      .type = "ssh-ed25519", .public_key = blob, .fingerprint = "SHA256:" + blob, .comment = ""};
}

inline v1::MemberRow Member(const std::string& node_id, char fingerprint) {
  v1::MemberRow member;
  member.set_node_id(node_id);
  member.set_rest_url("https://" + node_id + ":8282");
  member.set_ssh_address(node_id + ":6622");
  member.set_peer_address(node_id + ":6630");
  member.set_health_url("http://" + node_id + ":8280");
  member.set_fingerprint(std::string(64, fingerprint));
  return member;
}

// What `init` makes, as far as the vault cares.
inline Bootstrap FirstRows() {
  Bootstrap body;
  v1::ClusterRow& cluster = *body.rows.emplace_back().mutable_cluster();
  cluster.set_cluster_id("c1");
  cluster.set_name("test");
  cluster.set_level(v1::LEVEL_LOCAL);
  cluster.set_policy(v1::POLICY_BLOCK);
  v1::OrganizationRow& organization = *body.rows.emplace_back().mutable_organization();
  organization.set_id(kDefaultOrganization);
  organization.set_name("MAIN");
  for (const uint64_t of : {kClusterOrganization, kDefaultOrganization}) {
    v1::DataKeyRow& key = *body.rows.emplace_back().mutable_data_key();
    key.set_id(2 + of);
    key.set_organization_id(of);
    key.set_generation(1);
  }
  *body.rows.emplace_back().mutable_member() = Member("node-a", 'a');
  v1::UserRow& root = *body.rows.emplace_back().mutable_user();
  root = User("root", v1::ROLE_ADMINISTRATOR);
  root.set_id(kRoot);
  root.set_organization_id(kDefaultOrganization);
  root.set_super_administrator(true);
  root.set_operate_cluster(true);
  return body;
}

// A State that changes by plans alone.
class Vault {
 public:
  Vault() { EXPECT_TRUE(Do(kNobody, FirstRows()).ok()); }

  State& state() { return state_; }
  int64_t now_ms = kNow;

  absl::StatusOr<Planned> Try(uint64_t user_id, CommandBody body) const {
    Command command{.actor = {}, .now_ms = now_ms, .body = std::move(body)};
    command.actor.set_user_id(user_id);
    return Plan(state_, command);
  }

  absl::StatusOr<Planned> Do(uint64_t user_id, CommandBody body) {
    absl::StatusOr<Planned> planned = Try(user_id, std::move(body));
    if (!planned.ok()) return planned;
    for (const v1::RowChange& change : planned->changes) {
      const absl::Status applied = state_.Apply(change);
      EXPECT_TRUE(applied.ok()) << planned->operation << ": " << applied;
    }
    return planned;
  }

  // nullopt when it is not refused.
  std::optional<Refusal> WhyNot(uint64_t user_id, CommandBody body) const {
    return RefusalOf(Try(user_id, std::move(body)).status());
  }

  uint64_t AddUserNamed(const std::string& name, v1::Role role = v1::ROLE_PASSWORD_USER) {
    return Must(Do(kRoot, AddUser{.user = User(name, role)})).id;
  }
  uint64_t AddResourceNamed(uint64_t owner, const std::string& name) {
    AddResource body;
    body.resource.set_name(name);
    return Must(Do(owner, body)).id;
  }
  uint64_t AddAccountNamed(uint64_t user, uint64_t resource, const std::string& name) {
    return Must(Do(user, AddAccounts{resource, {Account(name)}})).account_ids.at(0);
  }
  uint64_t Share(uint64_t by, uint64_t user, uint64_t resource, uint64_t account,
                 v1::ShareLevel level) {
    return Must(Do(by, SetShare{user, resource, account, level})).id;
  }

 private:
  static Planned Must(absl::StatusOr<Planned> planned) {
    EXPECT_TRUE(planned.ok()) << planned.status();
    return planned.ok() ? *std::move(planned) : Planned{.account_ids = {0}};
  }

  State state_;
};

}  // namespace holdfast::vault

#endif  // HOLDFAST_TESTS_UNIT_SERVER_VAULT_VAULT_FIXTURE_H_

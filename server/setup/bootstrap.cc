#include "server/setup/bootstrap.h"

#include <string_view>
#include <utility>

#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/ssh_key.h"

namespace holdfast::setup {
namespace {

constexpr char kFirstOrganization[] = "default";
constexpr uint64_t kClusterDataKeyId = 1;
constexpr uint64_t kFirstDataKeyId = 2;
constexpr uint64_t kFirstUserId = 3;
constexpr uint64_t kFirstTokenId = 4;
constexpr uint64_t kFirstHostKeyId = 5;

absl::StatusOr<v1::Row> ClusterRowOf(const BootstrapTerms& terms, crypto::KeyRing& keys) {
  v1::Row row;
  v1::ClusterRow& cluster = *row.mutable_cluster();
  cluster.set_cluster_id(keys.cluster_id());
  cluster.set_name(terms.cluster_name);
  cluster.set_ca_certificate(terms.authority.certificate_pem);
  HOLDFAST_ASSIGN_OR_RETURN(
      *cluster.mutable_ca_key(),
      keys.Seal(vault::kClusterOrganization, v1::TABLE_CLUSTER, terms.authority.key_pem));
  cluster.set_level(v1::LEVEL_LOCAL);
  cluster.set_k(0);
  cluster.set_policy(v1::POLICY_BLOCK);
  cluster.set_created_ms(terms.now_ms);
  return row;
}

v1::Row FirstUserRow(int64_t now_ms) {
  v1::Row row;
  v1::UserRow& user = *row.mutable_user();
  user.set_id(kFirstUserId);
  user.set_organization_id(vault::kDefaultOrganization);
  user.set_name(kFirstUser);
  user.set_full_name("Administrator");
  user.set_role(v1::ROLE_ADMINISTRATOR);
  user.set_super_administrator(true);
  user.set_operate_cluster(true);
  user.set_rest_enabled(true);
  user.set_ssh_enabled(true);
  user.set_created_ms(now_ms);
  return row;
}

absl::StatusOr<v1::Row> HostKeyRowOf(uint64_t id, std::string_view type, int64_t now_ms,
                                     crypto::KeyRing& keys) {
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::SshHostKey key,
                            crypto::GenerateHostKey(type, keys.cluster_id()));
  v1::Row row;
  v1::HostKeyRow& host_key = *row.mutable_host_key();
  host_key.set_id(id);
  host_key.set_type(key.type);
  host_key.set_public_key(key.public_key);
  HOLDFAST_ASSIGN_OR_RETURN(
      *host_key.mutable_private_key(),
      keys.Seal(vault::kClusterOrganization, v1::TABLE_HOST_KEY, key.private_key));
  host_key.set_active(true);
  host_key.set_created_ms(now_ms);
  return row;
}

}  // namespace

absl::StatusOr<vault::Bootstrap> MakeBootstrap(const BootstrapTerms& terms, crypto::KeyRing& keys) {
  vault::Bootstrap bootstrap;
  std::vector<v1::Row>& rows = bootstrap.rows;
  for (const auto& [id, organization] : {std::pair(kClusterDataKeyId, vault::kClusterOrganization),
                                         std::pair(kFirstDataKeyId, vault::kDefaultOrganization)}) {
    v1::DataKeyRow& key = *rows.emplace_back().mutable_data_key();
    key = keys.NewDataKey(id, organization, 1, terms.now_ms);
    HOLDFAST_RETURN_IF_ERROR(keys.Load(key));
  }
  HOLDFAST_ASSIGN_OR_RETURN(v1::Row cluster, ClusterRowOf(terms, keys));
  rows.push_back(std::move(cluster));
  v1::OrganizationRow& organization = *rows.emplace_back().mutable_organization();
  organization.set_id(vault::kDefaultOrganization);
  organization.set_name(kFirstOrganization);
  v1::MemberRow& member = *rows.emplace_back().mutable_member();
  member = terms.member;
  member.set_joined_ms(terms.now_ms);
  rows.push_back(FirstUserRow(terms.now_ms));
  v1::TokenRow& token = *rows.emplace_back().mutable_token();
  token.set_id(kFirstTokenId);
  token.set_user_id(kFirstUserId);
  token.set_hash(std::string(AsText(keys.HashToken(terms.admin_token))));
  token.set_created_ms(terms.now_ms);
  v1::SshdRow& sshd = *rows.emplace_back().mutable_sshd();
  sshd.set_enabled(true);
  uint64_t id = kFirstHostKeyId;
  for (const std::string_view type : {crypto::kSshEd25519, crypto::kSshP256}) {
    HOLDFAST_ASSIGN_OR_RETURN(v1::Row host_key, HostKeyRowOf(id++, type, terms.now_ms, keys));
    rows.push_back(std::move(host_key));
  }
  return bootstrap;
}

}  // namespace holdfast::setup

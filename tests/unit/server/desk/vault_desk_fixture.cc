#include "tests/unit/server/desk/vault_desk_fixture.h"

#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "server/base/check.h"
#include "server/crypto/ssh_key.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

template <typename T>
T Must(absl::StatusOr<T> made) {
  EXPECT_TRUE(made.ok()) << made.status();
  HOLDFAST_CHECK(made.ok());
  return *std::move(made);
}

SecretBytes Secret(const std::string& text) { return SecretBytes::CopyOf(text); }

v1::Row UserRow(uint64_t id, const std::string& name) {
  v1::Row row;
  v1::UserRow& user = *row.mutable_user();
  user.set_id(id);
  user.set_organization_id(vault::kDefaultOrganization);
  user.set_name(name);
  user.set_role(v1::ROLE_ADMINISTRATOR);
  user.set_super_administrator(true);
  user.set_rest_enabled(true);
  user.set_ssh_enabled(true);
  return row;
}

v1::Row HostKeyRow(crypto::KeyRing& keys) {
  const crypto::SshHostKey key = Must(crypto::GenerateHostKey(crypto::kSshEd25519, ""));
  v1::Row row;
  v1::HostKeyRow& host_key = *row.mutable_host_key();
  host_key.set_id(9);
  host_key.set_type(key.type);
  host_key.set_public_key(key.public_key);
  host_key.set_active(true);
  *host_key.mutable_private_key() =
      Must(keys.Seal(vault::kClusterOrganization, v1::TABLE_HOST_KEY, key.private_key));
  return row;
}

}  // namespace

std::string AnnKey() {
  static const auto* const key =
      new std::string(Must(crypto::GenerateHostKey(crypto::kSshEd25519, "")).public_key);
  return *key;
}

VaultDeskFixture::VaultDeskFixture() {
  std::string name = testing::TempDir() + "holdfast-desk-XXXXXX";
  folder_ = mkdtemp(name.data());
  keys_ = std::make_unique<crypto::KeyRing>(Secret(std::string(crypto::kRootKeyBytes, 'r')), "c");
  store_ = Must(storage::MemoryStore::Open(disk_));
  ledger_ = Must(replication::Ledger::Open(
      {.node_id = "a", .committed_path = folder_ + "/committed"}, *store_, *keys_, clock_));
  HOLDFAST_CHECK(ledger_->StartEpoch({.number = 1, .node_id = "a"}).ok());
  journal_ = Must(audit::Journal::Open({.path = folder_ + "/journal", .node_id = "a"},
                                       keys_->JournalMac("a"), clock_));
  audit_store_ = Must(storage::sqlite::SqliteAuditStore::Open(
      {.path = folder_ + "/audit.db", .free_bytes_min = 0}));
  SetView(true);
  desk_ = std::make_unique<VaultDesk>(VaultDesk::Parts{.ledger = *ledger_,
                                                       .gate = gate_,
                                                       .journal = *journal_,
                                                       .audit_store = *audit_store_,
                                                       .keys = *keys_,
                                                       .clock = clock_,
                                                       .node_id = "a",
                                                       .reports = nullptr});
  Bootstrap();
  AddAnn();
}

VaultDeskFixture::~VaultDeskFixture() {
  desk_.reset();
  ledger_->Close();
  journal_.reset();
  std::filesystem::remove_all(folder_);
}

void VaultDeskFixture::Bootstrap() {
  vault::Bootstrap first;
  v1::ClusterRow& cluster = *first.rows.emplace_back().mutable_cluster();
  cluster.set_cluster_id("c");
  cluster.set_name("test");
  cluster.set_ca_certificate("none");
  cluster.set_level(v1::LEVEL_LOCAL);
  cluster.set_policy(v1::POLICY_BLOCK);
  v1::OrganizationRow& organization = *first.rows.emplace_back().mutable_organization();
  organization.set_id(vault::kDefaultOrganization);
  organization.set_name("default");
  for (const uint64_t id : {vault::kClusterOrganization, vault::kDefaultOrganization}) {
    const v1::DataKeyRow key = keys_->NewDataKey(id + 1, id, 1, desk_->NowMs());
    HOLDFAST_CHECK(keys_->Load(key).ok());  // To seal the host key below.
    *first.rows.emplace_back().mutable_data_key() = key;
  }
  first.rows.push_back(HostKeyRow(*keys_));
  first.rows.push_back(UserRow(1, "admin"));
  v1::TokenRow& token = *first.rows.emplace_back().mutable_token();
  token.set_id(1);
  token.set_user_id(1);
  token.set_hash(desk_->HashOf(Secret(kAdminToken)));
  Do(std::move(first));
}

void VaultDeskFixture::AddAnn() {
  vault::AddUser add;
  add.user = UserRow(0, "ann").user();
  add.user.set_role(v1::ROLE_PASSWORD_ADMINISTRATOR);
  add.user.set_super_administrator(false);
  add.token = vault::NewToken{.hash = desk_->HashOf(Secret(kAnnToken))};
  add.keys.push_back({.type = std::string(crypto::kSshEd25519),
                      .public_key = AnnKey(),
                      .fingerprint = crypto::SshFingerprint(AnnKey())});
  const vault::Planned ann = Do(std::move(add));
  ann_id_ = ann.id;
  ann_key_id_ = ann.key_ids.at(0);
  vault::AddResource resource;
  resource.resource.set_name("db");
  resource.resource.set_type("Linux");
  v1::AccountRow& account = resource.accounts.emplace_back();
  account.set_name("root");
  *account.mutable_secret() =
      Must(desk_->Seal(vault::kDefaultOrganization, v1::TABLE_ACCOUNT, Secret("swordfish")));
  const Written added = Must(Submit(LogIn(kAnnToken), std::move(resource)));
  db_id_ = added.planned.id;
  root_id_ = added.planned.account_ids.at(0);
}

void VaultDeskFixture::SetView(bool primary) {
  replication::NodeView view;
  view.node_id = "a";
  view.primary = primary;
  view.epoch = {.number = 1, .node_id = "a"};
  view.age_seconds = primary ? 0.0 : 2.5;
  view.age_at = clock_.Mono();
  view.primary_up = true;
  view.primary_ssh_address = "192.0.2.1:6622";
  view.can_read = true;
  gate_.Set(view);
}

CallerPtr VaultDeskFixture::LogIn(const std::string& token) {
  return Must(desk_->AuthenticateToken(Secret(token), kSource));
}

absl::StatusOr<Retrieved> VaultDeskFixture::Retrieve(const CallerPtr& caller, RetrieveAsk ask) {
  std::promise<absl::StatusOr<Retrieved>> got;
  desk_->Retrieve(caller, std::move(ask), [&](absl::StatusOr<Retrieved> retrieved) {
    got.set_value(std::move(retrieved));
  });
  return got.get_future().get();
}

absl::StatusOr<Retrieved> VaultDeskFixture::RetrieveRoot(const CallerPtr& caller) {
  return Retrieve(caller, {.account_id = root_id_});
}

absl::StatusOr<Written> VaultDeskFixture::Submit(const CallerPtr& caller, vault::CommandBody body) {
  std::promise<absl::StatusOr<Written>> got;
  desk_->Submit(caller, std::move(body),
                [&](absl::StatusOr<Written> written) { got.set_value(std::move(written)); });
  return got.get_future().get();
}

absl::StatusOr<Written> VaultDeskFixture::SubmitAsNode(vault::CommandBody body) {
  std::promise<absl::StatusOr<Written>> got;
  desk_->SubmitAsNode(kSource, std::move(body),
                      [&](absl::StatusOr<Written> written) { got.set_value(std::move(written)); });
  return got.get_future().get();
}

vault::Planned VaultDeskFixture::Do(vault::CommandBody body) {
  return Must(SubmitAsNode(std::move(body))).planned;
}

vault::SetSecret VaultDeskFixture::NewSecret(const std::string& secret) {
  return {
      .account_id = root_id_,
      .secret = Must(desk_->Seal(vault::kDefaultOrganization, v1::TABLE_ACCOUNT, Secret(secret)))};
}

std::vector<v1::AuditRecord> VaultDeskFixture::Journaled() const {
  const v1::AuditRecords read = Must(journal_->Read(1, 10'000, 64 << 20));
  return {read.records().begin(), read.records().end()};
}

std::string VaultDeskFixture::Name(const absl::Status& status) const {
  const auto refusal = vault::RefusalOf(status);
  if (refusal.has_value()) return std::string(vault::RefusalName(*refusal));
  return status.ok() ? "OK" : "INTERNAL";
}

}  // namespace holdfast::desk

#include "server/storage/sqlite/schema.h"

#include "server/storage/damage.h"

namespace holdfast::storage::sqlite {
namespace {

// Row tables: docs/formats/store.md. tests/unit/server/storage/sqlite compares them
// with rows.proto.
constexpr std::string_view kStoreV1 = R"sql(
CREATE TABLE meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  applied_epoch INTEGER NOT NULL,
  applied_seq INTEGER NOT NULL,
  applied_digest BLOB NOT NULL,
  state_digest BLOB NOT NULL,
  before_first_seq INTEGER NOT NULL,
  before_first_epoch_number INTEGER NOT NULL,
  before_first_epoch_node TEXT NOT NULL,
  before_first_digest BLOB NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 0, 0, zeroblob(32), zeroblob(32), 0, 0, '', zeroblob(32));
CREATE TABLE log (
  seq INTEGER PRIMARY KEY,
  epoch_number INTEGER NOT NULL,
  epoch_node TEXT NOT NULL,
  digest BLOB NOT NULL,
  mac BLOB NOT NULL,
  record BLOB NOT NULL
) STRICT;
CREATE TABLE facts (
  name TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;
CREATE TABLE clusters (
  cluster_id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  ca_certificate BLOB NOT NULL,
  ca_key_id BLOB,
  ca_key_generation INTEGER,
  ca_key_nonce BLOB,
  ca_key_ciphertext BLOB,
  level INTEGER NOT NULL,
  k INTEGER NOT NULL,
  policy INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE organizations (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL
) STRICT;
CREATE TABLE data_keys (
  id INTEGER PRIMARY KEY,
  organization_id INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  key_id BLOB,
  key_generation INTEGER,
  key_nonce BLOB,
  key_ciphertext BLOB,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE members (
  node_id TEXT NOT NULL PRIMARY KEY,
  rest_url TEXT NOT NULL,
  ssh_address TEXT NOT NULL,
  peer_address TEXT NOT NULL,
  health_url TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  never_primary INTEGER NOT NULL,
  joined_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE invites (
  id INTEGER PRIMARY KEY,
  node_id TEXT NOT NULL,
  token_hash BLOB NOT NULL,
  expires_ms INTEGER NOT NULL,
  used_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  organization_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  full_name TEXT NOT NULL,
  email TEXT NOT NULL,
  role INTEGER NOT NULL,
  super_administrator INTEGER NOT NULL,
  operate_cluster INTEGER NOT NULL,
  host_name TEXT NOT NULL,
  host_check INTEGER NOT NULL,
  rest_enabled INTEGER NOT NULL,
  ssh_enabled INTEGER NOT NULL,
  locked INTEGER NOT NULL,
  department TEXT NOT NULL,
  location TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE ssh_keys (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL,
  type TEXT NOT NULL,
  public_key BLOB NOT NULL,
  fingerprint TEXT NOT NULL,
  comment TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE tokens (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL,
  hash BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE resources (
  id INTEGER PRIMARY KEY,
  organization_id INTEGER NOT NULL,
  owner_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  description TEXT NOT NULL,
  url TEXT NOT NULL,
  dns_name TEXT NOT NULL,
  domain_name TEXT NOT NULL,
  department TEXT NOT NULL,
  location TEXT NOT NULL,
  password_policy TEXT NOT NULL,
  custom_fields TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  modified_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY,
  organization_id INTEGER NOT NULL,
  resource_id INTEGER NOT NULL,
  owner_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  notes TEXT NOT NULL,
  password_policy TEXT NOT NULL,
  secret_id BLOB,
  secret_generation INTEGER,
  secret_nonce BLOB,
  secret_ciphertext BLOB,
  custom_fields TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  modified_ms INTEGER NOT NULL,
  secret_changed_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE shares (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL,
  resource_id INTEGER NOT NULL,
  account_id INTEGER NOT NULL,
  level INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE sshds (
  node_id TEXT NOT NULL PRIMARY KEY,
  port INTEGER NOT NULL,
  enabled INTEGER NOT NULL
) STRICT;
CREATE TABLE host_keys (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  public_key BLOB NOT NULL,
  private_key_id BLOB,
  private_key_generation INTEGER,
  private_key_nonce BLOB,
  private_key_ciphertext BLOB,
  active INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE counters (
  name TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT;
)sql";

constexpr std::string_view kStoreV2 = R"sql(
ALTER TABLE clusters ADD COLUMN wait_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invites ADD COLUMN never_primary INTEGER NOT NULL DEFAULT 0;
CREATE TABLE request_keys (
  id TEXT NOT NULL PRIMARY KEY,
  user_id INTEGER NOT NULL,
  request_digest BLOB NOT NULL,
  operation TEXT NOT NULL,
  answer_id INTEGER NOT NULL,
  account_ids TEXT NOT NULL,
  key_ids TEXT NOT NULL,
  token_id INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT;
)sql";

constexpr std::string_view kAuditV1 = R"sql(
CREATE TABLE audit_records (
  node_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  operation TEXT NOT NULL,
  result INTEGER NOT NULL,
  refusal TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  user_name TEXT NOT NULL,
  source TEXT NOT NULL,
  via TEXT NOT NULL,
  credential TEXT NOT NULL,
  resource_id INTEGER NOT NULL,
  resource_name TEXT NOT NULL,
  account_id INTEGER NOT NULL,
  account_name TEXT NOT NULL,
  reason TEXT NOT NULL,
  ticket TEXT NOT NULL,
  position_epoch INTEGER NOT NULL,
  position_seq INTEGER NOT NULL,
  age_ms INTEGER NOT NULL,
  repeated INTEGER NOT NULL,
  UNIQUE (node_id, number)
) STRICT;
CREATE INDEX audit_records_by_time ON audit_records (wall_ms);
CREATE TABLE audit_heads (
  node_id TEXT NOT NULL PRIMARY KEY,
  number INTEGER NOT NULL
) STRICT;
CREATE TABLE audit_gaps (
  node_id TEXT NOT NULL,
  first_number INTEGER NOT NULL,
  last_number INTEGER NOT NULL
) STRICT;
)sql";

constexpr std::string_view kStoreMigrations[] = {kStoreV1, kStoreV2};
constexpr std::string_view kAuditMigrations[] = {kAuditV1};

}  // namespace

const DatabaseKind kStoreKind = {.name = "store",
                                 .application_id = 0x48465354,  // "HFST"
                                 .migrations = kStoreMigrations,
                                 .next_step = kDamageNextStep};
const DatabaseKind kAuditKind = {
    .name = "audit store",
    .application_id = 0x48464155,  // "HFAU"
    .migrations = kAuditMigrations,
    .next_step =
        "nothing was changed; move the file away with its -wal, it is collected again "
        "from the journals of the nodes"};

}  // namespace holdfast::storage::sqlite

#include "server/storage/postgres/schema.h"

#include <fmt/format.h>

#include "server/base/status_macros.h"
#include "server/storage/store.h"

namespace holdfast::storage::postgres {
namespace {

// Row tables: docs/formats/store.md. tests/unit/server/storage/postgres compares them with
// rows.proto. COLLATE "C": bytes are compared, so that an update of the operating system's
// collations damages no index. Migration i of both engines makes the same version.
constexpr std::string_view kStoreV1 = R"sql(
CREATE TABLE holdfast.meta (
  id bigint PRIMARY KEY CHECK (id = 1),
  applied_epoch bigint NOT NULL,
  applied_seq bigint NOT NULL,
  applied_digest bytea NOT NULL,
  state_digest bytea NOT NULL,
  before_first_seq bigint NOT NULL,
  before_first_epoch_number bigint NOT NULL,
  before_first_epoch_node text COLLATE "C" NOT NULL,
  before_first_digest bytea NOT NULL,
  writer uuid NOT NULL,
  commits bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO holdfast.meta VALUES (
  1, 0, 0, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'),
  0, 0, '', decode(repeat('00', 32), 'hex'), gen_random_uuid(), 0
);
CREATE TABLE holdfast.log (
  seq bigint PRIMARY KEY,
  epoch_number bigint NOT NULL,
  epoch_node text COLLATE "C" NOT NULL,
  digest bytea NOT NULL,
  mac bytea NOT NULL,
  record bytea NOT NULL
);
CREATE TABLE holdfast.facts (
  name text COLLATE "C" PRIMARY KEY,
  value bytea NOT NULL
);
CREATE TABLE holdfast.clusters (
  cluster_id text COLLATE "C" PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  ca_certificate bytea NOT NULL,
  ca_key_id bytea,
  ca_key_generation bigint,
  ca_key_nonce bytea,
  ca_key_ciphertext bytea,
  level bigint NOT NULL,
  k bigint NOT NULL,
  policy bigint NOT NULL,
  created_ms bigint NOT NULL
);
CREATE TABLE holdfast.organizations (
  id bigint PRIMARY KEY,
  name text COLLATE "C" NOT NULL
);
CREATE TABLE holdfast.data_keys (
  id bigint PRIMARY KEY,
  organization_id bigint NOT NULL,
  generation bigint NOT NULL,
  key_id bytea,
  key_generation bigint,
  key_nonce bytea,
  key_ciphertext bytea,
  created_ms bigint NOT NULL
);
CREATE TABLE holdfast.members (
  node_id text COLLATE "C" PRIMARY KEY,
  rest_url text COLLATE "C" NOT NULL,
  ssh_address text COLLATE "C" NOT NULL,
  peer_address text COLLATE "C" NOT NULL,
  health_url text COLLATE "C" NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  never_primary bigint NOT NULL,
  joined_ms bigint NOT NULL
);
CREATE TABLE holdfast.invites (
  id bigint PRIMARY KEY,
  node_id text COLLATE "C" NOT NULL,
  token_hash bytea NOT NULL,
  expires_ms bigint NOT NULL,
  used_ms bigint NOT NULL
);
CREATE TABLE holdfast.users (
  id bigint PRIMARY KEY,
  organization_id bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  full_name text COLLATE "C" NOT NULL,
  email text COLLATE "C" NOT NULL,
  role bigint NOT NULL,
  super_administrator bigint NOT NULL,
  operate_cluster bigint NOT NULL,
  host_name text COLLATE "C" NOT NULL,
  host_check bigint NOT NULL,
  rest_enabled bigint NOT NULL,
  ssh_enabled bigint NOT NULL,
  locked bigint NOT NULL,
  department text COLLATE "C" NOT NULL,
  location text COLLATE "C" NOT NULL,
  created_ms bigint NOT NULL
);
CREATE TABLE holdfast.ssh_keys (
  id bigint PRIMARY KEY,
  user_id bigint NOT NULL,
  type text COLLATE "C" NOT NULL,
  public_key bytea NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  comment text COLLATE "C" NOT NULL,
  created_ms bigint NOT NULL
);
CREATE TABLE holdfast.tokens (
  id bigint PRIMARY KEY,
  user_id bigint NOT NULL,
  hash bytea NOT NULL,
  created_ms bigint NOT NULL,
  expires_ms bigint NOT NULL
);
CREATE TABLE holdfast.resources (
  id bigint PRIMARY KEY,
  organization_id bigint NOT NULL,
  owner_id bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  description text COLLATE "C" NOT NULL,
  url text COLLATE "C" NOT NULL,
  dns_name text COLLATE "C" NOT NULL,
  domain_name text COLLATE "C" NOT NULL,
  department text COLLATE "C" NOT NULL,
  location text COLLATE "C" NOT NULL,
  password_policy text COLLATE "C" NOT NULL,
  custom_fields text COLLATE "C" NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL
);
CREATE TABLE holdfast.accounts (
  id bigint PRIMARY KEY,
  organization_id bigint NOT NULL,
  resource_id bigint NOT NULL,
  owner_id bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  notes text COLLATE "C" NOT NULL,
  password_policy text COLLATE "C" NOT NULL,
  secret_id bytea,
  secret_generation bigint,
  secret_nonce bytea,
  secret_ciphertext bytea,
  custom_fields text COLLATE "C" NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  secret_changed_ms bigint NOT NULL
);
CREATE TABLE holdfast.shares (
  id bigint PRIMARY KEY,
  user_id bigint NOT NULL,
  resource_id bigint NOT NULL,
  account_id bigint NOT NULL,
  level bigint NOT NULL,
  created_ms bigint NOT NULL
);
CREATE TABLE holdfast.sshds (
  node_id text COLLATE "C" PRIMARY KEY,
  port bigint NOT NULL,
  enabled bigint NOT NULL
);
CREATE TABLE holdfast.host_keys (
  id bigint PRIMARY KEY,
  type text COLLATE "C" NOT NULL,
  public_key bytea NOT NULL,
  private_key_id bytea,
  private_key_generation bigint,
  private_key_nonce bytea,
  private_key_ciphertext bytea,
  active bigint NOT NULL,
  created_ms bigint NOT NULL
);
CREATE TABLE holdfast.counters (
  name text COLLATE "C" PRIMARY KEY,
  value bigint NOT NULL
);
)sql";

constexpr std::string_view kStoreV2 = R"sql(
ALTER TABLE holdfast.clusters ADD COLUMN wait_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE holdfast.invites ADD COLUMN never_primary bigint NOT NULL DEFAULT 0;
CREATE TABLE holdfast.request_keys (
  id text COLLATE "C" PRIMARY KEY,
  user_id bigint NOT NULL,
  request_digest bytea NOT NULL,
  operation text COLLATE "C" NOT NULL,
  answer_id bigint NOT NULL,
  account_ids text COLLATE "C" NOT NULL,
  key_ids text COLLATE "C" NOT NULL,
  token_id bigint NOT NULL,
  created_ms bigint NOT NULL,
  expires_ms bigint NOT NULL
);
)sql";

constexpr std::string_view kAuditV1 = R"sql(
CREATE TABLE holdfast.audit_records (
  node_id text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  wall_ms bigint NOT NULL,
  operation text COLLATE "C" NOT NULL,
  result bigint NOT NULL,
  refusal text COLLATE "C" NOT NULL,
  user_id bigint NOT NULL,
  user_name text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  via text COLLATE "C" NOT NULL,
  credential text COLLATE "C" NOT NULL,
  resource_id bigint NOT NULL,
  resource_name text COLLATE "C" NOT NULL,
  account_id bigint NOT NULL,
  account_name text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL,
  ticket text COLLATE "C" NOT NULL,
  position_epoch bigint NOT NULL,
  position_seq bigint NOT NULL,
  age_ms bigint NOT NULL,
  repeated bigint NOT NULL,
  PRIMARY KEY (node_id, number)
);
CREATE INDEX audit_records_by_time ON holdfast.audit_records (wall_ms);
CREATE TABLE holdfast.audit_heads (
  node_id text COLLATE "C" PRIMARY KEY,
  number bigint NOT NULL
);
CREATE TABLE holdfast.audit_gaps (
  node_id text COLLATE "C" NOT NULL,
  first_number bigint NOT NULL,
  last_number bigint NOT NULL,
  PRIMARY KEY (node_id, first_number)
);
)sql";

constexpr std::string_view kStoreMigrations[] = {kStoreV1, kStoreV2};
constexpr std::string_view kAuditMigrations[] = {kAuditV1};

constexpr char kVersionTable[] =
    "CREATE TABLE IF NOT EXISTS holdfast.schema_versions ("
    "kind text COLLATE \"C\" PRIMARY KEY, version bigint NOT NULL);";

absl::StatusOr<bool> IsThere(Session& session, std::string_view query) {
  HOLDFAST_ASSIGN_OR_RETURN(const pqxx::result found, session.Query(std::string(query)));
  return found[0][0].as<bool>();
}

absl::StatusOr<uint64_t> VersionOf(Session& session, const SchemaKind& kind) {
  HOLDFAST_ASSIGN_OR_RETURN(
      const bool there,
      IsThere(session, "SELECT to_regclass('holdfast.schema_versions') IS NOT NULL"));
  if (!there) return 0;
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result found,
      session.Query(fmt::format("SELECT version FROM holdfast.schema_versions WHERE kind = '{}'",
                                kind.name)));
  return found.empty() ? 0 : found[0][0].as<uint64_t>();
}

// One message, so one transaction. Two programs that migrate at once: the second finds a version
// that is not the one it has read, and its INSERT fails on the key, its UPDATE on NULL.
absl::Status Migrate(Session& session, const SchemaKind& kind, uint64_t from) {
  HOLDFAST_ASSIGN_OR_RETURN(const bool schema_there,
                            IsThere(session, "SELECT to_regnamespace('holdfast') IS NOT NULL"));
  std::string sql = schema_there ? "" : "CREATE SCHEMA holdfast;";
  if (from == 0) sql += kVersionTable;
  sql += kind.migrations[from];
  sql += from == 0 ? fmt::format("INSERT INTO holdfast.schema_versions VALUES ('{}', 1)", kind.name)
                   : fmt::format(
                         "UPDATE holdfast.schema_versions SET version = CASE WHEN version = {} "
                         "THEN {} END WHERE kind = '{}'",
                         from, from + 1, kind.name);
  return session.Query(sql, kLongStatementMax).status();
}

}  // namespace

const SchemaKind kStoreSchema = {
    .name = "store", .migrations = kStoreMigrations, .lock_number = 0x48465354};  // "HFST"
const SchemaKind kAuditSchema = {
    .name = "audit", .migrations = kAuditMigrations, .lock_number = 0x48464155};  // "HFAU"

absl::Status EnsureSchema(Session& session, const SchemaKind& kind) {
  HOLDFAST_ASSIGN_OR_RETURN(uint64_t version, VersionOf(session, kind));
  const uint64_t newest = kind.migrations.size();
  HOLDFAST_RETURN_IF_ERROR(CheckSchemaVersion(version, newest, session.where()));
  for (; version < newest; ++version) {
    const absl::Status status = Migrate(session, kind, version);
    if (absl::IsPermissionDenied(status)) {
      return absl::FailedPreconditionError(fmt::format(
          "{}; the {} schema is at version {}, this program needs {}: name the owner's role in "
          "store.migrate_connection (docs/postgres.md)",
          std::string(status.message()), kind.name, version, newest));
    }
    HOLDFAST_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

}  // namespace holdfast::storage::postgres

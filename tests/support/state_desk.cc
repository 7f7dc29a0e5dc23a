#include "tests/support/state_desk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/vault/access.h"
#include "server/vault/login.h"
#include "server/vault/refusal.h"

namespace holdfast {
namespace {

constexpr char kClusterId[] = "test-cluster";
constexpr char kNodeId[] = "a";

SecretBytes TestRootKey() { return SecretBytes::CopyOf(std::string(crypto::kRootKeyBytes, 'r')); }

v1::Row ClusterRow() {
  v1::Row row;
  v1::ClusterRow& cluster = *row.mutable_cluster();
  cluster.set_cluster_id(kClusterId);
  cluster.set_name("test");
  cluster.set_ca_certificate("none");
  cluster.set_level(v1::LEVEL_LOCAL);
  cluster.set_policy(v1::POLICY_BLOCK);
  cluster.set_created_ms(StateDesk::kStartMs);
  return row;
}

v1::Row OrganizationRow() {
  v1::Row row;
  row.mutable_organization()->set_id(vault::kDefaultOrganization);
  row.mutable_organization()->set_name("default");
  return row;
}

v1::Row AdminRow() {
  v1::Row row;
  v1::UserRow& user = *row.mutable_user();
  user.set_id(1);
  user.set_organization_id(vault::kDefaultOrganization);
  user.set_name("admin");
  user.set_role(v1::ROLE_ADMINISTRATOR);
  user.set_super_administrator(true);
  user.set_operate_cluster(true);
  user.set_rest_enabled(true);
  user.set_ssh_enabled(true);
  user.set_created_ms(StateDesk::kStartMs);
  return row;
}

v1::Row TokenRow(const std::string& hash) {
  v1::Row row;
  v1::TokenRow& token = *row.mutable_token();
  token.set_id(1);
  token.set_user_id(1);
  token.set_hash(hash);
  token.set_created_ms(StateDesk::kStartMs);
  return row;
}

}  // namespace

StateDesk::StateDesk() : keys_(TestRootKey(), kClusterId) {
  facts_.node_id = kNodeId;
  facts_.primary = true;
  facts_.epoch = {.number = 1, .node_id = kNodeId};
  facts_.position = {.epoch = 1, .seq = 0};
  facts_.age = std::chrono::milliseconds(0);
  facts_.primary_up = true;
  facts_.primary_rest_url = "https://a.test:8282";
  facts_.primary_ssh_address = "a.test:6622";
  facts_.can_read = true;
  Start();
}

void StateDesk::Start() {
  vault::Bootstrap first;
  first.rows = {ClusterRow(), OrganizationRow()};
  for (const uint64_t organization : {vault::kClusterOrganization, vault::kDefaultOrganization}) {
    const v1::DataKeyRow key = keys_.NewDataKey(organization + 1, organization, 1, kStartMs);
    HOLDFAST_CHECK(keys_.Load(key).ok());
    *first.rows.emplace_back().mutable_data_key() = key;
  }
  first.rows.push_back(AdminRow());
  first.rows.push_back(TokenRow(HashOf(SecretBytes::CopyOf(kAdminToken))));
  Do(std::move(first));
}

// ---- For the test.

vault::Planned StateDesk::Do(vault::CommandBody body, uint64_t user_id) {
  v1::Actor actor = desk::NodeActor("127.0.0.1");
  actor.set_user_id(user_id);
  MutexLock lock(mu_);
  absl::StatusOr<desk::Written> written = Write(actor, std::move(body));
  HOLDFAST_CHECK(written.ok());  // A test sets up only what the vault accepts.
  return std::move(written->planned);
}

uint64_t StateDesk::AddUser(v1::UserRow user, const std::string& token, int64_t expires_ms) {
  user.set_organization_id(vault::kDefaultOrganization);
  vault::AddUser add{.user = std::move(user), .token = std::nullopt, .keys = {}};
  add.token = vault::NewToken{HashOf(SecretBytes::CopyOf(token)), expires_ms};
  return Do(std::move(add)).id;
}

uint64_t StateDesk::AddUser(const std::string& name, v1::Role role, const std::string& token) {
  v1::UserRow user;
  user.set_name(name);
  user.set_role(role);
  user.set_rest_enabled(true);
  user.set_ssh_enabled(true);
  return AddUser(std::move(user), token);
}

vault::Planned StateDesk::AddAccount(uint64_t owner_id, const std::string& resource,
                                     const std::string& account, const std::string& secret) {
  vault::AddResource add;
  add.resource.set_name(resource);
  add.resource.set_type("Linux");
  add.resource.set_password_policy("Strong");
  v1::AccountRow& row = add.accounts.emplace_back();
  row.set_name(account);
  row.set_password_policy("Strong");
  const auto sealed =
      Seal(vault::kDefaultOrganization, v1::TABLE_ACCOUNT, SecretBytes::CopyOf(secret));
  HOLDFAST_CHECK(sealed.ok());
  *row.mutable_secret() = *sealed;
  return Do(std::move(add), owner_id);
}

std::string StateDesk::SecretOf(uint64_t account_id) {
  MutexLock lock(mu_);
  const v1::AccountRow* account = state_.FindAccount(account_id);
  HOLDFAST_CHECK(account != nullptr);
  const auto secret = keys_.Open(account->organization_id(), v1::TABLE_ACCOUNT, account->secret());
  HOLDFAST_CHECK(secret.ok());
  return std::string(secret->RevealText(Purpose::kCompare));
}

std::vector<v1::AuditRecord> StateDesk::audit() const {
  MutexLock lock(mu_);
  return audit_;
}

void StateDesk::SetFacts(desk::NodeFacts facts) {
  MutexLock lock(mu_);
  facts_ = std::move(facts);
}

void StateDesk::SetNow(int64_t now_ms) {
  MutexLock lock(mu_);
  now_ms_ = now_ms;
}

void StateDesk::FailWrites(absl::Status status) {
  MutexLock lock(mu_);
  write_failure_ = std::move(status);
}

void StateDesk::SetReports(std::vector<v1::NodeReport> reports) {
  MutexLock lock(mu_);
  reports_ = std::move(reports);
}

// ---- Login.

absl::StatusOr<desk::CallerPtr> StateDesk::AuthenticateToken(const SecretBytes& token,
                                                             const std::string& source) {
  MutexLock lock(mu_);
  const auto login = vault::LogInByToken(state_, HashOf(token), source, now_ms_);
  desk::Caller caller;
  caller.source = source;
  caller.via = "REST";
  if (!login.ok()) {
    Record(caller, "login", login.status(), {});
    return login.status();
  }
  caller.user_id = login->user->id();
  caller.user_name = login->user->name();
  caller.organization_id = login->user->organization_id();
  caller.token_id = login->token->id();
  caller.credential = "token:" + std::to_string(caller.token_id);
  return std::make_shared<const desk::Caller>(std::move(caller));
}

absl::StatusOr<desk::CallerPtr> StateDesk::AuthenticateKey(const std::string& login,
                                                           std::string_view public_key,
                                                           const std::string& source,
                                                           bool record_refusal) {
  MutexLock lock(mu_);
  const auto found = vault::LogInByKey(state_, login, public_key, source);
  desk::Caller caller;
  caller.source = source;
  caller.via = "SSH";
  if (!found.ok()) {
    if (record_refusal) Record(caller, "login", found.status(), {});
    return found.status();
  }
  caller.user_id = found->user->id();
  caller.user_name = found->user->name();
  caller.organization_id = found->user->organization_id();
  caller.key_id = found->key->id();
  caller.credential = found->key->fingerprint();
  return std::make_shared<const desk::Caller>(std::move(caller));
}

absl::StatusOr<const v1::UserRow*> StateDesk::FindCaller(const desk::Caller& caller) const {
  if (caller.key_id != 0) return vault::StillValidKey(state_, caller.key_id, caller.source);
  return vault::StillValidToken(state_, caller.token_id, caller.source, now_ms_);
}

absl::Status StateDesk::StillValid(const desk::Caller& caller) {
  MutexLock lock(mu_);
  return FindCaller(caller).status();
}

// ---- This node.

desk::NodeFacts StateDesk::Facts() const {
  MutexLock lock(mu_);
  return facts_;
}

absl::Status StateDesk::Admit(OperationClass op_class) const {
  MutexLock lock(mu_);
  if (op_class == OperationClass::kPrimaryOnly && !facts_.primary) {
    return vault::Refuse(vault::Refusal::kNotPrimary, "this node is a secondary");
  }
  if (op_class == OperationClass::kRetrieve && !facts_.can_read) {
    return vault::Refuse(vault::Refusal::kNotServing, facts_.why_not);
  }
  return absl::OkStatus();
}

// Nothing arrives while somebody waits here, so what is not there now will not be there in time.
void StateDesk::Await(const desk::ReadDemand& demand, std::function<void(absl::Status)> done) {
  const desk::NodeFacts facts = Facts();
  if (demand.position.has_value() && *demand.position > facts.position) {
    done(vault::Refuse(vault::Refusal::kPositionNotReached,
                       "this node is at " + ToText(facts.position)));
    return;
  }
  if (demand.age_max.has_value() && (!facts.age.has_value() || *facts.age > *demand.age_max)) {
    done(vault::Refuse(vault::Refusal::kTooStale, "this node is older than that"));
    return;
  }
  done(absl::OkStatus());
}

std::vector<v1::NodeReport> StateDesk::Reports() const {
  MutexLock lock(mu_);
  return reports_;
}

// ---- Reading.

absl::Status StateDesk::Read(const desk::Caller& caller, ReadFn read) {
  MutexLock lock(mu_);
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow* user, FindCaller(caller));
  return read(state_, *user);
}

void StateDesk::ReadState(absl::FunctionRef<void(const vault::StateReader&)> read) const {
  MutexLock lock(mu_);
  read(state_);
}

absl::StatusOr<const v1::AccountRow*> StateDesk::FindAccount(const v1::UserRow& user,
                                                             const desk::RetrieveAsk& ask) const {
  if (ask.account_id == 0) {
    return vault::FindVisibleAccount(state_, user, ask.resource_name, ask.account_name);
  }
  HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account,
                            vault::FindVisibleAccount(state_, user, ask.account_id));
  if (ask.resource_id != 0 && account->resource_id() != ask.resource_id) {
    return vault::Refuse(vault::Refusal::kNoSuchAccount, "the account is not of that resource");
  }
  return account;
}

absl::StatusOr<desk::Retrieved> StateDesk::Open(const desk::Caller& caller,
                                                const desk::RetrieveAsk& ask) {
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow* user, FindCaller(caller));
  HOLDFAST_ASSIGN_OR_RETURN(const v1::AccountRow* account, FindAccount(*user, ask));
  const v1::ResourceRow* resource = state_.FindResource(account->resource_id());
  HOLDFAST_CHECK(resource != nullptr);
  desk::Retrieved retrieved{.resource_id = resource->id(),
                            .account_id = account->id(),
                            .resource_name = resource->name(),
                            .account_name = account->name(),
                            .secret = {}};
  HOLDFAST_ASSIGN_OR_RETURN(retrieved.secret, keys_.Open(account->organization_id(),
                                                         v1::TABLE_ACCOUNT, account->secret()));
  return retrieved;
}

void StateDesk::Retrieve(desk::CallerPtr caller, desk::RetrieveAsk ask,
                         std::function<void(absl::StatusOr<desk::Retrieved>)> done) {
  absl::StatusOr<desk::Retrieved> retrieved = absl::InternalError("not run");
  {
    MutexLock lock(mu_);
    retrieved = Open(*caller, ask);
    v1::AuditRecord record;
    record.set_resource_id(retrieved.ok() ? retrieved->resource_id : ask.resource_id);
    record.set_account_id(retrieved.ok() ? retrieved->account_id : ask.account_id);
    record.set_resource_name(retrieved.ok() ? retrieved->resource_name : ask.resource_name);
    record.set_account_name(retrieved.ok() ? retrieved->account_name : ask.account_name);
    record.set_reason(ask.reason);
    record.set_ticket(ask.ticket);
    Record(*caller, "account.retrieve", retrieved.status(), std::move(record));
  }
  done(std::move(retrieved));
}

absl::StatusOr<std::vector<v1::AuditRecord>> StateDesk::ListAudit(const desk::Caller& caller,
                                                                  const desk::AuditQuery& query) {
  MutexLock lock(mu_);
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow* user, FindCaller(caller));
  HOLDFAST_RETURN_IF_ERROR(vault::MayReadAudit(*user));
  std::vector<v1::AuditRecord> found;
  for (auto at = audit_.rbegin(); at != audit_.rend() && found.size() < query.limit; ++at) {
    const bool of_node = query.node_id.empty() || query.node_id == at->node_id();
    if (of_node && at->number() > query.after) found.push_back(*at);
  }
  return found;
}

void StateDesk::RecordRefused(const desk::RefusedRequest& request, const absl::Status& refusal) {
  desk::Caller who{.source = request.source, .via = request.via};
  if (request.caller != nullptr) who = *request.caller;
  MutexLock lock(mu_);
  Record(who, request.operation, refusal, {});
}

absl::StatusOr<desk::AuditGaps> StateDesk::FindAuditGaps(const desk::Caller& caller) {
  MutexLock lock(mu_);
  HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow* user, FindCaller(caller));
  HOLDFAST_RETURN_IF_ERROR(vault::MayReadAudit(*user));
  return desk::AuditGaps{.node_id = facts_.node_id,
                         .journals = {{.node_id = facts_.node_id,
                                       .begins = 3,
                                       .contiguous = 5,
                                       .highest = 9,
                                       .head = 12,
                                       .head_is_current = true,
                                       .highest_ms = kStartMs,
                                       .gaps = {{.first = 6, .last = 7}}}},
                         .collected_by = {{"node2", 4}},
                         .oldest_uncollected_ms = kStartMs};
}

void StateDesk::Record(const desk::Caller& caller, std::string_view operation,
                       const absl::Status& status, v1::AuditRecord record) {
  if (record.reason().empty()) record.set_reason(caller.reason);
  if (record.ticket().empty()) record.set_ticket(caller.ticket);
  record.set_node_id(facts_.node_id);
  record.set_number(audit_.size() + 1);
  record.set_wall_ms(now_ms_);
  record.set_operation(std::string(operation));
  record.set_result(status.ok() ? v1::AUDIT_RESULT_OK : v1::AUDIT_RESULT_REFUSED);
  if (const auto refusal = vault::RefusalOf(status); refusal.has_value()) {
    record.set_refusal(std::string(vault::RefusalName(*refusal)));
  }
  record.set_user_id(caller.user_id);
  record.set_user_name(caller.user_name);
  record.set_source(caller.source);
  record.set_via(caller.via);
  record.set_credential(caller.credential);
  audit_.push_back(std::move(record));
}

// ---- Writing.

absl::StatusOr<v1::SealedSecret> StateDesk::Seal(uint64_t organization_id, v1::Table table,
                                                 const SecretBytes& secret) {
  return keys_.Seal(organization_id, table, secret);
}

std::string StateDesk::HashOf(const SecretBytes& token) const {
  const Digest hash = keys_.HashToken(token);
  return std::string(AsText(hash));
}

int64_t StateDesk::NowMs() const {
  MutexLock lock(mu_);
  return now_ms_;
}

absl::StatusOr<desk::Written> StateDesk::Write(const v1::Actor& actor, vault::CommandBody body,
                                               const desk::WriteOptions& options) {
  HOLDFAST_RETURN_IF_ERROR(write_failure_);
  vault::Command command{actor, now_ms_, std::move(body)};
  if (!options.idempotency_key.empty()) {
    command.request_key = vault::RequestKey{.key = options.idempotency_key,
                                            .digest = options.request_digest,
                                            .expires_ms = now_ms_ + 1000};
  }
  HOLDFAST_ASSIGN_OR_RETURN(vault::Planned planned, vault::Plan(state_, command));
  for (const v1::RowChange& change : planned.changes) {
    HOLDFAST_RETURN_IF_ERROR(state_.Apply(change));
  }
  ++facts_.position.seq;
  planned.changes.clear();
  return desk::Written{std::move(planned), facts_.position,
                       options.level.value_or(desk::SyncLevel())};
}

void StateDesk::Submit(desk::CallerPtr caller, vault::CommandBody body, desk::WriteOptions options,
                       std::function<void(absl::StatusOr<desk::Written>)> done) {
  absl::StatusOr<desk::Written> written = absl::InternalError("not run");
  {
    MutexLock lock(mu_);
    const std::string operation(vault::OperationName(body));
    const absl::Status valid = FindCaller(*caller).status();
    written = valid.ok() ? Write(desk::ActorOf(*caller), std::move(body), options) : valid;
    if (written.status().ok() || vault::RefusalOf(written.status()).has_value()) {
      Record(*caller, operation, written.status(), {});
    }
  }
  done(std::move(written));
}

void StateDesk::SubmitAsNode(const std::string& source, vault::CommandBody body,
                             std::function<void(absl::StatusOr<desk::Written>)> done) {
  absl::StatusOr<desk::Written> written = absl::InternalError("not run");
  {
    MutexLock lock(mu_);
    written = Write(desk::NodeActor(source), std::move(body), {});
  }
  done(std::move(written));
}

}  // namespace holdfast

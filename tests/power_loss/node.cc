#include "tests/power_loss/node.h"

#include <gtest/gtest.h>

#include <future>
#include <utility>

#include "server/base/status_macros.h"
#include "server/setup/bootstrap.h"
#include "server/vault/refusal.h"
#include "tests/power_loss/recorder.h"

namespace holdfast::power_loss {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;

v1::MemberRow MemberOf(const std::string& name, int port) {
  v1::MemberRow member;
  member.set_node_id(name);
  member.set_rest_url("https://127.0.0.1:" + std::to_string(port));
  member.set_ssh_address("127.0.0.1:" + std::to_string(port + 1));
  member.set_peer_address("127.0.0.1:" + std::to_string(port + 2));
  member.set_health_url("http://127.0.0.1:" + std::to_string(port + 3));
  member.set_fingerprint(std::string(64, static_cast<char>('a' + port % 6)));
  return member;
}

}  // namespace

vault::CommandBody NewUser(const std::string& name) {
  vault::AddUser add;
  add.user.set_name(name);
  add.user.set_organization_id(1);
  add.user.set_role(v1::ROLE_PASSWORD_USER);
  return add;
}

absl::Status Node::Open() {
  keys_ = std::make_unique<crypto::KeyRing>(root_->Clone(), "test");
  // Small bounds: a short run then has what a long one has.
  HOLDFAST_ASSIGN_OR_RETURN(
      store_, storage::sqlite::SqliteStore::Open({.path = folder_ + "/vault.db",
                                                  .free_bytes_min = 0,
                                                  .wal_restart_above_bytes = 192 << 10}));
  HOLDFAST_ASSIGN_OR_RETURN(audit_, storage::sqlite::SqliteAuditStore::Open(
                                        {.path = folder_ + "/audit.db", .free_bytes_min = 0}));
  HOLDFAST_ASSIGN_OR_RETURN(
      journal_,
      audit::Journal::Open({.path = folder_ + "/journal",
                            .node_id = name_,
                            .segment_bytes = audit::kSegmentBytesMin},
                           crypto::Mac(SecretBytes::CopyOf(std::string(32, 'j'))), clock_));
  HOLDFAST_ASSIGN_OR_RETURN(
      ledger_,
      replication::Ledger::Open({.node_id = name_, .committed_path = folder_ + "/committed"},
                                *store_, *keys_, clock_));
  return absl::OkStatus();
}

void Node::Close() {
  ledger_.reset();
  journal_.reset();
  audit_.reset();
  store_.reset();
  keys_.reset();
}

absl::StatusOr<replication::WriteResult> Node::Write(vault::CommandBody body) {
  std::promise<absl::StatusOr<replication::WriteResult>> answer;
  vault::Command command{.now_ms = kNowMs, .body = std::move(body)};
  command.actor.set_via("LOCAL");
  ledger_->Submit(std::move(command), [&](absl::StatusOr<replication::WriteResult> result) {
    if (result.ok()) Recorder::Get().Say("shown", NumberOf(result->position));
    answer.set_value(std::move(result));
  });
  return answer.get_future().get();
}

void Node::SubmitUser(const std::string& name) {
  vault::Command command{.now_ms = kNowMs, .body = NewUser(name)};
  command.actor.set_via("LOCAL");
  ledger_->Submit(std::move(command), [](absl::StatusOr<replication::WriteResult> result) {
    if (result.ok()) Recorder::Get().Say("shown", NumberOf(result->position));
    if (!result.ok() && vault::RefusalOf(result.status()) != vault::Refusal::kOutcomeUnknown) {
      ADD_FAILURE() << result.status();  // Refused: the workload is not what it should be.
    }
  });
}

absl::StatusOr<replication::WriteResult> Node::AddUser(const std::string& name) {
  return Write(NewUser(name));
}

absl::Status Node::Begin() {
  HOLDFAST_ASSIGN_OR_RETURN(const auto authority, crypto::CreateAuthority("test", clock_.Wall()));
  const SecretBytes token = SecretBytes::CopyOf("token");
  HOLDFAST_ASSIGN_OR_RETURN(auto rows, setup::MakeBootstrap({.cluster_name = "test",
                                                             .authority = authority,
                                                             .member = MemberOf(name_, 7000),
                                                             .admin_token = token,
                                                             .now_ms = kNowMs},
                                                            *keys_));
  return Write(std::move(rows)).status();
}

absl::Status Node::AddMember(const std::string& name) {
  vault::CreateInvite invite{
      .node_id = name, .token_hash = std::string(32, 'h'), .expires_ms = 1'800'000'000'000};
  HOLDFAST_RETURN_IF_ERROR(Write(std::move(invite)).status());
  vault::JoinMember join{.invite_hash = std::string(32, 'h'), .member = MemberOf(name, 7105)};
  return Write(std::move(join)).status();
}

absl::Status Node::SetLevel(v1::Level level, uint32_t k) {
  vault::SetSettings settings;
  settings.level = level;
  settings.k = k;
  settings.policy = v1::POLICY_BLOCK;
  return Write(std::move(settings)).status();
}

}  // namespace holdfast::power_loss

// Who is it, and is it still? The rules stand in vault/login.h.
#include "server/vault/login.h"

#include <fmt/format.h>

#include <utility>

#include "server/base/status_macros.h"
#include "server/desk/vault_desk.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

using vault::Refusal;

Caller CallerOf(const v1::UserRow& user, const std::string& source, std::string via) {
  Caller caller;
  caller.user_id = user.id();
  caller.user_name = user.name();
  caller.organization_id = user.organization_id();
  caller.source = source;
  caller.via = std::move(via);
  return caller;
}

}  // namespace

absl::StatusOr<CallerPtr> VaultDesk::AuthenticateToken(const SecretBytes& token,
                                                       const std::string& source) {
  // A node without a state knows nobody; that is not the caller's fault.
  if (absl::Status admitted = Admit(OperationClass::kRetrieve); !admitted.ok()) return admitted;
  const std::string hash = HashOf(token);
  Caller caller;
  absl::Status status;
  parts_.ledger.Read([&](const vault::StateReader& state, const Position&) {
    const auto login = vault::LogInByToken(state, hash, source, NowMs());
    status = login.ok() ? CheckDenied(*login->user, nullptr) : login.status();
    if (!status.ok()) return;
    caller = CallerOf(*login->user, source, "REST");
    caller.token_id = login->token->id();
    caller.credential = fmt::format("token:{}", caller.token_id);
  });
  if (!status.ok()) return RefuseLogin({.source = source, .via = "REST"}, status);
  return std::make_shared<const Caller>(std::move(caller));
}

absl::StatusOr<CallerPtr> VaultDesk::AuthenticateKey(const std::string& login,
                                                     std::string_view public_key,
                                                     const std::string& source,
                                                     bool record_refusal) {
  if (absl::Status admitted = Admit(OperationClass::kRetrieve); !admitted.ok()) return admitted;
  Caller caller;
  absl::Status status;
  parts_.ledger.Read([&](const vault::StateReader& state, const Position&) {
    const auto found = vault::LogInByKey(state, login, public_key, source);
    status = found.ok() ? CheckDenied(*found->user, found->key) : found.status();
    if (!status.ok()) return;
    caller = CallerOf(*found->user, source, "SSH");
    caller.key_id = found->key->id();
    caller.credential = found->key->fingerprint();
  });
  if (status.ok()) {
    MutexLock lock(login_mu_);
    failed_logins_.Succeeded(source, login);
    return std::make_shared<const Caller>(std::move(caller));
  }
  if (!record_refusal) return status;
  return RefuseLogin({.user_name = login, .source = source, .via = "SSH"}, status);
}

// Whom an operator denied on this very node; `key` null: it came by a token.
absl::Status VaultDesk::CheckDenied(const v1::UserRow& user, const v1::SshKeyRow* key) const {
  if (parts_.denials == nullptr) return absl::OkStatus();
  if (parts_.denials->DeniesUser(user.name())) {
    return vault::Refuse(Refusal::kDenied, "the user was denied on this node");
  }
  if (key != nullptr && parts_.denials->DeniesKey(key->fingerprint())) {
    return vault::Refuse(Refusal::kDenied, "the key was denied on this node");
  }
  return absl::OkStatus();
}

absl::Status VaultDesk::RefuseLogin(const Caller& who, const absl::Status& status) {
  v1::AuditRecord line =
      AuditLine("login", ActorOf(who), who.credential, ServedAt(parts_.ledger.progress().shown));
  SetResult(line, status);
  refusals_.Record(line, [] {});
  MutexLock lock(login_mu_);
  const auto wait = failed_logins_.Failed(who.source, who.user_name, parts_.clock.Mono());
  if (!wait.has_value()) return status;
  return vault::Refuse(Refusal::kOverloaded,
                       fmt::format("too many failed logins: wait {} ms", wait->count()));
}

void VaultDesk::RecordRefused(const RefusedRequest& request, const absl::Status& refusal) {
  Caller who{.source = request.source, .via = request.via};
  if (request.caller != nullptr) {
    who = *request.caller;
  } else if (request.token != nullptr && !request.token->empty()) {
    // No attempt to log in: a token that is not known here names nobody, and is not counted.
    const std::string hash = HashOf(*request.token);
    parts_.ledger.Read([&](const vault::StateReader& state, const Position&) {
      const auto login = vault::LogInByToken(state, hash, request.source, NowMs());
      if (!login.ok()) return;
      who = CallerOf(*login->user, request.source, request.via);
      who.credential = fmt::format("token:{}", login->token->id());
    });
  }
  v1::AuditRecord line = AuditLine(request.operation, ActorOf(who), who.credential,
                                   ServedAt(parts_.ledger.progress().shown));
  SetReason(line, who.reason, who.ticket);
  SetResult(line, refusal);
  refusals_.Record(line, [] {});
}

absl::StatusOr<const v1::UserRow*> VaultDesk::ValidUser(const vault::StateReader& state,
                                                        const Caller& caller) const {
  absl::StatusOr<const v1::UserRow*> user =
      vault::Refuse(Refusal::kAuthFailed, "logged in by nothing");
  if (caller.token_id != 0) {
    user = vault::StillValidToken(state, caller.token_id, caller.source, NowMs());
  } else if (caller.key_id != 0) {
    user = vault::StillValidKey(state, caller.key_id, caller.source);
  }
  if (user.ok() && (*user)->id() != caller.user_id) {
    return vault::Refuse(Refusal::kAuthFailed, "the credential is another user's by now");
  }
  if (user.ok()) {
    const v1::SshKeyRow* key = caller.key_id != 0 ? state.FindSshKey(caller.key_id) : nullptr;
    HOLDFAST_RETURN_IF_ERROR(CheckDenied(**user, key));
  }
  return user;
}

absl::Status VaultDesk::StillValid(const Caller& caller) {
  return Read(caller,
              [](const vault::StateReader&, const v1::UserRow&) { return absl::OkStatus(); });
}

}  // namespace holdfast::desk

// A secret leaves the node: found, recorded durably, checked again, opened.
#include <fmt/format.h>

#include <utility>

#include "server/base/status_macros.h"
#include "server/desk/vault_desk.h"
#include "server/observe/log.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

using vault::Refusal;

constexpr std::string_view kOperation = "account.retrieve";

// Visible is not enough: somebody may see that an account is there and no more.
absl::Status CheckView(const vault::StateReader& state, const v1::UserRow& user,
                       const v1::AccountRow& account) {
  if (vault::RightOn(state, user, account) >= vault::Right::kView) return absl::OkStatus();
  return vault::Refuse(Refusal::kNotPermitted,
                       fmt::format("user {} may not read account {}", user.id(), account.id()));
}

}  // namespace

struct VaultDesk::Found {
  Retrieved about;  // without the secret
  uint64_t organization_id = 0;
  v1::SealedSecret sealed;
};

absl::StatusOr<VaultDesk::Found> VaultDesk::FindSecret(const vault::StateReader& state,
                                                       const v1::UserRow& user,
                                                       const RetrieveAsk& ask) const {
  HOLDFAST_ASSIGN_OR_RETURN(
      const v1::AccountRow* const account,
      ask.account_id != 0
          ? vault::FindVisibleAccount(state, user, ask.account_id)
          : vault::FindVisibleAccount(state, user, ask.resource_name, ask.account_name));
  if (ask.resource_id != 0 && account->resource_id() != ask.resource_id) {
    return vault::Refuse(
        Refusal::kNoSuchAccount,
        fmt::format("account {} is not one of resource {}", account->id(), ask.resource_id));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckView(state, user, *account));
  const v1::ResourceRow* const resource = state.FindResource(account->resource_id());
  Found found;
  found.about.resource_id = account->resource_id();
  found.about.resource_name = resource == nullptr ? "" : resource->name();
  found.about.account_id = account->id();
  found.about.account_name = account->name();
  found.organization_id = account->organization_id();
  found.sealed = account->secret();
  return found;
}

void VaultDesk::Retrieve(CallerPtr caller, RetrieveAsk ask, RetrieveDone done) {
  if (absl::Status admitted = Admit(OperationClass::kRetrieve); !admitted.ok()) {
    return done(std::move(admitted));
  }
  absl::StatusOr<Found> found = absl::UnknownError("");
  Position shown;
  parts_.ledger.Read([&](const vault::StateReader& state, const Position& at) {
    shown = at;
    const absl::StatusOr<const v1::UserRow*> user = ValidUser(state, *caller);
    found = user.ok() ? FindSecret(state, **user, ask) : user.status();
  });
  v1::AuditRecord line =
      AuditLine(kOperation, ActorOf(*caller), caller->credential, ServedAt(shown));
  SetReason(line, ask.reason, ask.ticket);
  if (!found.ok()) {
    line.set_account_id(ask.account_id);
    line.set_account_name(AuditText(ask.account_name, kAuditNameBytesMax));
    line.set_resource_id(ask.resource_id);
    line.set_resource_name(AuditText(ask.resource_name, kAuditNameBytesMax));
    return RefuseRetrieval(std::move(line), found.status(), done);
  }
  line.set_account_id(found->about.account_id);
  line.set_account_name(found->about.account_name);
  line.set_resource_id(found->about.resource_id);
  line.set_resource_name(found->about.resource_name);
  SetResult(line, absl::OkStatus());
  auto held = std::make_shared<Found>(*std::move(found));
  parts_.journal.Append(line, [this, caller = std::move(caller), held, line, done = std::move(done),
                               ticket = underway_.Begin()](const absl::Status& durable) {
    if (!durable.ok()) return done(durable);
    absl::StatusOr<Retrieved> opened = OpenAfterRecord(*caller, std::move(*held));
    if (!opened.ok()) return RefuseRetrieval(line, opened.status(), done);
    done(std::move(opened));
  });
}

absl::StatusOr<Retrieved> VaultDesk::OpenAfterRecord(const Caller& caller, Found found) {
  // The record may have waited long for the disk: a right that went meanwhile counts.
  HOLDFAST_RETURN_IF_ERROR(
      Read(caller, [&](const vault::StateReader& state, const v1::UserRow& user) {
        const auto account = vault::FindVisibleAccount(state, user, found.about.account_id);
        return account.ok() ? CheckView(state, user, **account) : account.status();
      }));
  absl::StatusOr<SecretBytes> secret =
      parts_.keys.Open(found.organization_id, v1::TABLE_ACCOUNT, found.sealed);
  if (!secret.ok()) {
    LogError("the secret of account {} does not open: {}", found.about.account_id,
             ToText(secret.status()));
    return secret.status();
  }
  found.about.secret = *std::move(secret);
  return std::move(found.about);
}

void VaultDesk::RefuseRetrieval(v1::AuditRecord line, const absl::Status& status,
                                const RetrieveDone& done) {
  SetResult(line, status);
  refusals_.Record(line, [done, status, ticket = underway_.Begin()] { done(status); });
}

}  // namespace holdfast::desk

#include "api/ssh/commands.h"

#include <iterator>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "api/ssh/command_targets.h"
#include "api/ssh/refusal_answer.h"
#include "server/base/status_macros.h"
#include "server/crypto/strong_password.h"
#include "server/vault/refusal.h"

namespace holdfast::ssh {
namespace {

Answer Refused(const desk::Desk& desk, const absl::Status& status) {
  return RefusalAnswer(status, desk.Facts());
}

// What is refused before the desk is asked to do it leaves its record, too.
void Refuse(desk::Desk& desk, desk::CallerPtr caller, std::string_view word,
            const absl::Status& refusal, const Done& done) {
  desk::RefusedRequest request{
      .operation = std::string(word), .source = caller->source, .via = caller->via};
  request.caller = std::move(caller);
  desk.RecordRefused(request, refusal);
  done(Refused(desk, refusal));
}

void RunRetrieve(desk::Desk& desk, desk::CallerPtr caller, Command any, Done done) {
  auto& command = std::get<RetrieveCommand>(any);
  desk::RetrieveAsk ask;
  if (command.account.empty()) {
    // When it cannot be told which account is meant, the desk refuses the empty name, and records
    // that.
    ask.account_id = OnlyAccount(desk, *caller, command.resource).value_or(0);
  }
  ask.resource_name = std::move(command.resource);
  ask.account_name = std::move(command.account);
  ask.reason = std::move(command.reason);
  ask.ticket = std::move(command.ticket);
  desk.Retrieve(std::move(caller), std::move(ask),
                [&desk, done = std::move(done)](absl::StatusOr<desk::Retrieved> got) {
                  done(got.ok() ? SecretAnswer(got->secret) : Refused(desk, got.status()));
                });
}

void SubmitWrite(desk::Desk& desk, desk::CallerPtr caller, vault::CommandBody body,
                 std::string good, Done done) {
  desk.Submit(std::move(caller), std::move(body),
              [&desk, good = std::move(good),
               done = std::move(done)](const absl::StatusOr<desk::Written>& written) {
                done(written.ok() ? LineAnswer(good) : Refused(desk, written.status()));
              });
}

absl::StatusOr<vault::CommandBody> PlanReset(desk::Desk& desk, const desk::Caller& caller,
                                             ResetLocalCommand& command) {
  HOLDFAST_ASSIGN_OR_RETURN(const AccountTarget target,
                            FindAccount(desk, caller, command.resource, command.account));
  const SecretBytes password = command.new_password.has_value() ? *std::move(command.new_password)
                                                                : crypto::GenerateStrongPassword();
  HOLDFAST_RETURN_IF_ERROR(CheckPolicy(target.policy, password));
  HOLDFAST_ASSIGN_OR_RETURN(v1::SealedSecret sealed,
                            desk.Seal(target.organization_id, v1::TABLE_ACCOUNT, password));
  return vault::SetSecret{.account_id = target.account_id, .secret = std::move(sealed)};
}

void RunResetLocal(desk::Desk& desk, desk::CallerPtr caller, Command any, Done done) {
  auto& command = std::get<ResetLocalCommand>(any);
  caller = desk::ForReason(caller, command.reason, command.ticket);
  absl::StatusOr<vault::CommandBody> body = PlanReset(desk, *caller, command);
  if (!body.ok()) return Refuse(desk, std::move(caller), "RESET_LOCAL", body.status(), done);
  SubmitWrite(desk, std::move(caller), *std::move(body), "Password changed successfully",
              std::move(done));
}

void RunResetRemote(desk::Desk& desk, desk::CallerPtr caller, Command any, Done done) {
  const auto& command = std::get<ResetRemoteCommand>(any);
  Refuse(desk, desk::ForReason(caller, command.reason, command.ticket), "RESET_REMOTE",
         vault::Refuse(vault::Refusal::kRemoteResetNotConfigured,
                       "remote password reset is not configured"),
         done);
}

absl::StatusOr<vault::CommandBody> PlanCreate(desk::Desk& desk, const desk::Caller& caller,
                                              CreateCommand& command) {
  HOLDFAST_ASSIGN_OR_RETURN(const ResourceTarget target,
                            FindResource(desk, caller, command.resource));
  if (target.resource_id == 0 && command.resource_type.empty()) {
    return vault::Refuse(vault::Refusal::kNoSuchResource, "no resource of that name");
  }
  HOLDFAST_RETURN_IF_ERROR(CheckPolicy(target.policy, command.new_password));
  v1::AccountRow account;
  account.set_name(command.account);
  account.set_notes(command.notes);
  HOLDFAST_ASSIGN_OR_RETURN(
      *account.mutable_secret(),
      desk.Seal(target.organization_id, v1::TABLE_ACCOUNT, command.new_password));
  if (target.resource_id != 0) {
    return vault::AddAccounts{.resource_id = target.resource_id, .accounts = {std::move(account)}};
  }
  vault::AddResource add;
  add.resource.set_organization_id(target.organization_id);
  add.resource.set_name(command.resource);
  add.resource.set_type(command.resource_type);
  add.accounts.push_back(std::move(account));
  return add;
}

void RunCreate(desk::Desk& desk, desk::CallerPtr caller, Command any, Done done) {
  auto& command = std::get<CreateCommand>(any);
  absl::StatusOr<vault::CommandBody> body = PlanCreate(desk, *caller, command);
  if (!body.ok()) return Refuse(desk, std::move(caller), "CREATE", body.status(), done);
  SubmitWrite(desk, std::move(caller), *std::move(body),
              "Resource " + command.resource + " has been added successfully", std::move(done));
}

constexpr CommandRow kCommands[] = {
    {.word = "RETRIEVE", .op_class = OperationClass::kRetrieve, .run = RunRetrieve},
    {.word = "RESET_LOCAL", .op_class = OperationClass::kPrimaryOnly, .run = RunResetLocal},
    {.word = "RESET_REMOTE", .op_class = OperationClass::kPrimaryOnly, .run = RunResetRemote},
    {.word = "CREATE", .op_class = OperationClass::kPrimaryOnly, .run = RunCreate},
};
static_assert(std::size(kCommands) == std::variant_size_v<Command>);

}  // namespace

absl::Span<const CommandRow> Commands() { return kCommands; }

void RunCommandLine(desk::Desk& desk, desk::CallerPtr caller, const SecretBytes& line, Done done) {
  absl::StatusOr<Command> command = ParseCommandLine(line.RevealText(Purpose::kEncrypt));
  if (!command.ok()) return done(InvalidCommand(std::string(command.status().message())));
  const CommandRow& row = kCommands[command->index()];
  const absl::Status admitted = desk.Admit(row.op_class);
  if (!admitted.ok()) return Refuse(desk, std::move(caller), row.word, admitted, done);
  row.run(desk, std::move(caller), *std::move(command), std::move(done));
}

SshVault MakeSshVault(desk::Desk& desk) {
  return {.authenticate =
              [&desk](const std::string& login, std::string_view blob, const std::string& source,
                      bool record_refusal) {
                return desk.AuthenticateKey(login, blob, source, record_refusal);
              },
          .still_valid = [&desk](const CallerPtr& caller) { return desk.StillValid(*caller); },
          .run = [&desk](const CallerPtr& caller, const SecretBytes& line,
                         Done done) { RunCommandLine(desk, caller, line, std::move(done)); }};
}

}  // namespace holdfast::ssh

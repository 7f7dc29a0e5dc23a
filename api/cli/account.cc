#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "api/cli/commands.h"
#include "api/cli/print.h"
#include "api/cli/secret_input.h"
#include "api/http/json.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string resource;
  std::string account;
  std::string notes;
  bool generate = false;
};

const Columns kLines = {{"name", "name"},
                        {"id", "id"},
                        {"notes", "notes"},
                        {"password policy", "password_policy"},
                        {"created", "created_at"},
                        {"modified", "modified_at"},
                        {"secret changed", "secret_changed_at"}};

// From standard input, or the word to generate one.
absl::Status PutNewSecret(const Words& words, json::object& body) {
  if (words.generate) {
    body["generate"] = true;
    return absl::OkStatus();
  }
  HOLDFAST_ASSIGN_OR_RETURN(const SecretBytes secret, ReadSecret(STDIN_FILENO));
  PutSecret(secret, body);
  return absl::OkStatus();
}

absl::Status Add(const Context& context, Session& session, const Words& words) {
  json::object body = http::WipedJsonObject();
  body["name"] = words.account;
  if (!words.notes.empty()) body["notes"] = words.notes;
  HOLDFAST_RETURN_IF_ERROR(PutNewSecret(words, body));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object resource, session.FindResource(words.resource));
  HOLDFAST_ASSIGN_OR_RETURN(
      const json::object answer,
      session.Write("POST", PathOf("resources", IdOf(resource)) + "/accounts", body));
  const json::value* account = answer.if_contains("account");
  if (account == nullptr || !account->is_object()) {
    return PrintDone(context, fmt::format("account {} is added", words.account));
  }
  return PrintOne(context, "account", account->get_object(), kLines);
}

absl::Status List(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object resource, session.FindResource(words.resource));
  HOLDFAST_ASSIGN_OR_RETURN(
      const json::array accounts,
      session.List(PathOf("resources", IdOf(resource)) + "/accounts", "accounts"));
  return PrintList(context, "accounts", accounts,
                   {{"NAME", "name"},
                    {"SECRET CHANGED", "secret_changed_at"},
                    {"NOTES", "notes"},
                    {"ID", "id"}});
}

absl::Status Show(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object account,
                            session.FindAccount(words.resource, words.account));
  return PrintOne(context, "account", account, kLines);
}

absl::Status Delete(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object account,
                            session.FindAccount(words.resource, words.account));
  HOLDFAST_RETURN_IF_ERROR(session.Write("DELETE", PathOf("accounts", IdOf(account))).status());
  return PrintDone(context,
                   fmt::format("account {} of {} is deleted", words.account, words.resource));
}

absl::Status SetPassword(const Context& context, Session& session, const Words& words) {
  json::object body = http::WipedJsonObject();
  HOLDFAST_RETURN_IF_ERROR(PutNewSecret(words, body));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object account,
                            session.FindAccount(words.resource, words.account));
  HOLDFAST_RETURN_IF_ERROR(
      session.Write("PUT", PathOf("accounts", IdOf(account)) + "/secret", body).status());
  return PrintDone(context,
                   fmt::format("account {} of {} has a new secret", words.account, words.resource));
}

}  // namespace

void AddAccount(CLI::App& app, Context& context) {
  CLI::App* account = AddCommand(app, "account", "accounts and their secrets", "");
  account->require_subcommand(1);
  const auto words = std::make_shared<Words>();
  const auto command = [&](const std::string& name, const std::string& what,
                           const std::string& examples, bool names_account) {
    CLI::App* made = AddCommand(*account, name, what, examples);
    made->add_option("--resource", words->resource, "name of the resource")
        ->required()
        ->type_name("NAME");
    if (names_account) {
      made->add_option("--account", words->account, "name of the account")
          ->required()
          ->type_name("NAME");
    }
    return made;
  };
  CLI::App* add =
      command("add", "a new account; its secret is the exact bytes of standard input",
              "  holdfast account add --resource orders-db --account app < secret\n"
              "  printf %s \"$SECRET\" | holdfast account add --resource orders-db --account app\n"
              "  holdfast account add --resource orders-db --account app --generate",
              true);
  add->add_option("--notes", words->notes, "for people")->type_name("TEXT");
  CLI::App* set_password =
      command("set-password", "a new secret: the exact bytes of standard input",
              "  holdfast account set-password --resource orders-db --account app < secret", true);
  for (CLI::App* taker : {add, set_password}) {
    taker->add_flag("--generate", words->generate, "let the cluster make a strong password");
  }
  OnRun(add, context,
        [words, &context](Session& session) { return Add(context, session, *words); });
  OnRun(set_password, context,
        [words, &context](Session& session) { return SetPassword(context, session, *words); });
  OnRun(command("list", "the accounts of a resource that you may see", "", false), context,
        [words, &context](Session& session) { return List(context, session, *words); });
  OnRun(command("show", "one account, without its secret", "", true), context,
        [words, &context](Session& session) { return Show(context, session, *words); });
  OnRun(command("delete", "remove it with its shares; there is no way back", "", true), context,
        [words, &context](Session& session) { return Delete(context, session, *words); });
}

}  // namespace holdfast::cli

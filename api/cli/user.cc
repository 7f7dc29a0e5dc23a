#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/print.h"
#include "api/cli/token_output.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/crypto/ssh_key.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string name;
  std::string role;
  std::string full_name;
  std::string email;
  std::string department;
  std::string location;
  std::string host;
  bool rest = false;
  bool ssh = false;
  bool super_administrator = false;
  bool operate_cluster = false;
  std::string token_file;
  int token_days = 0;
  std::vector<std::string> key_files;
  std::string key;
  uint64_t token_id = 0;
};

const Columns kUserLines = {{"name", "name"},
                            {"id", "id"},
                            {"full name", "full_name"},
                            {"email", "email"},
                            {"role", "role"},
                            {"sees everything", "super_administrator"},
                            {"operates cluster", "operate_cluster"},
                            {"REST", "rest_enabled"},
                            {"SSH", "ssh_enabled"},
                            {"host", "host_name"},
                            {"host is checked", "host_check"},
                            {"department", "department"},
                            {"location", "location"},
                            {"locked", "locked"},
                            {"created", "created_at"}};
const Columns kKeyColumns = {{"KEY", "id"},
                             {"TYPE", "type"},
                             {"FINGERPRINT", "fingerprint"},
                             {"COMMENT", "comment"},
                             {"CREATED", "created_at"}};
const Columns kTokenColumns = {
    {"TOKEN", "id"}, {"CREATED", "created_at"}, {"EXPIRES", "expires_at"}};

// The one line of a .pub file, found good before anything is asked of the cluster.
absl::StatusOr<std::string> ReadKeyFile(const std::string& file) {
  HOLDFAST_ASSIGN_OR_RETURN(std::string line, ReadFile(file, crypto::kAuthorizedKeyLineMax));
  TextWiper wiper(line);  // It may be a private key, by mistake.
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  const absl::StatusOr<crypto::AuthorizedKey> key = crypto::ParseAuthorizedKey(line);
  if (key.ok()) return std::string(line);
  return absl::InvalidArgumentError(
      fmt::format("{}: {}", file, std::string(key.status().message())));
}

absl::StatusOr<json::object> ObjectIn(const json::object& answer, std::string_view key) {
  const json::value* value = answer.if_contains(json::string_view(key.data(), key.size()));
  if (value != nullptr && value->is_object()) return value->get_object();
  return absl::InternalError(fmt::format("the answer holds no \"{}\"", key));
}

json::object UserBody(const Words& words) {
  json::object body{{"name", words.name},
                    {"role", words.role},
                    {"rest_enabled", words.rest},
                    {"ssh_enabled", words.ssh}};
  const std::pair<const char*, const std::string&> texts[] = {{"full_name", words.full_name},
                                                              {"email", words.email},
                                                              {"department", words.department},
                                                              {"location", words.location},
                                                              {"host_name", words.host}};
  for (const auto& [key, text] : texts) {
    if (!text.empty()) body[key] = text;
  }
  if (!words.host.empty()) body["host_check"] = true;
  if (words.super_administrator) body["super_administrator"] = true;
  if (words.operate_cluster) body["operate_cluster"] = true;
  if (!words.token_file.empty()) {
    body["issue_token"] = true;
    body["token_valid_days"] = words.token_days;
  }
  return body;
}

absl::Status Add(const Context& context, Session& session, const Words& words) {
  HOLDFAST_RETURN_IF_ERROR(CheckTokenFile(words.token_file));
  std::vector<std::string> keys;
  for (const std::string& file : words.key_files) {
    HOLDFAST_ASSIGN_OR_RETURN(keys.emplace_back(), ReadKeyFile(file));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer,
                            session.Write("POST", "/v1/users", UserBody(words)));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object user, ObjectIn(answer, "user"));
  if (!words.token_file.empty()) {
    HOLDFAST_ASSIGN_OR_RETURN(const json::object token, ObjectIn(answer, "token"));
    const absl::Status written = WriteTokenFile(words.token_file, token);
    if (!written.ok()) {
      Say(context, fmt::format("user {} was added, but its token was lost: `holdfast user token "
                               "{}` issues another one",
                               words.name, words.name));
      return written;
    }
  }
  for (const std::string& key : keys) {
    const auto added =
        session.Write("POST", PathOf("users", IdOf(user)) + "/keys", {{"public_key", key}});
    if (added.ok()) continue;
    Say(context, fmt::format("user {} was added, but not its key: `holdfast user key-add {} "
                             "--key-file FILE` adds it",
                             words.name, words.name));
    return added.status();
  }
  return PrintOne(context, "user", user, kUserLines);
}

absl::Status List(const Context& context, Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::array users, session.List("/v1/users", "users"));
  return PrintList(context, "users", users,
                   {{"NAME", "name"},
                    {"ROLE", "role"},
                    {"REST", "rest_enabled"},
                    {"SSH", "ssh_enabled"},
                    {"LOCKED", "locked"},
                    {"FULL NAME", "full_name"},
                    {"ID", "id"}});
}

absl::Status Show(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(json::object user, session.FindUser(words.name));
  const std::string path = PathOf("users", IdOf(user));
  HOLDFAST_ASSIGN_OR_RETURN(const json::array keys, session.List(path + "/keys", "keys"));
  HOLDFAST_ASSIGN_OR_RETURN(const json::array tokens, session.List(path + "/tokens", "tokens"));
  if (context.json()) {
    return PrintJson(context, "user", {{"user", user}, {"keys", keys}, {"tokens", tokens}});
  }
  HOLDFAST_RETURN_IF_ERROR(PrintOne(context, "user", user, kUserLines));
  if (!keys.empty()) {
    HOLDFAST_RETURN_IF_ERROR(WriteOut(context, "\n" + RenderTable(keys, kKeyColumns)));
  }
  return tokens.empty() ? absl::OkStatus()
                        : WriteOut(context, "\n" + RenderTable(tokens, kTokenColumns));
}

// A write below the user's own path, with nothing to show.
absl::Status Change(const Context& context, Session& session, const Words& words,
                    std::string_view method, const std::string& below, std::string_view done) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object user, session.FindUser(words.name));
  HOLDFAST_RETURN_IF_ERROR(session.Write(method, PathOf("users", IdOf(user)) + below).status());
  return PrintDone(context, fmt::format("user {} {}", words.name, done));
}

absl::Status AddKey(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string line, ReadKeyFile(words.key_files.at(0)));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object user, session.FindUser(words.name));
  HOLDFAST_ASSIGN_OR_RETURN(
      const json::object answer,
      session.Write("POST", PathOf("users", IdOf(user)) + "/keys", {{"public_key", line}}));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object key, ObjectIn(answer, "key"));
  return PrintOne(context, "key", key,
                  {{"key", "id"}, {"type", "type"}, {"fingerprint", "fingerprint"}});
}

absl::Status RemoveKey(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object user, session.FindUser(words.name));
  const std::string path = PathOf("users", IdOf(user)) + "/keys";
  HOLDFAST_ASSIGN_OR_RETURN(const json::array keys, session.List(path, "keys"));
  for (const json::value& key : keys) {
    const json::object& object = key.get_object();
    if (TextIn(object, "fingerprint") != words.key && std::to_string(IdOf(object)) != words.key) {
      continue;
    }
    HOLDFAST_RETURN_IF_ERROR(
        session.Write("DELETE", fmt::format("{}/{}", path, IdOf(object))).status());
    return PrintDone(context, fmt::format("key {} of user {} is removed",
                                          TextIn(object, "fingerprint"), words.name));
  }
  return RemoteError(404, "NO_SUCH_KEY",
                     fmt::format("user {} has no key \"{}\"\n`holdfast user show {}` lists them",
                                 words.name, words.key, words.name),
                     "");
}

absl::Status IssueToken(const Context& context, Session& session, const Words& words) {
  HOLDFAST_RETURN_IF_ERROR(CheckTokenFile(words.token_file));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object user, session.FindUser(words.name));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer,
                            session.Write("POST", PathOf("users", IdOf(user)) + "/tokens",
                                          {{"valid_days", words.token_days}}));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object token, ObjectIn(answer, "token"));
  return PutToken(context, words.token_file, "token", token);
}

using SharedWords = std::shared_ptr<Words>;

CLI::App* AddNamed(CLI::App& user, const SharedWords& words, const std::string& name,
                   const std::string& what, const std::string& examples) {
  CLI::App* command = AddCommand(user, name, what, examples);
  command->add_option("name", words->name, "name of the user")->required()->type_name("NAME");
  return command;
}

void AddAdd(CLI::App& user, Context& context, const SharedWords& words) {
  CLI::App* add =
      AddNamed(user, words, "add", "a new user",
               "  holdfast user add deploy --role password-user --rest --token-file deploy.token\n"
               "  holdfast user add backup --role password-user --ssh --key-file backup.pub");
  const std::map<std::string, std::string> roles = {
      {"administrator", "administrator"},
      {"password-administrator", "password_administrator"},
      {"password-user", "password_user"}};
  add->add_option("--role", words->role, "administrator, password-administrator or password-user")
      ->required()
      ->transform(CLI::Transformer(roles).description(""))
      ->check(CLI::IsMember({"administrator", "password_administrator", "password_user"})
                  .description(""))
      ->type_name("ROLE");
  add->add_option("--full-name", words->full_name, "for people")->type_name("TEXT");
  add->add_option("--email", words->email, "for people")->type_name("TEXT");
  add->add_option("--department", words->department, "for people")->type_name("TEXT");
  add->add_option("--location", words->location, "for people")->type_name("TEXT");
  add->add_option("--host", words->host, "the only address or network it may come from")
      ->type_name("ADDRESS");
  add->add_flag("--rest", words->rest, "may use the REST interfaces");
  add->add_flag("--ssh", words->ssh, "may use SSH");
  add->add_flag("--super", words->super_administrator, "sees everything in the organization");
  add->add_flag("--operate-cluster", words->operate_cluster, "may invite nodes, change settings");
  add->add_option("--token-file", words->token_file, "issue a token, into this new file, 0600")
      ->type_name("FILE");
  add->add_option("--token-days", words->token_days, "how long the token is good; 0 = for ever")
      ->type_name("DAYS");
  add->add_option("--key-file", words->key_files, "public SSH key, one line; may be given again")
      ->type_name("FILE.pub");
  OnRun(add, context,
        [words, &context](Session& session) { return Add(context, session, *words); });
}

void AddKeysAndTokens(CLI::App& user, Context& context, const SharedWords& words) {
  CLI::App* key_add = AddNamed(user, words, "key-add", "let an SSH key log in",
                               "  holdfast user key-add backup --key-file id_ed25519.pub");
  key_add->add_option("--key-file", words->key_files, "public SSH key, one line")
      ->required()
      ->expected(1)
      ->type_name("FILE.pub");
  OnRun(key_add, context,
        [words, &context](Session& session) { return AddKey(context, session, *words); });
  CLI::App* key_remove =
      AddNamed(user, words, "key-remove", "end an SSH key, open connections included",
               "  holdfast user key-remove backup SHA256:kGJp...");
  key_remove->add_option("key", words->key, "its fingerprint or number")
      ->required()
      ->type_name("KEY");
  OnRun(key_remove, context,
        [words, &context](Session& session) { return RemoveKey(context, session, *words); });
  CLI::App* token = AddNamed(user, words, "token", "issue a token; it is shown this once",
                             "  holdfast user token deploy --token-file deploy.token");
  token->add_option("--token-file", words->token_file, "new file for it, 0600; else it is printed")
      ->type_name("FILE");
  token->add_option("--valid-days", words->token_days, "how long it is good; 0 = for ever")
      ->capture_default_str()
      ->type_name("DAYS");
  OnRun(token, context,
        [words, &context](Session& session) { return IssueToken(context, session, *words); });
  CLI::App* revoke = AddNamed(user, words, "token-revoke", "end a token, open sessions included",
                              "  holdfast user token-revoke deploy 17");
  revoke->add_option("token", words->token_id, "its number in `holdfast user show`")
      ->required()
      ->type_name("TOKEN");
  OnRun(revoke, context, [words, &context](Session& session) {
    return Change(context, session, *words, "DELETE", fmt::format("/tokens/{}", words->token_id),
                  "has lost a token");
  });
}

}  // namespace

void AddUser(CLI::App& app, Context& context) {
  CLI::App* user = AddCommand(app, "user", "users, their keys and tokens", "");
  user->require_subcommand(1);
  const auto words = std::make_shared<Words>();
  AddAdd(*user, context, words);
  CLI::App* list = AddCommand(*user, "list", "all users that you may see", "");
  OnRun(list, context, [&context](Session& session) { return List(context, session); });
  CLI::App* show = AddNamed(*user, words, "show", "one user, with keys and tokens", "");
  OnRun(show, context,
        [words, &context](Session& session) { return Show(context, session, *words); });
  struct Simple {
    const char* name;
    const char* what;
    const char* method;
    const char* below;
    const char* done;
  };
  static constexpr Simple kSimple[] = {
      {"lock", "refuse the user everywhere, at once", "POST", "/lock", "is locked"},
      {"unlock", "let the user in again", "POST", "/unlock", "is unlocked"},
      {"delete", "remove the user, its keys, tokens and shares", "DELETE", "", "is deleted"}};
  for (const Simple& simple : kSimple) {
    CLI::App* command = AddNamed(*user, words, simple.name, simple.what, "");
    OnRun(command, context, [words, &context, &simple](Session& session) {
      return Change(context, session, *words, simple.method, simple.below, simple.done);
    });
  }
  AddKeysAndTokens(*user, context, words);
}

}  // namespace holdfast::cli

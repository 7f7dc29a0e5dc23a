#include <fmt/format.h>

#include <map>
#include <memory>
#include <utility>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/print.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string user;
  std::string resource;
  std::string account;
  std::string level;
};

// What is shared: the whole resource (account_id 0), or one account of it. 0: not named.
struct Target {
  uint64_t user_id = 0;
  uint64_t resource_id = 0;
  uint64_t account_id = 0;
};

absl::StatusOr<Target> FindTarget(Session& session, const Words& words) {
  Target target;
  if (!words.user.empty()) {
    HOLDFAST_ASSIGN_OR_RETURN(const json::object user, session.FindUser(words.user));
    target.user_id = IdOf(user);
  }
  if (!words.resource.empty()) {
    HOLDFAST_ASSIGN_OR_RETURN(const json::object resource, session.FindResource(words.resource));
    target.resource_id = IdOf(resource);
  }
  if (!words.account.empty()) {
    HOLDFAST_ASSIGN_OR_RETURN(const json::object account,
                              session.FindAccount(words.resource, words.account));
    target.account_id = IdOf(account);
  }
  return target;
}

std::string What(const Words& words) {
  return words.account.empty() ? fmt::format("resource {}", words.resource)
                               : fmt::format("account {} of {}", words.account, words.resource);
}

absl::Status Grant(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const Target target, FindTarget(session, words));
  json::object body{{"user_id", target.user_id}, {"level", words.level}};
  if (target.account_id != 0) {
    body["account_id"] = target.account_id;
  } else {
    body["resource_id"] = target.resource_id;
  }
  HOLDFAST_RETURN_IF_ERROR(session.Write("POST", "/v1/shares", body).status());
  return PrintDone(
      context, fmt::format("{} is shared with {} for {}", What(words), words.user, words.level));
}

uint64_t NumberIn(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  json::error_code error;
  const uint64_t number = value == nullptr ? 0 : value->to_number<uint64_t>(error);
  return error ? 0 : number;
}

Query QueryOf(const Target& target) {
  Query query;
  const std::pair<const char*, uint64_t> ids[] = {{"user_id", target.user_id},
                                                  {"resource_id", target.resource_id},
                                                  {"account_id", target.account_id}};
  for (const auto& [key, id] : ids) {
    if (id != 0) query.emplace_back(key, std::to_string(id));
  }
  return query;
}

absl::Status Revoke(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const Target target, FindTarget(session, words));
  HOLDFAST_ASSIGN_OR_RETURN(const json::array shares,
                            session.List("/v1/shares", "shares", QueryOf(target)));
  for (const json::value& share : shares) {
    const json::object& object = share.get_object();
    if (NumberIn(object, "account_id") != target.account_id ||
        NumberIn(object, "user_id") != target.user_id) {
      continue;
    }
    HOLDFAST_RETURN_IF_ERROR(session.Write("DELETE", PathOf("shares", IdOf(object))).status());
    return PrintDone(context,
                     fmt::format("{} is no longer shared with {}", What(words), words.user));
  }
  return RemoteError(404, "NO_SUCH_SHARE",
                     fmt::format("{} is not shared with {}\n`holdfast share list --user {}` shows "
                                 "what is",
                                 What(words), words.user, words.user),
                     "");
}

// Names in place of numbers, each asked for once; the number where no name may be seen.
class Names {
 public:
  explicit Names(Session& session) : session_(session) {}
  std::string Of(std::string_view collection, std::string_view key, uint64_t id) {
    if (id == 0) return "";
    std::string& name = names_[PathOf(collection, id)];
    if (!name.empty()) return name;
    const auto answer = session_.Get(PathOf(collection, id));
    if (answer.ok()) {
      const json::value* object = answer->if_contains(json::string_view(key.data(), key.size()));
      if (object != nullptr && object->is_object()) name = TextIn(object->get_object(), "name");
    }
    if (name.empty()) name = fmt::format("#{}", id);
    return name;
  }

 private:
  Session& session_;
  std::map<std::string, std::string> names_;
};

absl::Status List(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const Target target, FindTarget(session, words));
  HOLDFAST_ASSIGN_OR_RETURN(json::array shares,
                            session.List("/v1/shares", "shares", QueryOf(target)));
  Names names(session);
  for (json::value& share : shares) {
    json::object& object = share.get_object();
    object["user"] = names.Of("users", "user", NumberIn(object, "user_id"));
    object["resource"] = names.Of("resources", "resource", NumberIn(object, "resource_id"));
    object["account"] = names.Of("accounts", "account", NumberIn(object, "account_id"));
  }
  return PrintList(context, "shares", shares,
                   {{"USER", "user"},
                    {"RESOURCE", "resource"},
                    {"ACCOUNT", "account"},
                    {"LEVEL", "level"},
                    {"SINCE", "created_at"}});
}

}  // namespace

void AddShare(CLI::App& app, Context& context) {
  CLI::App* share = AddCommand(app, "share", "who may use what", "");
  share->require_subcommand(1);
  const auto words = std::make_shared<Words>();
  const auto command = [&](const std::string& name, const std::string& what,
                           const std::string& examples, bool required) {
    CLI::App* made = AddCommand(*share, name, what, examples);
    CLI::Option* user = made->add_option("--user", words->user, "with whom")->type_name("NAME");
    CLI::Option* resource =
        made->add_option("--resource", words->resource, "what")->type_name("NAME");
    made->add_option("--account", words->account, "only this account of the resource")
        ->needs(resource)
        ->type_name("NAME");
    user->required(required);
    resource->required(required);
    return made;
  };
  CLI::App* grant = command(
      "grant", "share a resource, or one account of it; a share that is there takes the new level",
      "  holdfast share grant --user deploy --resource orders-db --level view\n"
      "  holdfast share grant --user deploy --resource orders-db --account app --level modify",
      true);
  const std::map<std::string, std::string> levels = {
      {"view", "view"}, {"modify", "modify"}, {"full", "full_access"}};
  grant->add_option("--level", words->level, "view, modify or full")
      ->required()
      ->transform(CLI::Transformer(levels).description(""))
      ->check(CLI::IsMember({"view", "modify", "full_access"}).description(""))
      ->type_name("LEVEL");
  OnRun(grant, context,
        [words, &context](Session& session) { return Grant(context, session, *words); });
  OnRun(command("revoke", "end a share, open connections included",
                "  holdfast share revoke --user deploy --resource orders-db", true),
        context, [words, &context](Session& session) { return Revoke(context, session, *words); });
  OnRun(command("list", "what is shared, of what you may share, and what is shared with you",
                "  holdfast share list --resource orders-db", false),
        context, [words, &context](Session& session) { return List(context, session, *words); });
}

}  // namespace holdfast::cli

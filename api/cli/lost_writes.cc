// lost-writes: what nodes had shown and the cluster went on without. docs/promotion.md.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/members.h"
#include "api/cli/print.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string node;
  std::string id;
  bool force = false;
  bool yes = false;
};

absl::StatusOr<json::array> ListOf(const Context& context, const Member& member) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, SessionWith(context, member));
  HOLDFAST_ASSIGN_OR_RETURN(json::object answer, session->Get("/v1/lost-writes"));
  json::value* list = answer.if_contains("lost_writes");
  if (list == nullptr || !list->is_array()) {
    return absl::InternalError("the answer holds no lost writes");
  }
  return std::move(list->get_array());
}

// Asks each node: what one has put aside no other knows.
absl::Status List(const Context& context, Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<Member> members, MembersOf(session));
  json::array all;
  absl::Status silent;
  for (const Member& member : members) {
    absl::StatusOr<json::array> list = ListOf(context, member);
    if (!list.ok()) {
      Say(context,
          fmt::format("{} was not asked: {}", member.id, std::string(list.status().message())));
      silent = list.status();
      continue;
    }
    for (json::value& each : *list) all.push_back(std::move(each));
  }
  HOLDFAST_RETURN_IF_ERROR(PrintList(context, "lost_writes", all,
                                     {{"NODE", "node"},
                                      {"ID", "id"},
                                      {"TIME", "time"},
                                      {"USER", "user"},
                                      {"OPERATION", "operation"},
                                      {"WHAT", "names"},
                                      {"STATE", "state"},
                                      {"BY", "state_by"}}));
  return silent;
}

absl::Status Order(const Context& context, Session& session, const Words& words,
                   const std::string& path, const json::object& body, const std::string& done,
                   const std::string& state) {
  if (!words.yes) {
    return absl::InvalidArgumentError(fmt::format(
        "{} of {}: add --yes when you are sure; nothing was done", words.id, words.node));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const Member member, MemberNamed(session, words.node));
  HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<Session> there, SessionWith(context, member));
  HOLDFAST_RETURN_IF_ERROR(there->Order(path, body).status());
  if (context.json()) {
    json::object answer;
    answer["node"] = words.node;
    answer["id"] = words.id;
    answer["state"] = state;
    return PrintJson(context, "lost_write", answer);
  }
  Say(context, fmt::format("{} of {} {}", words.id, words.node, done));
  return absl::OkStatus();
}

void AddWords(CLI::App* command, const std::shared_ptr<Words>& words) {
  command->add_option("--node", words->node, "node that holds it")
      ->required()
      ->type_name("NODE_ID");
  command->add_option("--id", words->id, "as listed")->required()->type_name("ID");
  command->add_flag("--yes", words->yes, "do it");
}

}  // namespace

void AddLostWrites(CLI::App& app, Context& context) {
  CLI::App* lost = AddCommand(app, "lost-writes", "what an old primary had acknowledged alone", "");
  lost->require_subcommand(1);
  CLI::App* list = AddCommand(*lost, "list", "what each node has put aside; no values", "");
  OnRun(list, context, [&context](Session& session) { return List(context, session); });

  const auto apply_words = std::make_shared<Words>();
  CLI::App* apply = AddCommand(*lost, "apply", "do one again on the present primary",
                               "  holdfast lost-writes apply --node node1 --id 3.1042 --yes");
  AddWords(apply, apply_words);
  apply->add_flag("--force", apply_words->force, "also when it was changed since");
  OnRun(apply, context, [apply_words, &context](Session& session) {
    json::object body;
    body["id"] = apply_words->id;
    body["force"] = apply_words->force;
    return Order(context, session, *apply_words, "/v1/lost-writes/apply", body, "was done again",
                 "applied");
  });

  const auto drop_words = std::make_shared<Words>();
  CLI::App* drop = AddCommand(*lost, "drop", "give one up",
                              "  holdfast lost-writes drop --node node1 --id 3.1042 --yes");
  AddWords(drop, drop_words);
  OnRun(drop, context, [drop_words, &context](Session& session) {
    json::object body;
    body["id"] = drop_words->id;
    return Order(context, session, *drop_words, "/v1/lost-writes/drop", body, "was given up",
                 "dropped");
  });
}

}  // namespace holdfast::cli

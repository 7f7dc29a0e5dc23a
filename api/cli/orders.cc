// Orders to one node: promote, switchover, deny, node forget. docs/promotion.md has the rules.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <charconv>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/members.h"
#include "api/cli/print.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct PromoteWords {
  std::string node;
  bool dry_run = false;
  std::string accept_loss;
  std::string sync;
  bool old_primary_is_down = false;
  bool yes = false;
};

struct SwitchWords {
  std::string to;
  bool yes = false;
};

struct ForgetWords {
  std::string node;
  bool yes = false;
};

struct DenyWords {
  std::string user;
  std::string key;
  std::string node;
  bool list = false;
};

// Without --yes somebody at a terminal must type the name; a script must say --yes.
absl::Status Confirm(const Context& context, bool yes, const std::string& what,
                     const std::string& name) {
  if (yes) return absl::OkStatus();
  if (isatty(STDIN_FILENO) != 1) {
    return absl::InvalidArgumentError(
        fmt::format("{}: add --yes; nothing was done (there is no terminal to ask)", what));
  }
  Say(context, fmt::format("{}. Type {} to go on:", what, name));
  std::string line;
  std::getline(std::cin, line);
  if (line == name) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("expected {}, got something else; nothing was done", name));
}

absl::StatusOr<Member> Primary(Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(std::vector<Member> members, MembersOf(session));
  for (Member& member : members) {
    if (member.role == "primary") return std::move(member);
  }
  return RemoteError(503, "NO_PRIMARY",
                     "no primary is known, so nobody can hand over: use holdfast promote", "");
}

std::string YesNoUnknown(const json::object& answer, std::string_view key) {
  const json::value* value = answer.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_bool()) return "cannot be known";
  return value->get_bool() ? "yes" : "no";
}

std::string LostInWords(const json::object& answer) {
  const json::value* lost = answer.if_contains("lost_records");
  if (lost != nullptr && lost->is_number()) return json::serialize(*lost) + " records";
  const json::value* least = answer.if_contains("lost_at_least");
  return fmt::format("cannot be known; at least {} records",
                     least == nullptr ? "0" : json::serialize(*least));
}

// Refused before: what stands in the answer then is no count of anything.
bool WereAsked(const json::value* members) {
  if (members == nullptr || !members->is_array() || members->get_array().empty()) return true;
  for (const json::value& member : members->get_array()) {
    if (!member.is_object() || TextIn(member.get_object(), "reason") != "not asked") return true;
  }
  return false;
}

absl::Status PrintPromotion(const Context& context, const json::object& answer) {
  if (context.json()) return WriteOut(context, json::serialize(answer) + "\n");
  const bool dry_run = YesNoUnknown(answer, "dry_run") == "yes";
  const json::value* grants = answer.if_contains("grants");
  const size_t given = grants != nullptr && grants->is_array() ? grants->get_array().size() : 0;
  const json::value* members = answer.if_contains("members");
  const bool asked = WereAsked(members);
  std::string text =
      asked
          ? fmt::format(
                "{} {} in epoch {}\n  grants    {} of {} needed\n  complete  {}\n  lost      {}\n",
                TextIn(answer, "node"), dry_run ? "would be primary" : "is primary",
                json::serialize(answer.at("epoch")), given,
                json::serialize(answer.at("grants_needed")), YesNoUnknown(answer, "complete"),
                LostInWords(answer))
          : "no member was asked\n";
  if (asked && members != nullptr && members->is_array() && !members->get_array().empty()) {
    text += RenderTable(members->get_array(), {{"MEMBER", "id"},
                                               {"ANSWERED", "answered"},
                                               {"GRANTED", "granted"},
                                               {"EPOCH", "epoch"},
                                               {"SEQ", "seq"},
                                               {"REASON", "reason"}});
  }
  if (const json::value* notes = answer.if_contains("notes");
      notes != nullptr && notes->is_array()) {
    for (const json::value& note : notes->get_array()) {
      if (note.is_string()) text += fmt::format("{}\n", CellText(&note));
    }
  }
  return WriteOut(context, text);
}

absl::StatusOr<json::value> AcceptLossIn(const std::string& text) {
  if (text.empty()) return json::value();
  if (text == "unknown") return json::value("unknown");
  int64_t records = 0;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), records);
  if (error != std::errc() || last != text.data() + text.size() || records < 0) {
    return absl::InvalidArgumentError(
        fmt::format("--accept-loss: expected a number of records, or unknown, got {}", text));
  }
  return json::value(records);
}

// What a dry run would be answered decides its exit code too.
absl::Status RefusedIn(const json::object& answer) {
  const json::value* refused = answer.if_contains("refused");
  if (refused == nullptr || !refused->is_object()) return absl::OkStatus();
  const std::string code = TextIn(refused->get_object(), "code");
  return WithExit(absl::FailedPreconditionError(""),
                  code == "WOULD_LOSE_DATA" ? kExitWouldLoseData : kExitRemote);
}

absl::Status Promote(const Context& context, Session& session, const PromoteWords& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::value accept_loss, AcceptLossIn(words.accept_loss));
  HOLDFAST_ASSIGN_OR_RETURN(const Member member, MemberNamed(session, words.node));
  if (!words.dry_run) {
    HOLDFAST_RETURN_IF_ERROR(
        Confirm(context, words.yes, fmt::format("makes {} the primary", words.node), words.node));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<Session> node, SessionWith(context, member));
  json::object body{{"node", words.node},
                    {"dry_run", words.dry_run},
                    {"accept_loss", accept_loss},
                    {"sync", nullptr},
                    {"old_primary_is_down", words.old_primary_is_down}};
  if (!words.sync.empty()) body["sync"] = words.sync;
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer, node->Order("/v1/promote", body));
  HOLDFAST_RETURN_IF_ERROR(PrintPromotion(context, answer));
  return RefusedIn(answer);
}

absl::Status Switchover(const Context& context, Session& session, const SwitchWords& words) {
  HOLDFAST_RETURN_IF_ERROR(MemberNamed(session, words.to).status());
  HOLDFAST_RETURN_IF_ERROR(Confirm(
      context, words.yes, fmt::format("hands the role of primary over to {}", words.to), words.to));
  HOLDFAST_ASSIGN_OR_RETURN(const Member member, Primary(session));
  HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<Session> node, SessionWith(context, member));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer,
                            node->Order("/v1/switchover", {{"to", words.to}}));
  if (context.json()) return WriteOut(context, json::serialize(answer) + "\n");
  return WriteOut(context, fmt::format("{} is primary in epoch {}; writes waited {} ms\n",
                                       TextIn(answer, "to"), json::serialize(answer.at("epoch")),
                                       json::serialize(answer.at("write_pause_ms"))));
}

absl::Status Forget(const Context& context, Session& session, const ForgetWords& words) {
  HOLDFAST_RETURN_IF_ERROR(Confirm(
      context, words.yes, fmt::format("takes {} out of the cluster", words.node), words.node));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer,
                            session.Write("POST", "/v1/nodes/" + words.node + "/forget"));
  if (const json::value* notes = answer.if_contains("notes");
      !context.json() && notes != nullptr && notes->is_array()) {
    for (const json::value& note : notes->get_array()) {
      if (note.is_string()) Say(context, CellText(&note));
    }
  }
  return PrintDone(context, fmt::format("{} is no member any more", words.node));
}

absl::Status Deny(const Context& context, Session& session, const DenyWords& words) {
  Session* node = &session;
  std::unique_ptr<Session> other;
  if (!words.node.empty()) {
    HOLDFAST_ASSIGN_OR_RETURN(const Member member, MemberNamed(session, words.node));
    HOLDFAST_ASSIGN_OR_RETURN(other, SessionWith(context, member));
    node = other.get();
  }
  if (words.list) {
    HOLDFAST_ASSIGN_OR_RETURN(const json::object answer, node->Get("/v1/deny"));
    const json::value* denials = answer.if_contains("denials");
    if (denials == nullptr || !denials->is_array()) {
      return absl::InternalError("the answer holds no denials");
    }
    return PrintList(context, "denials", denials->get_array(),
                     {{"USER", "user"},
                      {"KEY", "key"},
                      {"NODE", "node"},
                      {"BY", "by"},
                      {"AT", "at"},
                      {"IN FORCE", "in_force"}});
  }
  if (words.user.empty() == words.key.empty()) {
    return absl::InvalidArgumentError("name one of --user and --key, or --list");
  }
  json::object body;
  if (!words.user.empty()) body["user"] = words.user;
  if (!words.key.empty()) body["key"] = words.key;
  HOLDFAST_RETURN_IF_ERROR(node->Order("/v1/deny", body).status());
  return PrintDone(context,
                   "denied on that node, also after a restart; the primary will lock the "
                   "user, or remove the key, everywhere");
}

void AddPromote(CLI::App& app, Context& context) {
  const auto words = std::make_shared<PromoteWords>();
  CLI::App* promote = AddCommand(
      app, "promote",
      "make a secondary the primary after the primary was lost. Asks the other members first, and "
      "refuses while a primary can be reached (use switchover), or when it could lose what was "
      "acknowledged: the message then names the option that would go on. Exit status 0 done, 2 "
      "refused, 4 it would lose data, 75 nobody reachable or not finished in time",
      "  holdfast promote --node node2 --dry-run\n"
      "  holdfast promote --node node2 --yes\n"
      "  holdfast promote --node node2 --old-primary-is-down --yes   (two nodes: the other one is "
      "stopped for sure)\n"
      "  holdfast promote --node node2 --old-primary-is-down --accept-loss unknown --sync local:0 "
      "--yes");
  promote->add_option("--node", words->node, "who is to be primary")
      ->required()
      ->type_name("NODE_ID");
  promote->add_flag("--dry-run", words->dry_run,
                    "ask and print what would happen; nothing is promised or changed");
  promote
      ->add_option("--accept-loss", words->accept_loss,
                   "go on although so many records, or nobody knows how many, are lost")
      ->type_name("N|unknown");
  promote
      ->add_option(
          "--sync", words->sync,
          "the level of the new primary in place of the cluster's, as durable:1 or local:0")
      ->type_name("LEVEL:K");
  promote->add_flag(
      "--old-primary-is-down", words->old_primary_is_down,
      "your word that every member that does not answer is stopped now, and that none "
      "was started as primary in a newer epoch; a false word can split the cluster");
  promote->add_flag("--yes", words->yes, "do not ask for the node's name");
  OnRun(promote, context,
        [words, &context](Session& session) { return Promote(context, session, *words); });
}

void AddSwitchover(CLI::App& app, Context& context) {
  const auto words = std::make_shared<SwitchWords>();
  CLI::App* switchover = AddCommand(
      app, "switchover",
      "hand over from the primary to another node, which must be caught up; nothing that was "
      "acknowledged is lost, reads go on, writes wait for a moment. Exit status 0 done, 2 refused, "
      "75 no primary, or not finished in time: `holdfast status` then shows how far it is",
      "  holdfast switchover --to node2 --yes");
  switchover->add_option("--to", words->to, "who is to be primary")
      ->required()
      ->type_name("NODE_ID");
  switchover->add_flag("--yes", words->yes, "do not ask for the node's name");
  OnRun(switchover, context,
        [words, &context](Session& session) { return Switchover(context, session, *words); });
}

void AddForget(CLI::App& app, Context& context) {
  const auto words = std::make_shared<ForgetWords>();
  CLI::App* forget = AddCommand(
      *app.get_subcommand("node"), "forget",
      "take a member out of the cluster: its certificate is refused, its streams are cut. It keeps "
      "what is on its disk",
      "  holdfast node forget node3 --yes");
  forget->add_option("node_id", words->node, "name of the node")->required()->type_name("NODE_ID");
  forget->add_flag("--yes", words->yes, "do not ask for the node's name");
  OnRun(forget, context,
        [words, &context](Session& session) { return Forget(context, session, *words); });
}

void AddDeny(CLI::App& app, Context& context) {
  const auto words = std::make_shared<DenyWords>();
  CLI::App* deny = AddCommand(
      app, "deny",
      "refuse a user or an SSH key on one node at once, also while no primary can be reached. The "
      "primary locks the user, or removes the key, as soon as it hears of it; from then on the "
      "cluster's rows decide",
      "  holdfast deny --user mallory --node node2\n"
      "  holdfast deny --key SHA256:Nn2...\n"
      "  holdfast deny --list");
  deny->add_option("--user", words->user, "the whole user")->type_name("NAME");
  deny->add_option("--key", words->key, "one SSH key, by its fingerprint")
      ->type_name("FINGERPRINT");
  deny->add_option("--node", words->node, "which node; else the first that answers")
      ->type_name("NODE_ID");
  deny->add_flag("--list", words->list, "show what was denied on the node");
  OnRun(deny, context,
        [words, &context](Session& session) { return Deny(context, session, *words); });
}

}  // namespace

void AddOrders(CLI::App& app, Context& context) {
  AddPromote(app, context);
  AddSwitchover(app, context);
  AddForget(app, context);
  AddDeny(app, context);
}

}  // namespace holdfast::cli

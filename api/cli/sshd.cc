#include <fmt/format.h>

#include <memory>

#include "api/cli/commands.h"
#include "api/cli/print.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string node;
  int port = -1;
  bool enable = false;
  bool disable = false;
};

// The default first, with "*" as its node.
absl::StatusOr<json::array> Rows(Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer, session.Get("/v1/sshd"));
  json::array rows;
  if (const json::value* fallback = answer.if_contains("default");
      fallback != nullptr && fallback->is_object()) {
    rows.push_back(*fallback);
    rows.back().get_object()["node_id"] = "*";
  }
  if (const json::value* nodes = answer.if_contains("nodes");
      nodes != nullptr && nodes->is_array()) {
    for (const json::value& node : nodes->get_array()) {
      if (node.is_object()) rows.push_back(node);
    }
  }
  return rows;
}

absl::Status Show(const Context& context, Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::array rows, Rows(session));
  return PrintList(context, "sshd", rows,
                   {{"NODE", "node_id"}, {"PORT", "port"}, {"ENABLED", "enabled"}});
}

absl::Status Set(const Context& context, Session& session, const Words& words) {
  if (words.port < 0 && !words.enable && !words.disable) {
    return absl::InvalidArgumentError("nothing to set: name --port, --enable or --disable");
  }
  HOLDFAST_ASSIGN_OR_RETURN(const json::array rows, Rows(session));
  // What is not named stays as it is: on this node, or else as the default has it.
  json::object body{{"node_id", words.node}, {"port", 0}, {"enabled", true}};
  for (const json::value& row : rows) {
    const json::object& object = row.get_object();
    const std::string node = TextIn(object, "node_id");
    if (node != "*" && node != words.node) continue;
    for (const char* key : {"port", "enabled"}) {
      if (const json::value* value = object.if_contains(key)) body[key] = *value;
    }
  }
  if (words.port >= 0) body["port"] = words.port;
  if (words.enable || words.disable) body["enabled"] = words.enable;
  HOLDFAST_RETURN_IF_ERROR(session.Write("PUT", "/v1/sshd", body).status());
  return PrintDone(context, words.node.empty()
                                ? "the SSH server's default is set"
                                : fmt::format("the SSH server of node {} is set", words.node));
}

absl::Status KnownHosts(const Context& context, Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string text, session.GetText("/v1/sshd/known-hosts"));
  return WriteOut(context, text);
}

}  // namespace

void AddSshd(CLI::App& app, Context& context) {
  CLI::App* sshd = AddCommand(app, "sshd", "the SSH server of the nodes", "");
  sshd->require_subcommand(1);
  OnRun(AddCommand(*sshd, "known-hosts",
                   "host keys of all nodes, as lines of a known_hosts file of OpenSSH",
                   "  holdfast sshd known-hosts > known_hosts"),
        context, [&context](Session& session) { return KnownHosts(context, session); });
  OnRun(
      AddCommand(*sshd, "show", "port and state; node * is the default, port 0 as configured", ""),
      context, [&context](Session& session) { return Show(context, session); });
  const auto words = std::make_shared<Words>();
  CLI::App* set = AddCommand(*sshd, "set", "port and state, of one node or of all that have none",
                             "  holdfast sshd set --node node2 --disable\n"
                             "  holdfast sshd set --port 2222");
  set->add_option("--node", words->node, "only this node; else the default")->type_name("NODE_ID");
  set->add_option("--port", words->port, "0 = as configured on the node")
      ->check(CLI::Range(0, 65535))
      ->type_name("PORT");
  CLI::Option* enable = set->add_flag("--enable", words->enable, "answer SSH");
  set->add_flag("--disable", words->disable, "do not answer SSH")->excludes(enable);
  OnRun(set, context,
        [words, &context](Session& session) { return Set(context, session, *words); });
}

}  // namespace holdfast::cli

#include <memory>

#include "api/cli/commands.h"
#include "api/cli/print.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string node;
  uint64_t after = 0;
  int limit = 100;
};

absl::Status List(const Context& context, Session& session, const Words& words) {
  Query query = {{"node", words.node}, {"limit", std::to_string(words.limit)}};
  if (words.after != 0) query.emplace_back("after", std::to_string(words.after));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer, session.Get("/v1/audit", query));
  const json::value* records = answer.if_contains("records");
  if (records == nullptr || !records->is_array()) {
    return absl::InternalError("the answer holds no records");
  }
  if (context.json()) return PrintJson(context, "audit", {{"records", *records}});
  return WriteOut(context, RenderTable(records->get_array(), {{"TIME", "time"},
                                                              {"NODE", "node_id"},
                                                              {"NO", "number"},
                                                              {"OPERATION", "operation"},
                                                              {"RESULT", "result"},
                                                              {"REFUSAL", "refusal"},
                                                              {"USER", "user_name"},
                                                              {"SOURCE", "source"},
                                                              {"VIA", "via"},
                                                              {"RESOURCE", "resource_name"},
                                                              {"ACCOUNT", "account_name"},
                                                              {"REASON", "reason"}}));
}

}  // namespace

void AddAudit(CLI::App& app, Context& context) {
  CLI::App* audit = AddCommand(app, "audit", "who did what, on which node", "");
  audit->require_subcommand(1);
  const auto words = std::make_shared<Words>();
  CLI::App* list = AddCommand(*audit, "list",
                              "records of all nodes, newest first, as far as the node that answers "
                              "has collected them",
                              "  holdfast audit list --limit 20\n"
                              "  holdfast audit list --node node2 --after 1000 --output json");
  CLI::Option* node = list->add_option("--node", words->node, "only the journal of this node")
                          ->type_name("NODE_ID");
  list->add_option("--after", words->after, "only numbers above, of the node named")
      ->needs(node)
      ->type_name("NUMBER");
  list->add_option("--limit", words->limit, "how many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->type_name("COUNT");
  OnRun(list, context,
        [words, &context](Session& session) { return List(context, session, *words); });
}

}  // namespace holdfast::cli

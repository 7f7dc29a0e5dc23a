#include <fmt/format.h>

#include <memory>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
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

// The gaps of one journal as a cell: "6-7 (retention)".
std::string GapsText(const json::object& journal) {
  std::string text;
  const json::value* gaps = journal.if_contains("gaps");
  if (gaps == nullptr || !gaps->is_array()) return text;
  for (const json::value& gap : gaps->get_array()) {
    if (!gap.is_object()) continue;
    text += fmt::format("{}{}-{} ({})", text.empty() ? "" : ", ",
                        CellText(gap.get_object().if_contains("first")),
                        CellText(gap.get_object().if_contains("last")),
                        CellText(gap.get_object().if_contains("why")));
  }
  return text;
}

absl::Status ShowGaps(const Context& context, const json::object& answer) {
  if (context.json()) return PrintJson(context, "audit_gaps", answer);
  const json::value* journals = answer.if_contains("journals");
  if (journals == nullptr || !journals->is_array()) {
    return absl::InternalError("the answer holds no journals");
  }
  json::array rows = journals->get_array();
  for (json::value& row : rows) {
    if (row.is_object()) row.get_object()["gaps"] = GapsText(row.get_object());
  }
  HOLDFAST_RETURN_IF_ERROR(
      WriteOut(context, RenderTable(rows, {{"JOURNAL OF", "node_id"},
                                           {"BEGINS", "begins"},
                                           {"CONTIGUOUS", "contiguous"},
                                           {"HIGHEST", "highest"},
                                           {"HEAD", "head"},
                                           {"COMPLETE UNTIL", "complete_until"},
                                           {"GAPS", "gaps"}})));
  const json::value* by = answer.if_contains("collected_by");
  if (by == nullptr || !by->is_array() || by->get_array().empty()) return absl::OkStatus();
  return WriteOut(context, "\n" + RenderTable(by->get_array(), {{"OWN JOURNAL COLLECTED BY", "by"},
                                                                {"UP TO", "up_to"}}));
}

absl::Status Gaps(const Context& context, Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer, session.Get("/v1/audit/gaps", {}));
  HOLDFAST_RETURN_IF_ERROR(ShowGaps(context, answer));
  const json::value* whole = answer.if_contains("whole");
  if (whole != nullptr && whole->is_bool() && whole->get_bool()) return absl::OkStatus();
  return WithExit(absl::DataLossError(""), kExitDegraded);  // Everything was shown.
}

void AddGaps(CLI::App& audit, Context& context) {
  CLI::App* gaps = AddCommand(
      audit, "gaps",
      "how much of each node's journal the node that answers has collected.\n"
      "BEGINS is the first record that it could have; a journal whose beginning had gone when it "
      "first\n"
      "asked begins later, which is no gap. CONTIGUOUS: everything up to there is here. HEAD is "
      "the "
      "newest\n"
      "record known of; what is between HIGHEST and HEAD is on its way. GAPS went by that node's "
      "retention\n"
      "before this one had them. Exit status: 0 no gap; 3 a gap, everything was shown",
      "  holdfast audit gaps\n"
      "  holdfast audit gaps --endpoint https://b:8282 --output json");
  OnRun(gaps, context, [&context](Session& session) { return Gaps(context, session); });
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
  AddGaps(*audit, context);
  AddAuditVerify(*audit, context);
}

}  // namespace holdfast::cli

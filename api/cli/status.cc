#include <memory>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/health.h"
#include "api/cli/print.h"
#include "api/cli/waiting.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

constexpr int kExitUnreachable = 1;  // of `status`, unlike every other command

json::array WithProgress(json::array nodes) {
  for (json::value& node : nodes) {
    if (node.is_object()) node.get_object()["state"] = StateInWords(node.get_object());
  }
  return nodes;
}

// What a row has no room for: why a node is not what one would want it to be.
std::string Remarks(const json::array& nodes) {
  std::string text;
  for (const json::value& each : nodes) {
    if (!each.is_object()) continue;
    const json::object& node = each.get_object();
    const std::string id = CellText(node.if_contains("id"));
    if (FlagIn(node, "split")) {
      text +=
          id + ": SPLIT: another primary of the same epoch number acknowledged too; promote one\n";
    }
    const json::value* lost = node.if_contains("lost_writes");
    if (lost != nullptr && lost->is_number() && CellText(lost) != "0") {
      text += id + ": " + CellText(lost) + " lost writes are held: holdfast lost-writes list\n";
    }
    if (FlagIn(node, "degraded")) text += id + ": degraded: acknowledges without its secondaries\n";
    if (!TextIn(node, "waiting").empty()) {
      text += id + ": " + CellText(node.if_contains("waiting")) + "\n";
    }
  }
  return text;
}

absl::Status Show(const Context& context, Session& session, bool wait) {
  const absl::StatusOr<json::object> answer =
      wait ? WaitUntilWhole(context, session) : session.Get("/v1/status");
  if (!answer.ok()) {
    return ExitCodeOf(answer.status()) == kExitTryLater
               ? WithExit(answer.status(), kExitUnreachable)
               : answer.status();
  }
  const json::value* nodes = answer->if_contains("nodes");
  if (nodes == nullptr || !nodes->is_array()) {
    return absl::InternalError("the answer holds no nodes");
  }
  if (context.json()) {
    HOLDFAST_RETURN_IF_ERROR(PrintJson(context, "status", *answer));
  } else {
    HOLDFAST_RETURN_IF_ERROR(WriteOut(
        context, RenderTable(WithProgress(nodes->get_array()), {{"NODE", "id"},
                                                                {"ROLE", "role"},
                                                                {"STATE", "state"},
                                                                {"SERVING", "serving"},
                                                                {"EPOCH", "epoch"},
                                                                {"APPLIED", "applied_seq"},
                                                                {"LAG", "lag_records"},
                                                                {"LAG S", "lag_seconds"},
                                                                {"LINK S", "link_age_seconds"},
                                                                {"VERSION", "version"},
                                                                {"URL", "url"}}) +
                     Remarks(nodes->get_array())));
  }
  if (IsWhole(nodes->get_array())) return absl::OkStatus();
  // Without a message: everything was shown.
  return WithExit(absl::UnavailableError(""), kExitDegraded);
}

}  // namespace

void AddStatus(CLI::App& app, Context& context) {
  CLI::App* status = AddCommand(
      app, "status",
      "all members as one node sees them; exit status 0 when one is primary and all are healthy, 3 "
      "when not (docs/reference/cli.md), 1 when no node answers",
      "  holdfast status\n"
      "  holdfast status --output json | jq -r '.nodes[] | select(.role == \"primary\") | .url'");
  const auto wait = std::make_shared<bool>(false);
  status->add_flag(
      "--wait", *wait,
      "until one is primary and all are healthy; what they still do is shown meanwhile");
  OnRun(status, context,
        [wait, &context](Session& session) { return Show(context, session, *wait); });
}

}  // namespace holdfast::cli

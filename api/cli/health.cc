#include "api/cli/health.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "api/cli/session.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

// docs/reference/cli.md, "What `status` shows". The others replicate nothing.
constexpr std::string_view kHealthyStates[] = {"running", "streaming", "catchup", "snapshot"};

}  // namespace

bool IsHealthy(const json::object& node) {
  const std::string state = TextIn(node, "state");
  return FlagIn(node, "serving") && !FlagIn(node, "split") && !FlagIn(node, "degraded") &&
         TextIn(node, "waiting").empty() &&
         std::find(std::begin(kHealthyStates), std::end(kHealthyStates), state) !=
             std::end(kHealthyStates);
}

bool IsWhole(const json::array& nodes) {
  const bool primary = std::any_of(nodes.begin(), nodes.end(), [](const json::value& node) {
    return node.is_object() && TextIn(node.get_object(), "role") == "primary";
  });
  return primary && std::all_of(nodes.begin(), nodes.end(), [](const json::value& node) {
           return node.is_object() && IsHealthy(node.get_object());
         });
}

}  // namespace holdfast::cli

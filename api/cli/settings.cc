#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <optional>

#include "api/cli/commands.h"
#include "api/cli/print.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string sync;
  std::string policy = "block";
  std::optional<uint32_t> wait_ms;
};

// Promise 3 of docs/guarantees.md, to who chooses otherwise.
constexpr std::string_view kNoFence =
    "note: with local or degrade and no etcd a primary that is cut off cannot be fenced from afar: "
    "it goes on acknowledging writes that a promoted node will not have. Promotion then wants "
    "--old-primary-is-down";

// "durable:1" to level and k; an error says what is expected.
absl::Status PutSync(const std::string& sync, json::object& body) {
  const size_t colon = sync.find(':');
  const std::string level = sync.substr(0, colon);
  uint32_t k = 0;
  bool good = level == "local" || level == "received" || level == "durable" || level == "applied";
  if (colon != std::string::npos) {
    const char* const end = sync.data() + sync.size();
    const auto [last, error] = std::from_chars(sync.data() + colon + 1, end, k);
    good = good && error == std::errc() && last == end;
  }
  const bool counts = level != "local";
  if (!good || (k == 0) == counts) {
    return absl::InvalidArgumentError(
        fmt::format("--sync: expected local, received:K, durable:K or applied:K with K from 1, got "
                    "\"{}\"",
                    sync));
  }
  body["level"] = level;
  body["k"] = k;
  return absl::OkStatus();
}

absl::Status Set(const Context& context, Session& session, const Words& words) {
  json::object body{{"policy", words.policy}};
  if (words.wait_ms) body["wait_ms"] = *words.wait_ms;
  HOLDFAST_RETURN_IF_ERROR(PutSync(words.sync, body));
  HOLDFAST_RETURN_IF_ERROR(session.Write("PUT", "/v1/settings", body).status());
  if (words.policy == "degrade") Say(context, kNoFence);
  return PrintDone(
      context, fmt::format("writes are acknowledged at {}, policy {}", words.sync, words.policy));
}

absl::Status Show(const Context& context, Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object settings, session.Get("/v1/settings"));
  if (context.json()) return PrintJson(context, "settings", settings);
  return PrintOne(context, "settings", settings,
                  {{"cluster", "name"},
                   {"cluster id", "cluster_id"},
                   {"acknowledged at", "level"},
                   {"secondaries (K)", "k"},
                   {"policy", "policy"},
                   {"wait (ms)", "wait_ms"}});
}

}  // namespace

void AddSettings(CLI::App& app, Context& context) {
  CLI::App* settings = AddCommand(app, "settings", "what the whole cluster agrees on", "");
  settings->require_subcommand(1);
  OnRun(AddCommand(*settings, "show", "the settings in force", ""), context,
        [&context](Session& session) { return Show(context, session); });
  const auto words = std::make_shared<Words>();
  CLI::App* set = AddCommand(*settings, "set", "when a write is acknowledged",
                             "  holdfast settings set --sync durable:1\n"
                             "  holdfast settings set --sync local");
  set->add_option("--sync", words->sync,
                  "local: durable on the primary; received:K: K secondaries have it; durable:K: "
                  "also durable there; "
                  "applied:K: also shown there")
      ->required()
      ->type_name("LEVEL[:K]");
  set->add_option(
         "--policy", words->policy,
         "when too few secondaries are there: block (refuse writes), or degrade (after the "
         "wait the primary acknowledges alone, and says so)")
      ->check(CLI::IsMember({"block", "degrade"}))
      ->capture_default_str()
      ->type_name("POLICY");
  set->add_option("--wait-ms", words->wait_ms,
                  "how long a write waits for its level, 0: the default of 5000")
      ->type_name("MS");
  OnRun(set, context,
        [words, &context](Session& session) { return Set(context, session, *words); });
}

}  // namespace holdfast::cli

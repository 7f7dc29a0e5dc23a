#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/print.h"
#include "api/cli/waiting.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/setup/init.h"
#include "server/setup/join.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string data;
  std::string config;
  std::string node_id;
  std::string cluster_name = "holdfast";
  std::string admin_token_file;
  std::string recovery_key_file;
  std::string token_file;
  bool wait = false;
};

std::string Absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  std::string text = error ? path : absolute.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

absl::StatusOr<setup::ConfigFile> ConfigOf(const Words& words, const std::string& node_id) {
  absl::StatusOr<setup::ConfigFile> file =
      setup::FindConfig(Absolute(words.config), Absolute(words.data), node_id);
  if (!file.ok()) return WithExit(file.status(), kExitConfiguration);
  return file;
}

absl::Status RunInit(const Context& context, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const setup::ConfigFile config, ConfigOf(words, words.node_id));
  HOLDFAST_ASSIGN_OR_RETURN(const setup::InitResult made,
                            setup::Init({.config = config,
                                         .cluster_name = words.cluster_name,
                                         .admin_token_file = words.admin_token_file,
                                         .recovery_key_file = words.recovery_key_file},
                                        context.clock));
  if (!made.recovery_key.empty()) {
    std::string text = fmt::format("Recovery key, shown this once; keep it somewhere else:\n  {}\n",
                                   made.recovery_key.RevealText(Purpose::kAnswerClient));
    TextWiper wiper(text);
    HOLDFAST_RETURN_IF_ERROR(WriteOut(context, text));
  }
  json::object object{{"cluster_id", made.cluster_id},
                      {"cluster_name", words.cluster_name},
                      {"node_id", config.config.node.id},
                      {"authority_fingerprint", made.authority_fingerprint},
                      {"data", config.config.node.data},
                      {"config", config.path},
                      {"admin_token_file", words.admin_token_file}};
  HOLDFAST_RETURN_IF_ERROR(PrintOne(context, "cluster", object,
                                    {{"cluster", "cluster_name"},
                                     {"cluster id", "cluster_id"},
                                     {"authority", "authority_fingerprint"},
                                     {"node", "node_id"},
                                     {"folder", "data"},
                                     {"configuration", "config"},
                                     {"administrator's token", "admin_token_file"}}));
  Say(context, fmt::format("next: holdfastd --config {}", config.path));
  return absl::OkStatus();
}

absl::StatusOr<setup::InviteToken> ReadInvite(const std::string& file) {
  HOLDFAST_ASSIGN_OR_RETURN(std::string text, ReadFile(file, setup::kInviteTokenBytesMax));
  const SecretBytes secret = SecretBytes::TakeFrom(text);
  absl::StatusOr<setup::InviteToken> token = setup::DecodeInviteToken(secret);
  if (token.ok()) return token;
  return absl::InvalidArgumentError(
      fmt::format("{}: {}", file, std::string(token.status().message())));
}

absl::Status RunJoin(const Context& context, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(setup::InviteToken token, ReadInvite(words.token_file));
  const std::string wanted = FileExists(words.config) ? "" : token.node_id;
  HOLDFAST_ASSIGN_OR_RETURN(const setup::ConfigFile config, ConfigOf(words, wanted));
  HOLDFAST_ASSIGN_OR_RETURN(
      const setup::JoinResult joined,
      setup::Join({.config = config,
                   .token = std::move(token),
                   .progress = [&](const std::string& line) { Say(context, line); }},
                  context.clock));
  json::object object{{"cluster_id", joined.cluster_id},  {"cluster_name", joined.cluster_name},
                      {"node_id", config.config.node.id}, {"admitted_by", joined.answered_by},
                      {"data", config.config.node.data},  {"config", config.path}};
  HOLDFAST_RETURN_IF_ERROR(PrintOne(context, "member", object,
                                    {{"cluster", "cluster_name"},
                                     {"cluster id", "cluster_id"},
                                     {"node", "node_id"},
                                     {"admitted by", "admitted_by"},
                                     {"folder", "data"},
                                     {"configuration", "config"}}));
  Say(context, fmt::format("next: holdfastd --config {}", config.path));
  if (!words.wait) return absl::OkStatus();
  // What the other nodes hear of this one, once it runs.
  HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Open(context.globals));
  return WaitUntilServing(context, *session, config.config.node.id).status();
}

void AddPlace(CLI::App* command, Words& words) {
  command->add_option("--data", words.data, "the node's folder; made, or empty")
      ->required()
      ->type_name("DIR");
  command->add_option("--config", words.config, "its configuration; written when it is not there")
      ->required()
      ->type_name("FILE");
}

}  // namespace

void AddInitAndJoin(CLI::App& app, Context& context) {
  const auto words = std::make_shared<Words>();
  CLI::App* init =
      AddCommand(app, "init", "make a new cluster of one node, on this machine",
                 "  holdfast init --data /var/lib/holdfast --config /etc/holdfast.toml \\\n"
                 "    --cluster-name production --admin-token-file admin.token --recovery-key-file "
                 "recovery.key");
  AddPlace(init, *words);
  init->add_option("--admin-token-file", words->admin_token_file,
                   "new file for the token of the user admin")
      ->required()
      ->type_name("FILE");
  init->add_option("--recovery-key-file", words->recovery_key_file,
                   "new file for the recovery key; else it is printed once")
      ->type_name("FILE");
  init->add_option("--cluster-name", words->cluster_name, "for people")
      ->capture_default_str()
      ->type_name("NAME");
  init->add_option("--node-id", words->node_id, "when the configuration is not there yet (node1)")
      ->type_name("ID");
  OnRun(init, context, [words, &context] { return RunInit(context, *words); });

  CLI::App* join = AddCommand(
      app, "join", "make this machine a member, by an invitation of `holdfast node invite`",
      "  holdfast join --data /var/lib/holdfast --config /etc/holdfast.toml --token-file "
      "join.token");
  AddPlace(join, *words);
  join->add_option("--token-file", words->token_file, "file with the invitation")
      ->required()
      ->type_name("FILE");
  join->add_flag(
      "--wait", words->wait,
      "until the node runs and serves, with its snapshot as a bar; needs an address and a "
      "token of the cluster");
  OnRun(join, context, [words, &context] { return RunJoin(context, *words); });
}

}  // namespace holdfast::cli

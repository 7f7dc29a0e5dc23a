#include <memory>

#include "api/cli/commands.h"
#include "api/cli/print.h"
#include "api/cli/token_output.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string node_id;
  std::string token_file;
  int valid_minutes = 60;
  bool never_primary = false;
};

absl::Status Invite(const Context& context, Session& session, const Words& words) {
  HOLDFAST_RETURN_IF_ERROR(CheckTokenFile(words.token_file));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer,
                            session.Write("POST", "/v1/nodes/invites",
                                          {{"node_id", words.node_id},
                                           {"valid_minutes", words.valid_minutes},
                                           {"never_primary", words.never_primary}}));
  const json::value* invite = answer.if_contains("invite");
  if (invite == nullptr || !invite->is_object()) {
    return absl::InternalError("the answer holds no invitation");
  }
  return PutToken(context, words.token_file, "invite", invite->get_object());
}

absl::Status List(const Context& context, Session& session) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::array nodes, session.List("/v1/nodes", "nodes"));
  return PrintList(context, "nodes", nodes,
                   {{"NODE", "id"},
                    {"REST", "rest_url"},
                    {"SSH", "ssh_address"},
                    {"PEER", "peer_address"},
                    {"HEALTH", "health_url"},
                    {"NEVER PRIMARY", "never_primary"},
                    {"JOINED", "joined_at"},
                    {"CERTIFICATE", "fingerprint"}});
}

}  // namespace

void AddNode(CLI::App& app, Context& context) {
  CLI::App* node = AddCommand(app, "node", "members of the cluster", "");
  node->require_subcommand(1);
  const auto words = std::make_shared<Words>();
  CLI::App* invite =
      AddCommand(*node, "invite", "an invitation for one new node, usable once",
                 "  holdfast node invite node2 --token-file join.token\n"
                 "  holdfast join --data DIR --config FILE --token-file join.token   (on node2)");
  invite->add_option("node_id", words->node_id, "name of the new node")
      ->required()
      ->type_name("NODE_ID");
  invite
      ->add_option("--token-file", words->token_file,
                   "new file for the invitation, 0600; else it is printed")
      ->type_name("FILE");
  invite->add_option("--valid-minutes", words->valid_minutes, "how long it can be used")
      ->capture_default_str()
      ->type_name("MINUTES");
  invite->add_flag("--never-primary", words->never_primary,
                   "a member that follows and is read, and neither votes nor is ever promoted");
  OnRun(invite, context,
        [words, &context](Session& session) { return Invite(context, session, *words); });
  CLI::App* list = AddCommand(*node, "list", "who is a member, and where it is reached", "");
  OnRun(list, context, [&context](Session& session) { return List(context, session); });
}

}  // namespace holdfast::cli

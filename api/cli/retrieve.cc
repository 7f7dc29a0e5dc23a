#include <unistd.h>

#include <memory>

#include "api/cli/commands.h"
#include "api/cli/print.h"
#include "api/cli/secret_input.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string resource;
  std::string account;
  std::string reason;
  std::string ticket;
};

absl::Status Retrieve(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer,
                            session.Get("/v1/secret", {{"resource", words.resource},
                                                       {"account", words.account},
                                                       {"reason", words.reason},
                                                       {"ticket", words.ticket}}));
  if (context.json()) return PrintJson(context, "secret", answer);
  HOLDFAST_ASSIGN_OR_RETURN(const SecretBytes secret, TakeSecret(answer));
  HOLDFAST_RETURN_IF_ERROR(WriteOut(context, secret.RevealText(Purpose::kAnswerClient)));
  return isatty(context.out_fd) == 1 ? WriteOut(context, "\n") : absl::OkStatus();
}

}  // namespace

void AddRetrieve(CLI::App& app, Context& context) {
  const auto words = std::make_shared<Words>();
  CLI::App* retrieve = AddCommand(
      app, "retrieve",
      "print a secret: its exact bytes, with a line feed only on a terminal; any node that lives "
      "answers",
      "  holdfast retrieve --resource orders-db --account app\n"
      "  psql \"host=db user=app password=$(holdfast retrieve --resource orders-db --account "
      "app)\"");
  retrieve->add_option("--resource", words->resource, "name of the resource")
      ->required()
      ->type_name("NAME");
  retrieve->add_option("--account", words->account, "name of the account")
      ->required()
      ->type_name("NAME");
  retrieve->add_option("--reason", words->reason, "stands in the audit")->type_name("TEXT");
  retrieve->add_option("--ticket", words->ticket, "stands in the audit")->type_name("TEXT");
  OnRun(retrieve, context,
        [words, &context](Session& session) { return Retrieve(context, session, *words); });
}

}  // namespace holdfast::cli

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "api/cli/commands.h"
#include "api/cli/print.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Words {
  std::string name;
  std::string type;
  std::string description;
  std::string url;
  std::string dns_name;
  std::string department;
  std::string location;
  std::string search;
};

const Columns kLines = {{"name", "name"},
                        {"id", "id"},
                        {"type", "type"},
                        {"description", "description"},
                        {"URL", "url"},
                        {"DNS name", "dns_name"},
                        {"department", "department"},
                        {"location", "location"},
                        {"password policy", "password_policy"},
                        {"accounts", "accounts"},
                        {"created", "created_at"},
                        {"modified", "modified_at"}};

absl::Status Add(const Context& context, Session& session, const Words& words) {
  json::object body{{"name", words.name}};
  const std::pair<const char*, const std::string&> texts[] = {{"type", words.type},
                                                              {"description", words.description},
                                                              {"url", words.url},
                                                              {"dns_name", words.dns_name},
                                                              {"department", words.department},
                                                              {"location", words.location}};
  for (const auto& [key, text] : texts) {
    if (!text.empty()) body[key] = text;
  }
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer,
                            session.Write("POST", "/v1/resources", body));
  const json::value* resource = answer.if_contains("resource");
  return PrintOne(context, "resource",
                  resource != nullptr && resource->is_object() ? resource->get_object() : body,
                  kLines);
}

absl::Status List(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::array resources,
                            session.List("/v1/resources", "resources", {{"search", words.search}}));
  return PrintList(context, "resources", resources,
                   {{"NAME", "name"},
                    {"TYPE", "type"},
                    {"ACCOUNTS", "accounts"},
                    {"DESCRIPTION", "description"},
                    {"ID", "id"}});
}

absl::Status Show(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object resource, session.FindResource(words.name));
  return PrintOne(context, "resource", resource, kLines);
}

absl::Status Delete(const Context& context, Session& session, const Words& words) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object resource, session.FindResource(words.name));
  HOLDFAST_RETURN_IF_ERROR(session.Write("DELETE", PathOf("resources", IdOf(resource))).status());
  return PrintDone(context,
                   fmt::format("resource {} is deleted, with its accounts and shares", words.name));
}

}  // namespace

void AddResource(CLI::App& app, Context& context) {
  CLI::App* resource =
      AddCommand(app, "resource", "what accounts belong to: a machine, a service", "");
  resource->require_subcommand(1);
  const auto words = std::make_shared<Words>();
  const auto named = [&](const std::string& name, const std::string& what,
                         const std::string& examples) {
    CLI::App* command = AddCommand(*resource, name, what, examples);
    command->add_option("name", words->name, "name of the resource")->required()->type_name("NAME");
    return command;
  };
  CLI::App* add = named("add", "a new resource, owned by you",
                        "  holdfast resource add orders-db --type Linux");
  add->add_option("--type", words->type, "for example Linux")->type_name("TEXT");
  add->add_option("--description", words->description, "for people")->type_name("TEXT");
  add->add_option("--url", words->url, "where it is")->type_name("URL");
  add->add_option("--dns-name", words->dns_name, "where it is")->type_name("NAME");
  add->add_option("--department", words->department, "for people")->type_name("TEXT");
  add->add_option("--location", words->location, "for people")->type_name("TEXT");
  OnRun(add, context,
        [words, &context](Session& session) { return Add(context, session, *words); });
  CLI::App* list = AddCommand(*resource, "list", "all resources that you may see", "");
  list->add_option("--search", words->search, "only names with this in them")->type_name("TEXT");
  OnRun(list, context,
        [words, &context](Session& session) { return List(context, session, *words); });
  OnRun(named("show", "one resource", ""), context,
        [words, &context](Session& session) { return Show(context, session, *words); });
  OnRun(named("delete", "remove it with its accounts and shares; there is no way back", ""),
        context, [words, &context](Session& session) { return Delete(context, session, *words); });
}

}  // namespace holdfast::cli

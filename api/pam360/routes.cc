#include "api/pam360/routes.h"

#include <memory>
#include <optional>
#include <utility>

#include "api/http/node_headers.h"
#include "api/pam360/call.h"
#include "api/pam360/endpoints.h"
#include "api/pam360/refusals.h"
#include "api/pam360/token_places.h"
#include "server/base/status_macros.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

using http::Method;

constexpr std::string_view kPrefix = "/restapi/json/v1";
constexpr std::string_view kLegacyPrefix = "/api/json";
constexpr auto kRetrieve = OperationClass::kRetrieve;
constexpr auto kPrimaryOnly = OperationClass::kPrimaryOnly;

// The whole dialect.
constexpr Endpoint kEndpoints[] = {
    {Method::kGet, "/resources", kRetrieve, "resources.list", "GET RESOURCES", At<&ListResources>},
    {Method::kPost, "/resources", kPrimaryOnly, "resources.create", "CREATE RESOURCE",
     &CreateResource},
    {Method::kGet, "/resources/resourcename/{name}", kRetrieve, "resources.find", "GET_RESOURCEID",
     At<&FindResourceId>},
    {Method::kGet, "/resources/getResourceIdAccountId", kRetrieve, "accounts.find",
     "GET_RESOURCEACCOUNTID", At<&FindAccountIds>, true},
    {Method::kGet, "/resources/resourcename/{name}/accounts/accountname/{account}", kRetrieve,
     "accounts.find_by_path", "GET_RESOURCEACCOUNTID", At<&FindAccountIdsPath>, true},
    {Method::kGet, "/resources/resourcetypes", kRetrieve, "resources.types", "GET RESOURCETYPES",
     At<&ListResourceTypes>},
    {Method::kGet, "/resources/getResourceAccountDetails", kRetrieve, "accounts.retrieve_all",
     "GET_RESOURCEACCOUNTDETAILS", &GetResourceAccountDetails, true},
    {Method::kPut, "/resources/{rid}/share", kPrimaryOnly, "resources.share", "SHARE RESOURCE",
     &ShareResource},
    {Method::kGet, "/resources/{rid}/accounts", kRetrieve, "accounts.list",
     "GET RESOURCE ACCOUNTLIST", At<&ListAccounts>},
    {Method::kPost, "/resources/{rid}/accounts", kPrimaryOnly, "accounts.add", "ADD ACCOUNTS",
     &AddAccounts},
    {Method::kGet, "/resources/{rid}/accounts/{aid}", kRetrieve, "accounts.show",
     "GET RESOURCE ACCOUNT DETAILS", At<&ShowAccount>, true},
    {Method::kPut, "/resources/{rid}/accounts/{aid}/share", kPrimaryOnly, "accounts.share",
     "SHARE ACCOUNT", &ShareAccount, true},
    {Method::kGet, "/resources/{rid}/accounts/{aid}/password", kRetrieve, "accounts.retrieve",
     "GET PASSWORD", &GetPassword, true},
    {Method::kPut, "/resources/{rid}/accounts/{aid}/password", kPrimaryOnly,
     "accounts.set_password", "CHANGE PASSWORD", &ChangePassword, true},
    {Method::kPost, "/user", kPrimaryOnly, "users.create", "CREATE USER", &CreateUser},
    {Method::kGet, "/user/getUserId", kRetrieve, "users.find", "GET_USERID", At<&FindUserId>},
    {Method::kPut, "/user/regenerateAuthtoken", kPrimaryOnly, "users.regenerate_token",
     "REGENERATE_AUTHTOKEN", &RegenerateToken},
};

// Header orgName: only the caller's own organization is there for it.
absl::Status CheckOrganization(desk::Desk& desk, const desk::Caller& caller,
                               const http::Request& request) {
  const std::string* name = request.Header("orgName");
  if (name == nullptr || name->empty()) return absl::OkStatus();
  return desk.Read(caller, [&](const vault::StateReader& state, const v1::UserRow& user) {
    const v1::OrganizationRow* organization = state.FindOrganization(user.organization_id());
    if (organization != nullptr && organization->name() == *name) return absl::OkStatus();
    return vault::Refuse(vault::Refusal::kNoSuchOrganization, "not the caller's organization");
  });
}

absl::StatusOr<InputData> ReadInput(const http::Request& request) {
  const std::string* type = request.Header("Content-Type");
  absl::StatusOr<InputData> input = FindInputData(
      {.query = request.target.raw_query,
       .body = request.body,
       .content_type = type == nullptr ? std::string_view() : std::string_view(*type)});
  if (input.ok()) return input;
  return vault::Refuse(vault::Refusal::kInvalidInput, "Invalid input data.");
}

// What all routes share.
struct Dialect {
  desk::Desk& desk;
  std::shared_ptr<const Options> options;

  void Serve(const Endpoint& endpoint, desk::CallerPtr caller,
             std::shared_ptr<http::Request> request, http::Respond respond) const {
    absl::Status status = CheckOrganization(desk, *caller, *request);
    absl::StatusOr<InputData> input = InputData();
    if (status.ok()) {
      input = ReadInput(*request);
      status = input.status();
    }
    if (!status.ok()) {
      respond(RenderRefusal(status, endpoint, desk.Facts()));
      return;
    }
    endpoint.serve(std::make_shared<const Call>(Call{.desk = desk,
                                                     .endpoint = endpoint,
                                                     .options = options,
                                                     .caller = std::move(caller),
                                                     .request = std::move(request),
                                                     .respond = std::move(respond),
                                                     .input = *std::move(input)}));
  }
};

http::Route RouteOf(const std::shared_ptr<const Dialect>& dialect, const Endpoint& endpoint) {
  const auto find_token = [query = dialect->options->query_tokens](const http::Request& request) {
    const std::optional<std::string_view> token = FindToken(request, query);
    return token.has_value() ? SecretBytes::CopyOf(*token) : SecretBytes();
  };
  const auto refuse = [dialect, &endpoint](const absl::Status& status) {
    return RenderRefusal(status, endpoint, dialect->desk.Facts());
  };
  const auto serve = [dialect, &endpoint](desk::CallerPtr caller,
                                          std::shared_ptr<http::Request> request,
                                          http::Respond respond) {
    dialect->Serve(endpoint, std::move(caller), std::move(request), std::move(respond));
  };
  return {.method = endpoint.method,
          .pattern = std::string(kPrefix) + std::string(endpoint.path),
          .op_class = endpoint.op_class,
          .api = "pam360",
          .name = std::string(endpoint.route),
          .handler = http::ForCallers(dialect->desk, find_token, refuse, serve),
          .refuse = refuse};
}

}  // namespace

void AddPam360Routes(http::Router& router, desk::Desk& desk, Options options) {
  const auto dialect = std::make_shared<const Dialect>(
      Dialect{desk, std::make_shared<const Options>(std::move(options))});
  for (const Endpoint& endpoint : kEndpoints) router.Add(RouteOf(dialect, endpoint));
  router.AddFallback(std::string(kPrefix), RenderNoRoute);
  router.AddFallback(std::string(kLegacyPrefix), RenderNoRoute);
}

}  // namespace holdfast::pam360

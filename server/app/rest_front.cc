#include "server/app/rest_front.h"

#include <time.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/http/node_headers.h"
#include "api/http/token_places.h"
#include "api/native/native.h"
#include "api/pam360/routes.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/setup/invite_token.h"
#include "server/vault/refusal.h"

namespace holdfast::app {
namespace {

constexpr int kMisdirected = 421;

// The gate's verdict in the words of the dialect, with the way to the primary. What the dialect has
// said about the primary itself stays.
std::optional<http::Response> Refused(desk::Desk& desk, const http::Route& route,
                                      const http::Request& request) {
  const absl::Status admitted = desk.Admit(route.op_class);
  if (admitted.ok()) return std::nullopt;
  const SecretBytes token = http::TokenIn(request);
  desk.RecordRefused(
      {.operation = route.name, .source = request.client, .via = "REST", .token = &token},
      admitted);
  http::Response response = route.refuse(admitted);
  const desk::NodeFacts facts = desk.Facts();
  http::AddNodeHeaders(facts, response);
  if (response.status == kMisdirected && !facts.primary_rest_url.empty()) {
    const std::string& query = request.target.raw_query;
    response.headers.Set("Location", facts.primary_rest_url + request.target.path +
                                         (query.empty() ? "" : "?" + query));
  }
  if (vault::RefusalOf(admitted) == vault::Refusal::kNotPrimary &&
      !response.headers.Has("X-Holdfast-Primary")) {
    http::AddPrimaryHeaders(facts, response);
  }
  return response;
}

// Seconds that the local time of this machine is ahead of UTC at that moment.
int64_t UtcOffsetAt(int64_t wall_ms) {
  const time_t seconds = wall_ms / 1000;
  tm local{};
  localtime_r(&seconds, &local);
  return local.tm_gmtoff;
}

absl::StatusOr<SecretBytes> EncodeInvite(const RestDeps& deps, const std::string& node_id,
                                         const SecretBytes& secret) {
  if (const absl::Status fits = crypto::CheckIdentifier(node_id, "node_id"); !fits.ok()) {
    return vault::Refuse(vault::Refusal::kInvalidInput, std::string(fits.message()));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::CertificateInfo authority,
                            crypto::ParseCertificate(deps.identity.authority_pem));
  setup::InviteToken token{.cluster_id = deps.identity.cluster_id,
                           .node_id = node_id,
                           .authority_fingerprint = authority.fingerprint,
                           .secret = secret.Clone()};
  const std::string primary = deps.desk.Facts().primary_rest_url;
  if (!primary.empty()) token.urls.push_back(primary);
  deps.desk.ReadState([&](const vault::StateReader& state) {
    for (const v1::MemberRow* member : state.Members()) {
      const bool fits = token.urls.size() < setup::kInviteUrlsMax;
      if (fits && member->rest_url() != primary) token.urls.push_back(member->rest_url());
    }
  });
  return setup::EncodeInviteToken(token);
}

}  // namespace

std::shared_ptr<const http::Router> MakeRestRouter(const RestDeps& deps) {
  auto router = std::make_shared<http::Router>(
      [&desk = deps.desk](const http::Route& route, const http::Request& request) {
        return Refused(desk, route, request);
      });
  pam360::AddPam360Routes(*router, deps.desk, {.utc_offset = UtcOffsetAt});
  native::AddNativeRoutes(
      {.desk = deps.desk,
       .join =
           [&join = deps.join](const std::string& source, std::string body,
                               std::function<void(absl::StatusOr<std::string>)> done) {
             join.Answer(source, std::move(body), std::move(done));
           },
       .encode_invite =
           [deps](const std::string& node_id, const SecretBytes& secret) {
             return EncodeInvite(deps, node_id, secret);
           },
       .orders = &deps.orders,
       .lost = &deps.lost},
      *router);
  return router;
}

absl::StatusOr<std::unique_ptr<http::HttpServer>> MakeRestServer(const RestDeps& deps) {
  HOLDFAST_ASSIGN_OR_RETURN(
      crypto::TlsContext tls,
      crypto::MakeServerTls(deps.identity.certificate_pem, deps.identity.certificate_key_pem,
                            deps.identity.authority_pem));
  http::ServerOptions options{.name = "rest",
                              .address = deps.config.rest.listen.host,
                              .port = static_cast<uint16_t>(deps.config.rest.listen.port),
                              .tls = std::move(tls),
                              .threads = deps.config.rest.threads};
  options.connections.strangers_per_source_max =
      static_cast<size_t>(deps.config.limits.unauthenticated_per_source);
  options.connections.connections_max = static_cast<size_t>(deps.config.limits.connections);
  options.observe = [&metrics = deps.metrics](const http::Exchange& exchange) {
    metrics.Observe(exchange);
  };
  return std::make_unique<http::HttpServer>(std::move(options), MakeRestRouter(deps), deps.clock);
}

}  // namespace holdfast::app

#include "api/http/health.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/http/json.h"
#include "api/http/lag_bounds.h"
#include "server/base/status_macros.h"

namespace holdfast::http {
namespace {

struct Answer {
  bool yes = false;
  std::string why_not;
};

// The part of the answers that is remembered between them.
struct Health {
  HealthSource source;
  LagBounds bounds;
};

boost::json::object Body(const HealthView& view, const Answer& answer) {
  boost::json::object body;
  body["status"] = !answer.yes ? "fail" : view.degraded ? "degraded" : "ok";
  body["node"] = view.node;
  body["role"] = view.role;
  body["epoch"] = view.epoch;
  if (!answer.yes) body["reason"] = answer.why_not;
  boost::json::value& records = body["lag_records"] = nullptr;
  if (view.lag_records.has_value()) records = *view.lag_records;
  boost::json::value& seconds = body["lag_seconds"] = nullptr;
  if (view.lag_seconds.has_value()) seconds = *view.lag_seconds;
  boost::json::array checks;
  for (const HealthCheck& check : view.checks) {
    checks.push_back({{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  }
  body["checks"] = std::move(checks);
  return body;
}

Response Rendered(const HealthView& view, const Answer& answer) {
  Response response;
  response.status = answer.yes ? 200 : 503;
  response.body = JsonText(Body(view, answer));
  return response;
}

absl::StatusOr<std::optional<uint64_t>> BoundOf(const Request& request, std::string_view name) {
  const std::string* const text = request.Query(name);
  if (text == nullptr) return std::optional<uint64_t>();
  uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stopped, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || stopped != end) {
    return absl::InvalidArgumentError(
        fmt::format("query parameter '{}': expected a whole number, got {} bytes that are none",
                    name, text->size()));
  }
  return std::optional<uint64_t>(value);
}

absl::StatusOr<LagBound> BoundsOf(const Request& request) {
  LagBound bound;
  HOLDFAST_ASSIGN_OR_RETURN(bound.records, BoundOf(request, "lag"));
  HOLDFAST_ASSIGN_OR_RETURN(bound.seconds, BoundOf(request, "age"));
  return bound;
}

Answer Ready(const HealthView& view) {
  if (view.ready) return {.yes = true, .why_not = ""};
  return {.yes = false, .why_not = view.why_not.empty() ? "not ready" : view.why_not};
}

Answer Primary(const HealthView& view) {
  if (view.primary) return {.yes = true, .why_not = ""};
  return {.yes = false, .why_not = fmt::format("not primary: the role is '{}'", view.role)};
}

Answer Reads(Health& health, const HealthView& view, const LagBound& bound, bool primary_too) {
  if (view.primary && primary_too) return Ready(view);
  if (!view.secondary) {
    return {.yes = false, .why_not = fmt::format("the role is '{}'", view.role)};
  }
  const bool bounded = bound.records.has_value() || bound.seconds.has_value();
  if (!view.ready || !bounded) return Ready(view);
  // A stream that is down makes the lag unknown, whatever was last heard.
  const Lag lag = view.streaming ? Lag{view.lag_records, view.lag_seconds} : Lag{};
  if (health.bounds.IsInside(bound, lag)) return {.yes = true, .why_not = ""};
  if (!view.streaming) {
    return {.yes = false, .why_not = "no stream from the primary, so the lag is unknown"};
  }
  return {.yes = false, .why_not = "outside the bounds, or not yet back at half of them twice"};
}

using Ask = std::function<absl::StatusOr<Answer>(Health&, const HealthView&, const Request&)>;

Ask ReadsWith(bool primary_too) {
  return [primary_too](Health& health, const HealthView& view,
                       const Request& request) -> absl::StatusOr<Answer> {
    HOLDFAST_ASSIGN_OR_RETURN(const LagBound bound, BoundsOf(request));
    return Reads(health, view, bound, primary_too);
  };
}

void AddCheck(Router& router, const std::shared_ptr<Health>& health, std::string name, Ask ask) {
  router.Add({.method = Method::kGet,
              .pattern = "/" + name,
              .op_class = OperationClass::kNode,
              .api = "health",
              .name = name,
              .handler = [health, ask = std::move(ask)](const std::shared_ptr<Request>& request,
                                                        const Respond& respond) {
                const HealthView view = health->source.view();
                const absl::StatusOr<Answer> answer = ask(*health, view, *request);
                respond(answer.ok() ? Rendered(view, *answer) : ErrorResponse(answer.status()));
              }});
}

void AddMetrics(Router& router, const std::shared_ptr<Health>& health) {
  router.Add({.method = Method::kGet,
              .pattern = "/metrics",
              .op_class = OperationClass::kNode,
              .api = "health",
              .name = "metrics",
              .handler = [health](const std::shared_ptr<Request>&, const Respond& respond) {
                Response response;
                response.content_type = "text/plain; version=0.0.4; charset=utf-8";
                response.body = health->source.metrics();
                respond(std::move(response));
              }});
}

}  // namespace

std::shared_ptr<const Router> MakeHealthRouter(HealthSource source) {
  const auto health = std::make_shared<Health>();
  health->source = std::move(source);
  auto router = std::make_shared<Router>();
  AddCheck(*router, health, "livez", [](Health&, const HealthView&, const Request&) {
    return Answer{.yes = true, .why_not = ""};
  });
  AddCheck(*router, health, "readyz",
           [](Health&, const HealthView& view, const Request&) { return Ready(view); });
  AddCheck(*router, health, "primary",
           [](Health&, const HealthView& view, const Request&) { return Primary(view); });
  AddCheck(*router, health, "secondary", ReadsWith(/*primary_too=*/false));
  AddCheck(*router, health, "read-only", ReadsWith(/*primary_too=*/true));
  AddMetrics(*router, health);
  return router;
}

}  // namespace holdfast::http

#include "api/http/node_headers.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "server/base/status_macros.h"
#include "server/desk/sync_level.h"
#include "server/vault/refusal.h"
#include "server/vault/validate.h"

namespace holdfast::http {
namespace {

constexpr std::string_view kNode = "X-Holdfast-Node";
constexpr std::string_view kRole = "X-Holdfast-Role";
constexpr std::string_view kPosition = "X-Holdfast-Position";
constexpr std::string_view kAge = "X-Holdfast-Age-Ms";
constexpr std::string_view kPrimary = "X-Holdfast-Primary";
constexpr std::string_view kWait = "X-Holdfast-Wait-Ms";
constexpr std::string_view kAgeMax = "X-Holdfast-Max-Age";
constexpr std::string_view kSync = "X-Holdfast-Sync";
constexpr std::string_view kIdempotencyKey = "Idempotency-Key";

constexpr std::chrono::milliseconds kWaitMax{5000};
constexpr uint32_t kNumberMax = 1'000'000'000;  // seconds or milliseconds; nobody means more

absl::Status BadHeader(std::string_view name, std::string_view expected) {
  return vault::Refuse(vault::Refusal::kInvalidInput,
                       std::string(name) + " must be " + std::string(expected));
}

absl::StatusOr<std::optional<uint32_t>> NumberOf(const Request& request, std::string_view name) {
  const std::string* text = request.Header(name);
  if (text == nullptr) return std::optional<uint32_t>();
  uint32_t number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end || number > kNumberMax) {
    return BadHeader(name, "a whole number up to " + std::to_string(kNumberMax));
  }
  return std::optional<uint32_t>(number);
}

// Keyed: the body may hold a secret, and who reads the rows must not be able to try guesses.
std::string DigestOf(const desk::Desk& desk, const Request& request) {
  const std::string_view parts[] = {ToText(request.method),   "\n", request.target.path, "\n",
                                    request.target.raw_query, "\n", request.body};
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  SecretBytes all = SecretBytes::OfSize(size);
  auto at = all.Fill().begin();
  for (const std::string_view part : parts) at = std::copy(part.begin(), part.end(), at);
  return desk.HashOf(all);
}

}  // namespace

absl::StatusOr<desk::WriteOptions> WriteOptionsOf(const desk::Desk& desk, const Request& request) {
  desk::WriteOptions options;
  for (const std::string_view name : {kSync, kIdempotencyKey}) {
    if (request.headers.Count(name) > 1) return BadHeader(name, "given once");
  }
  if (const std::string* text = request.Header(kSync); text != nullptr) {
    absl::StatusOr<desk::SyncLevel> level = desk::ParseSyncLevel(*text);
    if (!level.ok()) {
      return vault::Refuse(vault::Refusal::kInvalidInput,
                           std::string(kSync) + ": " + std::string(level.status().message()));
    }
    options.level = *level;
  }
  if (const std::string* text = request.Header(kIdempotencyKey); text != nullptr) {
    if (!vault::IsRequestKey(*text)) {
      return BadHeader(kIdempotencyKey, "1 to 255 visible ASCII characters");
    }
    options.idempotency_key = *text;
    options.request_digest = DigestOf(desk, request);
  }
  return options;
}

void SetWritten(const desk::Written& written, Response& response) {
  SetPosition(written.position, response);
  response.headers.Set(kSync, desk::ReachedText(written));
}

absl::StatusOr<desk::ReadDemand> ReadDemandOf(const Request& request) {
  desk::ReadDemand demand;
  if (const std::string* text = request.Header(kPosition); text != nullptr) {
    demand.position = ParsePosition(*text);
    if (!demand.position.has_value()) return BadHeader(kPosition, "<epoch>.<seq>");
  }
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<uint32_t> wait, NumberOf(request, kWait));
  if (wait.has_value()) demand.wait = std::min(std::chrono::milliseconds{*wait}, kWaitMax);
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<uint32_t> age, NumberOf(request, kAgeMax));
  if (age.has_value()) demand.age_max = std::chrono::seconds{*age};
  return demand;
}

void AddNodeHeaders(const desk::NodeFacts& facts, Response& response) {
  response.headers.Set(kNode, facts.node_id);
  response.headers.Set(kRole, facts.primary ? "primary" : "secondary");
  if (!response.headers.Has(kPosition)) SetPosition(facts.position, response);
  if (facts.age.has_value()) response.headers.Set(kAge, std::to_string(facts.age->count()));
}

void AddPrimaryHeaders(const desk::NodeFacts& facts, Response& response) {
  const bool known = facts.primary_up && !facts.primary_rest_url.empty();
  response.headers.Set(kPrimary, known ? facts.primary_rest_url : "unknown");
  if (!facts.primary_up) response.headers.Set("Retry-After", "1");
}

void SetPosition(const Position& position, Response& response) {
  response.headers.Set(kPosition, ToText(position));
}

namespace {

struct Door {
  desk::Desk& desk;
  FindToken find_token;
  Refuse refuse;
  CallerHandler handler;
};

void Send(const desk::NodeFacts& facts, bool authenticated, const Respond& respond,
          Response response) {
  response.authenticated = authenticated;
  AddNodeHeaders(facts, response);
  respond(std::move(response));
}

// A token that is not known here may be newer than what is shown here. Then its caller, who demands
// a position, hears that this node is behind. It does not wait: places to wait are not for
// strangers.
absl::Status WhyNotIn(const absl::Status& refused, const Request& request,
                      const desk::NodeFacts& facts) {
  if (vault::RefusalOf(refused) != vault::Refusal::kAuthFailed) return refused;
  const absl::StatusOr<desk::ReadDemand> demand = ReadDemandOf(request);
  const bool behind =
      demand.ok() && demand->position.has_value() && *demand->position > facts.position;
  if (!behind) return refused;
  return vault::Refuse(vault::Refusal::kPositionNotReached,
                       "this node is at " + ToText(facts.position));
}

void Enter(const std::shared_ptr<const Door>& door, std::shared_ptr<Request> request,
           Respond respond) {
  // The desk refuses an empty token too, and records the attempt.
  absl::StatusOr<desk::CallerPtr> caller =
      door->desk.AuthenticateToken(door->find_token(*request), request->client);
  if (!caller.ok()) {
    const desk::NodeFacts facts = door->desk.Facts();
    Send(facts, false, respond, door->refuse(WhyNotIn(caller.status(), *request, facts)));
    return;
  }
  const absl::StatusOr<desk::ReadDemand> demand = ReadDemandOf(*request);
  if (!demand.ok()) {
    Send(door->desk.Facts(), true, respond, door->refuse(demand.status()));
    return;
  }
  auto then = [door, caller = *std::move(caller), request = std::move(request),
               respond = std::move(respond)](absl::Status met) mutable {
    desk::NodeFacts facts = door->desk.Facts();
    if (!met.ok()) {
      Send(facts, true, respond, door->refuse(met));
      return;
    }
    door->handler(std::move(caller), std::move(request),
                  [facts = std::move(facts), respond = std::move(respond)](Response response) {
                    Send(facts, true, respond, std::move(response));
                  });
  };
  door->desk.Await(*demand, std::move(then));
}

}  // namespace

Handler ForCallers(desk::Desk& desk, FindToken find_token, Refuse refuse, CallerHandler handler) {
  auto door = std::make_shared<const Door>(
      Door{desk, std::move(find_token), std::move(refuse), std::move(handler)});
  return [door = std::move(door)](std::shared_ptr<Request> request, Respond respond) {
    Enter(door, std::move(request), std::move(respond));
  };
}

}  // namespace holdfast::http

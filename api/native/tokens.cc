#include <fmt/format.h>

#include <memory>
#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/render.h"
#include "server/base/status_macros.h"
#include "server/desk/new_token.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

constexpr int64_t kDayMs = 24 * 60 * 60 * 1000;

absl::Status NoSuchToken(uint64_t id) {
  return vault::Refuse(vault::Refusal::kNoSuchToken, fmt::format("no token {}", id));
}

}  // namespace

int64_t ExpiresMs(const desk::Desk& desk, uint64_t valid_days) {
  return valid_days == 0 ? 0 : desk.NowMs() + static_cast<int64_t>(valid_days) * kDayMs;
}

absl::StatusOr<json::object> NewTokenObject(const Visit& visit, uint64_t token_id,
                                            const SecretBytes& token) {
  absl::StatusOr<json::object> object = NoSuchToken(token_id);
  visit.desk().ReadState([&](const vault::StateReader& state) {
    const v1::TokenRow* row = state.FindToken(token_id);
    if (row != nullptr) object = RenderNewToken(*row, token);
  });
  return object;
}

AnswerOr ListTokens(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user_id, PathId(*visit.request, "id"));
  Parameters parameters(*visit.request);
  const vault::Page page = parameters.Page();
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  json::array tokens;
  size_t total = 0;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_RETURN_IF_ERROR(FindVisibleUser(state, self, user_id).status());
        const auto listed = PageOf<v1::TokenRow>(state.TokensOfUser(user_id), page);
        for (const v1::TokenRow* token : listed.rows) tokens.push_back(RenderToken(*token));
        total = listed.total;
        return absl::OkStatus();
      }));
  return ListAnswer("tokens", std::move(tokens), total);
}

namespace {

// A token is shown once: what was made for a request that came again was never stored.
AnswerOr TokenIssued(const Visit& visit, const desk::Written& written, const SecretBytes& token) {
  if (written.planned.repeated) {
    return Answer{
        .body = {{"token", nullptr}, {"token_id", written.planned.token_id}, {"repeated", true}},
        .status = 201};
  }
  HOLDFAST_ASSIGN_OR_RETURN(json::object object,
                            NewTokenObject(visit, written.planned.token_id, token));
  Answer answer = CreatedAnswer("token", std::move(object));
  answer.secret = true;
  return answer;
}

}  // namespace

IntentOr IssueToken(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user_id, PathId(*visit.request, "id"));
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  const uint64_t days = fields.Number("valid_days", 0, kTokenDaysMax);
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  auto token = std::make_shared<const SecretBytes>(desk::NewToken());
  vault::IssueToken command{
      .user_id = user_id,
      .token = {.hash = visit.desk().HashOf(*token), .expires_ms = ExpiresMs(visit.desk(), days)}};
  return Intent{.body = std::move(command),
                .answer = [token](const Visit& v, const desk::Written& written) {
                  return TokenIssued(v, written, *token);
                }};
}

IntentOr RevokeToken(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user_id, PathId(*visit.request, "id"));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t token_id, PathId(*visit.request, "token"));
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_RETURN_IF_ERROR(FindVisibleUser(state, self, user_id).status());
        const v1::TokenRow* token = state.FindToken(token_id);
        if (token == nullptr || token->user_id() != user_id) return NoSuchToken(token_id);
        return absl::OkStatus();
      }));
  return Intent{.body = vault::RevokeToken{.token_id = token_id}};
}

}  // namespace holdfast::native

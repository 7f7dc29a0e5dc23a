#include <fmt/format.h>

#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/render.h"
#include "api/native/words.h"
#include "server/base/status_macros.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

AnswerOr ShareSet(const Visit& visit, const desk::Written& written) {
  const uint64_t id = written.planned.id;
  AnswerOr answer = vault::Refuse(vault::Refusal::kNoSuchShare, fmt::format("no share {}", id));
  visit.desk().ReadState([&](const vault::StateReader& state) {
    const v1::ShareRow* share = state.FindShare(id);
    if (share != nullptr) answer = CreatedAnswer("share", RenderShare(*share));
  });
  return answer;
}

}  // namespace

AnswerOr ListShares(const Visit& visit) {
  Parameters parameters(*visit.request);
  const vault::ShareFilter filter{.user_id = parameters.Number("user_id", 0, 1, INT64_MAX),
                                  .resource_id = parameters.Number("resource_id", 0, 1, INT64_MAX),
                                  .account_id = parameters.Number("account_id", 0, 1, INT64_MAX)};
  const vault::Page page = parameters.Page();
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  json::array shares;
  size_t total = 0;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) {
        const auto listed = vault::ListShares(state, self, filter, page);
        for (const v1::ShareRow* share : listed.rows) shares.push_back(RenderShare(*share));
        total = listed.total;
        return absl::OkStatus();
      }));
  return ListAnswer("shares", std::move(shares), total);
}

IntentOr SetShare(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  vault::SetShare command{.user_id = fields.MandatoryId("user_id"),
                          .resource_id = fields.Number("resource_id", 0, INT64_MAX),
                          .account_id = fields.Number("account_id", 0, INT64_MAX),
                          .level = MandatoryWord(fields, "level", ShareLevelOf, ShareLevelWords)};
  if (command.resource_id == 0 && command.account_id == 0) {
    fields.Fail(vault::Refuse(vault::Refusal::kMandatoryMissing,
                              "expected resource_id or account_id, got none"));
  }
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  return Intent{.body = command, .answer = ShareSet};
}

IntentOr RevokeShare(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  return Intent{.body = vault::RevokeShare{.share_id = id}};
}

}  // namespace holdfast::native

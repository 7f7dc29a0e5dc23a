#include <fmt/format.h>

#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/render.h"
#include "server/base/status_macros.h"
#include "server/crypto/ssh_key.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

absl::Status NoSuchKey(uint64_t id) {
  return vault::Refuse(vault::Refusal::kNoSuchKey, fmt::format("no key {}", id));
}

AnswerOr KeyAdded(const Visit& visit, const desk::Written& written) {
  const uint64_t id = written.planned.key_ids.empty() ? 0 : written.planned.key_ids.front();
  AnswerOr answer = NoSuchKey(id);
  visit.desk().ReadState([&](const vault::StateReader& state) {
    if (const v1::SshKeyRow* key = state.FindSshKey(id); key != nullptr) {
      answer = CreatedAnswer("key", RenderKey(*key));
    }
  });
  return answer;
}

}  // namespace

AnswerOr ListKeys(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user_id, PathId(*visit.request, "id"));
  Parameters parameters(*visit.request);
  const vault::Page page = parameters.Page();
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  json::array keys;
  size_t total = 0;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_RETURN_IF_ERROR(FindVisibleUser(state, self, user_id).status());
        const auto listed = PageOf<v1::SshKeyRow>(state.KeysOfUser(user_id), page);
        for (const v1::SshKeyRow* key : listed.rows) keys.push_back(RenderKey(*key));
        total = listed.total;
        return absl::OkStatus();
      }));
  return ListAnswer("keys", std::move(keys), total);
}

IntentOr AddKey(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user_id, PathId(*visit.request, "id"));
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  const std::string line = fields.MandatoryText("public_key", crypto::kAuthorizedKeyLineMax);
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  absl::StatusOr<crypto::AuthorizedKey> key = crypto::ParseAuthorizedKey(line);
  if (!key.ok()) return InvalidInput("public_key: " + std::string(key.status().message()));
  return Intent{.body = vault::AddSshKey{.user_id = user_id,
                                         .key = {.type = std::move(key->type),
                                                 .public_key = std::move(key->public_key),
                                                 .fingerprint = std::move(key->fingerprint),
                                                 .comment = std::move(key->comment)}},
                .answer = KeyAdded};
}

IntentOr RemoveKey(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t user_id, PathId(*visit.request, "id"));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t key_id, PathId(*visit.request, "key"));
  // The command names the key alone; ids are never given twice, so what is found here stays true.
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_RETURN_IF_ERROR(FindVisibleUser(state, self, user_id).status());
        const v1::SshKeyRow* key = state.FindSshKey(key_id);
        if (key == nullptr || key->user_id() != user_id) return NoSuchKey(key_id);
        return absl::OkStatus();
      }));
  return Intent{.body = vault::RemoveSshKey{.key_id = key_id}};
}

}  // namespace holdfast::native

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/render.h"
#include "api/native/words.h"
#include "server/base/status_macros.h"
#include "server/desk/new_token.h"
#include "server/vault/access.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;
using vault::Refusal;

absl::Status NoSuchUser(uint64_t id) {
  return vault::Refuse(Refusal::kNoSuchUser, fmt::format("no user {}", id));
}

v1::UserRow UserIn(Fields& fields) {
  v1::UserRow user;
  user.set_name(fields.MandatoryText("name", limits::kNameCharsMax));
  user.set_full_name(fields.Text("full_name"));
  user.set_email(fields.Text("email"));
  user.set_role(MandatoryWord(fields, "role", RoleOf, RoleWords));
  user.set_super_administrator(fields.Flag("super_administrator", false));
  user.set_operate_cluster(fields.Flag("operate_cluster", false));
  user.set_host_name(fields.Text("host_name"));
  user.set_host_check(fields.Flag("host_check", false));
  user.set_rest_enabled(fields.Flag("rest_enabled", true));
  user.set_ssh_enabled(fields.Flag("ssh_enabled", true));
  user.set_department(fields.Text("department"));
  user.set_location(fields.Text("location"));
  return user;
}

// A token is shown once: not when the same request comes again.
AnswerOr UserAdded(const Visit& visit, const desk::Written& written, const SecretBytes* token) {
  const uint64_t id = written.planned.id;
  absl::StatusOr<json::object> user = NoSuchUser(id);
  visit.desk().ReadState([&](const vault::StateReader& state) {
    if (const v1::UserRow* row = state.FindUser(id); row != nullptr) user = RenderUser(*row);
  });
  HOLDFAST_RETURN_IF_ERROR(user.status());
  if (token == nullptr || written.planned.repeated) {
    Answer answer = CreatedAnswer("user", *std::move(user));
    answer.body["token"] = nullptr;
    if (token != nullptr) {
      answer.body["token_id"] = written.planned.token_id;
      answer.body["repeated"] = true;
    }
    return answer;
  }
  HOLDFAST_ASSIGN_OR_RETURN(json::object object,
                            NewTokenObject(visit, written.planned.token_id, *token));
  Answer answer = CreatedAnswer("token", std::move(object));
  answer.body["user"] = *std::move(user);
  answer.secret = true;
  return answer;
}

IntentOr SetLocked(const Visit& visit, bool locked) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  return Intent{.body = vault::SetUserLocked{.user_id = id, .locked = locked}};
}

}  // namespace

absl::StatusOr<const v1::UserRow*> FindVisibleUser(const vault::StateReader& state,
                                                   const v1::UserRow& self, uint64_t user_id) {
  const v1::UserRow* user = state.FindUser(user_id);
  const bool visible =
      user != nullptr &&
      (user->id() == self.id() ||
       (user->organization_id() == self.organization_id() && vault::MayManageUsers(self).ok()));
  if (!visible) return NoSuchUser(user_id);
  return user;
}

AnswerOr GetMe(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  Answer answer;
  HOLDFAST_RETURN_IF_ERROR(
      visit.desk().Read(*visit.caller, [&](const vault::StateReader&, const v1::UserRow& self) {
        answer.body["user"] = RenderUser(self);
        return absl::OkStatus();
      }));
  return answer;
}

AnswerOr ListUsers(const Visit& visit) {
  Parameters parameters(*visit.request);
  const std::string name = parameters.Text("name", limits::kNameCharsMax);
  const vault::Page page = parameters.Page();
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  json::array users;
  size_t total = 0;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) {
        vault::Listed<v1::UserRow> listed;
        if (name.empty()) {
          listed = vault::ListUsers(state, self, page);
        } else {
          const v1::UserRow* named = state.FindUserByName(self.organization_id(), name);
          if (named != nullptr && FindVisibleUser(state, self, named->id()).ok()) {
            listed = PageOf<v1::UserRow>({named}, page);
          }
        }
        for (const v1::UserRow* user : listed.rows) users.push_back(RenderUser(*user));
        total = listed.total;
        return absl::OkStatus();
      }));
  return ListAnswer("users", std::move(users), total);
}

AnswerOr GetUser(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  Answer answer;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow& self) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::UserRow* user, FindVisibleUser(state, self, id));
        answer.body["user"] = RenderUser(*user);
        return absl::OkStatus();
      }));
  return answer;
}

IntentOr AddUser(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  vault::AddUser command{.user = UserIn(fields), .token = std::nullopt, .keys = {}};
  const bool issue_token = fields.Flag("issue_token", false);
  const uint64_t days = fields.Number("token_valid_days", 0, kTokenDaysMax);
  if (days != 0 && !issue_token) {
    fields.Fail(InvalidInput("token_valid_days: means nothing without issue_token"));
  }
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  // Shared, because a std::function is copied.
  std::shared_ptr<const SecretBytes> token;
  if (issue_token) {
    token = std::make_shared<const SecretBytes>(desk::NewToken());
    command.token = vault::NewToken{.hash = visit.desk().HashOf(*token),
                                    .expires_ms = ExpiresMs(visit.desk(), days)};
  }
  return Intent{.body = std::move(command),
                .answer = [token](const Visit& v, const desk::Written& written) {
                  return UserAdded(v, written, token.get());
                }};
}

IntentOr DeleteUser(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t id, PathId(*visit.request, "id"));
  return Intent{.body = vault::DeleteUser{.user_id = id}};
}

IntentOr LockUser(const Visit& visit) { return SetLocked(visit, true); }
IntentOr UnlockUser(const Visit& visit) { return SetLocked(visit, false); }

}  // namespace holdfast::native

#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/pam360/details.h"
#include "api/pam360/endpoints.h"
#include "api/pam360/envelope.h"
#include "api/pam360/texts.h"
#include "server/base/status_macros.h"
#include "server/desk/new_token.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

constexpr int64_t kDayMs = 24 * 60 * 60 * 1000;
constexpr uint64_t kTokenDaysMax = 36'500;

absl::Status Expected(std::string_view name, std::string_view expected) {
  return absl::InvalidArgumentError("parameter " + std::string(name) + ": expected " +
                                    std::string(expected));
}

absl::StatusOr<v1::Role> ReadRole(const Parameters& parameters) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string text, parameters.Text("ROLE"));
  if (text.empty() && parameters.Has("ROLEID")) {
    return Expected("ROLEID", "none: roles have no numbers here, give ROLE by its name");
  }
  if (text.empty()) return v1::ROLE_PASSWORD_USER;
  const std::optional<v1::Role> role = ParseRole(text);
  if (!role.has_value()) {
    return Expected("ROLE", "Administrator, Password Administrator or Password User");
  }
  return *role;
}

absl::StatusOr<std::string> ReadFullName(const Parameters& parameters) {
  HOLDFAST_ASSIGN_OR_RETURN(std::string full, parameters.Text("FULLNAME"));
  if (!full.empty()) return full;
  HOLDFAST_ASSIGN_OR_RETURN(const std::string first, parameters.Text("FIRSTNAME"));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string last, parameters.Text("LASTNAME"));
  return first + (first.empty() || last.empty() ? "" : " ") + last;
}

absl::StatusOr<bool> ReadFlag(const Parameters& parameters, std::string_view name, bool otherwise) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<bool> flag, parameters.Flag(name));
  return flag.value_or(otherwise);
}

absl::StatusOr<v1::UserRow> ReadUser(const Call& call) {
  const Parameters parameters = call.parameters();
  v1::UserRow user;
  user.set_organization_id(call.caller->organization_id);
  HOLDFAST_ASSIGN_OR_RETURN(*user.mutable_name(), parameters.Needed("USERNAME"));
  HOLDFAST_ASSIGN_OR_RETURN(*user.mutable_full_name(), ReadFullName(parameters));
  const std::pair<std::string_view, std::string*> texts[] = {
      {"EMAIL", user.mutable_email()},
      {"HOSTNAME", user.mutable_host_name()},
      {"DEPARTMENT", user.mutable_department()},
      {"LOCATION", user.mutable_location()},
  };
  for (const auto& [name, text] : texts) {
    HOLDFAST_ASSIGN_OR_RETURN(*text, parameters.Text(name));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const v1::Role role, ReadRole(parameters));
  HOLDFAST_ASSIGN_OR_RETURN(const bool super, ReadFlag(parameters, "ISSUPERADMIN", false));
  HOLDFAST_ASSIGN_OR_RETURN(const bool api_user, ReadFlag(parameters, "ISAPIUSER", false));
  HOLDFAST_ASSIGN_OR_RETURN(const bool host_check, ReadFlag(parameters, "HOSTCHECK", false));
  HOLDFAST_ASSIGN_OR_RETURN(const bool rest, ReadFlag(parameters, "RESTAPIACCESS", api_user));
  user.set_role(role);
  user.set_super_administrator(super);
  user.set_host_check(host_check);
  user.set_rest_enabled(rest);
  user.set_ssh_enabled(api_user);
  return user;
}

// When the user's token ends, in milliseconds since 1970; 0: never.
absl::StatusOr<int64_t> ReadExpiry(const Call& call) {
  const Parameters parameters = call.parameters();
  const int64_t now_ms = call.desk.NowMs();
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<uint64_t> days,
                            parameters.Number("TOKENVALIDITYDAYS"));
  if (days.has_value()) {
    if (*days == 0 || *days > kTokenDaysMax) return Expected("TOKENVALIDITYDAYS", "1 to 36500");
    return now_ms + static_cast<int64_t>(*days) * kDayMs;
  }
  HOLDFAST_ASSIGN_OR_RETURN(const std::string date, parameters.Text("EXPIRYDATE"));
  if (date.empty()) return 0;
  const std::optional<int64_t> expires = ParseExpiryDate(date, call.options->utc_offset);
  if (!expires.has_value() || (*expires != 0 && *expires <= now_ms)) {
    return Expected("EXPIRYDATE", "a future date as YYYY-MM-DD, or NeverExpires");
  }
  return *expires;
}

// A token in the clear on its way to the one answer that shows it.
using TokenPtr = std::shared_ptr<const SecretBytes>;

struct NewUser {
  vault::AddUser add;
  TokenPtr token;  // nullptr: the user gets none
};

absl::StatusOr<NewUser> ReadNewUser(const Call& call) {
  NewUser made;
  HOLDFAST_ASSIGN_OR_RETURN(made.add.user, ReadUser(call));
  HOLDFAST_ASSIGN_OR_RETURN(const int64_t expires_ms, ReadExpiry(call));
  if (!made.add.user.rest_enabled()) return made;
  made.token = std::make_shared<const SecretBytes>(desk::NewToken());
  made.add.token = vault::NewToken{.hash = call.desk.HashOf(*made.token), .expires_ms = expires_ms};
  return made;
}

// As long as the old one was good for, from now on.
absl::StatusOr<int64_t> RenewedExpiry(const Call& call) {
  const int64_t now_ms = call.desk.NowMs();
  int64_t expires_ms = 0;
  HOLDFAST_RETURN_IF_ERROR(
      call.desk.Read(*call.caller, [&](const vault::StateReader& state, const v1::UserRow&) {
        const v1::TokenRow* old = state.FindToken(call.caller->token_id);
        if (old != nullptr && old->expires_ms() != 0) {
          expires_ms = now_ms + old->expires_ms() - old->created_ms();
        }
        return absl::OkStatus();
      }));
  return expires_ms;
}

Answer RenderNewUser(const Call& call, const std::string& name, uint64_t id, const TokenPtr& made,
                     bool repeated) {
  json::object details = Texts({{"USERID", std::to_string(id)}});
  const TokenPtr token = repeated ? nullptr : made;  // it was shown once
  if (token != nullptr) PutSecret(details, "AUTHTOKEN", *token);
  Answer answer = call.Success("User " + name + " added successfully", std::move(details));
  answer.secret = token != nullptr;
  return answer;
}

Answer RenderToken(const Call& call, const TokenPtr& token, bool repeated) {
  if (repeated) {
    Answer answer = call.Success(
        "Authtoken was regenerated by this request before; it is not shown "
        "again.");
    answer.status = "true";
    return answer;
  }
  json::object details = WipedObject();
  PutSecret(details, "AUTHTOKEN", *token);
  Answer answer = call.Success("Authtoken regenerated successfully.", std::move(details));
  answer.status = "true";
  answer.secret = true;
  return answer;
}

}  // namespace

void CreateUser(const CallPtr& call) {
  absl::StatusOr<NewUser> made = ReadNewUser(*call);
  if (!made.ok()) return call->Finish(made.status());
  const std::string name = made->add.user.name();
  Submit(call, {.body = std::move(made->add),
                .exists = "User " + name + " already exists",
                .render = [call, name, token = made->token](const vault::Planned& planned) {
                  return RenderNewUser(*call, name, planned.id, token, planned.repeated);
                }});
}

void RegenerateToken(const CallPtr& call) {
  const absl::StatusOr<int64_t> expires_ms = RenewedExpiry(*call);
  if (!expires_ms.ok()) return call->Finish(expires_ms.status());
  const TokenPtr token = std::make_shared<const SecretBytes>(desk::NewToken());
  vault::IssueToken issue{.user_id = call->caller->user_id,
                          .token = {.hash = call->desk.HashOf(*token), .expires_ms = *expires_ms},
                          .replace = true};
  Submit(call, {.body = std::move(issue), .render = [call, token](const vault::Planned& planned) {
                  return RenderToken(*call, token, planned.repeated);
                }});
}

}  // namespace holdfast::pam360

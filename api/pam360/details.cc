#include "api/pam360/details.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "api/pam360/custom_fields.h"
#include "api/pam360/envelope.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

constexpr std::string_view kFalse = "false";
constexpr std::string_view kVisible = "****";  // PASSWORD STATUS: the caller may fetch it

void PutCustomFields(std::string_view kept, json::object& details) {
  if (kept.empty()) return;
  json::array fields = RenderCustomFields(kept);
  if (!fields.empty()) details["CUSTOM FIELD"] = std::move(fields);
}

std::string_view OwnerOf(const vault::StateReader& state, uint64_t owner_id) {
  const v1::UserRow* owner = state.FindUser(owner_id);
  return owner == nullptr ? std::string_view() : std::string_view(owner->name());
}

}  // namespace

json::object Texts(std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  json::object object = WipedObject();
  object.reserve(values.size());
  for (const auto& [key, value] : values) {
    object.emplace(json::string_view(key.data(), key.size()),
                   json::string_view(value.data(), value.size()));
  }
  return object;
}

json::object ResourceDetails(const vault::StateReader& state, const v1::ResourceRow& resource) {
  json::object details = Texts({{"LOCATION", resource.location()},
                                {"RESOURCE DESCRIPTION", resource.description()},
                                {"RESOURCE TYPE", resource.type()},
                                {"RESOURCE ID", std::to_string(resource.id())},
                                {"DEPARTMENT", resource.department()},
                                {"RESOURCE OWNER", OwnerOf(state, resource.owner_id())},
                                {"RESOURCE PASSWORD POLICY", resource.password_policy()},
                                {"RESOURCE URL", resource.url()},
                                {"DOMAIN NAME", resource.domain_name()},
                                {"ALLOWOPENURLINBROWSER", "true"},
                                {"RESOURCE NAME", resource.name()},
                                {"DNS NAME", resource.dns_name()},
                                {"NEWSSHTERMINAL", kFalse},
                                {"ISRDPRESTRICTED", kFalse},
                                {"IS_SSH_RESTRICTED", kFalse},
                                {"IS_LOCAL_ACCOUNTS_AUTOLOGON_RESTRICTED", kFalse},
                                {"PASSWORDREQUEST_REASON_MANDATORY", kFalse}});
  PutCustomFields(resource.custom_fields(), details);
  return details;
}

json::object AccountItem(const v1::AccountRow& account) {
  const std::string id = std::to_string(account.id());
  json::object item = Texts({{"ACCOUNT_DESCRIPTION", account.notes()},
                             {"ISFAVPASS", kFalse},
                             {"ACCOUNT ID", id},
                             {"ACCOUNT NAME", account.name()},
                             {"PASSWORDREQUEST_REASON_MANDATORY", kFalse},
                             {"PASSWORD STATUS", kVisible},
                             {"ISREMOTEAPPONLY", kFalse},
                             {"ACCOUNT PASSWORD POLICY", account.password_policy()},
                             {"AUTOLOGONSTATUS", ""},
                             {"IS_TICKETID_REQD_ACW", kFalse},
                             {"PASSWDID", id},
                             {"IS_TICKETID_REQD_MANDATORY", kFalse},
                             {"IS_TICKETID_REQD", kFalse},
                             {"ISREASONREQUIRED", kFalse},
                             {"IS_COMMAND_CONTROL_CONFIGURED", kFalse},
                             {"IS_USER_WITH_COMMAND_CONTROL_ROLE", kFalse},
                             {"IS_TOTP_CONFIGURED", kFalse}});
  item["AUTOLOGONLIST"].emplace_array();
  return item;
}

json::object AccountDetails(const v1::AccountRow& account, const UtcOffset& offset) {
  // A policy is enforced when the password is set, so what is kept complies with it.
  json::object details =
      Texts({{"DESCRIPTION", account.notes().empty() ? "N/A" : account.notes()},
             {"PASSWDID", std::to_string(account.id())},
             {"LAST MODIFIED TIME", TimeText(account.secret_changed_ms(), offset)},
             {"LAST ACCESSED TIME", "N/A"},
             {"EXPIRY STATUS", "Valid"},
             {"COMPLIANT STATUS", "Compliant"},
             {"COMPLIANT REASON", "-"},
             {"PASSWORD STATUS", kVisible},
             {"PASSWORD POLICY", account.password_policy()},
             {"PASSWORDREQUEST_REASON_MANDATORY", kFalse}});
  PutCustomFields(account.custom_fields(), details);
  return details;
}

}  // namespace holdfast::pam360

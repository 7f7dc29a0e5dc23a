#include "api/pam360/account_input.h"

#include <string>

#include "api/pam360/custom_fields.h"
#include "server/base/status_macros.h"
#include "server/desk/password_policy.h"

namespace holdfast::pam360 {

absl::StatusOr<v1::AccountRow> AccountOf(const Call& call, const Parameters& parameters,
                                         std::string_view resource_policy) {
  v1::AccountRow row;
  HOLDFAST_ASSIGN_OR_RETURN(*row.mutable_name(), parameters.Needed("ACCOUNTNAME"));
  HOLDFAST_ASSIGN_OR_RETURN(*row.mutable_notes(), parameters.Text("NOTES"));
  HOLDFAST_ASSIGN_OR_RETURN(const std::string policy, parameters.Text("ACCOUNTPASSWORDPOLICY"));
  HOLDFAST_ASSIGN_OR_RETURN(*row.mutable_password_policy(),
                            desk::PolicyNamed(policy.empty() ? resource_policy : policy));
  HOLDFAST_ASSIGN_OR_RETURN(*row.mutable_custom_fields(),
                            CustomFieldsOf(parameters, "ACCOUNTCUSTOMFIELD"));
  HOLDFAST_ASSIGN_OR_RETURN(SecretBytes secret, parameters.Secret("PASSWORD"));
  if (secret.empty()) secret = desk::NewPassword();
  HOLDFAST_RETURN_IF_ERROR(desk::CheckPassword(row.password_policy(), secret));
  HOLDFAST_ASSIGN_OR_RETURN(*row.mutable_secret(), call.desk.Seal(call.caller->organization_id,
                                                                  v1::TABLE_ACCOUNT, secret));
  return row;
}

}  // namespace holdfast::pam360

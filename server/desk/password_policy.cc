#include "server/desk/password_policy.h"

#include "absl/strings/match.h"
#include "server/crypto/strong_password.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {

absl::StatusOr<std::string> PolicyNamed(std::string_view name) {
  if (name.empty()) return std::string();
  if (absl::EqualsIgnoreCase({name.data(), name.size()},
                             {crypto::kStrongPolicy.data(), crypto::kStrongPolicy.size()})) {
    return std::string(crypto::kStrongPolicy);
  }
  return vault::Refuse(vault::Refusal::kInvalidInput, "No such password policy found.");
}

absl::Status CheckPassword(std::string_view policy, const SecretBytes& secret) {
  if (policy != crypto::kStrongPolicy || crypto::WhyNotStrong(secret).empty())
    return absl::OkStatus();
  return vault::Refuse(vault::Refusal::kPolicyViolation,
                       "Password does not comply with the policy " + std::string(policy));
}

SecretBytes NewPassword() { return crypto::GenerateStrongPassword(); }

}  // namespace holdfast::desk

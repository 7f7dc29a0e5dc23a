#include "api/native/new_secret.h"

#include <optional>
#include <string>
#include <utility>

#include "server/crypto/strong_password.h"
#include "server/desk/password_policy.h"

namespace holdfast::native {

SecretBytes NewSecretIn(Fields& fields) {
  std::optional<SecretBytes> secret = fields.Secret("secret");
  const bool generate = fields.Flag("generate", false);
  if (generate && fields.Has("secret")) {
    fields.Fail(InvalidInput("expected either secret or generate, got both"));
    return {};
  }
  if (generate) return crypto::GenerateStrongPassword();
  if (!secret.has_value()) {
    fields.Fail(vault::Refuse(vault::Refusal::kMandatoryMissing,
                              "expected either secret or generate, got none"));
    return {};
  }
  return *std::move(secret);
}

absl::Status CheckPolicy(std::string_view account_policy, std::string_view resource_policy,
                         const SecretBytes& secret) {
  const absl::Status checked =
      desk::CheckPassword(account_policy.empty() ? resource_policy : account_policy, secret);
  if (checked.ok()) return checked;
  return vault::Refuse(vault::Refusal::kPolicyViolation,
                       "secret: " + std::string(checked.message()) + ": " +
                           std::string(crypto::WhyNotStrong(secret)));
}

}  // namespace holdfast::native

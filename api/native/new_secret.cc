#include "api/native/new_secret.h"

#include <optional>
#include <string>
#include <utility>

#include "server/crypto/strong_password.h"

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
  const std::string_view policy = account_policy.empty() ? resource_policy : account_policy;
  if (policy != crypto::kStrongPolicy) return absl::OkStatus();
  const std::string_view why = crypto::WhyNotStrong(secret);
  if (why.empty()) return absl::OkStatus();
  return vault::Refuse(
      vault::Refusal::kPolicyViolation,
      "secret: does not comply with the policy " + std::string(policy) + ": " + std::string(why));
}

}  // namespace holdfast::native

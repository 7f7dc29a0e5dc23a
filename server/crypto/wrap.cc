#include "server/crypto/wrap.h"

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/crypto/envelope.h"
#include "server/crypto/fields.h"
#include "server/crypto/hash.h"
#include "server/crypto/pkey.h"

namespace holdfast::crypto {
namespace {

constexpr std::string_view kWrapLabel = "holdfast wrap 1";
constexpr size_t kWrapKeyBytes = 32;

absl::StatusOr<SecretBytes> Agree(EVP_PKEY* mine, EVP_PKEY* theirs) {
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, mine, nullptr));
  HOLDFAST_CHECK(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
  SecretBytes shared = SecretBytes::OfSize(kWrapKeyBytes);
  size_t size = shared.size();
  if (EVP_PKEY_derive_set_peer(context.get(), theirs) != 1 ||
      EVP_PKEY_derive(context.get(), shared.Fill().data(), &size) != 1 || size != kWrapKeyBytes) {
    return OpensslError(absl::StatusCode::kInvalidArgument, "key agreement failed");
  }
  return shared;
}

// Both public keys go into the key, so that a wrapped secret belongs to this pair only.
SecretBytes WrapKey(const SecretBytes& shared, std::string_view ephemeral_point,
                    std::string_view recipient_point) {
  return HkdfSha256(
      shared, Fields("holdfast key wrap 1").Text(ephemeral_point).Text(recipient_point).bytes(),
      kWrapKeyBytes);
}

}  // namespace

absl::StatusOr<std::string> WrapFor(std::string_view public_key_pem, const SecretBytes& secret,
                                    std::string_view context) {
  if (secret.size() > limits::kSecretBytesMax) {
    return absl::InvalidArgumentError(fmt::format("secret: expected at most {} bytes, got {}",
                                                  limits::kSecretBytesMax, secret.size()));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const PkeyPtr recipient,
                            ReadPublicPem(public_key_pem, "public key of the member"));
  const PkeyPtr ephemeral = GenerateP256();
  HOLDFAST_ASSIGN_OR_RETURN(const SecretBytes shared, Agree(ephemeral.get(), recipient.get()));
  const std::string point = PublicPoint(ephemeral.get());
  return SealEnvelope(WrapKey(shared, point, PublicPoint(recipient.get())), kWrapLabel,
                      {point, context}, secret);
}

absl::StatusOr<SecretBytes> Unwrap(const SecretBytes& private_key_pem, std::string_view wrapped,
                                   std::string_view context) {
  HOLDFAST_ASSIGN_OR_RETURN(const PkeyPtr mine,
                            ReadPrivatePem(private_key_pem, "key of this member"));
  HOLDFAST_ASSIGN_OR_RETURN(
      const Envelope envelope,
      ParseEnvelope(wrapped, kWrapLabel, /*bound_to_count=*/2, "wrapped secret"));
  const absl::Status refused = absl::DataLossError(
      "wrapped secret does not open: for another member or purpose, or changed bytes");
  if (envelope.bound_to[1] != context) return refused;
  const auto ephemeral = ReadPublicPoint(envelope.bound_to[0], "wrapped secret");
  if (!ephemeral.ok()) return refused;
  HOLDFAST_ASSIGN_OR_RETURN(const SecretBytes shared, Agree(mine.get(), ephemeral->get()));
  auto secret = OpenEnvelope(
      envelope, WrapKey(shared, envelope.bound_to[0], PublicPoint(mine.get())), kWrapLabel);
  if (!secret.ok()) return refused;
  return secret;
}

}  // namespace holdfast::crypto

// The making half of ssh_key.h: OpenSSH's private key form ("openssh-key-v1"), which libssh and
// ssh-keygen both read, for Ed25519 as well as for ECDSA.
#include <openssl/bn.h>
#include <openssl/core_names.h>

#include <array>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/crypto/fields.h"
#include "server/crypto/pkey.h"
#include "server/crypto/random.h"
#include "server/crypto/ssh_key.h"

namespace holdfast::crypto {
namespace {

constexpr size_t kEd25519Bytes = 32;
constexpr size_t kP256ScalarBytes = 32;
constexpr size_t kBlockBytes = 8;  // of the cipher "none"
constexpr size_t kLineCharacters = 70;
constexpr size_t kTextReserve = 4096;  // More than any key of ours takes: no copy is left behind.

// A text of the SSH wire form that may hold secrets.
void AppendText(std::string& out, std::string_view text) {
  out += Fields().U32(static_cast<uint32_t>(text.size())).bytes();
  out += text;
}

struct KeyParts {
  std::string public_key;    // wire form
  SecretBytes private_part;  // what stands between the check words and the comment
};

KeyParts MakeEd25519() {
  const PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  HOLDFAST_CHECK(key != nullptr);
  std::string point(kEd25519Bytes, '\0');
  SecretBytes seed = SecretBytes::OfSize(kEd25519Bytes);
  size_t size = point.size();
  HOLDFAST_CHECK(EVP_PKEY_get_raw_public_key(
                     key.get(), reinterpret_cast<unsigned char*>(point.data()), &size) == 1 &&
                 size == kEd25519Bytes);
  HOLDFAST_CHECK(EVP_PKEY_get_raw_private_key(key.get(), seed.Fill().data(), &size) == 1 &&
                 size == kEd25519Bytes);
  std::string part;
  part.reserve(kTextReserve);
  AppendText(part, kSshEd25519);
  AppendText(part, point);
  part += Fields().U32(2 * kEd25519Bytes).bytes();
  part += seed.RevealText(Purpose::kHostKey);
  part += point;
  return {.public_key = Fields(kSshEd25519).Text(point).bytes(),
          .private_part = SecretBytes::TakeFrom(part)};
}

KeyParts MakeP256() {
  const PkeyPtr key = GenerateP256();
  const std::string point = PublicPoint(key.get());
  BIGNUM* number = nullptr;
  HOLDFAST_CHECK(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1);
  SecretBytes scalar = SecretBytes::OfSize(kP256ScalarBytes);
  HOLDFAST_CHECK(BN_bn2binpad(number, scalar.Fill().data(), kP256ScalarBytes) ==
                 static_cast<int>(kP256ScalarBytes));
  BN_clear_free(number);
  // SSH numbers are in their shortest form, with a zero in front where the top bit is set.
  std::string_view digits = scalar.RevealText(Purpose::kHostKey);
  while (digits.size() > 1 && digits.front() == 0) digits.remove_prefix(1);
  const bool top_bit = (static_cast<uint8_t>(digits.front()) & 0x80) != 0;
  std::string part;
  part.reserve(kTextReserve);
  AppendText(part, kSshP256);
  AppendText(part, "nistp256");
  AppendText(part, point);
  part += Fields().U32(static_cast<uint32_t>(digits.size() + (top_bit ? 1 : 0))).bytes();
  if (top_bit) part += '\0';
  part += digits;
  return {.public_key = Fields(kSshP256).Text("nistp256").Text(point).bytes(),
          .private_part = SecretBytes::TakeFrom(part)};
}

SecretBytes PrivateText(const KeyParts& parts, std::string_view comment) {
  std::string inner;
  inner.reserve(kTextReserve);
  const TextWiper wipe_inner(inner);
  const std::string check = RandomBytes(4);  // Twice the same, so that a reader sees it decrypted.
  inner += check;
  inner += check;
  inner += parts.private_part.RevealText(Purpose::kHostKey);
  AppendText(inner, comment);
  for (char pad = 1; inner.size() % kBlockBytes != 0; ++pad) inner += pad;

  std::string outer("openssh-key-v1\0", 15);
  outer.reserve(kTextReserve);
  const TextWiper wipe_outer(outer);
  outer += Fields("none").Text("none").Text("").U32(1).Text(parts.public_key).bytes();
  AppendText(outer, inner);

  std::string base64 = Base64Encode(outer);
  const TextWiper wipe_base64(base64);
  std::string text;
  text.reserve(2 * kTextReserve);
  text += "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  for (size_t i = 0; i < base64.size(); i += kLineCharacters) {
    text.append(base64, i, kLineCharacters);
    text += '\n';
  }
  text += "-----END OPENSSH PRIVATE KEY-----\n";
  HOLDFAST_CHECK(outer.size() <= kTextReserve && text.size() <= 2 * kTextReserve);
  return SecretBytes::TakeFrom(text);
}

}  // namespace

absl::StatusOr<SshHostKey> GenerateHostKey(std::string_view type, std::string_view comment) {
  if (type != kSshEd25519 && type != kSshP256) {
    return absl::InvalidArgumentError(
        fmt::format("host key: expected type {} or {}", kSshEd25519, kSshP256));
  }
  if (comment.size() > limits::kNameCharsMax) {
    return absl::InvalidArgumentError(
        fmt::format("host key: expected a comment of at most {} bytes, got {}",
                    limits::kNameCharsMax, comment.size()));
  }
  KeyParts parts = type == kSshEd25519 ? MakeEd25519() : MakeP256();
  SecretBytes text = PrivateText(parts, comment);
  return SshHostKey{.type = std::string(type),
                    .public_key = std::move(parts.public_key),
                    .private_key = std::move(text)};
}

}  // namespace holdfast::crypto

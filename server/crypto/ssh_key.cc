#include "server/crypto/ssh_key.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <optional>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/crypto/fields.h"
#include "server/crypto/hash.h"
#include "server/crypto/openssl_handles.h"

namespace holdfast::crypto {
namespace {

constexpr size_t kEd25519Bytes = 32;
constexpr size_t kApplicationBytesMax = 255;
constexpr int kExponentBitsMax = 64;

absl::Status Refused(std::string_view type, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("public key {}: {}", type, why));
}

struct Curve {
  std::string_view type;
  std::string_view ssh_name;
  const char* openssl_name;
  size_t point_bytes;  // uncompressed
};
constexpr std::array<Curve, 2> kCurves = {{
    {kSshP256, "nistp256", "prime256v1", 65},
    {kSshP384, "nistp384", "secp384r1", 97},
}};

bool IsOnCurve(const Curve& curve, std::string_view point) {
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                       const_cast<char*>(curve.openssl_name), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<char*>(point.data()),
                                        point.size()),
      OSSL_PARAM_construct_end()};
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  HOLDFAST_CHECK(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
  const bool made = EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY,
                                      const_cast<OSSL_PARAM*>(params)) == 1;
  const PkeyPtr owner(key);
  ERR_clear_error();
  return made;
}

absl::Status CheckEcdsa(const Curve& curve, FieldReader& reader) {
  const auto name = reader.Text();
  const auto point = reader.Text();
  if (name != curve.ssh_name) return Refused(curve.type, "the curve inside is another one");
  if (!point.has_value() || point->size() != curve.point_bytes || point->front() != 4) {
    return Refused(curve.type,
                   fmt::format("expected an uncompressed point of {} bytes", curve.point_bytes));
  }
  if (!IsOnCurve(curve, *point)) return Refused(curve.type, "the point is not on the curve");
  return absl::OkStatus();
}

absl::Status CheckEd25519(std::string_view type, FieldReader& reader) {
  const auto key = reader.Text();
  if (!key.has_value() || key->size() != kEd25519Bytes) {
    return Refused(type, fmt::format("expected {} bytes of key", kEd25519Bytes));
  }
  if (type == kSshEd25519) return absl::OkStatus();
  const auto application = reader.Text();
  if (!application.has_value() || !application->starts_with("ssh:") ||
      application->size() > kApplicationBytesMax) {
    return Refused(type, "expected an application that begins with ssh:");
  }
  return absl::OkStatus();
}

// Bits of a number in the SSH form; nullopt unless it is positive and in its shortest form.
std::optional<int> BitsOf(const std::optional<std::string_view>& number) {
  if (!number.has_value() || number->empty()) return std::nullopt;
  std::string_view digits = *number;
  if ((static_cast<uint8_t>(digits[0]) & 0x80) != 0) return std::nullopt;  // negative
  if (digits[0] == 0) {
    digits.remove_prefix(1);
    if (digits.empty() || (static_cast<uint8_t>(digits[0]) & 0x80) == 0) return std::nullopt;
  }
  int bits = static_cast<int>(digits.size()) * 8;
  for (auto first = static_cast<uint8_t>(digits[0]); (first & 0x80) == 0; first <<= 1) --bits;
  return bits;
}

absl::Status CheckRsa(FieldReader& reader) {
  const auto exponent = reader.Text();
  const auto modulus = reader.Text();
  const auto exponent_bits = BitsOf(exponent);
  const auto modulus_bits = BitsOf(modulus);
  if (!exponent_bits.has_value() || !modulus_bits.has_value()) {
    return Refused(kSshRsa, "expected two positive numbers in their shortest form");
  }
  if (*modulus_bits < kRsaBitsMin || *modulus_bits > kRsaBitsMax) {
    return Refused(kSshRsa, fmt::format("expected {} to {} bits, got {}", kRsaBitsMin, kRsaBitsMax,
                                        *modulus_bits));
  }
  if (*exponent_bits < 2 || *exponent_bits > kExponentBitsMax || (exponent->back() & 1) == 0 ||
      (modulus->back() & 1) == 0) {
    return Refused(kSshRsa, "expected an odd modulus and an odd exponent from 3 to 64 bits");
  }
  return absl::OkStatus();
}

absl::Status CheckBody(std::string_view type, FieldReader& reader) {
  if (type == kSshEd25519 || type == kSshSkEd25519) return CheckEd25519(type, reader);
  if (type == kSshRsa) return CheckRsa(reader);
  for (const Curve& curve : kCurves) {
    if (type == curve.type) return CheckEcdsa(curve, reader);
  }
  return absl::InvalidArgumentError(fmt::format("public key: expected one of {}, {}, {}, {}, {}",
                                                kSshEd25519, kSshSkEd25519, kSshP256, kSshP384,
                                                kSshRsa));
}

// Up to the first blank, which goes with it.
std::string_view TakeWord(std::string_view& text) {
  const size_t end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return word;
}

absl::Status CheckLine(std::string_view line) {
  if (line.size() > kAuthorizedKeyLineMax) {
    return absl::InvalidArgumentError(fmt::format("public key: expected at most {} bytes, got {}",
                                                  kAuthorizedKeyLineMax, line.size()));
  }
  if (line.find("PRIVATE KEY") != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "public key: this is a private key; expected the line of the .pub file");
  }
  for (const char c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return absl::InvalidArgumentError("public key: expected one line without control characters");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> CheckPublicKey(std::string_view public_key) {
  FieldReader reader(public_key);
  const auto type = reader.Text();
  if (!type.has_value()) {
    return absl::InvalidArgumentError("public key: expected its type in front, got other bytes");
  }
  HOLDFAST_RETURN_IF_ERROR(CheckBody(*type, reader));
  if (!reader.AtEnd()) return Refused(*type, "bytes after the end");
  return std::string(*type);
}

absl::StatusOr<AuthorizedKey> ParseAuthorizedKey(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) {
    line.remove_suffix(1);
  }
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  HOLDFAST_RETURN_IF_ERROR(CheckLine(line));
  const std::string_view type = TakeWord(line);
  const std::string_view base64 = TakeWord(line);
  const std::string_view comment = line;
  const std::optional<std::string> bytes = Base64Decode(base64);
  // Encoded again it must be the same text: the decoder is lenient, the key must have one form.
  if (base64.empty() || !bytes.has_value() || Base64Encode(*bytes) != base64) {
    return absl::InvalidArgumentError(
        "public key: expected a type, its base64 and a comment; options in front are not "
        "supported");
  }
  HOLDFAST_ASSIGN_OR_RETURN(std::string inner_type, CheckPublicKey(*bytes));
  if (inner_type != type) {
    return absl::InvalidArgumentError(
        fmt::format("public key: the type in front is not the one inside, {}", inner_type));
  }
  if (comment.size() > limits::kNameCharsMax) {
    return absl::InvalidArgumentError(
        fmt::format("public key: expected a comment of at most {} bytes, got {}",
                    limits::kNameCharsMax, comment.size()));
  }
  return AuthorizedKey{.type = std::move(inner_type),
                       .public_key = *bytes,
                       .fingerprint = SshFingerprint(*bytes),
                       .comment = std::string(comment)};
}

std::string SshFingerprint(std::string_view public_key) {
  std::string base64 = Base64Encode(AsText(Sha256({public_key})));
  while (base64.ends_with('=')) base64.pop_back();
  return "SHA256:" + base64;
}

std::string SshPublicText(std::string_view type, std::string_view public_key) {
  return fmt::format("{} {}", type, Base64Encode(public_key));
}

}  // namespace holdfast::crypto

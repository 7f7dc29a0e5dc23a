// The recovery key of seal.h.
#include <optional>
#include <string>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/envelope.h"
#include "server/crypto/fields.h"
#include "server/crypto/hash.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/crypto/seal.h"

namespace holdfast::crypto {
namespace {

constexpr size_t kRecoveryKeyBytes = 32;
constexpr size_t kChecksumBytes = 3;
constexpr size_t kCharacters = (kRecoveryKeyBytes + kChecksumBytes) * 8 / 5;  // 56
constexpr size_t kGroupCharacters = 4;
constexpr std::string_view kPrefix = "HFR1";
// RFC 4648 base32: no 0, 1, 8, 9, which are read as letters.
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kRecoveryLabel = "holdfast recovery 1";

// Against mistakes in copying only; what it opens proves the key.
std::string Checksum(std::string_view key) {
  const Digest digest = Sha256({Fields("holdfast recovery checksum 1").bytes(), key});
  return std::string(AsText(digest).substr(0, kChecksumBytes));
}

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// The characters that count, in upper case.
std::string Letters(std::string_view text) {
  std::string letters;
  letters.reserve(text.size());
  for (const char c : text) {
    if (c != '-' && c != ' ' && c != '\t' && c != '\r' && c != '\n') letters += Upper(c);
  }
  return letters;
}

absl::StatusOr<SecretBytes> Decode(const SecretBytes& recovery_key) {
  std::string letters = Letters(recovery_key.RevealText(Purpose::kDecrypt));
  const TextWiper wipe_letters(letters);
  if (letters.compare(0, kPrefix.size(), kPrefix) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("recovery key: expected it to begin with {}-", kPrefix));
  }
  if (letters.size() != kPrefix.size() + kCharacters) {
    return absl::InvalidArgumentError(
        fmt::format("recovery key: expected {} characters after {}-, got {}", kCharacters, kPrefix,
                    letters.size() - kPrefix.size()));
  }
  std::string bytes;
  bytes.reserve(kRecoveryKeyBytes + kChecksumBytes);
  const TextWiper wipe_bytes(bytes);
  uint32_t bits = 0;
  int bit_count = 0;
  for (size_t i = kPrefix.size(); i < letters.size(); ++i) {
    const size_t value = kAlphabet.find(letters[i]);
    if (value == std::string_view::npos) {
      return absl::InvalidArgumentError(
          fmt::format("recovery key: character {} after {}- is not one of A-Z and 2-7",
                      i - kPrefix.size() + 1, kPrefix));
    }
    bits = bits << 5 | static_cast<uint32_t>(value);
    bit_count += 5;
    if (bit_count >= 8) {
      bit_count -= 8;
      bytes += static_cast<char>(bits >> bit_count);
      bits &= (1u << bit_count) - 1;
    }
  }
  const std::string_view key = std::string_view(bytes).substr(0, kRecoveryKeyBytes);
  if (!ConstantTimeEquals(Checksum(key), std::string_view(bytes).substr(kRecoveryKeyBytes))) {
    return absl::InvalidArgumentError("recovery key: the checksum does not fit: mistyped?");
  }
  return SecretBytes::CopyOf(key);
}

}  // namespace

SecretBytes NewRecoveryKey() {
  const SecretBytes key = RandomSecret(kRecoveryKeyBytes);
  std::string bytes;
  bytes.reserve(kRecoveryKeyBytes + kChecksumBytes);
  const TextWiper wipe_bytes(bytes);
  bytes.append(key.RevealText(Purpose::kWriteOnceToFile));
  bytes.append(Checksum(key.RevealText(Purpose::kWriteOnceToFile)));
  std::string text;
  text.reserve(kPrefix.size() + kCharacters + kCharacters / kGroupCharacters);
  text.append(kPrefix);
  for (size_t i = 0; i < kCharacters; ++i) {
    if (i % kGroupCharacters == 0) text += '-';
    const size_t bit = i * 5;  // 5 bits from here, which may lie in two bytes
    const uint32_t first = static_cast<uint8_t>(bytes[bit / 8]);
    const uint32_t second =
        bit / 8 + 1 < bytes.size() ? static_cast<uint8_t>(bytes[bit / 8 + 1]) : 0;
    text += kAlphabet[(first << 8 | second) >> (11 - bit % 8) & 31];
  }
  return SecretBytes::TakeFrom(text);
}

absl::StatusOr<std::string> RecoveryWrap(const SecretBytes& recovery_key,
                                         const SecretBytes& root_key, std::string_view cluster_id) {
  HOLDFAST_CHECK(root_key.size() == kRootKeyBytes);
  HOLDFAST_ASSIGN_OR_RETURN(const SecretBytes key, Decode(recovery_key));
  return SealEnvelope(key, kRecoveryLabel, {cluster_id}, root_key);
}

absl::StatusOr<SecretBytes> RecoveryUnwrap(const SecretBytes& recovery_key,
                                           std::string_view wrapped, std::string_view cluster_id) {
  HOLDFAST_ASSIGN_OR_RETURN(const SecretBytes key, Decode(recovery_key));
  HOLDFAST_ASSIGN_OR_RETURN(
      const Envelope envelope,
      ParseEnvelope(wrapped, kRecoveryLabel, /*bound_to_count=*/1, "wrapped root key"));
  if (envelope.bound_to[0] != cluster_id) {
    return absl::FailedPreconditionError(
        fmt::format("wrapped root key: expected that of cluster '{}', got that of cluster '{}'",
                    cluster_id, envelope.bound_to[0]));
  }
  auto root_key = OpenEnvelope(envelope, key, kRecoveryLabel);
  if (!root_key.ok() || root_key->size() != kRootKeyBytes) {
    return absl::DataLossError(
        "the root key does not open with this recovery key: not the key that wrapped it, or "
        "changed "
        "bytes");
  }
  return root_key;
}

}  // namespace holdfast::crypto

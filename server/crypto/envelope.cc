#include "server/crypto/envelope.h"

#include <optional>

#include "fmt/format.h"
#include "server/crypto/aead.h"
#include "server/crypto/fields.h"
#include "server/crypto/hash.h"

namespace holdfast::crypto {
namespace {

template <typename Texts>
Fields Bound(std::string_view label, const Texts& bound_to) {
  Fields fields(label);
  for (const auto& text : bound_to) fields.Text(text);
  return fields;
}

Aead KeyFor(const SecretBytes& key, std::string_view label) {
  return Aead(
      HkdfSha256(key, Fields("holdfast key envelope 1").Text(label).bytes(), kAeadKeyBytes));
}

}  // namespace

std::string SealEnvelope(const SecretBytes& key, std::string_view label,
                         absl::Span<const std::string_view> bound_to, const SecretBytes& secret) {
  Fields fields = Bound(label, bound_to);
  const AeadBox box = KeyFor(key, label).Seal(secret, fields.bytes());
  return fields.Text(box.nonce).Text(box.ciphertext).bytes();
}

absl::StatusOr<Envelope> ParseEnvelope(std::string_view bytes, std::string_view label,
                                       size_t bound_to_count, std::string_view what) {
  FieldReader reader(bytes);
  if (reader.Text() != label) {
    return absl::DataLossError(
        fmt::format("{}: expected it to begin with '{}': not such a file, damaged, or written by "
                    "another version",
                    what, label));
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < bound_to_count + 2; ++i) {
    const std::optional<std::string_view> text = reader.Text();
    if (!text.has_value()) {
      return absl::DataLossError(
          fmt::format("{}: cut short: expected {} fields, got {}", what, bound_to_count + 2, i));
    }
    texts.emplace_back(*text);
  }
  if (!reader.AtEnd()) {
    return absl::DataLossError(fmt::format("{}: bytes after the end", what));
  }
  Envelope envelope;
  envelope.ciphertext = std::move(texts.back());
  texts.pop_back();
  envelope.nonce = std::move(texts.back());
  texts.pop_back();
  envelope.bound_to = std::move(texts);
  return envelope;
}

absl::StatusOr<SecretBytes> OpenEnvelope(const Envelope& envelope, const SecretBytes& key,
                                         std::string_view label) {
  return KeyFor(key, label)
      .Open(envelope.nonce, envelope.ciphertext, Bound(label, envelope.bound_to).bytes());
}

}  // namespace holdfast::crypto

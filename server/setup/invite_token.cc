#include "server/setup/invite_token.h"

#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/crypto/fields.h"
#include "server/crypto/hash.h"

namespace holdfast::setup {
namespace {

constexpr std::string_view kPrefix = "HFJ1-";
constexpr size_t kChecksumBytes = 4;
constexpr size_t kFingerprintDigits = 64;
constexpr size_t kUrlBytesMax = 300;
constexpr size_t kInviteSecretBytesMax = 256;

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Against typing errors and cut ends, nothing more: what is inside proves itself to the primary.
std::string Checksum(std::string_view bytes) {
  return std::string(AsText(crypto::Sha256({kPrefix, bytes})).substr(0, kChecksumBytes));
}

absl::Status Check(const InviteToken& token) {
  HOLDFAST_RETURN_IF_ERROR(crypto::CheckIdentifier(token.cluster_id, "cluster id"));
  HOLDFAST_RETURN_IF_ERROR(crypto::CheckIdentifier(token.node_id, "node id"));
  const std::optional<std::string> digest = HexDecode(token.authority_fingerprint);
  if (token.authority_fingerprint.size() != kFingerprintDigits || !digest.has_value()) {
    return absl::InvalidArgumentError("invitation: expected a fingerprint of 64 hex digits");
  }
  if (token.urls.empty() || token.urls.size() > kInviteUrlsMax) {
    return absl::InvalidArgumentError(fmt::format("invitation: expected 1 to {} addresses, got {}",
                                                  kInviteUrlsMax, token.urls.size()));
  }
  for (const std::string& url : token.urls) {
    if (!url.starts_with("https://") || url.size() > kUrlBytesMax) {
      return absl::InvalidArgumentError("invitation: expected https addresses");
    }
  }
  if (token.secret.empty() || token.secret.size() > kInviteSecretBytesMax) {
    return absl::InvalidArgumentError("invitation: no secret in it");
  }
  return absl::OkStatus();
}

absl::Status NoInvitation(std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("not an invitation: {}; `holdfast node invite` on the cluster makes one", why));
}

// False when the bytes do not have the form.
bool ReadFields(std::string_view bytes, InviteToken& token) {
  crypto::FieldReader reader(bytes);
  const auto cluster = reader.Text();
  const auto node = reader.Text();
  const auto fingerprint = reader.Text();
  const auto count = reader.U32();
  if (!cluster || !node || !fingerprint || !count || *count > kInviteUrlsMax) return false;
  token.cluster_id = *cluster;
  token.node_id = *node;
  token.authority_fingerprint = *fingerprint;
  for (uint32_t i = 0; i < *count; ++i) {
    const auto url = reader.Text();
    if (!url) return false;
    token.urls.emplace_back(*url);
  }
  const auto secret = reader.Text();
  if (!secret || !reader.AtEnd()) return false;
  token.secret = SecretBytes::CopyOf(*secret);
  return true;
}

}  // namespace

absl::StatusOr<SecretBytes> EncodeInviteToken(const InviteToken& token) {
  HOLDFAST_RETURN_IF_ERROR(Check(token));
  crypto::Fields fields;
  fields.Text(token.cluster_id).Text(token.node_id).Text(token.authority_fingerprint);
  fields.U32(static_cast<uint32_t>(token.urls.size()));
  for (const std::string& url : token.urls) fields.Text(url);
  fields.U32(static_cast<uint32_t>(token.secret.size()));
  // The secret itself does not go through Fields, which would leave it behind in memory.
  std::string bytes =
      fmt::format("{}{}", fields.bytes(), token.secret.RevealText(Purpose::kWriteOnceToFile));
  TextWiper wipe_bytes(bytes);
  bytes += Checksum(bytes);
  std::string encoded = Base64UrlEncode(bytes);
  TextWiper wipe_encoded(encoded);
  std::string text = fmt::format("{}{}", kPrefix, encoded);
  return SecretBytes::TakeFrom(text);
}

absl::StatusOr<InviteToken> DecodeInviteToken(const SecretBytes& secret_text) {
  const std::string_view text = Trimmed(secret_text.RevealText(Purpose::kSendToMember));
  if (text.empty()) return NoInvitation("the text is empty");
  if (text.size() > kInviteTokenBytesMax) return NoInvitation("the text is too long");
  if (!text.starts_with(kPrefix)) {
    return NoInvitation(fmt::format("expected text that begins with {}", kPrefix));
  }
  std::optional<std::string> bytes = Base64UrlDecode(text.substr(kPrefix.size()));
  if (!bytes.has_value() || bytes->size() <= kChecksumBytes) {
    return NoInvitation("it was mistyped or cut short");
  }
  TextWiper wiper(*bytes);
  const std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - kChecksumBytes);
  InviteToken token;
  if (std::string_view(*bytes).substr(body.size()) != Checksum(body) || !ReadFields(body, token)) {
    return NoInvitation("it was mistyped or cut short");
  }
  HOLDFAST_RETURN_IF_ERROR(Check(token));
  return token;
}

}  // namespace holdfast::setup

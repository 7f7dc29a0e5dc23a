#include "server/vault/validate.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "fmt/format.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/utf8.h"
#include "server/vault/refusal.h"
#include "server/vault/source_address.h"

namespace holdfast::vault {
namespace {

constexpr size_t kShownBytesMax = 80;
constexpr size_t kNodeIdCharsMax = 63;
constexpr size_t kPublicKeyBytesMax = 8 * 1024;
constexpr size_t kSecretIdBytes = 16;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kFingerprintHexChars = 64;

absl::Status Invalid(std::string_view field, const std::string& what) {
  return Refuse(Refusal::kInvalidInput, fmt::format("{}: {}", field, what));
}

absl::Status Missing(std::string_view field) {
  return Refuse(Refusal::kMandatoryMissing, fmt::format("{} is mandatory and is empty", field));
}

bool IsIn(char c, char first, char last) { return c >= first && c <= last; }
bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool IsLineOrTab(char c) { return c == '\n' || c == '\r' || c == '\t'; }

// C0, DEL, and C1 (two bytes in UTF-8). `text` is UTF-8.
std::optional<size_t> FindControl(std::string_view text, bool lines_allowed) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsControl(text[i]) && !(lines_allowed && IsLineOrTab(text[i]))) return i;
    const bool is_c1 =
        text[i] == '\xc2' && i + 1 < text.size() && IsIn(text[i + 1], '\x80', '\x9f');
    if (is_c1) return i;
  }
  return std::nullopt;
}

absl::Status CheckChars(std::string_view field, std::string_view value, size_t chars_max,
                        bool lines_allowed) {
  // A character has at most four bytes: what is far too long is not even read.
  if (value.size() > 4 * chars_max) {
    return Invalid(field,
                   fmt::format("at most {} characters, {} bytes came", chars_max, value.size()));
  }
  const std::optional<size_t> chars = Utf8Chars(value);
  if (!chars.has_value()) return Invalid(field, "is not UTF-8");
  if (*chars > chars_max) {
    return Invalid(field, fmt::format("at most {} characters, {} came", chars_max, *chars));
  }
  if (const auto at = FindControl(value, lines_allowed); at.has_value()) {
    return Invalid(field, fmt::format("has a control character at byte {}", *at));
  }
  return absl::OkStatus();
}

// "host:port" or "[v6]:port".
absl::Status CheckHostPort(std::string_view field, std::string_view value) {
  HOLDFAST_RETURN_IF_ERROR(CheckName(field, value));
  const size_t colon = value.rfind(':');
  const std::string_view port =
      colon == std::string_view::npos ? std::string_view() : value.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() <= 5 &&
      std::all_of(port.begin(), port.end(), [](char c) { return IsIn(c, '0', '9'); });
  if (!digits || colon == 0 || value.find(' ') != std::string_view::npos) {
    return Invalid(field, fmt::format("expected host:port, got '{}'", Shown(value)));
  }
  return absl::OkStatus();
}

absl::Status CheckUrl(std::string_view field, std::string_view value, std::string_view scheme) {
  HOLDFAST_RETURN_IF_ERROR(CheckName(field, value));
  if (value.substr(0, scheme.size()) != scheme || value.size() == scheme.size() ||
      value.find(' ') != std::string_view::npos) {
    return Invalid(field, fmt::format("expected {}host:port, got '{}'", scheme, Shown(value)));
  }
  return absl::OkStatus();
}

using Field = std::pair<std::string_view, std::string_view>;

template <typename Fields>
absl::Status CheckLines(const Fields& fields) {
  for (const auto& [field, value] : fields) HOLDFAST_RETURN_IF_ERROR(CheckLine(field, value));
  return absl::OkStatus();
}

absl::Status CheckHostOf(const v1::UserRow& user) {
  HOLDFAST_RETURN_IF_ERROR(CheckLine("host name", user.host_name()));
  if (!user.host_check()) return absl::OkStatus();
  if (user.host_name().empty()) {
    return Refuse(Refusal::kMandatoryMissing, "host name is mandatory when the host is checked");
  }
  if (ParseNetwork(user.host_name()).has_value()) return absl::OkStatus();
  return Invalid("host name",
                 fmt::format("expected an address or a network (192.0.2.7, 192.0.2.0/24, "
                             "2001:db8::/32) because the host is checked, got '{}'; DNS names "
                             "cannot be checked yet",
                             Shown(user.host_name())));
}

}  // namespace

std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, kShownBytesMax));
  for (char& c : shown) {
    if (!IsIn(c, ' ', '~')) c = '?';
  }
  if (text.size() > kShownBytesMax) shown += "...";
  return shown;
}

absl::Status CheckLine(std::string_view field, std::string_view value) {
  return CheckChars(field, value, limits::kNameCharsMax, /*lines_allowed=*/false);
}

absl::Status CheckName(std::string_view field, std::string_view value) {
  if (value.empty()) return Missing(field);
  HOLDFAST_RETURN_IF_ERROR(CheckLine(field, value));
  if (value.front() == ' ' || value.back() == ' ') {
    return Invalid(field, fmt::format("'{}' begins or ends with a blank", Shown(value)));
  }
  return absl::OkStatus();
}

absl::Status CheckText(std::string_view field, std::string_view value, size_t chars_max) {
  return CheckChars(field, value, chars_max, /*lines_allowed=*/true);
}

absl::Status CheckNodeId(std::string_view field, std::string_view value) {
  if (value.empty()) return Missing(field);
  const bool is_label = value.size() <= kNodeIdCharsMax && value.front() != '-' &&
                        value.back() != '-' && std::all_of(value.begin(), value.end(), [](char c) {
                          return IsIn(c, 'a', 'z') || IsIn(c, '0', '9') || c == '-';
                        });
  if (is_label) return absl::OkStatus();
  return Invalid(field, fmt::format("expected at most {} of a-z, 0-9 and inner hyphens, got '{}'",
                                    kNodeIdCharsMax, Shown(value)));
}

absl::Status CheckUser(const v1::UserRow& user) {
  HOLDFAST_RETURN_IF_ERROR(CheckName("user name", user.name()));
  // An SSH login may be ORGANIZATION/name.
  if (user.name().find('/') != std::string::npos) {
    return Invalid("user name", fmt::format("'{}' has a '/'", Shown(user.name())));
  }
  const Field lines[] = {{"full name", user.full_name()},
                         {"email", user.email()},
                         {"department", user.department()},
                         {"location", user.location()}};
  HOLDFAST_RETURN_IF_ERROR(CheckLines(lines));
  if (user.role() == v1::ROLE_UNSPECIFIED) return Missing("role");
  if (!v1::Role_IsValid(user.role())) return Invalid("role", "is not one that is known");
  if (user.super_administrator() && user.role() == v1::ROLE_PASSWORD_USER) {
    return Invalid("role", "a Password User cannot be a super administrator");
  }
  return CheckHostOf(user);
}

absl::Status CheckResource(const v1::ResourceRow& resource) {
  HOLDFAST_RETURN_IF_ERROR(CheckName("resource name", resource.name()));
  const Field lines[] = {
      {"resource type", resource.type()},      {"DNS name", resource.dns_name()},
      {"domain name", resource.domain_name()}, {"department", resource.department()},
      {"location", resource.location()},       {"password policy", resource.password_policy()}};
  HOLDFAST_RETURN_IF_ERROR(CheckLines(lines));
  HOLDFAST_RETURN_IF_ERROR(CheckText("description", resource.description(), limits::kTextCharsMax));
  HOLDFAST_RETURN_IF_ERROR(
      CheckChars("URL", resource.url(), limits::kTextCharsMax, /*lines_allowed=*/false));
  return CheckText("custom fields", resource.custom_fields(), limits::kCustomFieldsCharsMax);
}

absl::Status CheckAccount(const v1::AccountRow& account) {
  HOLDFAST_RETURN_IF_ERROR(CheckName("account name", account.name()));
  HOLDFAST_RETURN_IF_ERROR(CheckText("notes", account.notes(), limits::kTextCharsMax));
  HOLDFAST_RETURN_IF_ERROR(CheckLine("password policy", account.password_policy()));
  HOLDFAST_RETURN_IF_ERROR(
      CheckText("custom fields", account.custom_fields(), limits::kCustomFieldsCharsMax));
  if (!account.has_secret()) return Missing("secret");
  return CheckSealed("secret", account.secret());
}

absl::Status CheckMember(const v1::MemberRow& member) {
  HOLDFAST_RETURN_IF_ERROR(CheckNodeId("node id", member.node_id()));
  HOLDFAST_RETURN_IF_ERROR(CheckUrl("REST URL", member.rest_url(), "https://"));
  HOLDFAST_RETURN_IF_ERROR(CheckHostPort("SSH address", member.ssh_address()));
  HOLDFAST_RETURN_IF_ERROR(CheckHostPort("peer address", member.peer_address()));
  if (!member.health_url().empty()) {
    HOLDFAST_RETURN_IF_ERROR(CheckUrl("health URL", member.health_url(), "http://"));
  }
  const std::string& print = member.fingerprint();
  const bool is_hex = print.size() == kFingerprintHexChars &&
                      std::all_of(print.begin(), print.end(),
                                  [](char c) { return IsIn(c, '0', '9') || IsIn(c, 'a', 'f'); });
  if (is_hex) return absl::OkStatus();
  return Invalid("fingerprint", fmt::format("expected {} digits of lower-case hex, {} bytes came",
                                            kFingerprintHexChars, print.size()));
}

absl::Status CheckSealed(std::string_view field, const v1::SealedSecret& secret) {
  const size_t sealed = secret.ciphertext().size();
  if (sealed > limits::kSecretBytesMax + kTagBytes) {
    return Refuse(Refusal::kLimitReached, fmt::format("{}: at most {} bytes, {} came", field,
                                                      limits::kSecretBytesMax, sealed - kTagBytes));
  }
  if (secret.id().size() != kSecretIdBytes || secret.nonce().size() != kNonceBytes ||
      secret.generation() == 0 || sealed < kTagBytes) {
    return Invalid(field, "is not a sealed secret");
  }
  return absl::OkStatus();
}

bool IsRequestKey(std::string_view text) {
  return !text.empty() && text.size() <= kRequestKeyCharsMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

absl::Status CheckRequestKey(const RequestKey& key, int64_t now_ms) {
  if (!IsRequestKey(key.key)) {
    return Invalid("idempotency key",
                   fmt::format("expected 1 to {} visible ASCII characters, got {} bytes",
                               kRequestKeyCharsMax, key.key.size()));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckHash("idempotency key", key.digest));
  return CheckExpiry(key.expires_ms, now_ms);
}

absl::Status CheckHash(std::string_view field, std::string_view hash) {
  if (hash.size() == kHashBytes) return absl::OkStatus();
  return Invalid(field,
                 fmt::format("expected a hash of {} bytes, {} came", kHashBytes, hash.size()));
}

absl::Status CheckExpiry(int64_t expires_ms, int64_t now_ms) {
  if (expires_ms > now_ms) return absl::OkStatus();
  return Invalid("expiry", fmt::format("must be after now ({} ms), got {} ms", now_ms, expires_ms));
}

absl::Status CheckToken(const NewToken& token, int64_t now_ms) {
  HOLDFAST_RETURN_IF_ERROR(CheckHash("token", token.hash));
  return token.expires_ms == 0 ? absl::OkStatus() : CheckExpiry(token.expires_ms, now_ms);
}

absl::Status CheckSshKey(const NewSshKey& key) {
  HOLDFAST_RETURN_IF_ERROR(CheckName("key type", key.type));
  HOLDFAST_RETURN_IF_ERROR(CheckName("key fingerprint", key.fingerprint));
  HOLDFAST_RETURN_IF_ERROR(CheckLine("key comment", key.comment));
  if (key.public_key.empty()) return Missing("public key");
  if (key.public_key.size() <= kPublicKeyBytesMax) return absl::OkStatus();
  return Invalid("public key", fmt::format("at most {} bytes, {} came", kPublicKeyBytesMax,
                                           key.public_key.size()));
}

absl::Status CheckSettings(const SetSettings& settings, size_t others) {
  if (settings.level == v1::LEVEL_UNSPECIFIED) return Missing("level");
  if (settings.policy == v1::POLICY_UNSPECIFIED) return Missing("policy");
  if (!v1::Level_IsValid(settings.level)) return Invalid("level", "is not one that is known");
  if (!v1::Policy_IsValid(settings.policy)) return Invalid("policy", "is not one that is known");
  const uint32_t wait_ms = settings.wait_ms.value_or(0);
  if (wait_ms != 0 && (wait_ms < kWaitMsLeast || wait_ms > kWaitMsMost)) {
    return Invalid("wait_ms", fmt::format("expected 0 (the default) or {} to {}, got {}",
                                          kWaitMsLeast, kWaitMsMost, wait_ms));
  }
  const bool waits = settings.level != v1::LEVEL_LOCAL;
  if (!waits && settings.k != 0) {
    return Invalid("k", fmt::format("must be 0 with the level local, got {}", settings.k));
  }
  if (waits && settings.k == 0) {
    return Invalid("k", "must be at least 1 with the levels received, durable and applied, got 0");
  }
  if (settings.k <= others) return absl::OkStatus();
  return Invalid("k", fmt::format("at most the number of other voting members, {}, got {}", others,
                                  settings.k));
}

}  // namespace holdfast::vault

#include "api/ssh/host_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"

namespace holdfast::ssh {
namespace {

// Finite-field groups cost too much for a stranger to ask for; CBC, SHA-1 and DSA are old.
constexpr char kKeyExchange[] = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256";
constexpr char kCiphers[] =
    "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com";
constexpr char kMacs[] = "hmac-sha2-256-etm@openssh.com";
constexpr char kUserKeys[] =
    "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
    "rsa-sha2-512,rsa-sha2-256";

absl::Status Set(ssh_bind bind, ssh_bind_options_e option, const void* value, const char* name) {
  if (ssh_bind_options_set(bind, option, value) == SSH_OK) return absl::OkStatus();
  return absl::InternalError(fmt::format("libssh does not take {}: {}", name, ssh_get_error(bind)));
}

absl::StatusOr<KeyPtr> ImportOne(const HostKey& key) {
  // The library wants a terminated text.
  std::string text(key.private_key.RevealText(Purpose::kHostKey));
  TextWiper wipe(text);
  ssh_key raw = nullptr;
  if (ssh_pki_import_privkey_base64(text.c_str(), nullptr, nullptr, nullptr, &raw) != SSH_OK) {
    return absl::InvalidArgumentError(fmt::format("the {} host key cannot be read", key.type));
  }
  KeyPtr imported(raw);
  const char* const name = ssh_key_type_to_char(ssh_key_type(raw));
  const std::string type = name == nullptr ? "unknown" : name;
  if (key.type != type) {
    return absl::InvalidArgumentError(
        fmt::format("expected a host key of type {}, got {}", key.type, type));
  }
  return imported;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const HostKeys>> HostKeys::Import(absl::Span<const HostKey> keys) {
  auto imported = std::make_shared<HostKeys>();
  std::vector<std::string> types;
  for (const HostKey& key : keys) {
    if (std::find(types.begin(), types.end(), key.type) != types.end()) {
      return absl::InvalidArgumentError(
          fmt::format("expected one host key of type {}, got two", key.type));
    }
    types.push_back(key.type);
    HOLDFAST_ASSIGN_OR_RETURN(KeyPtr one, ImportOne(key));
    imported->keys_.push_back(std::move(one));
  }
  if (imported->keys_.empty()) return absl::InvalidArgumentError("there is no host key");
  HOLDFAST_RETURN_IF_ERROR(imported->MakeBind().status());
  return std::shared_ptr<const HostKeys>(std::move(imported));
}

absl::StatusOr<BindPtr> HostKeys::MakeBind() const {
  BindPtr bind(ssh_bind_new());
  if (bind == nullptr) return absl::ResourceExhaustedError("libssh has no memory for a bind");
  const bool config = false;  // The machine's sshd configuration is not ours.
  const struct {
    ssh_bind_options_e option;
    const void* value;
    const char* name;
  } options[] = {
      {SSH_BIND_OPTIONS_PROCESS_CONFIG, &config, "process-config"},
      {SSH_BIND_OPTIONS_BANNER, "Holdfast", "banner"},
      {SSH_BIND_OPTIONS_KEY_EXCHANGE, kKeyExchange, "key exchange"},
      {SSH_BIND_OPTIONS_CIPHERS_C_S, kCiphers, "ciphers"},
      {SSH_BIND_OPTIONS_CIPHERS_S_C, kCiphers, "ciphers"},
      {SSH_BIND_OPTIONS_HMAC_C_S, kMacs, "MACs"},
      {SSH_BIND_OPTIONS_HMAC_S_C, kMacs, "MACs"},
      {SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, kUserKeys, "user key types"},
  };
  for (const auto& row : options) {
    HOLDFAST_RETURN_IF_ERROR(Set(bind.get(), row.option, row.value, row.name));
  }
  for (const KeyPtr& key : keys_) {
    // The bind takes the copy over, and keeps one of each type.
    KeyPtr copy(ssh_key_dup(key.get()));
    if (copy == nullptr) return absl::ResourceExhaustedError("libssh cannot copy a host key");
    HOLDFAST_RETURN_IF_ERROR(
        Set(bind.get(), SSH_BIND_OPTIONS_IMPORT_KEY, copy.get(), "a host key"));
    copy.release();
  }
  return bind;
}

}  // namespace holdfast::ssh

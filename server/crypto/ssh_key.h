#ifndef HOLDFAST_SERVER_CRYPTO_SSH_KEY_H_
#define HOLDFAST_SERVER_CRYPTO_SSH_KEY_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

// SSH keys as bytes and text; signatures are the SSH library's. Thread-safe.
inline constexpr std::string_view kSshEd25519 = "ssh-ed25519";
inline constexpr std::string_view kSshSkEd25519 = "sk-ssh-ed25519@openssh.com";
inline constexpr std::string_view kSshP256 = "ecdsa-sha2-nistp256";
inline constexpr std::string_view kSshP384 = "ecdsa-sha2-nistp384";
inline constexpr std::string_view kSshRsa = "ssh-rsa";

inline constexpr size_t kAuthorizedKeyLineMax = 8 * 1024;
inline constexpr int kRsaBitsMin = 2048;
inline constexpr int kRsaBitsMax = 8192;

struct SshHostKey {
  std::string type;
  std::string public_key;   // SSH wire form, RFC 4253 section 6.6
  SecretBytes private_key;  // text in OpenSSH's form, without passphrase
};
// kSshEd25519 or kSshP256.
absl::StatusOr<SshHostKey> GenerateHostKey(std::string_view type, std::string_view comment);

struct AuthorizedKey {
  std::string type;
  std::string public_key;  // SSH wire form
  std::string fingerprint;
  std::string comment;
};
// A line as `ssh-keygen` writes it into a .pub file: type, base64, comment. One key, no options.
// INVALID_ARGUMENT says what is wrong; a private key pasted by mistake is never repeated.
absl::StatusOr<AuthorizedKey> ParseAuthorizedKey(std::string_view line);

// That these bytes are a key of one of the five types in their one canonical form, and strong
// enough. Gives the type.
absl::StatusOr<std::string> CheckPublicKey(std::string_view public_key);

std::string SshFingerprint(std::string_view public_key);  // SHA256:<base64 without padding>
// "<type> <base64>": for known_hosts and authorized_keys. Of a key that was checked.
std::string SshPublicText(std::string_view type, std::string_view public_key);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_SSH_KEY_H_

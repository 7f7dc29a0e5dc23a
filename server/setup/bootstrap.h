#ifndef HOLDFAST_SERVER_SETUP_BOOTSTRAP_H_
#define HOLDFAST_SERVER_SETUP_BOOTSTRAP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "holdfast/v1/rows.pb.h"
#include "server/base/secret_bytes.h"
#include "server/crypto/certificate.h"
#include "server/crypto/key_ring.h"
#include "server/vault/command.h"

namespace holdfast::setup {

inline constexpr char kFirstUser[] = "admin";

struct BootstrapTerms {
  std::string cluster_name;
  const crypto::CertificateAuthority& authority;
  v1::MemberRow member;  // without joined_ms
  const SecretBytes& admin_token;
  int64_t now_ms = 0;
};

// The first rows of a cluster: itself, its data keys, one organization, one member, the user
// `admin`, the SSH server's defaults and host keys. Loads the new data keys into `keys`.
absl::StatusOr<vault::Bootstrap> MakeBootstrap(const BootstrapTerms& terms, crypto::KeyRing& keys);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_BOOTSTRAP_H_

#ifndef HOLDFAST_SERVER_SETUP_IDENTITY_H_
#define HOLDFAST_SERVER_SETUP_IDENTITY_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/secret_bytes.h"
#include "server/setup/config.h"

namespace holdfast::setup {

// Who a node is, read from its folder and opened by its seal: what holdfastd starts from.
struct Identity {
  std::string cluster_id;
  std::string node_id;
  SecretBytes root_key;
  std::string authority_pem;
  std::string certificate_pem;
  SecretBytes certificate_key_pem;
};

// Checks that the folder was finished, that seal, certificate and configuration name the same node,
// that the key belongs to the certificate and the certificate to the authority. FAILED_PRECONDITION
// names what does not fit, and what to do.
absl::StatusOr<Identity> LoadIdentity(const Config& config, WallTime now);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_IDENTITY_H_

#ifndef HOLDFAST_SERVER_SETUP_INIT_H_
#define HOLDFAST_SERVER_SETUP_INIT_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/secret_bytes.h"
#include "server/setup/config_file.h"

namespace holdfast::setup {

struct InitOptions {
  ConfigFile config;  // node.data is the folder that is made; a fresh file is written
  std::string cluster_name;
  std::string admin_token_file;   // made, 0600
  std::string recovery_key_file;  // made, 0600; empty: the key is in the result
};

struct InitResult {
  std::string cluster_id;
  std::string authority_fingerprint;
  SecretBytes recovery_key;  // empty when it was written to a file
};

// Makes a cluster of one node: keys, seal, authority, certificate, host keys, the user `admin`, and
// the first records of the log, written by the same ledger that runs later. All or nothing: when it
// fails, none of its files is left. ALREADY_EXISTS rather than replacing any of them.
absl::StatusOr<InitResult> Init(const InitOptions& options, const Clock& clock);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_INIT_H_

#ifndef HOLDFAST_SERVER_SETUP_CONFIG_FILE_H_
#define HOLDFAST_SERVER_SETUP_CONFIG_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/setup/config.h"

namespace holdfast::setup {

struct ConfigFile {
  std::string path;
  Config config;
  bool fresh = false;  // it is not there yet; `config` has the defaults
};

// What init and join work by. The file that is there must name this folder as node.data, and this
// node as node.id unless `node_id` is empty; a new one is given both. INVALID_ARGUMENT names both
// values that do not fit.
absl::StatusOr<ConfigFile> FindConfig(const std::string& path, const std::string& data,
                                      const std::string& node_id);

// What this release can make a node of. UNIMPLEMENTED names the key.
absl::Status CheckSupported(const Config& config);

// Writes a fresh one; nothing when it was there.
absl::Status WriteConfig(const ConfigFile& file);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_CONFIG_FILE_H_

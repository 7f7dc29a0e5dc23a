#include "server/setup/config_file.h"

#include <fmt/format.h>

#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/crypto/seal.h"
#include "server/setup/node_folder.h"

namespace holdfast::setup {
namespace {

constexpr char kDefaultNodeId[] = "node1";

absl::Status CheckSame(const std::string& path, std::string_view key, const std::string& in_file,
                       std::string_view option, const std::string& given) {
  if (in_file == given) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: {} is \"{}\", but {} \"{}\"; make them the same, or name another file with "
                  "--config",
                  path, key, in_file, option, given));
}

}  // namespace

absl::StatusOr<ConfigFile> FindConfig(const std::string& path, const std::string& data,
                                      const std::string& node_id) {
  ConfigFile file{.path = path};
  if (FileExists(path)) {
    HOLDFAST_ASSIGN_OR_RETURN(file.config, LoadConfig(path));
    HOLDFAST_RETURN_IF_ERROR(
        CheckSame(path, "node.data", file.config.node.data, "--data is", data));
    if (!node_id.empty()) {
      HOLDFAST_RETURN_IF_ERROR(
          CheckSame(path, "node.id", file.config.node.id, "this node is to be", node_id));
    }
  } else {
    file.fresh = true;
    file.config.node.data = data;
    file.config.node.id = node_id.empty() ? kDefaultNodeId : node_id;
    // Through the parser, so that one set of rules holds for what is written and what is read.
    HOLDFAST_ASSIGN_OR_RETURN(file.config, ParseConfig(RenderConfig(file.config), path));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckSupported(file.config));
  return file;
}

absl::Status CheckSupported(const Config& config) {
  if (!config.seal.key_file.empty() &&
      config.seal.key_file != PathIn(config.node.data, crypto::kSealKeyFile)) {
    return absl::UnimplementedError(
        fmt::format("seal.key_file = \"{}\": another place than the node's folder is not available "
                    "yet; leave the key out",
                    config.seal.key_file));
  }
  return absl::OkStatus();
}

absl::Status WriteConfig(const ConfigFile& file) {
  return file.fresh ? WriteFileOnce(file.path, RenderConfig(file.config), 0644) : absl::OkStatus();
}

}  // namespace holdfast::setup

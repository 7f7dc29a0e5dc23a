#ifndef HOLDFAST_SERVER_SETUP_MADE_FILES_H_
#define HOLDFAST_SERVER_SETUP_MADE_FILES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/base/secret_bytes.h"

namespace holdfast::setup {

// Files outside the node's folder that init and join make.
//
// Ownership   Removes them unless Keep was called.
// Threading   Thread-compatible.
class MadeFiles {
 public:
  MadeFiles() = default;
  MadeFiles(const MadeFiles&) = delete;
  MadeFiles& operator=(const MadeFiles&) = delete;
  ~MadeFiles();

  // The text and a line feed, 0600. ALREADY_EXISTS rather than replacing.
  absl::Status WriteSecret(const std::string& path, const SecretBytes& secret);
  void Add(const std::string& path) { paths_.push_back(path); }
  void Keep() { paths_.clear(); }

 private:
  std::vector<std::string> paths_;
};

// ALREADY_EXISTS when it is there: told before anything is made.
absl::Status CheckAbsent(const std::string& path, std::string_view what);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_MADE_FILES_H_

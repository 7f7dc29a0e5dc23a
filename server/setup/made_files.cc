#include "server/setup/made_files.h"

#include <fmt/format.h>

#include <filesystem>

#include "server/base/file.h"
#include "server/base/status_macros.h"

namespace holdfast::setup {

MadeFiles::~MadeFiles() {
  std::error_code ignored;
  for (const std::string& path : paths_) std::filesystem::remove(path, ignored);
}

absl::Status MadeFiles::WriteSecret(const std::string& path, const SecretBytes& secret) {
  std::string line = fmt::format("{}\n", secret.RevealText(Purpose::kWriteOnceToFile));
  TextWiper wiper(line);
  HOLDFAST_RETURN_IF_ERROR(WriteFileOnce(path, line, 0600));
  Add(path);
  return absl::OkStatus();
}

absl::Status CheckAbsent(const std::string& path, std::string_view what) {
  if (!FileExists(path)) return absl::OkStatus();
  return absl::AlreadyExistsError(fmt::format(
      "{}: the {} is written once and never over a file; name another one, or move it away", path,
      what));
}

}  // namespace holdfast::setup

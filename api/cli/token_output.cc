#include "api/cli/token_output.h"

#include <fmt/format.h>

#include "api/cli/print.h"
#include "api/cli/session.h"
#include "server/base/file.h"
#include "server/base/secret_bytes.h"
#include "server/base/status_macros.h"

namespace holdfast::cli {

absl::Status CheckTokenFile(const std::string& file) {
  if (file.empty() || !FileExists(file)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      fmt::format("{}: a token never replaces a file; name another one, or remove it", file));
}

absl::Status WriteTokenFile(const std::string& file, const boost::json::object& object) {
  std::string line = TextIn(object, "token");
  TextWiper wiper(line);
  if (line.empty()) return absl::InternalError("the answer holds no token");
  line += '\n';
  return WriteFileOnce(file, line, 0600);
}

absl::Status PutToken(const Context& context, const std::string& file, std::string_view noun,
                      const boost::json::object& object) {
  if (!file.empty()) {
    HOLDFAST_RETURN_IF_ERROR(WriteTokenFile(file, object));
    return PrintDone(context, fmt::format("the {} is in {}", noun, file));
  }
  if (context.json()) {
    boost::json::object all;
    all[boost::json::string_view(noun.data(), noun.size())] = object;
    return PrintJson(context, noun, all);
  }
  std::string line = TextIn(object, "token") + "\n";
  TextWiper wiper(line);
  return WriteOut(context, line);
}

}  // namespace holdfast::cli

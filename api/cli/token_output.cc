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

absl::Status PutToken(const Context& context, const std::string& file, std::string_view noun,
                      const boost::json::object& object) {
  std::string text = TextIn(object, "token");
  TextWiper wipe_text(text);
  if (text.empty()) return absl::InternalError("the answer holds no token");
  if (file.empty() && context.json()) {
    boost::json::object all;
    all[boost::json::string_view(noun.data(), noun.size())] = object;
    return PrintJson(context, noun, all);
  }
  std::string line = text + "\n";
  TextWiper wipe_line(line);
  if (file.empty()) return WriteOut(context, line);
  HOLDFAST_RETURN_IF_ERROR(WriteFileOnce(file, line, 0600));
  return PrintDone(context, fmt::format("the {} is in {}", noun, file));
}

}  // namespace holdfast::cli

#include "server/crypto/openssl_handles.h"

#include <string>

#include "fmt/format.h"

namespace holdfast::crypto {

absl::Status OpensslError(absl::StatusCode code, std::string_view what) {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  if (reason == nullptr) return absl::Status(code, std::string(what));
  return absl::Status(code, fmt::format("{}: {}", what, reason));
}

}  // namespace holdfast::crypto

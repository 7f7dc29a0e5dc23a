#ifndef HOLDFAST_API_NATIVE_PARAMETERS_H_
#define HOLDFAST_API_NATIVE_PARAMETERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/http/request.h"
#include "server/base/limits.h"
#include "server/vault/listing.h"

namespace holdfast::native {

// The number in a path: 1 .. 2^63 - 1, digits only.
absl::StatusOr<uint64_t> PathId(const http::Request& request, std::string_view capture);

// The parameters behind the question mark, read one by one; the rules of Fields. A parameter given
// twice is refused.
//
// Ownership   Borrows the request.
class Parameters {
 public:
  explicit Parameters(const http::Request& request);

  std::string Text(std::string_view name, size_t chars_max = limits::kTextCharsMax);
  uint64_t Number(std::string_view name, uint64_t fallback, uint64_t min, uint64_t max);
  vault::Page Page();  // limit, offset

  void Fail(absl::Status why);
  absl::Status Done() const;

 private:
  const std::string* Take(std::string_view name);

  const http::Request& request_;
  std::vector<std::string_view> read_;
  absl::Status first_;
};

// That nothing stands behind the question mark.
absl::Status NoParameters(const http::Request& request);

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_PARAMETERS_H_

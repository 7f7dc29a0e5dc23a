#ifndef HOLDFAST_API_NATIVE_FIELDS_H_
#define HOLDFAST_API_NATIVE_FIELDS_H_

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/limits.h"
#include "server/base/secret_bytes.h"
#include "server/vault/refusal.h"

namespace holdfast::native {

absl::Status InvalidInput(const std::string& message);  // INVALID_INPUT

// The keys of a request body, read one by one with their type and bounds.
//
// Invariants  After the first thing that is wrong every further read gives the fallback; Done()
//             then says what it was. A key that nobody read is refused by Done().
// Threading   Thread-compatible.
// Ownership   Holds the body in memory that is wiped; borrows the names of keys.
// Failure     INVALID_INPUT or MANDATORY_MISSING, naming the key, what was expected and the type
//             that came; never the value.
class Fields {
 public:
  // An empty body is an object without keys.
  static absl::StatusOr<Fields> Parse(std::string_view body);

  // Left out: empty, the fallback. `null` is not the same as left out.
  std::string Text(std::string_view key, size_t chars_max = limits::kTextCharsMax);
  std::string MandatoryText(std::string_view key, size_t chars_max = limits::kTextCharsMax);
  bool Flag(std::string_view key, bool fallback);
  uint64_t Number(std::string_view key, uint64_t fallback, uint64_t max);
  uint64_t MandatoryId(std::string_view key);
  // Bytes under `key`, by the `encoding` beside it; nullopt when the key is left out.
  std::optional<SecretBytes> Secret(std::string_view key);

  // Whatever stands there, for keys of several types; nullptr when left out or null.
  const boost::json::value* Any(std::string_view key);

  bool Has(std::string_view key) const;
  // Notes what the caller found wrong; the first counts.
  void Fail(absl::Status why);
  absl::Status Done() const;

 private:
  explicit Fields(boost::json::object object) : object_(std::move(object)) {}
  const boost::json::value* Take(std::string_view key);
  void FailType(std::string_view key, std::string_view expected, const boost::json::value& value);

  boost::json::object object_;
  std::vector<std::string_view> read_;
  absl::Status first_;
};

// The word under `key`, by one of the ...Of functions of words.h.
template <typename Enum>
Enum MandatoryWord(Fields& fields, std::string_view key,
                   std::optional<Enum> (*value_of)(std::string_view), std::string (*words)()) {
  const std::string text = fields.MandatoryText(key);
  const std::optional<Enum> value = value_of(text);
  if (!value.has_value()) {
    fields.Fail(InvalidInput(std::string(key) + ": expected one of " + words()));
  }
  return value.value_or(Enum{});
}

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_FIELDS_H_

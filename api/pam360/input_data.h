#ifndef HOLDFAST_API_PAM360_INPUT_DATA_H_
#define HOLDFAST_API_PAM360_INPUT_DATA_H_

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

namespace holdfast::pam360 {

absl::Status MandatoryMissing(std::string_view name);

// One object of parameters: operation.Details, or an item of a list in it. A missing key, null and
// an empty string are all "not given": a client sends every optional key as "".
//
// Ownership   Borrows the object.
// Failure     INVALID_ARGUMENT names the parameter and the expected form, never the value.
class Parameters {
 public:
  explicit Parameters(const boost::json::object& object) : object_(object) {}

  bool Has(std::string_view name) const;
  // A text; numbers and booleans count as their text. Empty: not given.
  absl::StatusOr<std::string> Text(std::string_view name) const;
  absl::StatusOr<std::string> Needed(std::string_view name) const;              // MANDATORY_MISSING
  absl::StatusOr<SecretBytes> Secret(std::string_view name) const;              // empty: not given
  absl::StatusOr<std::optional<bool>> Flag(std::string_view name) const;        // true, "true"
  absl::StatusOr<std::optional<uint64_t>> Number(std::string_view name) const;  // 5, "5"
  // nullptr: not given.
  absl::StatusOr<const boost::json::array*> Array(std::string_view name) const;

 private:
  const boost::json::value* Find(std::string_view name) const;
  const boost::json::object& object_;
};

// What a request carried in INPUT_DATA: the object operation.Details, in wiped memory.
class InputData {
 public:
  InputData() = default;  // none was sent: every parameter is "not given"
  explicit InputData(boost::json::object details) : details_(std::move(details)) {}
  Parameters parameters() const { return Parameters(details_); }

 private:
  boost::json::object details_;
};

struct InputPlaces {
  std::string_view query = {};  // raw, without '?'
  std::string_view body = {};   // raw
  std::string_view content_type = {};
};

// Finds INPUT_DATA in the body, else in the query, in every shape that clients send: raw or
// encoded, JSON or Python text. The Content-Type is not trusted; it only allows a second try (api
// spec 3.2). INVALID_ARGUMENT when it is there and cannot be read; an empty InputData when it is
// not there.
absl::StatusOr<InputData> FindInputData(const InputPlaces& places);

// Form decoding: '+' is a blank, %XX a byte. nullopt: a broken %XX.
std::optional<std::string> FormDecode(std::string_view text);
// %XX only. nullopt: a broken %XX.
std::optional<std::string> PercentDecode(std::string_view text);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_INPUT_DATA_H_

#include "api/native/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/http/json.h"
#include "api/native/fields.h"
#include "server/base/utf8.h"

namespace holdfast::native {
namespace {

constexpr size_t kNameShownMax = 64;
constexpr uint64_t kLimitMax = 1000;
constexpr uint64_t kLimitDefault = 100;

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

absl::StatusOr<uint64_t> PathId(const http::Request& request, std::string_view capture) {
  const std::optional<uint64_t> id = ParseNumber(request.Capture(capture));
  if (!id.has_value() || *id == 0 || *id > INT64_MAX) {
    return InvalidInput(fmt::format("path: expected a number where {{{}}} stands", capture));
  }
  return *id;
}

Parameters::Parameters(const http::Request& request) : request_(request) {}

const std::string* Parameters::Take(std::string_view name) {
  read_.push_back(name);
  if (!first_.ok()) return nullptr;
  const auto& query = request_.target.query;
  if (std::count_if(query.begin(), query.end(), [&](const auto& p) { return p.name == name; }) >
      1) {
    Fail(InvalidInput(fmt::format("?{}=: is given twice", name)));
    return nullptr;
  }
  return request_.Query(name);
}

std::string Parameters::Text(std::string_view name, size_t chars_max) {
  const std::string* value = Take(name);
  if (value == nullptr) return {};
  const std::optional<size_t> chars = Utf8Chars(*value);
  if (!chars.has_value() || *chars > chars_max) {
    Fail(InvalidInput(
        fmt::format("?{}=: expected UTF-8 of at most {} characters", name, chars_max)));
    return {};
  }
  return *value;
}

uint64_t Parameters::Number(std::string_view name, uint64_t fallback, uint64_t min, uint64_t max) {
  const std::string* value = Take(name);
  if (value == nullptr) return fallback;
  const std::optional<uint64_t> number = ParseNumber(*value);
  if (!number.has_value() || *number < min || *number > max) {
    Fail(InvalidInput(fmt::format("?{}=: expected a number from {} to {}", name, min, max)));
    return fallback;
  }
  return *number;
}

vault::Page Parameters::Page() {
  vault::Page page;
  page.limit = Number("limit", kLimitDefault, 1, kLimitMax);
  page.offset = Number("offset", 0, 0, INT64_MAX);
  return page;
}

void Parameters::Fail(absl::Status why) {
  if (first_.ok()) first_ = std::move(why);
}

absl::Status Parameters::Done() const {
  if (!first_.ok()) return first_;
  for (const http::QueryParameter& parameter : request_.target.query) {
    if (std::find(read_.begin(), read_.end(), parameter.name) != read_.end()) continue;
    return InvalidInput(
        fmt::format("unknown parameter {}",
                    http::JsonQuote(std::string_view(parameter.name).substr(0, kNameShownMax))));
  }
  return absl::OkStatus();
}

absl::Status NoParameters(const http::Request& request) { return Parameters(request).Done(); }

}  // namespace holdfast::native

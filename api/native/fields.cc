#include "api/native/fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/http/json.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/base/utf8.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

constexpr size_t kKeyShownMax = 64;

std::string_view TypeName(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "true or false";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a text";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

std::string_view TextIn(const json::value& value) {
  return {value.get_string().data(), value.get_string().size()};
}

std::optional<uint64_t> NumberIn(const json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<uint64_t>(value.get_int64());
  return std::nullopt;
}

}  // namespace

absl::Status InvalidInput(const std::string& message) {
  return vault::Refuse(vault::Refusal::kInvalidInput, message);
}

absl::StatusOr<Fields> Fields::Parse(std::string_view body) {
  if (body.empty()) return Fields(http::WipedJsonObject());
  absl::StatusOr<json::value> value = http::ParseJson(body);
  if (!value.ok()) return InvalidInput("body: " + std::string(value.status().message()));
  if (!value->is_object()) {
    return InvalidInput(fmt::format("body: expected an object, got {}", TypeName(*value)));
  }
  return Fields(std::move(value->get_object()));
}

bool Fields::Has(std::string_view key) const {
  return object_.contains(json::string_view(key.data(), key.size()));
}

const json::value* Fields::Take(std::string_view key) {
  read_.push_back(key);
  if (!first_.ok()) return nullptr;
  return object_.if_contains(json::string_view(key.data(), key.size()));
}

const json::value* Fields::Any(std::string_view key) {
  const json::value* value = Take(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void Fields::Fail(absl::Status why) {
  if (first_.ok()) first_ = std::move(why);
}

void Fields::FailType(std::string_view key, std::string_view expected, const json::value& value) {
  Fail(InvalidInput(fmt::format("{}: expected {}, got {}", key, expected, TypeName(value))));
}

std::string Fields::Text(std::string_view key, size_t chars_max) {
  const json::value* value = Take(key);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    FailType(key, "a text", *value);
    return {};
  }
  const std::string_view text = TextIn(*value);
  const size_t chars = Utf8Chars(text).value_or(0);
  if (chars > chars_max) {
    Fail(InvalidInput(
        fmt::format("{}: expected at most {} characters, got {}", key, chars_max, chars)));
    return {};
  }
  return std::string(text);
}

std::string Fields::MandatoryText(std::string_view key, size_t chars_max) {
  std::string text = Text(key, chars_max);
  if (text.empty()) {
    Fail(vault::Refuse(vault::Refusal::kMandatoryMissing, fmt::format("{}: is missing", key)));
  }
  return text;
}

bool Fields::Flag(std::string_view key, bool fallback) {
  const json::value* value = Take(key);
  if (value == nullptr) return fallback;
  if (value->is_bool()) return value->get_bool();
  FailType(key, "true or false", *value);
  return fallback;
}

uint64_t Fields::Number(std::string_view key, uint64_t fallback, uint64_t max) {
  const json::value* value = Take(key);
  if (value == nullptr) return fallback;
  const std::optional<uint64_t> number = NumberIn(*value);
  if (number.has_value() && *number <= max) return *number;
  const std::string expected = fmt::format("a whole number from 0 to {}", max);
  if (value->is_number()) {
    Fail(InvalidInput(fmt::format("{}: expected {}, got another number", key, expected)));
  } else {
    FailType(key, expected, *value);
  }
  return fallback;
}

uint64_t Fields::MandatoryId(std::string_view key) {
  const uint64_t id = Number(key, 0, INT64_MAX);
  if (id == 0) {
    Fail(vault::Refuse(vault::Refusal::kMandatoryMissing,
                       fmt::format("{}: expected the id of something", key)));
  }
  return id;
}

std::optional<SecretBytes> Fields::Secret(std::string_view key) {
  const std::string encoding = Text("encoding");
  const json::value* value = Take(key);
  if (value == nullptr) {
    if (!encoding.empty()) Fail(InvalidInput(fmt::format("encoding: there is no {}", key)));
    return std::nullopt;
  }
  if (!value->is_string()) {
    FailType(key, "a text", *value);
    return std::nullopt;
  }
  SecretBytes secret;
  if (encoding == "base64") {
    std::optional<std::string> bytes = Base64Decode(TextIn(*value));
    if (!bytes.has_value()) {
      Fail(InvalidInput(fmt::format("{}: is not base64, as its encoding says", key)));
      return std::nullopt;
    }
    secret = SecretBytes::TakeFrom(*bytes);
  } else if (encoding.empty() || encoding == "utf-8") {
    secret = SecretBytes::CopyOf(TextIn(*value));
  } else {
    Fail(InvalidInput("encoding: expected one of 'utf-8', 'base64'"));
    return std::nullopt;
  }
  if (secret.empty() || secret.size() > limits::kSecretBytesMax) {
    Fail(InvalidInput(fmt::format("{}: expected 1 to {} bytes, got {}", key,
                                  limits::kSecretBytesMax, secret.size())));
    return std::nullopt;
  }
  return secret;
}

absl::Status Fields::Done() const {
  if (!first_.ok()) return first_;
  for (const auto& field : object_) {
    const std::string_view key(field.key().data(), field.key().size());
    if (std::find(read_.begin(), read_.end(), key) != read_.end()) continue;
    return InvalidInput(
        fmt::format("unknown key {}", http::JsonQuote(key.substr(0, kKeyShownMax))));
  }
  return absl::OkStatus();
}

}  // namespace holdfast::native

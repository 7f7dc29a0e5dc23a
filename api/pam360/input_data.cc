#include "api/pam360/input_data.h"

#include <fmt/format.h>

#include <boost/json/value.hpp>
#include <charconv>
#include <utility>

#include "api/pam360/lenient_object.h"
#include "server/base/status_macros.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

constexpr std::string_view kName = "INPUT_DATA=";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> Decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());  // Never grows, so no copy of a secret stays behind.
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out.push_back(' ');
      continue;
    }
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    if (low < 0) {
      WipeText(out);
      return std::nullopt;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

// The value of INPUT_DATA up to the end of `text`; nullopt: not there.
std::optional<std::string_view> FindValue(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    if (text.substr(at, kName.size()) == kName) return text.substr(at + kName.size());
    const size_t ampersand = text.find('&', at);
    if (ampersand == std::string_view::npos) return std::nullopt;
    at = ampersand + 1;
  }
  return std::nullopt;
}

bool StartsRaw(std::string_view value) {
  const size_t first = value.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && value[first] == '{';
}

bool IsForm(std::string_view content_type) {
  constexpr std::string_view kForm = "application/x-www-form-urlencoded";
  if (content_type.size() < kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if ((content_type[i] | 0x20) != (kForm[i] | 0x20)) return false;
  }
  return true;
}

absl::StatusOr<json::value> ParseDecoded(std::optional<std::string> text) {
  if (!text.has_value()) return absl::InvalidArgumentError("expected two hex digits after each %");
  const TextWiper wiper(*text);
  return ParseLenientObject(*text);
}

absl::StatusOr<json::value> ParseEncoded(std::string_view value) {
  return ParseDecoded(FormDecode(value.substr(0, value.find('&'))));
}

absl::StatusOr<json::value> ParseBodyValue(std::string_view value, std::string_view content_type) {
  if (!StartsRaw(value)) return ParseEncoded(value);
  absl::StatusOr<json::value> raw = ParseLenientObject(value);
  if (raw.ok() || !IsForm(content_type)) return raw;
  absl::StatusOr<json::value> decoded = ParseDecoded(PercentDecode(value));
  return decoded.ok() ? std::move(decoded) : std::move(raw);
}

absl::StatusOr<InputData> TakeDetails(json::value root) {
  json::value* operation = root.as_object().if_contains("operation");
  if (operation == nullptr || !operation->is_object()) {
    return absl::InvalidArgumentError("expected an object in operation");
  }
  json::value* details = operation->as_object().if_contains("Details");
  if (details == nullptr || details->is_null()) return InputData();
  if (!details->is_object()) return absl::InvalidArgumentError("expected an object in Details");
  return InputData(std::move(details->as_object()));
}

absl::Status WrongForm(std::string_view name, std::string_view expected) {
  return absl::InvalidArgumentError(fmt::format("parameter {}: expected {}", name, expected));
}

}  // namespace

absl::Status MandatoryMissing(std::string_view name) {
  return vault::Refuse(vault::Refusal::kMandatoryMissing,
                       fmt::format("Mandatory parameter {} is missing.", name));
}

std::optional<std::string> FormDecode(std::string_view text) { return Decode(text, true); }
std::optional<std::string> PercentDecode(std::string_view text) { return Decode(text, false); }

absl::StatusOr<InputData> FindInputData(const InputPlaces& places) {
  if (const auto value = FindValue(places.body)) {
    HOLDFAST_ASSIGN_OR_RETURN(json::value root, ParseBodyValue(*value, places.content_type));
    return TakeDetails(std::move(root));
  }
  if (const auto value = FindValue(places.query)) {
    HOLDFAST_ASSIGN_OR_RETURN(json::value root, ParseEncoded(*value));
    return TakeDetails(std::move(root));
  }
  return InputData();
}

const json::value* Parameters::Find(std::string_view name) const {
  const json::value* value = object_.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || value->is_null()) return nullptr;
  if (value->is_string() && value->as_string().empty()) return nullptr;
  return value;
}

bool Parameters::Has(std::string_view name) const { return Find(name) != nullptr; }

absl::StatusOr<std::string> Parameters::Text(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::string();
  if (value->is_string()) return std::string(value->as_string());
  if (value->is_int64()) return fmt::format("{}", value->as_int64());
  if (value->is_bool()) return std::string(value->as_bool() ? "true" : "false");
  return WrongForm(name, "a text");
}

absl::StatusOr<std::string> Parameters::Needed(std::string_view name) const {
  HOLDFAST_ASSIGN_OR_RETURN(std::string text, Text(name));
  if (text.empty()) return MandatoryMissing(name);
  return text;
}

absl::StatusOr<SecretBytes> Parameters::Secret(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return SecretBytes();
  if (value->is_string()) {
    return SecretBytes::CopyOf({value->as_string().data(), value->as_string().size()});
  }
  HOLDFAST_ASSIGN_OR_RETURN(std::string text, Text(name));
  return SecretBytes::TakeFrom(text);
}

absl::StatusOr<std::optional<bool>> Parameters::Flag(std::string_view name) const {
  HOLDFAST_ASSIGN_OR_RETURN(std::string text, Text(name));
  if (text.empty()) return std::optional<bool>();
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  if (text == "true") return std::optional<bool>(true);
  if (text == "false") return std::optional<bool>(false);
  return WrongForm(name, "true or false");
}

absl::StatusOr<std::optional<uint64_t>> Parameters::Number(std::string_view name) const {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string text, Text(name));
  if (text.empty()) return std::optional<uint64_t>();
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return WrongForm(name, "a whole number");
  }
  return std::optional<uint64_t>(value);
}

absl::StatusOr<const json::array*> Parameters::Array(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return static_cast<const json::array*>(nullptr);
  if (!value->is_array()) return WrongForm(name, "a list");
  return &value->as_array();
}

}  // namespace holdfast::pam360

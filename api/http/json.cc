#include "api/http/json.h"

#include <fmt/format.h>

#include <boost/json/error.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>

#include "api/http/wiping_resource.h"
#include "server/base/limits.h"

namespace holdfast::http {
namespace {

namespace json = boost::json;

// Without state, so it may outlive everything: never destroyed.
json::storage_ptr WipedStorage() {
  static auto& resource = *new WipingResource;
  return json::storage_ptr(&resource);
}

std::string Why(const json::error_code& error, size_t at) {
  return fmt::format("JSON: {} at byte {}", error.message(), at);
}

// Length of the UTF-8 sequence that starts `text`, or 0 when it is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                        : first >= 0xe0 && first <= 0xef ? 3
                        : first >= 0xf0 && first <= 0xf4 ? 4
                                                         : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return 0;  // Overlong, surrogate, or beyond U+10FFFF.
  }
  return length;
}

}  // namespace

absl::StatusOr<json::value> ParseJson(std::string_view text) {
  json::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  json::stream_parser parser(WipedStorage(), options);
  parser.reset(WipedStorage());
  json::error_code error;
  size_t used = parser.write_some(text.data(), text.size(), error);
  if (!error && used < text.size()) {
    const size_t extra = text.find_first_not_of(" \t\r\n", used);
    if (extra != std::string_view::npos) {
      used = extra;
      error = json::error::extra_data;
    }
  }
  if (!error) parser.finish(error);
  if (error) return absl::InvalidArgumentError(Why(error, used));
  return parser.release();
}

json::object WipedJsonObject() { return json::object(WipedStorage()); }

std::string JsonText(const json::value& value) { return json::serialize(value); }

std::string JsonQuote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = Utf8Length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (length > 1) {
      out += text.substr(0, length);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
  return out;
}

}  // namespace holdfast::http

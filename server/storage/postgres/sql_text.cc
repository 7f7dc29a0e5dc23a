#include "server/storage/postgres/sql_text.h"

#include <fmt/format.h>

#include <iterator>

#include "server/base/encoding.h"
#include "server/base/utf8.h"

namespace holdfast::storage::postgres {
namespace {

constexpr char kEscape = '\1';

// How many bytes the UTF-8 character at the beginning has; 0 when there is none.
size_t CharacterBytes(std::string_view text) {
  for (size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (Utf8Chars(text.substr(0, size)) == 1) return size;
  }
  return 0;
}

}  // namespace

std::string EncodeText(std::string_view text) {
  const bool plain = text.find('\0') == std::string_view::npos &&
                     text.find(kEscape) == std::string_view::npos && Utf8Chars(text).has_value();
  if (plain) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const size_t size = CharacterBytes(text);
    if (text[0] == '\0') {
      out += {kEscape, '0'};
    } else if (text[0] == kEscape) {
      out += {kEscape, '1'};
    } else if (size == 0) {
      out += fmt::format("{}x{}", kEscape, HexEncode(text.substr(0, 1)));
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

std::optional<std::string> DecodeText(std::string_view text) {
  std::string out;
  while (true) {
    const size_t escape = text.find(kEscape);
    out += text.substr(0, escape);
    if (escape == std::string_view::npos) return out;
    text.remove_prefix(escape + 1);
    if (text.starts_with('0') || text.starts_with('1')) {
      out += text[0] == '0' ? '\0' : kEscape;
      text.remove_prefix(1);
      continue;
    }
    const std::optional<std::string> byte =
        HexDecode(text.substr(0, 3).substr(text.empty() ? 0 : 1));
    if (!text.starts_with('x') || !byte.has_value() || byte->size() != 1) return std::nullopt;
    out += *byte;
    text.remove_prefix(3);
  }
}

void AppendInt(int64_t value, std::string& sql) {
  fmt::format_to(std::back_inserter(sql), "{}", value);
}

void AppendText(std::string_view value, std::string& sql) {
  sql += '\'';
  for (const char c : EncodeText(value)) {
    if (c == '\'') sql += c;
    sql += c;
  }
  sql += '\'';
}

void AppendBytes(std::string_view value, std::string& sql) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const size_t start = sql.size();
  sql.resize(start + 4 + 2 * value.size());
  char* out = sql.data() + start;
  for (const char c : {'\'', '\\', 'x'}) *out++ = c;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  *out = '\'';
}

void AppendValue(const ColumnValue& value, std::string& sql) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    AppendInt(*number, sql);
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    AppendText(*text, sql);
  } else if (const auto* blob = std::get_if<BlobView>(&value)) {
    AppendBytes(blob->bytes, sql);
  } else {
    sql += "NULL";
  }
}

std::optional<std::string> DecodeBytes(std::string_view text) {
  if (!text.starts_with("\\x")) return std::nullopt;
  return HexDecode(text.substr(2));
}

}  // namespace holdfast::storage::postgres

#include "api/pam360/lenient_object.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "api/http/json.h"
#include "api/pam360/utf8.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool EndsBareWord(char c) {
  return IsBlank(c) || static_cast<unsigned char>(c) < 0x20 ||
         std::string_view("{}[],:\"'").find(c) != std::string_view::npos;
}

bool EqualsNoCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

std::optional<int64_t> CanonicalInteger(std::string_view word) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  if (fmt::format("{}", value) != word) return std::nullopt;
  return value;
}

class Reader {
 public:
  explicit Reader(std::string_view text)
      : text_(text), storage_(http::WipedJsonObject().storage()) {}

  absl::StatusOr<json::value> ReadAll() {
    SkipBlanks();
    if (At() != '{') return Wrong("expected an object");
    HOLDFAST_ASSIGN_OR_RETURN(json::value value, ReadObject(1));
    SkipBlanks();
    if (next_ != text_.size()) return Wrong("expected the end after the object");
    return value;
  }

 private:
  absl::Status Wrong(std::string_view what) const {
    return absl::InvalidArgumentError(fmt::format("{} at byte {}", what, next_));
  }
  // NUL stands for the end: a real NUL is refused wherever it is met.
  char At() const { return next_ < text_.size() ? text_[next_] : '\0'; }
  void SkipBlanks() {
    while (next_ < text_.size() && IsBlank(text_[next_])) ++next_;
  }
  absl::Status Count() {
    if (++values_ > kInputValuesMax) {
      return Wrong(fmt::format("expected at most {} values", kInputValuesMax));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<json::value> ReadValue(size_t depth) {
    HOLDFAST_RETURN_IF_ERROR(Count());
    const char c = At();
    if (c == '{') return ReadObject(depth + 1);
    if (c == '[') return ReadArray(depth + 1);
    if (StartsString()) {
      HOLDFAST_ASSIGN_OR_RETURN(json::string text, ReadString());
      return json::value(std::move(text));
    }
    return ReadBareWord();
  }

  absl::StatusOr<json::value> ReadObject(size_t depth) {
    if (depth > limits::kJsonDepthMax) return TooDeep();
    json::object object(storage_);
    ++next_;
    while (true) {
      SkipBlanks();
      if (At() == '}') break;
      if (!StartsString()) return Wrong("expected a key in quotes or '}'");
      HOLDFAST_RETURN_IF_ERROR(Count());
      HOLDFAST_ASSIGN_OR_RETURN(const json::string key, ReadString());
      SkipBlanks();
      if (At() != ':') return Wrong("expected ':'");
      ++next_;
      SkipBlanks();
      HOLDFAST_ASSIGN_OR_RETURN(json::value value, ReadValue(depth));
      object.insert_or_assign(key, std::move(value));
      SkipBlanks();
      if (At() == '}') break;
      if (At() != ',') return Wrong("expected ',' or '}'");
      ++next_;
    }
    ++next_;
    return json::value(std::move(object));
  }

  absl::StatusOr<json::value> ReadArray(size_t depth) {
    if (depth > limits::kJsonDepthMax) return TooDeep();
    json::array array(storage_);
    ++next_;
    while (true) {
      SkipBlanks();
      if (At() == ']') break;
      HOLDFAST_ASSIGN_OR_RETURN(json::value value, ReadValue(depth));
      array.push_back(std::move(value));
      SkipBlanks();
      if (At() == ']') break;
      if (At() != ',') return Wrong("expected ',' or ']'");
      ++next_;
    }
    ++next_;
    return json::value(std::move(array));
  }

  absl::Status TooDeep() const {
    return Wrong(fmt::format("expected at most {} levels", limits::kJsonDepthMax));
  }

  absl::StatusOr<json::value> ReadBareWord() {
    const size_t start = next_;
    while (next_ < text_.size() && !EndsBareWord(text_[next_])) ++next_;
    const std::string_view word = text_.substr(start, next_ - start);
    if (word.empty()) return Wrong("expected a value");
    if (EqualsNoCase(word, "true")) return json::value(true, storage_);
    if (EqualsNoCase(word, "false")) return json::value(false, storage_);
    if (EqualsNoCase(word, "null") || EqualsNoCase(word, "none")) return json::value(storage_);
    if (const auto number = CanonicalInteger(word)) return json::value(*number, storage_);
    return json::value(json::string_view(word.data(), word.size()), storage_);
  }

  bool StartsString() const {
    const char c = At();
    if (c == '"' || c == '\'') return true;
    if (c != 'u' || next_ + 1 >= text_.size()) return false;  // u'text' of Python 2
    return text_[next_ + 1] == '"' || text_[next_ + 1] == '\'';
  }

  absl::StatusOr<json::string> ReadString() {
    if (At() == 'u') ++next_;
    const char quote = At();
    json::string out(storage_);
    ++next_;
    while (true) {
      if (next_ >= text_.size()) return Wrong("expected the closing quote");
      const char c = text_[next_];
      if (c == quote) break;
      if (c == '\0') return Wrong("expected text without NUL");
      if (c == '\\') {
        ++next_;
        HOLDFAST_RETURN_IF_ERROR(ReadEscape(out));
        continue;
      }
      out.push_back(c);
      ++next_;
    }
    ++next_;
    return out;
  }

  // At the byte after the backslash.
  absl::Status ReadEscape(json::string& out) {
    const char c = At();
    ++next_;
    switch (c) {
      case '\\':
      case '\'':
      case '"':
      case '/':
        out.push_back(c);
        return absl::OkStatus();
      case 'n':
        out.push_back('\n');
        return absl::OkStatus();
      case 'r':
        out.push_back('\r');
        return absl::OkStatus();
      case 't':
        out.push_back('\t');
        return absl::OkStatus();
      case 'b':
        out.push_back('\b');
        return absl::OkStatus();
      case 'f':
        out.push_back('\f');
        return absl::OkStatus();
      case 'x':
        return ReadCodePoint(2, out);
      case 'u':
        return ReadCodePoint(4, out);
      case 'U':
        return ReadCodePoint(8, out);
      default:
        return Wrong("expected a known escape");
    }
  }

  absl::StatusOr<uint32_t> ReadHex(size_t digits) {
    if (text_.size() - std::min(next_, text_.size()) < digits) {
      return Wrong("expected more hex digits");
    }
    uint32_t value = 0;
    const char* first = text_.data() + next_;
    const auto [end, error] = std::from_chars(first, first + digits, value, 16);
    if (error != std::errc() || end != first + digits) return Wrong("expected hex digits");
    next_ += digits;
    return value;
  }

  absl::Status ReadCodePoint(size_t digits, json::string& out) {
    HOLDFAST_ASSIGN_OR_RETURN(uint32_t point, ReadHex(digits));
    if (point >= 0xD800 && point < 0xDC00) {
      if (text_.substr(next_, 2) != "\\u") return Wrong("expected the second half of a pair");
      next_ += 2;
      HOLDFAST_ASSIGN_OR_RETURN(const uint32_t low, ReadHex(4));
      if (low < 0xDC00 || low > 0xDFFF) return Wrong("expected the second half of a pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    if (point == 0) return Wrong("expected text without NUL");
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
      return Wrong("expected a Unicode character");
    }
    const Utf8Char encoded = EncodeUtf8(point);
    out.append(json::string_view(encoded.bytes, encoded.size));
    return absl::OkStatus();
  }

  const std::string_view text_;
  const json::storage_ptr storage_;
  size_t next_ = 0;
  size_t values_ = 0;
};

}  // namespace

absl::StatusOr<json::value> ParseLenientObject(std::string_view text) {
  if (text.size() > limits::kBodyBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("expected at most {} bytes, got {}", limits::kBodyBytesMax, text.size()));
  }
  if (!IsUtf8(text)) return absl::InvalidArgumentError("expected UTF-8 text");
  return Reader(text).ReadAll();
}

}  // namespace holdfast::pam360

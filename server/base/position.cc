#include "server/base/position.h"

#include <fmt/format.h>

#include <charconv>

namespace holdfast {
namespace {

bool ParseNumber(std::string_view text, uint64_t* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::string ToText(const Position& position) {
  return fmt::format("{}.{}", position.epoch, position.seq);
}

std::optional<Position> ParsePosition(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  Position position;
  if (!ParseNumber(text.substr(0, dot), &position.epoch) ||
      !ParseNumber(text.substr(dot + 1), &position.seq)) {
    return std::nullopt;
  }
  return position;
}

}  // namespace holdfast

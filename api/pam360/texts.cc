#include "api/pam360/texts.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

#include "api/http/request.h"

namespace holdfast::pam360 {
namespace {

constexpr int64_t kDaySeconds = 24 * 60 * 60;
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

int64_t FloorDiv(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

struct RoleName {
  v1::Role role;
  std::string_view text;
};
constexpr RoleName kRoles[] = {{v1::ROLE_ADMINISTRATOR, "Administrator"},
                               {v1::ROLE_PASSWORD_ADMINISTRATOR, "Password Administrator"},
                               {v1::ROLE_PASSWORD_USER, "Password User"}};

// All of `text` as a number without sign.
template <typename T>
std::optional<T> Digits(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text[0] == '-' || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string TimeText(int64_t wall_ms, const UtcOffset& offset) {
  if (wall_ms == 0) return "N/A";
  const int64_t local = FloorDiv(wall_ms, 1000) + offset(wall_ms);
  const int64_t day = FloorDiv(local, kDaySeconds);
  const int64_t minutes = (local - day * kDaySeconds) / 60;
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  const int64_t hour = minutes / 60;
  return fmt::format("{} {}, {} {:02}:{:02} {}", kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<unsigned>(date.day()), static_cast<int>(date.year()),
                     hour % 12 == 0 ? 12 : hour % 12, minutes % 60, hour < 12 ? "AM" : "PM");
}

std::string_view RoleText(v1::Role role) {
  for (const RoleName& row : kRoles) {
    if (row.role == role) return row.text;
  }
  return "";
}

std::optional<v1::Role> ParseRole(std::string_view text) {
  for (const RoleName& row : kRoles) {
    if (http::EqualsIgnoringCase(row.text, text)) return row.role;
  }
  return std::nullopt;
}

std::optional<v1::ShareLevel> ParseAccessType(std::string_view text) {
  if (http::EqualsIgnoringCase(text, "view")) return v1::SHARE_LEVEL_VIEW;
  if (http::EqualsIgnoringCase(text, "modify")) return v1::SHARE_LEVEL_MODIFY;
  if (http::EqualsIgnoringCase(text, "fullaccess")) return v1::SHARE_LEVEL_FULL_ACCESS;
  if (http::EqualsIgnoringCase(text, "revoke")) return v1::SHARE_LEVEL_UNSPECIFIED;
  return std::nullopt;
}

std::optional<int64_t> ParseExpiryDate(std::string_view text, const UtcOffset& offset) {
  if (http::EqualsIgnoringCase(text, "NeverExpires")) return 0;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = Digits<unsigned>(text.substr(0, 4));
  const auto month = Digits<unsigned>(text.substr(5, 2));
  const auto day = Digits<unsigned>(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  const int64_t end = (std::chrono::sys_days(date).time_since_epoch().count() + 1) * kDaySeconds;
  return (end - offset(end * 1000)) * 1000;
}

std::optional<uint64_t> ParseId(std::string_view text) { return Digits<uint64_t>(text); }

}  // namespace holdfast::pam360

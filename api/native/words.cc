#include "api/native/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace holdfast::native {
namespace {

template <typename Enum>
struct Word {
  Enum value;
  std::string_view text;
};

constexpr Word<v1::Role> kRoles[] = {
    {v1::ROLE_ADMINISTRATOR, "administrator"},
    {v1::ROLE_PASSWORD_ADMINISTRATOR, "password_administrator"},
    {v1::ROLE_PASSWORD_USER, "password_user"},
};
constexpr Word<v1::Level> kLevels[] = {
    {v1::LEVEL_LOCAL, "local"},
    {v1::LEVEL_RECEIVED, "received"},
    {v1::LEVEL_DURABLE, "durable"},
    {v1::LEVEL_APPLIED, "applied"},
};
constexpr Word<v1::Policy> kPolicies[] = {
    {v1::POLICY_BLOCK, "block"},
    {v1::POLICY_DEGRADE, "degrade"},
};
constexpr Word<v1::ShareLevel> kShareLevels[] = {
    {v1::SHARE_LEVEL_VIEW, "view"},
    {v1::SHARE_LEVEL_MODIFY, "modify"},
    {v1::SHARE_LEVEL_FULL_ACCESS, "full_access"},
};

template <typename Enum, size_t kSize>
std::string_view TextOf(const Word<Enum> (&words)[kSize], Enum value) {
  for (const auto& word : words) {
    if (word.value == value) return word.text;
  }
  return {};
}

template <typename Enum, size_t kSize>
std::optional<Enum> ValueOf(const Word<Enum> (&words)[kSize], std::string_view text) {
  for (const auto& word : words) {
    if (word.text == text) return word.value;
  }
  return std::nullopt;
}

template <typename Enum, size_t kSize>
std::string All(const Word<Enum> (&words)[kSize]) {
  std::string all;
  for (const auto& word : words) all += fmt::format("{}'{}'", all.empty() ? "" : ", ", word.text);
  return all;
}

constexpr int64_t kLastMs = 253402300799999;  // end of the year 9999

}  // namespace

std::string_view ToWord(v1::Role role) { return TextOf(kRoles, role); }
std::string_view ToWord(v1::Level level) { return TextOf(kLevels, level); }
std::string_view ToWord(v1::Policy policy) { return TextOf(kPolicies, policy); }
std::string_view ToWord(v1::ShareLevel level) { return TextOf(kShareLevels, level); }

std::optional<v1::Role> RoleOf(std::string_view word) { return ValueOf(kRoles, word); }
std::optional<v1::Level> LevelOf(std::string_view word) { return ValueOf(kLevels, word); }
std::optional<v1::Policy> PolicyOf(std::string_view word) { return ValueOf(kPolicies, word); }
std::optional<v1::ShareLevel> ShareLevelOf(std::string_view word) {
  return ValueOf(kShareLevels, word);
}

std::string RoleWords() { return All(kRoles); }
std::string LevelWords() { return All(kLevels); }
std::string PolicyWords() { return All(kPolicies); }
std::string ShareLevelWords() { return All(kShareLevels); }

std::string Rfc3339(int64_t ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> time(
      std::chrono::milliseconds(std::clamp<int64_t>(ms, 0, kLastMs)));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<std::chrono::milliseconds> clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

boost::json::value TimeOrNull(int64_t ms) {
  if (ms == 0) return nullptr;
  return boost::json::value(Rfc3339(ms));
}

boost::json::value TextOrNull(const std::string& text) {
  if (text.empty()) return nullptr;
  return boost::json::value(text);
}

}  // namespace holdfast::native

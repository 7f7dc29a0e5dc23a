#include "server/desk/failed_logins.h"

#include <algorithm>

namespace holdfast::desk {
namespace {

constexpr size_t kUserBytesMax = 255;  // longer ones share an entry

std::pair<std::string, std::string> KeyOf(const std::string& source, const std::string& user) {
  return {source, user.substr(0, kUserBytesMax)};
}

}  // namespace

std::optional<std::chrono::milliseconds> FailedLogins::Failed(const std::string& source,
                                                              const std::string& user,
                                                              MonoTime now) {
  const auto key = KeyOf(source, user);
  if (!entries_.contains(key)) MakeRoom(now);
  Entry& entry = entries_[key];
  if (now < entry.wait_until) {
    return std::chrono::ceil<std::chrono::milliseconds>(entry.wait_until - now);
  }
  if (entry.failures > 0 && now - entry.last >= options_.forget_after) entry = {};
  entry.last = now;
  if (++entry.failures < options_.free) return std::nullopt;
  auto wait = options_.first;
  for (uint64_t i = options_.free; i < entry.failures && wait < options_.longest; ++i) wait *= 2;
  entry.wait_until = now + std::min(wait, options_.longest);
  return std::nullopt;
}

void FailedLogins::Succeeded(const std::string& source, const std::string& user) {
  if (!entries_.empty()) entries_.erase(KeyOf(source, user));
}

void FailedLogins::MakeRoom(MonoTime now) {
  if (entries_.size() < options_.entries_max) return;
  std::erase_if(entries_,
                [&](const auto& item) { return now - item.second.last >= options_.forget_after; });
  if (entries_.size() < options_.entries_max) return;
  entries_.erase(
      std::min_element(entries_.begin(), entries_.end(),
                       [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
}

}  // namespace holdfast::desk

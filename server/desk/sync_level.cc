#include "server/desk/sync_level.h"

#include <fmt/format.h>

#include <charconv>

#include "server/vault/refusal.h"
#include "server/vault/validate.h"

namespace holdfast::desk {
namespace {

constexpr uint32_t kSecondariesMost = 64;

struct Name {
  v1::Level level;
  std::string_view text;
};
constexpr Name kNames[] = {{v1::LEVEL_LOCAL, "local"},
                           {v1::LEVEL_RECEIVED, "received"},
                           {v1::LEVEL_DURABLE, "durable"},
                           {v1::LEVEL_APPLIED, "applied"}};

// 0: not such a number.
uint32_t CountIn(std::string_view text) {
  uint32_t k = 0;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), k);
  const bool whole = error == std::errc() && last == text.data() + text.size();
  return whole && k <= kSecondariesMost ? k : 0;
}

}  // namespace

absl::StatusOr<SyncLevel> ParseSyncLevel(std::string_view text) {
  const size_t colon = text.find(':');
  const uint32_t k = colon == std::string_view::npos ? 0 : CountIn(text.substr(colon + 1));
  for (const Name& name : kNames) {
    if (text.substr(0, colon) != name.text) continue;
    const bool local = name.level == v1::LEVEL_LOCAL;
    const bool fits = colon == std::string_view::npos || text.substr(colon) == ":0";
    if (local ? fits : k > 0) return SyncLevel{name.level, k};
  }
  return vault::Refuse(
      vault::Refusal::kInvalidInput,
      fmt::format("expected local, received:K, durable:K or applied:K with K from 1 to {}, got "
                  "\"{}\"",
                  kSecondariesMost, vault::Shown(text)));
}

std::string ToText(const SyncLevel& level) {
  for (const Name& name : kNames) {
    if (level.level != name.level) continue;
    return level.level == v1::LEVEL_LOCAL ? std::string(name.text)
                                          : fmt::format("{}:{}", name.text, level.k);
  }
  return "unknown";
}

std::string ReachedText(const Written& written) {
  return written.degraded ? "local; degraded" : ToText(written.level);
}

}  // namespace holdfast::desk

#include "replication/peer/refused_lines.h"

#include <fmt/format.h>

#include <utility>

namespace holdfast::replication {

std::string RefusedLines::Line(Kind& kind, MonoTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - kind.told).count();
  const uint64_t more = std::exchange(kind.more, 0);
  kind.told = now;
  return fmt::format("{} ({} times within {} s)", kind.text, more, seconds);
}

std::optional<std::string> RefusedLines::Note(const std::string& kind, const std::string& text,
                                              MonoTime now) {
  ++count_;
  auto found = kinds_.find(kind);
  if (found == kinds_.end()) {
    if (kinds_.size() < kKindsMax) {
      kinds_.emplace(kind, Kind{.told = now, .text = text});
      return text;
    }
    found = kinds_.begin();  // more kinds than gRPC has: counted with another one
  }
  ++found->second.more;
  found->second.text = text;
  if (now - found->second.told < kEvery) return std::nullopt;
  return Line(found->second, now);
}

std::optional<std::string> RefusedLines::Due(MonoTime now) {
  for (auto& [name, kind] : kinds_) {
    if (kind.more > 0 && now - kind.told >= kEvery) return Line(kind, now);
  }
  return std::nullopt;
}

}  // namespace holdfast::replication

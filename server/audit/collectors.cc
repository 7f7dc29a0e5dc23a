#include "server/audit/collectors.h"

#include <algorithm>

namespace holdfast::audit {
namespace {

constexpr size_t kNamesMax = 1024;  // members that come and go

}  // namespace

void Collectors::Set(const std::vector<Collector>& collectors) { collectors_ = collectors; }

void Collectors::Collected(const std::string& name, uint64_t number) {
  if (marks_.size() >= kNamesMax && !marks_.contains(name)) return;
  uint64_t& mark = marks_[name];
  mark = std::max(mark, number);
}

uint64_t Collectors::by_all() const {
  if (collectors_.empty()) return 0;
  uint64_t lowest = UINT64_MAX;
  for (const auto& [name, mark] : marks()) lowest = std::min(lowest, mark);
  return lowest;
}

uint64_t Collectors::by_keeper() const {
  uint64_t highest = 0;
  for (const Collector& collector : collectors_) {
    const auto mark = marks_.find(collector.name);
    if (collector.keeps && mark != marks_.end()) highest = std::max(highest, mark->second);
  }
  return highest;
}

std::vector<std::string> Collectors::Lacking(uint64_t number) const {
  std::vector<std::string> names;
  for (const auto& [name, mark] : marks()) {
    if (mark < number) names.push_back(name);
  }
  return names;
}

std::map<std::string, uint64_t> Collectors::marks() const {
  std::map<std::string, uint64_t> all;
  for (const Collector& collector : collectors_) {
    const auto mark = marks_.find(collector.name);
    all[collector.name] = mark == marks_.end() ? 0 : mark->second;
  }
  return all;
}

}  // namespace holdfast::audit

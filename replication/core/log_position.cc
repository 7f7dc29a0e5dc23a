#include "replication/core/log_position.h"

#include <fmt/format.h>

namespace holdfast::replication {

std::string ToText(const Epoch& epoch) {
  if (epoch.number == 0) return "none";
  return fmt::format("{}@{}", epoch.number, epoch.node_id);
}

std::string ToText(const EntryMeta& meta) {
  return fmt::format("{}:{}", ToText(meta.epoch), meta.seq);
}

}  // namespace holdfast::replication

#include "server/app/link_metrics.h"

#include <chrono>
#include <limits>

namespace holdfast::app {

LinkMetrics::LinkMetrics(Metrics& metrics)
    : metrics_(metrics),
      epoch_changes_(metrics.AddCounter("holdfast_epoch_changes_total",
                                        "times this node became or ceased to be primary")),
      refused_(metrics.AddCounter("holdfast_peer_refused_handshakes_total",
                                  "connections to the peer port that did not get in")) {}

void LinkMetrics::Set(const replication::Node& node) {
  epoch_changes_.Set(node.epoch_changes());
  refused_.Set(node.refused_handshakes());
  for (const auto& [reason, count] : node.StreamEnds()) {
    auto found = ends_.find(reason);
    if (found == ends_.end()) {
      const CountedElsewhere made(metrics_.AddCounter("holdfast_replication_reconnects_total",
                                                      "streams from a primary that ended",
                                                      {{"reason", reason}}));
      found = ends_.emplace(reason, made).first;
    }
    found->second.Set(count);
  }
  // Of a member that is not heard of nothing is known.
  for (auto& [id, gauge] : offsets_) gauge.Set(std::numeric_limits<double>::quiet_NaN());
  for (const auto& [id, offset] : node.ClockOffsets()) {
    auto found = offsets_.find(id);
    if (found == offsets_.end()) {
      found = offsets_
                  .emplace(id, metrics_.AddGauge("holdfast_clock_offset_seconds",
                                                 "its clock minus this node's; NaN: unknown",
                                                 {{"peer", id}}))
                  .first;
    }
    found->second.Set(std::chrono::duration<double>(offset).count());
  }
}

}  // namespace holdfast::app

#ifndef HOLDFAST_SERVER_APP_LINK_METRICS_H_
#define HOLDFAST_SERVER_APP_LINK_METRICS_H_

#include <cstdint>
#include <map>
#include <string>

#include "replication/node/node.h"
#include "server/observe/metrics.h"

namespace holdfast::app {

// What /metrics tells of this node among the others: roles, streams, clocks, strangers.
//
// Threading   Thread-compatible.
// Ownership   Borrows `metrics`.
class LinkMetrics {
 public:
  explicit LinkMetrics(Metrics& metrics);
  void Set(const replication::Node& node);

 private:
  Metrics& metrics_;
  CountedElsewhere epoch_changes_, refused_;
  std::map<std::string, CountedElsewhere> ends_;
  std::map<std::string, Gauge> offsets_;
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_LINK_METRICS_H_

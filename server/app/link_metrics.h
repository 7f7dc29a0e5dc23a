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
  // A count of the node's own, which only grows.
  struct Told {
    Counter counter;
    uint64_t told = 0;
    void Tell(uint64_t now) {
      counter.Add(static_cast<double>(now - told));
      told = now;
    }
  };

  Metrics& metrics_;
  Told epoch_changes_, refused_;
  std::map<std::string, Told> ends_;
  std::map<std::string, Gauge> offsets_;
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_LINK_METRICS_H_

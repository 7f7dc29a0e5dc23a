#ifndef HOLDFAST_SERVER_APP_NODE_METRICS_H_
#define HOLDFAST_SERVER_APP_NODE_METRICS_H_

#include <chrono>
#include <map>
#include <string>

#include "api/http/server.h"
#include "replication/node/node.h"
#include "server/app/audit_metrics.h"
#include "server/app/link_metrics.h"
#include "server/audit/journal.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/observe/metrics.h"

namespace holdfast::app {

// The node's metrics: names and units of ha-conventions section 5. Requests are counted as they are
// answered; the gauges are read when somebody asks.
//
// Threading   Thread-safe.
class NodeMetrics {
 public:
  explicit NodeMetrics(const std::string& version);
  void SetCertificate(const std::string& purpose, WallTime not_after);
  void ObserveStored(std::chrono::nanoseconds took);  // Ledger::Options::stored

  void Observe(const http::Exchange& exchange);
  // Before Render, for each sink.
  void SetSink(const sinks::SinkView& sink, uint64_t head);
  // The text for /metrics, with the gauges as they are now.
  std::string Render(const replication::Node& node, const replication::Ledger& ledger,
                     const audit::Journal& journal, bool ready, WallTime now);

 private:
  struct Requests {
    Counter count;
    Histogram seconds;
  };
  void SetFollowers(const replication::Node& node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountSnapshots(const replication::Node& node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Metrics metrics_;
  Gauge is_primary_, is_secondary_, ready_, sealed_, epoch_, head_, durable_, applied_;
  Gauge lag_seconds_, lag_records_, split_, degraded_, lost_writes_, denials_;
  Gauge log_bytes_, log_records_, diverged_, last_contact_, store_fault_;
  Histogram stored_;
  Mutex mu_;
  LinkMetrics links_ ABSL_GUARDED_BY(mu_){metrics_};
  AuditMetrics audit_ ABSL_GUARDED_BY(mu_){metrics_};
  // By "api method code": bounded by the table of routes and the codes they give.
  std::map<std::string, Requests> requests_ ABSL_GUARDED_BY(mu_);
  struct Follower {
    Gauge lag;
    Gauge connected;
  };
  std::map<std::string, Follower> followers_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<std::string, std::string>, CountedElsewhere> snapshots_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_NODE_METRICS_H_

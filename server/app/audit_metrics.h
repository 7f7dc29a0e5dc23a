#ifndef HOLDFAST_SERVER_APP_AUDIT_METRICS_H_
#define HOLDFAST_SERVER_APP_AUDIT_METRICS_H_

#include <cstdint>
#include <map>
#include <string>

#include "server/audit/journal.h"
#include "server/observe/metrics.h"
#include "server/sinks/journal_sink.h"

namespace holdfast::app {

// What /metrics tells of the audit journal.
//
// Threading   Thread-compatible.
// Ownership   Borrows `metrics`.
class AuditMetrics {
 public:
  explicit AuditMetrics(Metrics& metrics);
  void Set(const audit::Journal& journal);
  void Set(const sinks::SinkView& sink, uint64_t head);

 private:
  struct Sink {
    Gauge lag;
    CountedElsewhere skipped;
  };

  Metrics& metrics_;
  std::map<std::string, Sink> sinks_;
  Gauge uncollected_, oldest_, used_, unrecorded_;
  CountedElsewhere failures_, trimmed_;
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_AUDIT_METRICS_H_

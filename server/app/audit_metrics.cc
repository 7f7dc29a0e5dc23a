#include "server/app/audit_metrics.h"

#include <algorithm>

namespace holdfast::app {

AuditMetrics::AuditMetrics(Metrics& metrics)
    : metrics_(metrics),
      uncollected_(metrics.AddGauge("holdfast_audit_spool_bytes",
                                    "bytes of the audit journal that a member has yet to collect")),
      oldest_(metrics.AddGauge("holdfast_audit_spool_oldest_timestamp_seconds",
                               "time of the oldest record of them; 0: there is none")),
      used_(metrics.AddGauge("holdfast_audit_journal_bytes", "bytes of the audit journal")),
      unrecorded_(metrics.AddGauge("holdfast_audit_unrecorded",
                                   "requests served while the journal was full, not marked")),
      failures_(metrics.AddCounter("holdfast_audit_write_failures_total",
                                   "audit records that did not become durable")),
      trimmed_(metrics.AddCounter("holdfast_audit_trimmed_uncollected_total",
                                  "audit records that went before every member had them")) {}

void AuditMetrics::Set(const audit::Journal& journal) {
  const audit::JournalRoom room = journal.room();
  uncollected_.Set(static_cast<double>(room.bytes_uncollected));
  oldest_.Set(static_cast<double>(journal.OldestUncollectedMs()) / 1000);
  used_.Set(static_cast<double>(room.bytes_used));
  unrecorded_.Set(static_cast<double>(room.unrecorded));
  failures_.Set(journal.write_failures());
  trimmed_.Set(room.trimmed_uncollected);
}

void AuditMetrics::Set(const sinks::SinkView& sink, uint64_t head) {
  auto found = sinks_.find(sink.name);
  if (found == sinks_.end()) {
    const Metrics::Labels labels{{"sink", sink.name}};
    const Sink made{.lag = metrics_.AddGauge("holdfast_audit_sink_lag_records",
                                             "audit records that the sink has yet to take", labels),
                    .skipped = CountedElsewhere(metrics_.AddCounter(
                        "holdfast_audit_sink_skipped_total",
                        "audit records that went before the sink had them", labels))};
    found = sinks_.emplace(sink.name, made).first;
  }
  found->second.lag.Set(static_cast<double>(head - std::min(head, sink.position)));
  found->second.skipped.Set(sink.skipped);
}

}  // namespace holdfast::app

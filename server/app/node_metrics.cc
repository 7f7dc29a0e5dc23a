#include "server/app/node_metrics.h"

#include <fmt/format.h>

#include <chrono>
#include <limits>

namespace holdfast::app {
namespace {

double OrNan(const std::optional<double>& value) {
  return value.value_or(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

NodeMetrics::NodeMetrics(const std::string& version)
    : is_primary_(metrics_.AddGauge("holdfast_is_primary", "1 while this node is primary")),
      is_secondary_(metrics_.AddGauge("holdfast_is_secondary", "1 while this node is secondary")),
      ready_(metrics_.AddGauge("holdfast_ready", "1 while this node can answer reads")),
      sealed_(metrics_.AddGauge("holdfast_sealed", "1 while the root key is not available")),
      epoch_(metrics_.AddGauge("holdfast_epoch", "number of the epoch served in or followed")),
      head_(metrics_.AddGauge("holdfast_log_head_seq", "last record appended")),
      durable_(metrics_.AddGauge("holdfast_log_durable_seq", "last record fsynced here")),
      applied_(metrics_.AddGauge("holdfast_log_applied_seq", "last record visible to reads")),
      lag_seconds_(metrics_.AddGauge("holdfast_replication_lag_seconds",
                                     "age of the newest state fully applied; NaN: unknown")),
      lag_records_(metrics_.AddGauge("holdfast_replication_lag_records",
                                     "records behind the primary's head; NaN: unknown")),
      split_(metrics_.AddGauge("holdfast_split",
                               "1 while it is stopped: another primary of its epoch number "
                               "acknowledged too")),
      degraded_(metrics_.AddGauge("holdfast_degraded",
                                  "1 while this primary acknowledges without its secondaries")),
      lost_writes_(metrics_.AddGauge("holdfast_lost_writes",
                                     "records in this node's quarantine, not applied or dropped")),
      denials_(metrics_.AddGauge("holdfast_denials",
                                 "denials of this node that no rows have carried out yet")),
      log_bytes_(metrics_.AddGauge("holdfast_log_retained_bytes", "bytes of the change log kept")),
      log_records_(
          metrics_.AddGauge("holdfast_log_retained_records", "records of the change log kept")),
      diverged_(
          metrics_.AddGauge("holdfast_replication_diverged",
                            "1 while the rows of this node cannot be trusted: it serves nothing")),
      last_contact_(metrics_.AddGauge("holdfast_replication_last_contact_timestamp_seconds",
                                      "when the primary was last heard of; NaN: unknown")),
      store_fault_(metrics_.AddGauge("holdfast_store_fault",
                                     "1 while the store takes no writes: full, or away")),
      stored_(metrics_.AddHistogram("holdfast_log_fsync_duration_seconds",
                                    "an append of records, until it is durable in the store")) {
  metrics_.AddGauge("holdfast_up_info", "always 1", {{"version", version}}).Set(1);
}

void NodeMetrics::SetCertificate(const std::string& purpose, WallTime not_after) {
  metrics_
      .AddGauge("holdfast_certificate_expiry_timestamp_seconds", "from then on it is not valid",
                {{"purpose", purpose}})
      .Set(static_cast<double>(ToMillis(not_after)) / 1000);
}

void NodeMetrics::ObserveStored(std::chrono::nanoseconds took) {
  stored_.Observe(std::chrono::duration<double>(took).count());
}

void NodeMetrics::Observe(const http::Exchange& exchange) {
  const std::string api = exchange.route ? exchange.route->api : "none";
  const std::string method = exchange.route ? exchange.route->name : "none";
  const std::string key = fmt::format("{} {} {}", api, method, exchange.status);
  Requests requests;
  {
    MutexLock lock(mu_);
    auto found = requests_.find(key);
    if (found == requests_.end()) {
      const Requests made{
          .count = metrics_.AddCounter(
              "holdfast_requests_total", "requests answered",
              {{"api", api}, {"method", method}, {"code", fmt::format("{}", exchange.status)}}),
          .seconds = metrics_.AddHistogram("holdfast_request_duration_seconds",
                                           "from the request's last byte to its answer",
                                           {{"api", api}, {"method", method}})};
      found = requests_.emplace(key, made).first;
    }
    requests = found->second;
  }
  requests.count.Add();
  requests.seconds.Observe(std::chrono::duration<double>(exchange.took).count());
}

void NodeMetrics::SetFollowers(const replication::Node& node) {
  for (auto& [id, follower] : followers_) follower.connected.Set(0);
  for (const replication::FollowerView& view : node.Followers()) {
    auto found = followers_.find(view.node_id);
    if (found == followers_.end()) {
      const Metrics::Labels labels{{"peer", view.node_id}};
      found =
          followers_
              .emplace(
                  view.node_id,
                  Follower{.lag = metrics_.AddGauge("holdfast_replication_peer_lag_records",
                                                    "records not applied there", labels),
                           .connected = metrics_.AddGauge("holdfast_replication_peer_connected",
                                                          "1 while its stream is open", labels)})
              .first;
    }
    found->second.connected.Set(1);
    const uint64_t sent = view.sent_seq;
    found->second.lag.Set(static_cast<double>(sent - std::min(sent, view.acked.applied_seq)));
  }
}

// By why a follower needed one, and what came of it.
void NodeMetrics::CountSnapshots(const replication::Node& node) {
  for (const auto& [key, count] : node.shelf().counts()) {
    auto found = snapshots_.find(key);
    if (found == snapshots_.end()) {
      found =
          snapshots_
              .emplace(key, metrics_.AddCounter("holdfast_replication_snapshots_total",
                                                "snapshots for followers",
                                                {{"reason", key.first}, {"result", key.second}}))
              .first;
    }
    found->second.Set(count);
  }
}

void NodeMetrics::SetSink(const sinks::SinkView& sink, uint64_t head) {
  MutexLock lock(mu_);
  audit_.Set(sink, head);
}

std::string NodeMetrics::Render(const replication::Node& node, const replication::Ledger& ledger,
                                const audit::Journal& journal, bool ready, WallTime now) {
  const v1::NodeReport me = node.Me();
  const replication::LedgerProgress progress = ledger.progress();
  const bool primary = me.role() == "primary";
  is_primary_.Set(primary ? 1 : 0);
  is_secondary_.Set(primary ? 0 : 1);
  ready_.Set(ready ? 1 : 0);
  sealed_.Set(0);
  epoch_.Set(static_cast<double>(me.epoch().number()));
  head_.Set(static_cast<double>(progress.head_seq));
  durable_.Set(static_cast<double>(progress.durable_seq));
  applied_.Set(static_cast<double>(progress.committed_seq));
  lag_seconds_.Set(OrNan(me.has_lag_seconds() ? std::optional(me.lag_seconds()) : std::nullopt));
  lag_records_.Set(OrNan(me.has_lag_records() ? std::optional(static_cast<double>(me.lag_records()))
                                              : std::nullopt));
  split_.Set(me.split() ? 1 : 0);
  degraded_.Set(me.degraded() ? 1 : 0);
  lost_writes_.Set(static_cast<double>(me.lost_writes()));
  denials_.Set(me.denials_size());
  const double heard = static_cast<double>(ToMillis(now)) / 1000 - me.link_age_seconds();
  last_contact_.Set(OrNan(me.has_link_age_seconds() ? std::optional(heard) : std::nullopt));
  store_fault_.Set(progress.store_fault.ok() && progress.failure.ok() ? 0 : 1);
  const replication::LogSize log = ledger.log_size();
  log_bytes_.Set(static_cast<double>(log.bytes));
  log_records_.Set(static_cast<double>(log.records));
  diverged_.Set(progress.distrust.empty() ? 0 : 1);
  {
    MutexLock lock(mu_);
    SetFollowers(node);
    CountSnapshots(node);
    links_.Set(node);
    audit_.Set(journal);
  }
  return metrics_.Render();
}

}  // namespace holdfast::app

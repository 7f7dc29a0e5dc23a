#include "api/native/status_json.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <set>

#include "api/native/words.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

constexpr char kDown[] = "down";

json::object RenderNode(const v1::NodeReport& node, const std::string& url) {
  const bool down = node.state().empty() || node.state() == kDown;
  const auto seq = [&](uint64_t value) -> json::value {
    if (down) return nullptr;
    return value;
  };
  json::value epoch;
  if (!down && node.epoch().number() != 0) epoch = node.epoch().number();
  json::value lag_records;
  if (!down && node.has_lag_records()) lag_records = node.lag_records();
  json::value lag_seconds;
  if (!down && node.has_lag_seconds()) lag_seconds = node.lag_seconds();
  json::value link_age;
  if (node.has_link_age_seconds()) link_age = node.link_age_seconds();
  json::value snapshot;
  if (!down && node.snapshot_bytes_total() > 0) {
    snapshot = {{"bytes", node.snapshot_bytes()}, {"bytes_total", node.snapshot_bytes_total()}};
  }
  return {
      {"id", node.node_id()},
      {"role", down ? json::value() : TextOrNull(node.role())},
      {"state", down ? std::string(kDown) : node.state()},
      {"serving", !down && node.serving()},
      {"epoch", epoch},
      {"head_seq", seq(node.head_seq())},
      {"durable_seq", seq(node.durable_seq())},
      {"committed_seq", seq(node.committed_seq())},
      {"applied_seq", seq(node.applied_seq())},
      {"lag_records", lag_records},
      {"lag_seconds", lag_seconds},
      {"link_age_seconds", link_age},
      {"snapshot", snapshot},
      {"lost_writes", seq(node.lost_writes())},
      {"url", TextOrNull(url)},
      {"version", TextOrNull(node.version())},
      {"waiting", down ? json::value() : TextOrNull(node.waiting())},
      {"degraded", !down && node.degraded()},
      {"split", !down && node.split()},
  };
}

}  // namespace

json::object RenderStatus(const ClusterView& view) {
  std::map<std::string, const v1::NodeReport*> reports;
  for (const v1::NodeReport& report : view.reports) reports[report.node_id()] = &report;
  std::set<std::string> ids;
  for (const auto& [id, report] : reports) ids.insert(id);
  for (const auto& [id, url] : view.rest_urls) ids.insert(id);

  json::array nodes;
  for (const std::string& id : ids) {
    v1::NodeReport silent;
    silent.set_node_id(id);
    const auto report = reports.find(id);
    const auto url = view.rest_urls.find(id);
    nodes.push_back(RenderNode(report == reports.end() ? silent : *report->second,
                               url == view.rest_urls.end() ? std::string() : url->second));
  }
  return {{"schema", "holdfast.status/1"},
          {"cluster_id", TextOrNull(view.cluster_id)},
          {"nodes", std::move(nodes)}};
}

}  // namespace holdfast::native

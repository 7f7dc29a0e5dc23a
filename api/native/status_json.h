#ifndef HOLDFAST_API_NATIVE_STATUS_JSON_H_
#define HOLDFAST_API_NATIVE_STATUS_JSON_H_

#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "holdfast/v1/peer.pb.h"

namespace holdfast::native {

// What is known of the cluster at one moment.
struct ClusterView {
  std::string cluster_id;                        // empty: unknown
  std::map<std::string, std::string> rest_urls;  // by node id: one for each member
  std::vector<v1::NodeReport> reports;
};

// `holdfast.status/1`: one row for each member and each report, ordered by id. Of a node that is
// down nothing is claimed but that, its URL, its last version and how long it has been silent: the
// role that it had is not the role that it has. Pure.
boost::json::object RenderStatus(const ClusterView& view);

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_STATUS_JSON_H_

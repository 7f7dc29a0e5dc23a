#ifndef HOLDFAST_API_CLI_HEALTH_H_
#define HOLDFAST_API_CLI_HEALTH_H_

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace holdfast::cli {

// A node in the answer of /v1/status: it serves, takes part in replication, waits for nothing (its
// database, free space, another node), and acknowledges as the settings say. Thread-safe.
bool IsHealthy(const boost::json::object& node);

// All nodes are healthy, and one of them is primary.
bool IsWhole(const boost::json::array& nodes);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_HEALTH_H_

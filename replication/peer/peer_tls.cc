#include "replication/peer/peer_tls.h"

#include <fmt/format.h>

namespace holdfast::replication {

std::string PeerName(const std::string& cluster_id, const std::string& node_id) {
  return fmt::format("{}.{}.holdfast", node_id, cluster_id);
}

}  // namespace holdfast::replication

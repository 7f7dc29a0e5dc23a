#ifndef HOLDFAST_REPLICATION_PEER_PEER_TLS_H_
#define HOLDFAST_REPLICATION_PEER_PEER_TLS_H_

#include <memory>
#include <string>

#include "server/base/secret_bytes.h"

namespace holdfast::replication {

// What a member shows and whom it trusts on the peer port.
struct PeerTls {
  std::string cluster_id;
  std::string node_id;                     // this node
  std::string ca_certificate;              // PEM; only certificates of this authority are members
  std::string certificate;                 // PEM of this node
  std::shared_ptr<const SecretBytes> key;  // PEM of this node
};

// The name that a member's certificate carries for the peer port, so that a caller knows which
// member has answered: docs/formats/stream.md.
std::string PeerName(const std::string& cluster_id, const std::string& node_id);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_PEER_PEER_TLS_H_

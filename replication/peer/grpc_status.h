#ifndef HOLDFAST_REPLICATION_PEER_GRPC_STATUS_H_
#define HOLDFAST_REPLICATION_PEER_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace holdfast::replication {

// The two kinds of status share their codes (google.rpc.Code).
inline grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.raw_code()), std::string(status.message())};
}
inline absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_PEER_GRPC_STATUS_H_

#ifndef HOLDFAST_API_CLIENT_FAILOVER_H_
#define HOLDFAST_API_CLIENT_FAILOVER_H_

// Inside this room only.
#include <vector>

#include "absl/status/statusor.h"
#include "api/client/address.h"
#include "api/client/client.h"
#include "api/client/exchange.h"
#include "api/client/message.h"

namespace holdfast::client {

inline constexpr int kHopsMax = 3;

// The first final answer of any of the addresses, which are started one after the other.
absl::StatusOr<Response> Read(const Trip& trip, const std::vector<Address>& order);

// The final answer of the primary, looked for in one address after the other.
absl::StatusOr<Response> Write(const Trip& trip, const std::vector<Address>& order, Mode mode);

}  // namespace holdfast::client

#endif  // HOLDFAST_API_CLIENT_FAILOVER_H_

#include "api/client/client.h"

#include <algorithm>

#include "api/client/failover.h"
#include "server/base/status_macros.h"

namespace holdfast::client {

std::vector<Address> Client::Order(const std::optional<Address>& first) const {
  std::vector<Address> order = options_.addresses;
  if (!first.has_value()) return order;
  order.erase(std::remove(order.begin(), order.end(), *first), order.end());
  order.insert(order.begin(), *first);
  return order;
}

absl::StatusOr<Response> Client::Call(const Request& request, Mode mode) {
  if (options_.addresses.empty() || options_.tls == nullptr) {
    return absl::InvalidArgumentError("client: expected an address and a TLS context, got none");
  }
  HOLDFAST_RETURN_IF_ERROR(CheckToken(options_.token));
  HOLDFAST_RETURN_IF_ERROR(CheckRequest(request));
  const Trip trip = {
      .request = request, .token = options_.token, .tls = options_.tls, .limits = options_.limits};
  if (mode == Mode::kRead) {
    HOLDFAST_ASSIGN_OR_RETURN(Response response, Read(trip, Order(answered_last_)));
    answered_last_ = response.address;
    return response;
  }
  HOLDFAST_ASSIGN_OR_RETURN(Response response, Write(trip, Order(primary_), mode));
  primary_ = response.address;
  return response;
}

}  // namespace holdfast::client

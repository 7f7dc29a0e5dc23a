#ifndef HOLDFAST_API_CLIENT_EXCHANGE_H_
#define HOLDFAST_API_CLIENT_EXCHANGE_H_

// Inside this room only: brings Asio along.
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "api/client/client.h"

namespace holdfast::client {

// What one Call carries to every address.
struct Trip {
  const Request& request;
  const SecretBytes& token;
  const crypto::TlsContext& tls;
  const Limits& limits;
};

// One address, once.
struct Attempt {
  Address address;
  bool sent = false;                 // a byte of the request may have left
  bool over = false;                 // one of the two below is set
  std::optional<Response> response;  // whole
  std::string failure;               // why there is none; never a secret
};

// Connects, checks the certificate, sends, reads the whole answer. Leaves the outcome in `attempt`,
// which must live as long as the task, as must `trip`.
boost::asio::awaitable<void> Exchange(const Trip& trip, std::chrono::milliseconds answer_limit,
                                      Attempt& attempt);

}  // namespace holdfast::client

#endif  // HOLDFAST_API_CLIENT_EXCHANGE_H_

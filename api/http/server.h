#ifndef HOLDFAST_API_HTTP_SERVER_H_
#define HOLDFAST_API_HTTP_SERVER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "api/http/connection_counts.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "server/base/clock.h"
#include "server/base/limits.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace holdfast::http {

// What became of one request; for metrics and tests.
struct Exchange {
  const Route* route = nullptr;  // nullptr: no route, or refused before routing
  Method method = Method::kOther;
  int status = 0;
  std::chrono::nanoseconds took{};  // from the end of the request to the answer of its handler
};

struct ServerOptions {
  std::string name;                 // for logs: "rest", "health"
  std::string address;              // numeric: "0.0.0.0", "::" (IPv4 too), "127.0.0.1"
  uint16_t port = 0;                // 0: any free one, see HttpServer::port
  std::shared_ptr<ssl_ctx_st> tls;  // null: plain HTTP
  int threads = 2;

  ConnectionLimits connections;
  size_t header_bytes_max = limits::kHeaderBytesMax;
  size_t headers_max = limits::kHeadersMax;
  size_t body_bytes_max = limits::kBodyBytesMax;

  // Each is for a whole phase, however slowly bytes trickle; kept to about a quarter of a second.
  std::chrono::milliseconds header_timeout{
      10'000};  // also the TLS handshake, and strangers' idling
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds handler_timeout{30'000};

  std::function<void(const Exchange&)> observe;  // thread-safe and quick; may be null
};

// An HTTP/1.1 server: keep-alive, pipelined requests answered in order, chunked bodies, TLS.
//
// Room        api/http: knows connections and bytes, and nothing of what is served.
// Promises    A handler sees only whole, well-formed requests within the limits; the others are
//             answered 400, 408, 413, 414, 431, 501 or 505 and the connection ends.
//             Logs never hold a query, a header or a body.
// Threading   Start and Stop by one thread that is none of the server's; the rest is thread-safe.
//             Handlers run on the server's threads.
// Ownership   Owns its threads and sockets, shares the router. The clock must outlive it.
// Failure     Start says which address could not be had. Afterwards a failing connection ends
// alone.
class HttpServer {
 public:
  HttpServer(ServerOptions options, std::shared_ptr<const Router> router, const Clock& clock);
  ~HttpServer();  // Stop(0)

  absl::Status Start();
  // Stops accepting, lets requests that were begun finish for at most `drain`, ends the rest. A
  // handler that still runs may call its Respond later; nobody hears it.
  void Stop(std::chrono::milliseconds drain);

  uint16_t port() const;  // the bound one
  size_t connections() const;
  // For connections accepted from now on: a renewed certificate.
  void SetTls(std::shared_ptr<ssl_ctx_st> tls);

 private:
  struct Rep;
  std::shared_ptr<Rep> rep_;
};

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_SERVER_H_

#ifndef HOLDFAST_API_HTTP_WIRE_H_
#define HOLDFAST_API_HTTP_WIRE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/request.h"
#include "server/base/clock.h"

// Inside this room only: bytes to Request, Response to bytes. Pure; tested without sockets.
namespace holdfast::http {

struct WireLimits {
  size_t header_bytes_max;
  size_t headers_max;
  size_t body_bytes_max;
};

// Reads one HTTP/1.x request piece by piece. Strict where leniency lets a request be smuggled: two
// lengths, a coding other than chunked, a second or missing Host, control characters.
//
// Threading   Thread-compatible.
class RequestReader {
 public:
  RequestReader(const WireLimits& limits, Request& request);
  ~RequestReader();

  // Takes what it can of `bytes` and says how much; the rest belongs to later calls or requests.
  // The whole header has to be in one call's `bytes`: give again what was not taken, with more.
  // Stops after the header, so that a client that waits for 100 can be told.
  size_t Take(std::string_view bytes);

  bool header_done() const;
  bool done() const;
  bool keep_alive() const;
  bool expects_continue() const;
  // Set when the request is refused: what to answer before closing.
  std::optional<Response>& refusal();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

struct HeadOptions {
  bool keep_alive = true;
  WallTime now{};
};
// Status line and header of `response`, with Content-Length, Date, Cache-Control: no-store unless
// the response says otherwise.
std::string RenderHead(const Response& response, const HeadOptions& options);

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_WIRE_H_

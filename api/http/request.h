#ifndef HOLDFAST_API_HTTP_REQUEST_H_
#define HOLDFAST_API_HTTP_REQUEST_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace holdfast::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };
std::string_view ToText(Method method);
Method ParseMethod(std::string_view text);  // case-sensitive, as RFC 9110 wants

// Header fields in the order they came; names are compared without case. Values may be tokens, so
// they are wiped when dropped.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}
  Headers(Headers&&) noexcept = default;
  Headers& operator=(Headers&&) noexcept = default;
  Headers(const Headers&) = default;
  Headers& operator=(const Headers&) = default;
  ~Headers();

  void Add(std::string name, std::string value);
  void Set(std::string_view name, std::string value);  // replaces every field of that name
  // The first one; nullptr when there is none.
  const std::string* Find(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  size_t Count(std::string_view name) const;
  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b);  // ASCII only

struct QueryParameter {
  std::string name;       // decoded: percent, and '+' as a space
  std::string value;      // decoded the same way
  std::string raw_value;  // as it was sent
};

// A request target, taken apart. Percent signs are decoded once and after splitting, so an encoded
// slash stays inside its segment. '+' is literal in the path and a space in the query.
struct Target {
  std::string path;                   // as sent, without the query
  std::string raw_query;              // as sent, without the '?'
  std::vector<std::string> segments;  // "/v1/users/" and "/v1/users" are both {"v1", "users"}
  std::vector<QueryParameter> query;
};

// INVALID_ARGUMENT for bad percent signs, NUL, dot segments and anything not absolute. "http(s)://
// host/path" is accepted as its path.
absl::StatusOr<Target> ParseTarget(std::string_view text);

// One request, read whole. Body, query and header values may hold secrets: wiped when dropped.
//
// Threading   Thread-compatible; one handler owns it at a time.
struct Request {
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  ~Request();

  Method method = Method::kOther;
  Target target;
  Headers headers;
  std::string body;
  std::string client;  // address without the port, for audit and limits
  bool is_tls = false;
  // What the pattern's braces matched, decoded; set by the router.
  std::vector<std::pair<std::string, std::string>> captures;

  // HOLDFAST_CHECKs that the route's pattern has such a capture.
  const std::string& Capture(std::string_view name) const;
  // First value of a header or of a query parameter (names of parameters with case); nullptr when
  // absent.
  const std::string* Header(std::string_view name) const { return headers.Find(name); }
  const std::string* Query(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";  // not sent when the body is empty
  Headers headers;
  std::string body;
  bool secret_body = false;    // wiped after sending
  bool authenticated = false;  // the caller proved who it is: lifts the limits for strangers
  bool close = false;          // end the connection after this answer
};

std::string_view ReasonPhrase(int status);

// {"error":{"code":...,"message":...}}: what the server itself answers, and the default of routes.
Response ErrorResponse(int status, std::string_view code, std::string_view message);
// The same from a Status, with the HTTP status that fits its code.
Response ErrorResponse(const absl::Status& status);

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_REQUEST_H_

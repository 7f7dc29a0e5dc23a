#ifndef HOLDFAST_API_CLIENT_MESSAGE_H_
#define HOLDFAST_API_CLIENT_MESSAGE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "api/client/address.h"
#include "server/base/secret_bytes.h"

namespace holdfast::client {

inline constexpr size_t kAnswerBodyBytesMax = 8 * 1024 * 1024;
inline constexpr size_t kAnswerHeaderBytesMax = 32 * 1024;
inline constexpr size_t kTargetBytesMax = 8 * 1024;

using Header = std::pair<std::string, std::string>;

struct Request {
  std::string method = "GET";
  std::string target;           // "/v1/accounts?name=a%20b": encoded by the caller
  std::vector<Header> headers;  // none that the client writes itself; never a secret
  SecretBytes body;
  std::string content_type = "application/json";  // not sent when the body is empty
};

struct Response {
  int status = 0;
  std::vector<Header> headers;
  SecretBytes body;
  Address address;  // who answered

  // The first of that name, in whatever case; nullptr when there is none.
  const std::string* Find(std::string_view name) const;
  // X-Holdfast-Node; empty when the answer does not say.
  std::string node() const;
};

// What an answer of the form {"error":{"code":...,"message":...}} says; empty texts otherwise. Fit
// for a terminal: bounded, without control characters.
struct ServerError {
  std::string code;
  std::string message;
};
ServerError ErrorOf(const Response& response);

// INVALID_ARGUMENT for what would not be one request on the wire: line ends in a header, a header
// that the client writes, a target with spaces, a body over limits::kBodyBytesMax.
absl::Status CheckRequest(const Request& request);
absl::Status CheckToken(const SecretBytes& token);

// The request as it goes over the wire, made in one piece so that no copy of the token or the body
// is left behind; the caller wipes it.
std::string WireText(const Request& request, const Address& to, const SecretBytes& token);

}  // namespace holdfast::client

#endif  // HOLDFAST_API_CLIENT_MESSAGE_H_

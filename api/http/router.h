#ifndef HOLDFAST_API_HTTP_ROUTER_H_
#define HOLDFAST_API_HTTP_ROUTER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "api/http/request.h"
#include "server/base/operation_class.h"

namespace holdfast::http {

// Takes the answer of one request. Callable from any thread, copyable, thread-safe; the first call
// counts. When the last copy is dropped without a call, the client gets 500.
using Respond = std::function<void(Response)>;
// Must not block: it runs on a thread that serves many connections.
using Handler = std::function<void(std::shared_ptr<Request>, Respond)>;
// Renders an error in the form of a dialect.
using Refuse = std::function<Response(const absl::Status&)>;

struct Route {
  Method method = Method::kGet;
  std::string pattern;  // "/v1/users/{id}": a capture matches one segment that is not empty
  DeclaredClass op_class;
  std::string api;   // dialect, for metrics: "native"
  std::string name;  // operation, for metrics and logs: "users.get"
  Handler handler;
  Refuse refuse = [](const absl::Status& status) { return ErrorResponse(status); };
};

// Asked before the handler; a Response refuses. Usually the gate's verdict, rendered by
// route.refuse. Must be thread-safe.
using Admit = std::function<std::optional<Response>(const Route&, const Request&)>;

// Finds the handler of a request.
//
// Invariants  Static segments beat captures at every level, whatever the order of Add.
// Threading   Built by one thread; const and so thread-safe afterwards.
// Failure     A wrong or doubled pattern is our bug and aborts in Add.
class Router {
 public:
  explicit Router(Admit admit = nullptr);
  ~Router();
  Router(Router&&) noexcept;

  void Add(Route route);
  // Who renders "no such path" (NOT_FOUND) and "no such method" (UNIMPLEMENTED) below a prefix; the
  // longest prefix counts. Without one: the native form.
  void AddFallback(std::string prefix, Refuse refuse);

  struct Match {
    const Route* route = nullptr;  // nullptr: nothing matched
    std::vector<std::pair<std::string, std::string>> captures;
    std::vector<Method> allowed;  // of the path when only the method did not match
  };
  // HEAD is answered by the GET route; the server drops the body.
  Match Find(Method method, const std::vector<std::string>& segments) const;

  // Matches, asks `admit`, calls the handler or answers itself. Returns the route, nullptr if none.
  const Route* Dispatch(std::shared_ptr<Request> request, Respond respond) const;

  std::vector<const Route*> Routes() const;

 private:
  struct Node;
  struct Entry;
  Response NoRoute(const Match& match, const Request& request) const;
  static const Node* FindNode(const Node& node, const std::vector<std::string>& segments,
                              size_t at);

  Admit admit_;
  std::unique_ptr<Node> root_;
  std::vector<std::pair<std::string, Refuse>> fallbacks_;
};

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_ROUTER_H_

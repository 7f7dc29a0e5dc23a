#include "api/http/router.h"

#include <algorithm>
#include <map>

#include "server/base/check.h"

namespace holdfast::http {

// A route with what its pattern captures: (index of the segment, name).
struct Router::Entry {
  Route route;
  std::vector<std::pair<size_t, std::string>> captures;
};

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> fixed;
  std::unique_ptr<Node> capture;
  std::vector<std::unique_ptr<Entry>> entries;  // by method; only a few

  const Entry* Find(Method method) const {
    for (const auto& entry : entries) {
      if (entry->route.method == method) return entry.get();
    }
    return method == Method::kHead ? Find(Method::kGet) : nullptr;
  }
};

namespace {

template <typename Node, typename Use>
void Walk(const Node& node, const Use& use) {
  for (const auto& entry : node.entries) use(*entry);
  for (const auto& [text, child] : node.fixed) Walk(*child, use);
  if (node.capture != nullptr) Walk(*node.capture, use);
}

bool IsBelow(std::string_view path, std::string_view prefix) {
  return path.substr(0, prefix.size()) == prefix &&
         (path.size() == prefix.size() || prefix.back() == '/' || path[prefix.size()] == '/');
}

}  // namespace

Router::Router(Admit admit) : admit_(std::move(admit)), root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;

void Router::Add(Route route) {
  HOLDFAST_CHECK(route.handler != nullptr && route.refuse != nullptr);
  HOLDFAST_CHECK(!route.name.empty());
  const auto target = ParseTarget(route.pattern);
  HOLDFAST_CHECK(target.ok());
  auto entry = std::make_unique<Entry>(Entry{.route = std::move(route), .captures = {}});
  Node* node = root_.get();
  for (size_t i = 0; i < target->segments.size(); ++i) {
    const std::string& segment = target->segments[i];
    HOLDFAST_CHECK(!segment.empty());
    const bool captures = segment.front() == '{' && segment.back() == '}' && segment.size() > 2;
    if (captures) entry->captures.emplace_back(i, segment.substr(1, segment.size() - 2));
    std::unique_ptr<Node>& next = captures ? node->capture : node->fixed[segment];
    if (next == nullptr) next = std::make_unique<Node>();
    node = next.get();
  }
  for (const auto& other : node->entries) {
    HOLDFAST_CHECK(other->route.method != entry->route.method);  // Two routes for one request.
  }
  node->entries.push_back(std::move(entry));
}

void Router::AddFallback(std::string prefix, Refuse refuse) {
  HOLDFAST_CHECK(!prefix.empty() && prefix.front() == '/' && refuse != nullptr);
  fallbacks_.emplace_back(std::move(prefix), std::move(refuse));
}

// Depth is that of the patterns, so backtracking is bounded by 2^(captures in a pattern).
const Router::Node* Router::FindNode(const Node& node, const std::vector<std::string>& segments,
                                     size_t at) {
  if (at == segments.size()) return node.entries.empty() ? nullptr : &node;
  if (const auto fixed = node.fixed.find(segments[at]); fixed != node.fixed.end()) {
    if (const Node* found = FindNode(*fixed->second, segments, at + 1)) return found;
  }
  if (node.capture == nullptr || segments[at].empty()) return nullptr;
  return FindNode(*node.capture, segments, at + 1);
}

Router::Match Router::Find(Method method, const std::vector<std::string>& segments) const {
  Match match;
  const Node* node = FindNode(*root_, segments, 0);
  if (node == nullptr) return match;
  const Entry* entry = node->Find(method);
  if (entry == nullptr) {
    for (const auto& other : node->entries) {
      match.allowed.push_back(other->route.method);
      if (other->route.method == Method::kGet) match.allowed.push_back(Method::kHead);
    }
    return match;
  }
  match.route = &entry->route;
  for (const auto& [index, name] : entry->captures) {
    match.captures.emplace_back(name, segments[index]);
  }
  return match;
}

Response Router::NoRoute(const Match& match, const Request& request) const {
  const absl::Status why = match.allowed.empty()
                               ? absl::NotFoundError("no such path")
                               : absl::UnimplementedError("this path does not know the method");
  const std::pair<std::string, Refuse>* best = nullptr;
  for (const auto& fallback : fallbacks_) {
    if (IsBelow(request.target.path, fallback.first) &&
        (best == nullptr || fallback.first.size() > best->first.size())) {
      best = &fallback;
    }
  }
  Response response = best == nullptr ? ErrorResponse(why) : best->second(why);
  if (match.allowed.empty()) return response;
  std::string allow;
  for (const Method method : match.allowed) {
    if (!allow.empty()) allow += ", ";
    allow += ToText(method);
  }
  response.headers.Set("Allow", std::move(allow));
  return response;
}

const Route* Router::Dispatch(std::shared_ptr<Request> request, Respond respond) const {
  Match match = Find(request->method, request->target.segments);
  if (match.route == nullptr) {
    respond(NoRoute(match, *request));
    return nullptr;
  }
  request->captures = std::move(match.captures);
  if (admit_ != nullptr) {
    if (std::optional<Response> refusal = admit_(*match.route, *request)) {
      respond(*std::move(refusal));
      return match.route;
    }
  }
  match.route->handler(std::move(request), std::move(respond));
  return match.route;
}

std::vector<const Route*> Router::Routes() const {
  std::vector<const Route*> routes;
  Walk(*root_, [&](const Entry& entry) { routes.push_back(&entry.route); });
  return routes;
}

}  // namespace holdfast::http

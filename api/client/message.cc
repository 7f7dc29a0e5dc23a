#include "api/client/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "server/base/limits.h"

namespace holdfast::client {
namespace {

constexpr size_t kErrorBodyBytesMax = 64 * 1024;
constexpr size_t kErrorTextBytesMax = 512;
constexpr size_t kMethodBytesMax = 16;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

bool IsVisible(char c) { return c > ' ' && c < 0x7f; }

bool IsVisibleText(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsVisible);
}

bool IsHeaderName(std::string_view text) {
  return IsVisibleText(text) && text.find_first_of("\"(),/:;<=>?@[\\]{}") == text.npos;
}

bool IsHeaderValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || IsVisible(c); });
}

bool IsOurs(std::string_view name) {
  constexpr std::string_view kOurs[] = {
      "host",         "authorization", "content-length", "connection", "transfer-encoding",
      "content-type", "expect",        "upgrade"};
  return std::any_of(std::begin(kOurs), std::end(kOurs),
                     [&](std::string_view ours) { return SameName(ours, name); });
}

// Bytes from a server, made fit for a terminal.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, kErrorTextBytesMax));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  return out;
}

std::string TextAt(const boost::json::object& object, std::string_view key) {
  const boost::json::value* const value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return "";
  return Printable(value->get_string());
}

}  // namespace

const std::string* Response::Find(std::string_view name) const {
  for (const Header& header : headers) {
    if (SameName(header.first, name)) return &header.second;
  }
  return nullptr;
}

std::string Response::node() const {
  const std::string* const node = Find("X-Holdfast-Node");
  return node == nullptr ? "" : Printable(*node);
}

ServerError ErrorOf(const Response& response) {
  if (response.status < 400 || response.body.size() > kErrorBodyBytesMax) return {};
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  const boost::json::value body = boost::json::parse(
      response.body.RevealText(Purpose::kAnswerClient), error, boost::json::storage_ptr(), options);
  if (error || !body.is_object()) return {};
  const boost::json::value* const inner = body.get_object().if_contains("error");
  if (inner == nullptr || !inner->is_object()) return {};
  return {.code = TextAt(inner->get_object(), "code"),
          .message = TextAt(inner->get_object(), "message")};
}

absl::Status CheckRequest(const Request& request) {
  if (!IsVisibleText(request.method) || request.method.size() > kMethodBytesMax) {
    return absl::InvalidArgumentError("request: expected a method such as GET");
  }
  if (!request.target.starts_with('/') || !IsVisibleText(request.target) ||
      request.target.size() > kTargetBytesMax) {
    return absl::InvalidArgumentError(fmt::format(
        "request: expected a target that begins with '/', of at most {} visible characters",
        kTargetBytesMax));
  }
  for (const Header& header : request.headers) {
    if (!IsHeaderName(header.first) || !IsHeaderValue(header.second)) {
      return absl::InvalidArgumentError(
          "request: expected headers of visible characters and spaces");
    }
    if (IsOurs(header.first)) {
      return absl::InvalidArgumentError(
          fmt::format("request: the header '{}' is the client's to write", header.first));
    }
  }
  if (!IsHeaderValue(request.content_type)) {
    return absl::InvalidArgumentError("request: expected a content type of visible characters");
  }
  if (request.body.size() > limits::kBodyBytesMax) {
    return absl::InvalidArgumentError(fmt::format("request: expected at most {} bytes, got {}",
                                                  limits::kBodyBytesMax, request.body.size()));
  }
  return absl::OkStatus();
}

absl::Status CheckToken(const SecretBytes& token) {
  if (token.empty() || IsVisibleText(token.RevealText(Purpose::kSendToMember))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "token: expected visible characters without spaces or line ends");
}

std::string WireText(const Request& request, const Address& to, const SecretBytes& token) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
                                 request.method, request.target, to.Authority());
  for (const Header& header : request.headers) {
    head += fmt::format("{}: {}\r\n", header.first, header.second);
  }
  const bool has_body = !request.body.empty();
  if (has_body) head += fmt::format("Content-Type: {}\r\n", request.content_type);
  if (has_body || (request.method != "GET" && request.method != "HEAD")) {
    head += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  constexpr std::string_view kBearer = "Authorization: Bearer ";
  constexpr std::string_view kLineEnd = "\r\n";
  std::string text;
  text.reserve(head.size() + kBearer.size() + token.size() + 2 * kLineEnd.size() +
               request.body.size());
  text += head;
  if (!token.empty()) {
    text += kBearer;
    text += token.RevealText(Purpose::kSendToMember);
    text += kLineEnd;
  }
  text += kLineEnd;
  text += request.body.RevealText(Purpose::kSendToMember);
  return text;
}

}  // namespace holdfast::client

#include "api/http/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/http/json.h"
#include "server/base/check.h"
#include "server/base/secret_bytes.h"
#include "server/base/status_macros.h"

namespace holdfast::http {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Fills `out` instead of returning a StatusOr<std::string>: g++ 12 at -O3 takes the string moved
// out of one for uninitialized where it is compared.
absl::Status PercentDecode(std::string_view text, bool plus_is_space, std::string& out) {
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) {
      c = ' ';
    } else if (c == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return absl::InvalidArgumentError("target: expected two hex digits after '%'");
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return absl::InvalidArgumentError("target: NUL is not allowed");
    out += c;
  }
  return absl::OkStatus();
}

// Calls `use` with each piece between separators until it fails.
template <typename Use>
absl::Status Split(std::string_view text, char separator, Use use) {
  while (true) {
    const size_t end = text.find(separator);
    HOLDFAST_RETURN_IF_ERROR(use(text.substr(0, end)));
    if (end == std::string_view::npos) return absl::OkStatus();
    text.remove_prefix(end + 1);
  }
}

absl::Status ParsePath(std::string_view path, Target& target) {
  std::string_view rest = path.substr(1);
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  if (rest.empty()) return absl::OkStatus();
  return Split(rest, '/', [&](std::string_view piece) -> absl::Status {
    std::string segment;
    HOLDFAST_RETURN_IF_ERROR(PercentDecode(piece, /*plus_is_space=*/false, segment));
    if (segment == "." || segment == "..") {
      return absl::InvalidArgumentError("target: '.' and '..' are not allowed in a path");
    }
    target.segments.push_back(std::move(segment));
    return absl::OkStatus();
  });
}

absl::Status ParseQuery(std::string_view query, Target& target) {
  return Split(query, '&', [&](std::string_view piece) -> absl::Status {
    if (piece.empty()) return absl::OkStatus();
    const size_t equals = piece.find('=');
    const std::string_view raw =
        equals == std::string_view::npos ? std::string_view() : piece.substr(equals + 1);
    QueryParameter parameter;
    HOLDFAST_RETURN_IF_ERROR(
        PercentDecode(piece.substr(0, equals), /*plus_is_space=*/true, parameter.name));
    HOLDFAST_RETURN_IF_ERROR(PercentDecode(raw, /*plus_is_space=*/true, parameter.value));
    parameter.raw_value = std::string(raw);
    target.query.push_back(std::move(parameter));
    return absl::OkStatus();
  });
}

struct StatusRow {
  absl::StatusCode code;
  int http;
  std::string_view name;
};
constexpr StatusRow kStatusRows[] = {
    {absl::StatusCode::kInvalidArgument, 400, "INVALID_ARGUMENT"},
    {absl::StatusCode::kOutOfRange, 400, "OUT_OF_RANGE"},
    {absl::StatusCode::kUnauthenticated, 401, "UNAUTHENTICATED"},
    {absl::StatusCode::kPermissionDenied, 403, "PERMISSION_DENIED"},
    {absl::StatusCode::kNotFound, 404, "NOT_FOUND"},
    {absl::StatusCode::kUnimplemented, 405, "METHOD_NOT_ALLOWED"},
    {absl::StatusCode::kAlreadyExists, 409, "ALREADY_EXISTS"},
    {absl::StatusCode::kAborted, 409, "ABORTED"},
    {absl::StatusCode::kFailedPrecondition, 409, "FAILED_PRECONDITION"},
    {absl::StatusCode::kResourceExhausted, 429, "RESOURCE_EXHAUSTED"},
    {absl::StatusCode::kUnavailable, 503, "UNAVAILABLE"},
    {absl::StatusCode::kDeadlineExceeded, 504, "DEADLINE_EXCEEDED"},
};

}  // namespace

std::string_view ToText(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
    case Method::kOptions:
      return "OPTIONS";
    case Method::kOther:
      return "OTHER";
  }
  return "OTHER";
}

Method ParseMethod(std::string_view text) {
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost, Method::kPut,
                              Method::kPatch, Method::kDelete, Method::kOptions}) {
    if (text == ToText(method)) return method;
  }
  return Method::kOther;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

Headers::~Headers() {
  for (Field& field : fields_) WipeText(field.second);
}

void Headers::Add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::Set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const Field& f) { return EqualsIgnoringCase(f.first, name); });
  Add(std::string(name), std::move(value));
}

const std::string* Headers::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (EqualsIgnoringCase(field.first, name)) return &field.second;
  }
  return nullptr;
}

size_t Headers::Count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(fields_.begin(), fields_.end(), [&](const Field& f) {
    return EqualsIgnoringCase(f.first, name);
  }));
}

absl::StatusOr<Target> ParseTarget(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!EqualsIgnoringCase(text.substr(0, scheme.size()), scheme)) continue;
    const size_t slash = text.find_first_of("/?", scheme.size());
    text = slash == std::string_view::npos || text[slash] == '?' ? "/" : text.substr(slash);
  }
  if (text.empty() || text.front() != '/') {
    return absl::InvalidArgumentError("target: expected an absolute path");
  }
  Target target;
  const size_t question = text.find('?');
  target.path = std::string(text.substr(0, question));
  HOLDFAST_RETURN_IF_ERROR(ParsePath(target.path, target));
  if (question != std::string_view::npos) {
    target.raw_query = std::string(text.substr(question + 1));
    HOLDFAST_RETURN_IF_ERROR(ParseQuery(target.raw_query, target));
  }
  return target;
}

Request::~Request() {
  WipeText(body);
  WipeText(target.raw_query);
  for (QueryParameter& parameter : target.query) {
    WipeText(parameter.value);
    WipeText(parameter.raw_value);
  }
}

const std::string& Request::Capture(std::string_view name) const {
  const auto found = std::find_if(captures.begin(), captures.end(),
                                  [&](const auto& capture) { return capture.first == name; });
  HOLDFAST_CHECK(found != captures.end());
  return found->second;
}

const std::string* Request::Query(std::string_view name) const {
  for (const QueryParameter& parameter : target.query) {
    if (parameter.name == name) return &parameter.value;
  }
  return nullptr;
}

std::string_view ReasonPhrase(int status) {
  struct Row {
    int status;
    std::string_view phrase;
  };
  static constexpr Row kRows[] = {{200, "OK"},
                                  {201, "Created"},
                                  {202, "Accepted"},
                                  {204, "No Content"},
                                  {301, "Moved Permanently"},
                                  {304, "Not Modified"},
                                  {307, "Temporary Redirect"},
                                  {400, "Bad Request"},
                                  {401, "Unauthorized"},
                                  {403, "Forbidden"},
                                  {404, "Not Found"},
                                  {405, "Method Not Allowed"},
                                  {408, "Request Timeout"},
                                  {409, "Conflict"},
                                  {412, "Precondition Failed"},
                                  {413, "Content Too Large"},
                                  {414, "URI Too Long"},
                                  {415, "Unsupported Media Type"},
                                  {421, "Misdirected Request"},
                                  {422, "Unprocessable Content"},
                                  {429, "Too Many Requests"},
                                  {431, "Request Header Fields Too Large"},
                                  {500, "Internal Server Error"},
                                  {501, "Not Implemented"},
                                  {503, "Service Unavailable"},
                                  {504, "Gateway Timeout"},
                                  {505, "HTTP Version Not Supported"}};
  for (const Row& row : kRows) {
    if (row.status == status) return row.phrase;
  }
  return "Status";
}

Response ErrorResponse(int status, std::string_view code, std::string_view message) {
  Response response;
  response.status = status;
  response.body =
      fmt::format(R"({{"error":{{"code":{},"message":{}}}}})", JsonQuote(code), JsonQuote(message));
  return response;
}

Response ErrorResponse(const absl::Status& status) {
  for (const StatusRow& row : kStatusRows) {
    if (row.code == status.code()) {
      return ErrorResponse(row.http, row.name, std::string(status.message()));
    }
  }
  return ErrorResponse(500, "INTERNAL", std::string(status.message()));
}

}  // namespace holdfast::http

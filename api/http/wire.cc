#include "api/http/wire.h"

#include <fmt/format.h>
#include <time.h>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <iterator>
#include <utility>

#include "server/base/secret_bytes.h"

namespace holdfast::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;

enum class Fault { kNone, kTooManyHeaders, kTarget, kHost, kCoding };

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

// Grows without leaving the old text behind: it may be a password.
void AppendWiped(std::string& to, std::string_view piece) {
  if (to.size() + piece.size() > to.capacity()) {
    std::string larger;
    larger.reserve(2 * (to.size() + piece.size()));
    larger = to;
    WipeText(to);
    to = std::move(larger);
  }
  to += piece;
}

}  // namespace

class RequestReader::Parser final : public beast::http::basic_parser<true> {
 public:
  Parser(const WireLimits& limits, Request& request) : limits_(limits), request_(request) {
    header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
    body_limit(limits.body_bytes_max);
  }

  size_t Take(std::string_view bytes) {
    beast::error_code error;
    const size_t used = put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    if (error && error != beast::http::error::need_more) Refuse(error);
    return used;
  }

  bool expects_continue = false;
  std::optional<Response> refusal;

 private:
  void Refuse(const beast::error_code& error) {
    using Code = beast::http::error;
    if (fault_ != Fault::kNone) {
      refusal = FaultResponse();
    } else if (error == Code::header_limit && !line_ended_) {
      refusal = ErrorResponse(414, "URI_TOO_LONG", "the request line is too long");
    } else if (error == Code::header_limit) {
      refusal = ErrorResponse(431, "HEADER_TOO_LARGE",
                              fmt::format("expected at most {} bytes", limits_.header_bytes_max));
    } else if (error == Code::body_limit) {
      refusal = ErrorResponse(413, "BODY_TOO_LARGE",
                              fmt::format("expected at most {} bytes", limits_.body_bytes_max));
    } else if (error == Code::bad_version) {
      refusal = ErrorResponse(505, "HTTP_VERSION", "expected HTTP/1.0 or HTTP/1.1");
    } else {
      refusal = ErrorResponse(400, "BAD_REQUEST", error.message());
    }
    refusal->close = true;
  }

  Response FaultResponse() const {
    switch (fault_) {
      case Fault::kTooManyHeaders:
        return ErrorResponse(431, "TOO_MANY_HEADERS",
                             fmt::format("expected at most {}", limits_.headers_max));
      case Fault::kTarget:
        return ErrorResponse(400, "BAD_TARGET", target_error_);
      case Fault::kHost:
        return ErrorResponse(400, "BAD_REQUEST", "expected one Host header");
      default:
        return ErrorResponse(501, "TRANSFER_CODING", "expected chunked or a Content-Length");
    }
  }

  void Fail(Fault fault, beast::error_code& error) {
    fault_ = fault;
    error = beast::http::error::bad_value;
  }

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, beast::error_code& error) override {
    line_ended_ = true;
    version_ = version;
    request_.method = ParseMethod(View(method));
    auto parsed = ParseTarget(View(target));
    if (!parsed.ok()) {
      target_error_ = std::string(parsed.status().message());
      Fail(Fault::kTarget, error);
      return;
    }
    request_.target = *std::move(parsed);
  }

  void on_field_impl(field name, beast::string_view name_text, beast::string_view value,
                     beast::error_code& error) override {
    if (header_ended_) return;  // Trailers: read, not believed.
    if (request_.headers.size() >= limits_.headers_max) {
      Fail(Fault::kTooManyHeaders, error);
      return;
    }
    if (name == field::transfer_encoding &&
        (version_ < 11 || !EqualsIgnoringCase(View(value), "chunked"))) {
      Fail(Fault::kCoding, error);
      return;
    }
    if (name == field::expect && EqualsIgnoringCase(View(value), "100-continue")) {
      expects_continue = version_ >= 11;
    }
    if (name == field::host) ++hosts_;
    request_.headers.Add(std::string(View(name_text)), std::string(View(value)));
  }

  void on_header_impl(beast::error_code& error) override {
    header_ended_ = true;
    if (hosts_ > 1 || (hosts_ == 0 && version_ >= 11)) Fail(Fault::kHost, error);
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         beast::error_code&) override {
    if (length.has_value()) request_.body.reserve(static_cast<size_t>(*length));
  }
  size_t on_body_impl(beast::string_view piece, beast::error_code&) override {
    AppendWiped(request_.body, View(piece));
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece, beast::error_code&) override {
    AppendWiped(request_.body, View(piece));
    return piece.size();
  }
  void on_finish_impl(beast::error_code&) override {}
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}

  const WireLimits& limits_;
  Request& request_;
  int version_ = 11;
  int hosts_ = 0;
  bool line_ended_ = false;
  bool header_ended_ = false;
  Fault fault_ = Fault::kNone;
  std::string target_error_;
};

RequestReader::RequestReader(const WireLimits& limits, Request& request)
    : parser_(std::make_unique<Parser>(limits, request)) {}
RequestReader::~RequestReader() = default;

size_t RequestReader::Take(std::string_view bytes) { return parser_->Take(bytes); }
bool RequestReader::header_done() const { return parser_->is_header_done(); }
bool RequestReader::done() const { return parser_->is_done(); }
bool RequestReader::keep_alive() const { return parser_->keep_alive(); }
bool RequestReader::expects_continue() const { return parser_->expects_continue; }
std::optional<Response>& RequestReader::refusal() { return parser_->refusal; }

namespace {

// A header value may carry what a client sent; a line feed in it would start a new header.
void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  out += "\r\n";
}

void AppendDate(std::string& out, WallTime now) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t seconds = ToMillis(now) / 1000;
  tm t;
  gmtime_r(&seconds, &t);
  fmt::format_to(std::back_inserter(out), "Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n",
                 kDays[t.tm_wday], t.tm_mday, kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour,
                 t.tm_min, t.tm_sec);
}

}  // namespace

std::string RenderHead(const Response& response, const HeadOptions& options) {
  std::string out;
  out.reserve(512);
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status,
                 ReasonPhrase(response.status));
  AppendDate(out, options.now);
  for (const auto& [name, value] : response.headers) AppendField(out, name, value);
  if (!response.body.empty()) AppendField(out, "Content-Type", response.content_type);
  if (!response.headers.Has("Cache-Control")) out += "Cache-Control: no-store\r\n";
  out += "X-Content-Type-Options: nosniff\r\n";
  if (!options.keep_alive) out += "Connection: close\r\n";
  if (response.status != 204 && response.status != 304) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
  }
  out += "\r\n";
  return out;
}

}  // namespace holdfast::http

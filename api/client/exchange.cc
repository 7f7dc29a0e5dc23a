#include "api/client/exchange.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <vector>

#include "api/client/wiping_allocator.h"

namespace holdfast::client {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

using WipedBody =
    beast::http::basic_string_body<char, std::char_traits<char>, WipingAllocator<char>>;
using WipedBuffer = beast::basic_flat_buffer<WipingAllocator<char>>;
using Stream = asio::ssl::stream<beast::tcp_stream&>;

constexpr size_t kInputBytesMax = 64 * 1024;
constexpr int kFirstFinalStatus = 200;

std::string Seconds(milliseconds limit) {
  return fmt::format("{} s", std::chrono::duration<double>(limit).count());
}

// One connection's coroutines, step by step; a step that fails says so in the attempt.
class Conversation {
 public:
  Conversation(asio::any_io_executor executor, const Trip& trip, milliseconds answer_limit,
               Attempt& attempt)
      : trip_(trip), answer_limit_(answer_limit), attempt_(attempt), tcp_(std::move(executor)) {}

  asio::awaitable<void> Run();

 private:
  asio::awaitable<bool> Resolve(std::vector<tcp::endpoint>& endpoints);
  asio::awaitable<bool> Connect();
  asio::awaitable<bool> Handshake();
  asio::awaitable<void> Send();
  asio::awaitable<void> Receive();

  std::string WhyNoAnswer(error_code error, bool began) const;
  void Take(const beast::http::response<WipedBody>& message);
  bool Fail(std::string why) {
    attempt_.failure = std::move(why);
    return false;
  }

  const Trip& trip_;
  const milliseconds answer_limit_;
  Attempt& attempt_;
  beast::tcp_stream tcp_;
  std::optional<Stream> stream_;
};

asio::awaitable<bool> Conversation::Resolve(std::vector<tcp::endpoint>& endpoints) {
  error_code error;
  const Address& to = attempt_.address;
  const asio::ip::address literal = asio::ip::make_address(to.host, error);
  if (!error) {
    endpoints.emplace_back(literal, to.port);
    co_return true;
  }
  tcp::resolver resolver(tcp_.get_executor());
  const auto results = co_await resolver.async_resolve(
      to.host, std::to_string(to.port), asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return Fail("the name does not resolve: " + error.message());
  for (const auto& result : results) endpoints.push_back(result.endpoint());
  co_return true;
}

asio::awaitable<bool> Conversation::Connect() {
  std::vector<tcp::endpoint> endpoints;
  if (!co_await Resolve(endpoints)) co_return false;
  error_code error;
  co_await tcp_.async_connect(endpoints, asio::redirect_error(asio::use_awaitable, error));
  if (error == beast::error::timeout) {
    co_return Fail("no connection within " + Seconds(trip_.limits.connect));
  }
  if (error) co_return Fail(error.message());
  co_return true;
}

asio::awaitable<bool> Conversation::Handshake() {
  SSL* const ssl = SSL_new(trip_.tls.get());
  if (ssl == nullptr) co_return Fail("out of memory for TLS");
  stream_.emplace(tcp_, ssl);  // owns it
  if (const absl::Status named = crypto::ExpectServerName(ssl, attempt_.address.host);
      !named.ok()) {
    co_return Fail(std::string(named.message()));
  }
  error_code error;
  co_await stream_->async_handshake(asio::ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_return true;
  if (error == beast::error::timeout) {
    co_return Fail("accepts connections but is silent for " + Seconds(trip_.limits.connect));
  }
  if (const long verified = SSL_get_verify_result(ssl); verified != X509_V_OK) {
    co_return Fail(fmt::format("its certificate is not accepted: {}",
                               X509_verify_cert_error_string(verified)));
  }
  co_return Fail("no TLS connection: " + error.message());
}

asio::awaitable<void> Conversation::Send() {
  // The one place in which "nothing was done" ends.
  attempt_.sent = true;
  std::string text = WireText(trip_.request, attempt_.address, trip_.token);
  const TextWiper wiper(text);
  error_code error;
  co_await asio::async_write(*stream_, asio::buffer(text),
                             asio::redirect_error(asio::use_awaitable, error));
  // An error is not the end: a server may answer before it has read all, and close.
}

asio::awaitable<void> Conversation::Receive() {
  WipedBuffer input(kInputBytesMax);
  beast::http::response_parser<WipedBody> parser;
  parser.header_limit(kAnswerHeaderBytesMax);
  parser.body_limit(kAnswerBodyBytesMax);
  if (trip_.request.method == "HEAD") parser.skip(true);
  error_code error;
  co_await beast::http::async_read(*stream_, input, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    Fail(WhyNoAnswer(error, parser.got_some()));
  } else if (parser.get().result_int() < kFirstFinalStatus) {
    Fail(fmt::format("answered {}, which is no answer", parser.get().result_int()));
  } else {
    Take(parser.get());
  }
  // A short text lies in the string itself, where no allocator wipes it.
  explicit_bzero(parser.get().body().data(), parser.get().body().size());
}

std::string Conversation::WhyNoAnswer(error_code error, bool began) const {
  if (error == beast::error::timeout) {
    return fmt::format("no whole answer within {}", Seconds(answer_limit_));
  }
  if (error == beast::http::error::body_limit || error == beast::http::error::buffer_overflow) {
    return fmt::format("answered with more than {} bytes", kAnswerBodyBytesMax);
  }
  if (error == beast::http::error::header_limit) {
    return fmt::format("answered with headers of more than {} bytes", kAnswerHeaderBytesMax);
  }
  if (error.category() == make_error_code(beast::http::error::bad_version).category() &&
      error != beast::http::error::end_of_stream && error != beast::http::error::partial_message) {
    return "did not answer in HTTP: " + error.message();
  }
  return began ? "the connection ended in the middle of the answer"
               : "the connection ended before the answer";
}

void Conversation::Take(const beast::http::response<WipedBody>& message) {
  Response response;
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message.base()) {
    response.headers.emplace_back(field.name_string(), field.value());
  }
  response.body = SecretBytes::CopyOf({message.body().data(), message.body().size()});
  response.address = attempt_.address;
  attempt_.response = std::move(response);
}

// The outcomes have names because g++ 12 lays out a coroutine without any variable wrongly: it
// reads `this` from the wrong place.
asio::awaitable<void> Conversation::Run() {
  tcp_.expires_after(trip_.limits.connect);
  const bool connected = co_await Connect();
  if (!connected) co_return;
  const bool secured = co_await Handshake();
  if (!secured) co_return;
  tcp_.expires_after(answer_limit_);
  co_await Send();
  co_await Receive();
}

}  // namespace

asio::awaitable<void> Exchange(const Trip& trip, milliseconds answer_limit, Attempt& attempt) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Conversation conversation(executor, trip, answer_limit, attempt);
  co_await conversation.Run();
  attempt.over = true;
}

}  // namespace holdfast::client

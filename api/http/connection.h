#ifndef HOLDFAST_API_HTTP_CONNECTION_H_
#define HOLDFAST_API_HTTP_CONNECTION_H_

// Inside this room only: brings Asio along.
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/http/input_buffer.h"
#include "api/http/server.h"
#include "api/http/wire.h"
#include "server/base/mutex.h"

namespace holdfast::http {

using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Strand>;
using Timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>, Strand>;
template <typename T>
using Task = boost::asio::awaitable<T, Strand>;
inline constexpr boost::asio::use_awaitable_t<Strand> kAwait{};

// Deadlines are kept in ticks that the server counts: arming one is a store, not a timer.
inline constexpr std::chrono::milliseconds kTick{250};

// What all connections of a server share. Constant after Start but for the atomics.
struct ServerShared {
  ServerShared(ServerOptions o, std::shared_ptr<const Router> r, const Clock& c)
      : options(std::move(o)),
        router(std::move(r)),
        clock(c),
        wire{options.header_bytes_max, options.headers_max, options.body_bytes_max},
        counts(options.connections) {}

  const ServerOptions options;
  const std::shared_ptr<const Router> router;
  const Clock& clock;
  const WireLimits wire;
  ConnectionCounts counts;
  boost::asio::io_context io;
  std::atomic<bool> draining{false};
  std::atomic<uint64_t> tick{0};
};

// One connection from accept to close: a coroutine on its own strand.
//
// Threading   Post* and CheckDeadline from any thread; all else on the strand.
// Ownership   Lives while its coroutine runs; the server's list holds it too until `gone`.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerShared> shared, Socket socket, std::string client,
             std::string source, std::shared_ptr<ssl_ctx_st> tls);
  ~Connection();

  void Start(std::function<void()> gone);
  void CheckDeadline(uint64_t tick);
  void PostDrain();  // end now if no request has begun, else after it
  void PostKill();   // end now

 private:
  class Answer;
  class Responder;

  Task<void> Run();
  Task<bool> Handshake();
  Task<bool> ServeOne();
  // False: the peer is gone or too slow to begin; nothing to answer.
  Task<bool> Receive(RequestReader& reader);
  Task<bool> AwaitFirstByte();
  Task<bool> BeginBody(const RequestReader& reader);
  Task<Response> Ask(std::shared_ptr<Request> request, const Route** route);
  Task<std::optional<Response>> AwaitAnswer(std::shared_ptr<Answer> answer);
  Task<bool> Write(Response& response, bool with_body, bool keep_alive);
  Task<void> Close();
  Task<bool> Fill(size_t size);
  template <typename Buffers>
  Task<bool> WriteAll(Buffers buffers);

  void Arm(std::chrono::milliseconds timeout);
  void Disarm();
  void OnDeadline();
  void NoteAuthenticated(const Response& response);
  void Report(const Request& request, const Exchange& exchange) const;

  // Constant after construction.
  const std::shared_ptr<ServerShared> shared_;
  const std::string client_;
  const std::string source_;
  const Strand strand_;

  Socket socket_;
  std::shared_ptr<ssl_ctx_st> tls_context_;
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
  Timer wake_;  // never expires; cancelled to wake who waits for an answer
  InputBuffer input_;
  bool idle_ = false;       // waits for the first byte of a request
  bool timed_out_ = false;  // since the last Arm
  bool killed_ = false;
  bool unread_ = false;  // the peer may still be sending what we will not read
  bool shook_hands_ = false;
  bool authenticated_ = false;

  std::atomic<uint64_t> deadline_;
};

}  // namespace holdfast::http

#endif  // HOLDFAST_API_HTTP_CONNECTION_H_

#include "api/http/connection.h"

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <limits>
#include <utility>

#include "server/base/secret_bytes.h"
#include "server/observe/log.h"

namespace holdfast::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
constexpr size_t kReadFirst = 2048;  // while idle: small, there may be thousands
constexpr size_t kReadBody = 16 * 1024;
constexpr size_t kJoinBytesMax = 16 * 1024;  // a smaller body is copied behind its head
constexpr size_t kLingerBytesMax = 256 * 1024;
constexpr std::chrono::milliseconds kLinger{2000};

Response NoAnswer() {
  return ErrorResponse(500, "INTERNAL", "the operation ended without an answer");
}

}  // namespace

// The place where a handler's answer and the connection that waits for it meet.
class Connection::Answer {
 public:
  ~Answer() { Forget(response_); }

  void Put(Response response) {
    MutexLock lock(mu_);
    if (settled_) {
      if (response.secret_body) WipeText(response.body);
      return;
    }
    settled_ = true;
    response_ = std::move(response);
    // Posted under the lock: while somebody waits here its server still runs.
    if (waiting_ != nullptr) {
      asio::post(waiting_->strand_,
                 [self = waiting_->shared_from_this()] { self->wake_.cancel(); });
    }
  }
  // The answer, or nothing and then `waiting` is woken by Put.
  std::optional<Response> TakeOrWait(Connection* waiting) {
    MutexLock lock(mu_);
    waiting_ = response_.has_value() ? nullptr : waiting;
    return std::exchange(response_, std::nullopt);
  }
  // The answer if it is there; what comes later is dropped.
  std::optional<Response> TakeOrGiveUp() {
    MutexLock lock(mu_);
    settled_ = true;
    waiting_ = nullptr;
    return std::exchange(response_, std::nullopt);
  }

 private:
  static void Forget(std::optional<Response>& response) {
    if (response.has_value() && response->secret_body) WipeText(response->body);
  }
  Mutex mu_;
  bool settled_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Response> response_ ABSL_GUARDED_BY(mu_);
  Connection* waiting_ ABSL_GUARDED_BY(mu_) = nullptr;
};

// Held by all copies of a Respond: the last one to go answers, if nobody did.
class Connection::Responder {
 public:
  explicit Responder(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}
  ~Responder() { answer_->Put(NoAnswer()); }
  void Put(Response response) { answer_->Put(std::move(response)); }

 private:
  std::shared_ptr<Answer> answer_;
};

Connection::Connection(std::shared_ptr<ServerShared> shared, Socket socket, std::string client,
                       std::string source, std::shared_ptr<ssl_ctx_st> tls)
    : shared_(std::move(shared)),
      client_(std::move(client)),
      source_(std::move(source)),
      strand_(socket.get_executor()),
      socket_(std::move(socket)),
      tls_context_(std::move(tls)),
      wake_(strand_),
      deadline_(kNever) {
  if (tls_context_ == nullptr) return;
  if (SSL* ssl = SSL_new(tls_context_.get())) tls_.emplace(socket_, ssl);
}

Connection::~Connection() { shared_->counts.Leave(source_, authenticated_); }

void Connection::Start(std::function<void()> gone) {
  auto self = shared_from_this();
  asio::co_spawn(
      strand_, [self] { return self->Run(); },
      [self, gone = std::move(gone)](std::exception_ptr failure) {
        error_code ignored;
        self->socket_.close(ignored);
        if (failure)
          LogError("{}: a connection ended by an exception", self->shared_->options.name);
        gone();
      });
}

void Connection::CheckDeadline(uint64_t tick) {
  if (deadline_.load(std::memory_order_relaxed) > tick) return;
  asio::post(strand_, [self = shared_from_this()] { self->OnDeadline(); });
}

// Repeated at every tick until somebody arms or disarms: a cancel between two steps of an operation
// cancels nothing.
void Connection::OnDeadline() {
  if (deadline_.load(std::memory_order_relaxed) > shared_->tick.load()) return;
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
  wake_.cancel();
}

void Connection::PostDrain() {
  asio::post(strand_, [self = shared_from_this()] {
    error_code ignored;
    if (self->idle_) self->socket_.cancel(ignored);
  });
}

void Connection::PostKill() {
  asio::post(strand_, [self = shared_from_this()] {
    error_code ignored;
    self->killed_ = true;
    self->socket_.close(ignored);
    self->wake_.cancel();
  });
}

void Connection::Arm(std::chrono::milliseconds timeout) {
  timed_out_ = false;
  const auto ticks = static_cast<uint64_t>((timeout + kTick - kTick / 250) / kTick);
  deadline_.store(shared_->tick.load() + ticks + 1, std::memory_order_relaxed);
}

void Connection::Disarm() { deadline_.store(kNever, std::memory_order_relaxed); }

Task<void> Connection::Run() {
  if (tls_context_ != nullptr) {
    const bool shaken = co_await Handshake();
    if (!shaken) co_return;
  }
  bool more = true;
  while (more) more = co_await ServeOne();
  co_await Close();
}

Task<bool> Connection::Handshake() {
  if (!tls_.has_value()) co_return false;  // No memory for one.
  Arm(shared_->options.header_timeout);
  error_code error;
  co_await tls_->async_handshake(asio::ssl::stream_base::server,
                                 asio::redirect_error(kAwait, error));
  if (error) {
    Log(LogLevel::kDebug, "{}: {}: TLS handshake: {}", shared_->options.name, client_,
        timed_out_ ? "timed out" : error.message());
  }
  shook_hands_ = !error;
  co_return shook_hands_;
}

Task<bool> Connection::ServeOne() {
  auto request = std::make_shared<Request>();
  request->client = client_;
  request->is_tls = tls_context_ != nullptr;
  RequestReader reader(shared_->wire, *request);
  const bool received = co_await Receive(reader);
  if (!received) co_return false;
  if (reader.refusal().has_value()) {
    unread_ = true;
    Report(*request, {.method = request->method, .status = reader.refusal()->status});
    co_await Write(*reader.refusal(), /*with_body=*/true, /*keep_alive=*/false);
    co_return false;
  }
  const Route* route = nullptr;
  const MonoTime asked = shared_->clock.Mono();
  Response response = co_await Ask(request, &route);
  Report(*request, {.route = route,
                    .method = request->method,
                    .status = response.status,
                    .took = shared_->clock.Mono() - asked});
  NoteAuthenticated(response);
  const bool with_body = request->method != Method::kHead;
  const bool keep = reader.keep_alive() && !response.close && !shared_->draining.load();
  const bool written = co_await Write(response, with_body, keep);
  co_return written&& keep;
}

Task<bool> Connection::AwaitFirstByte() {
  if (shared_->draining.load()) co_return false;
  Arm(authenticated_ ? shared_->options.idle_timeout : shared_->options.header_timeout);
  idle_ = true;
  const bool filled = co_await Fill(kReadFirst);
  idle_ = false;
  co_return filled;
}

Task<bool> Connection::BeginBody(const RequestReader& reader) {
  Arm(shared_->options.body_timeout);
  if (!reader.expects_continue() || !input_.empty()) co_return true;
  static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
  const bool written = co_await WriteAll(asio::buffer(kGoOn));
  co_return written;
}

Task<bool> Connection::Receive(RequestReader& reader) {
  if (input_.empty()) {
    const bool begun = co_await AwaitFirstByte();
    if (!begun) co_return false;
  }
  Arm(shared_->options.header_timeout);
  bool in_body = false;
  while (true) {
    const size_t used = input_.empty() ? 0 : reader.Take(input_.View());
    input_.Drop(used);
    if (reader.refusal().has_value() || reader.done()) co_return true;
    if (reader.header_done() && !in_body) {
      in_body = true;
      const bool going_on = co_await BeginBody(reader);
      if (!going_on) co_return false;
    }
    if (used > 0 && !input_.empty()) continue;
    const bool filled = co_await Fill(in_body ? kReadBody : kReadFirst);
    if (filled) continue;
    if (!timed_out_) co_return false;
    reader.refusal() = ErrorResponse(408, "REQUEST_TIMEOUT", "the request came too slowly");
    co_return true;
  }
}

Task<Response> Connection::Ask(std::shared_ptr<Request> request, const Route** route) {
  auto answer = std::make_shared<Answer>();
  auto responder = std::make_shared<Responder>(answer);
  Respond respond = [responder](Response response) { responder->Put(std::move(response)); };
  responder.reset();
  try {
    *route = shared_->router->Dispatch(std::move(request), std::move(respond));
  } catch (const std::exception&) {  // Its text may hold what must not be seen.
    LogError("{}: a handler threw", shared_->options.name);
  }
  respond = nullptr;
  std::optional<Response> response = co_await AwaitAnswer(answer);
  if (response.has_value()) co_return *std::move(response);
  Response late = ErrorResponse(504, "HANDLER_TIMEOUT",
                                "no answer in time; whether the operation took place is unknown");
  late.close = true;
  co_return late;
}

Task<std::optional<Response>> Connection::AwaitAnswer(std::shared_ptr<Answer> answer) {
  std::optional<Response> response = answer->TakeOrWait(this);
  if (response.has_value()) co_return response;
  Arm(shared_->options.handler_timeout);
  while (!timed_out_ && !killed_) {
    error_code ignored;
    wake_.expires_at(Timer::time_point::max());
    co_await wake_.async_wait(asio::redirect_error(kAwait, ignored));
    response = answer->TakeOrWait(this);
    if (response.has_value()) co_return response;
  }
  co_return answer->TakeOrGiveUp();
}

Task<bool> Connection::Write(Response& response, bool with_body, bool keep_alive) {
  std::string head = RenderHead(response, {.keep_alive = keep_alive, .now = shared_->clock.Wall()});
  Arm(shared_->options.write_timeout);
  bool written = false;
  if (!with_body || response.body.empty()) {
    written = co_await WriteAll(asio::buffer(head));
  } else if (response.body.size() <= kJoinBytesMax) {
    head.reserve(head.size() + response.body.size());  // So that no half-filled copy is left.
    head += response.body;
    written = co_await WriteAll(asio::buffer(head));
    if (response.secret_body) WipeText(head);
  } else {
    const std::array<asio::const_buffer, 2> both = {asio::buffer(head),
                                                    asio::buffer(response.body)};
    written = co_await WriteAll(both);
  }
  if (response.secret_body) WipeText(response.body);
  Disarm();
  co_return written;
}

template <typename Buffers>
Task<bool> Connection::WriteAll(Buffers buffers) {
  error_code error;
  if (killed_) co_return false;
  if (tls_.has_value()) {
    co_await asio::async_write(*tls_, buffers, asio::redirect_error(kAwait, error));
  } else {
    co_await asio::async_write(socket_, buffers, asio::redirect_error(kAwait, error));
  }
  co_return !error;
}

Task<bool> Connection::Fill(size_t size) {
  if (killed_) co_return false;
  const asio::mutable_buffer room(input_.Prepare(size), size);
  error_code error;
  size_t got = 0;
  if (tls_.has_value()) {
    got = co_await tls_->async_read_some(room, asio::redirect_error(kAwait, error));
  } else {
    got = co_await socket_.async_read_some(room, asio::redirect_error(kAwait, error));
  }
  input_.Commit(got);
  co_return !error && got > 0;
}

// A socket that is closed with bytes unread sends a reset, and that may overtake our answer: so
// what the peer is still sending is read for a moment and thrown away.
Task<void> Connection::Close() {
  if (killed_) co_return;
  Arm(kLinger);
  error_code error;
  if (shook_hands_) co_await tls_->async_shutdown(asio::redirect_error(kAwait, error));
  if (killed_) co_return;
  socket_.shutdown(Socket::shutdown_send, error);
  std::array<char, 4096> scratch;
  size_t left = unread_ ? kLingerBytesMax : 0;
  while (left > 0 && !timed_out_ && !killed_) {
    const size_t got = co_await socket_.async_read_some(asio::buffer(scratch),
                                                        asio::redirect_error(kAwait, error));
    if (error) break;
    left -= std::min(left, got);
  }
  explicit_bzero(scratch.data(), scratch.size());
  Disarm();
}

void Connection::NoteAuthenticated(const Response& response) {
  if (!response.authenticated || authenticated_) return;
  authenticated_ = true;
  shared_->counts.Authenticated(source_);
}

void Connection::Report(const Request& request, const Exchange& exchange) const {
  if (shared_->options.observe) shared_->options.observe(exchange);
  Log(LogLevel::kDebug, "{}: {} {} {} {}", shared_->options.name, client_, ToText(request.method),
      request.target.path, exchange.status);
}

}  // namespace holdfast::http

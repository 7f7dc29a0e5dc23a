#include "api/http/server.h"

#include <fmt/format.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <thread>
#include <unordered_map>
#include <vector>

#include "api/http/connection.h"
#include "server/base/check.h"
#include "server/base/mutex.h"
#include "server/observe/log.h"

namespace holdfast::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 1024;
constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr uint64_t kReportEveryTicks = 40;  // ten seconds

using Acceptor = asio::basic_socket_acceptor<tcp, Strand>;

}  // namespace

struct HttpServer::Rep {
  Rep(ServerOptions options, std::shared_ptr<const Router> router, const Clock& clock)
      : shared(std::make_shared<ServerShared>(std::move(options), std::move(router), clock)),
        strand(asio::make_strand(shared->io)),
        acceptor(strand),
        retry(strand),
        sweep(strand) {}

  absl::Status Listen();
  Task<void> AcceptLoop();
  Task<void> SweepLoop();
  void Welcome(Socket socket);
  void ReportRefused();
  void Join();
  std::vector<std::shared_ptr<Connection>> Live();
  bool AwaitNone(std::chrono::milliseconds at_most);

  const std::shared_ptr<ServerShared> shared;
  const Strand strand;
  // Strand only, after Start.
  Acceptor acceptor;
  Timer retry;
  Timer sweep;
  uint64_t refused = 0;
  uint64_t refused_reported = 0;
  bool stopping = false;

  // The thread of Start and Stop only.
  bool started = false;
  uint16_t port = 0;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::vector<std::thread> threads;

  Mutex mu;
  CondVar changed;
  bool killing ABSL_GUARDED_BY(mu) = false;
  std::shared_ptr<ssl_ctx_st> tls ABSL_GUARDED_BY(mu);
  std::unordered_map<Connection*, std::shared_ptr<Connection>> live ABSL_GUARDED_BY(mu);
};

absl::Status HttpServer::Rep::Listen() {
  const ServerOptions& options = shared->options;
  error_code error;
  const auto fail = [&](std::string_view what) {
    return absl::UnavailableError(fmt::format("{}: cannot {} {} port {}: {}", options.name, what,
                                              options.address, options.port, error.message()));
  };
  const auto address = asio::ip::make_address(options.address, error);
  if (error) return fail("use the address");
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (error) return fail("open a socket for");
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && address.is_v6()) acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (error) return fail("bind");
  acceptor.listen(kBacklog, error);
  if (error) return fail("listen on");
  port = acceptor.local_endpoint(error).port();
  if (error) return fail("read back");
  return absl::OkStatus();
}

Task<void> HttpServer::Rep::AcceptLoop() {
  while (!stopping && !shared->draining.load()) {
    error_code error;
    Socket socket = co_await acceptor.async_accept(asio::make_strand(shared->io),
                                                   asio::redirect_error(kAwait, error));
    if (!error) {
      Welcome(std::move(socket));
      continue;
    }
    if (stopping || shared->draining.load() || error == asio::error::operation_aborted) break;
    if (error == asio::error::connection_aborted) continue;
    // Out of descriptors or memory: asking again at once would only burn the processor.
    LogWarning("{}: accept: {}", shared->options.name, error.message());
    retry.expires_after(kAcceptRetry);
    co_await retry.async_wait(asio::redirect_error(kAwait, error));
  }
}

void HttpServer::Rep::Welcome(Socket socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // Gone already.
  socket.set_option(tcp::no_delay(true), error);
  asio::ip::address address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  const std::string client = address.to_string();
  const std::string source = SourceOf(client);
  if (shared->counts.Enter(source) != ConnectionCounts::Verdict::kAdmitted) {
    ++refused;
    return;
  }
  std::shared_ptr<ssl_ctx_st> context;
  {
    MutexLock lock(mu);
    context = tls;
  }
  // From here the connection keeps the count, and gives it back when it goes.
  auto connection =
      std::make_shared<Connection>(shared, std::move(socket), client, source, std::move(context));
  Connection* const key = connection.get();
  {
    MutexLock lock(mu);
    if (killing) return;
    live.emplace(key, connection);
  }
  connection->Start([this, key] {
    MutexLock lock(mu);
    live.erase(key);
    changed.NotifyAll();
  });
}

Task<void> HttpServer::Rep::SweepLoop() {
  while (!stopping) {
    error_code ignored;
    sweep.expires_after(kTick);
    co_await sweep.async_wait(asio::redirect_error(kAwait, ignored));
    const uint64_t tick = ++shared->tick;
    {
      MutexLock lock(mu);
      for (const auto& [key, connection] : live) connection->CheckDeadline(tick);
    }
    if (tick % kReportEveryTicks == 0) ReportRefused();
  }
}

void HttpServer::Rep::ReportRefused() {
  if (refused == refused_reported) return;
  LogWarning("{}: refused {} connections over the limits, {} are open", shared->options.name,
             refused - refused_reported, shared->counts.connections());
  refused_reported = refused;
}

std::vector<std::shared_ptr<Connection>> HttpServer::Rep::Live() {
  MutexLock lock(mu);
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [key, connection] : live) all.push_back(connection);
  return all;
}

bool HttpServer::Rep::AwaitNone(std::chrono::milliseconds at_most) {
  constexpr std::chrono::milliseconds kSlice{20};
  MutexLock lock(mu);
  while (!live.empty() && at_most.count() > 0) {
    if (!changed.WaitFor(mu, kSlice)) at_most -= kSlice;
  }
  return live.empty();
}

void HttpServer::Rep::Join() {
  asio::post(strand, [this] {
    stopping = true;
    error_code ignored;
    acceptor.close(ignored);
    retry.cancel();
    sweep.cancel();
  });
  work.reset();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

HttpServer::HttpServer(ServerOptions options, std::shared_ptr<const Router> router,
                       const Clock& clock)
    : rep_(std::make_shared<Rep>(std::move(options), std::move(router), clock)) {
  MutexLock lock(rep_->mu);
  rep_->tls = rep_->shared->options.tls;
}

HttpServer::~HttpServer() { Stop(std::chrono::milliseconds(0)); }

absl::Status HttpServer::Start() {
  Rep& rep = *rep_;
  HOLDFAST_CHECK(!rep.started);
  if (absl::Status listening = rep.Listen(); !listening.ok()) {
    error_code ignored;
    rep.acceptor.close(ignored);
    return listening;
  }
  rep.started = true;
  rep.work.emplace(rep.shared->io.get_executor());
  asio::co_spawn(
      rep.strand, [&rep] { return rep.AcceptLoop(); }, asio::detached);
  asio::co_spawn(
      rep.strand, [&rep] { return rep.SweepLoop(); }, asio::detached);
  for (int i = 0; i < std::max(1, rep.shared->options.threads); ++i) {
    rep.threads.emplace_back([&rep] { rep.shared->io.run(); });
  }
  return absl::OkStatus();
}

void HttpServer::Stop(std::chrono::milliseconds drain) {
  Rep& rep = *rep_;
  if (rep.threads.empty()) return;
  rep.shared->draining = true;
  asio::post(rep.strand, [&rep] {
    error_code ignored;
    rep.acceptor.close(ignored);
  });
  for (const auto& connection : rep.Live()) connection->PostDrain();
  const bool finished = rep.AwaitNone(drain);
  if (!finished) {
    const auto left = rep.Live();
    LogInfo("{}: ending {} connections that did not finish", rep.shared->options.name, left.size());
  }
  {
    MutexLock lock(rep.mu);
    rep.killing = true;
  }
  for (const auto& connection : rep.Live()) connection->PostKill();
  rep.Join();
}

uint16_t HttpServer::port() const { return rep_->port; }
size_t HttpServer::connections() const { return rep_->shared->counts.connections(); }

void HttpServer::SetTls(std::shared_ptr<ssl_ctx_st> tls) {
  MutexLock lock(rep_->mu);
  rep_->tls = std::move(tls);
}

}  // namespace holdfast::http

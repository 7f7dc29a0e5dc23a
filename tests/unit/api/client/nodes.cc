#include "tests/unit/api/client/nodes.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <utility>

#include "server/base/check.h"

namespace holdfast::client {
namespace {

UniqueFd Bound(uint16_t& port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  HOLDFAST_CHECK(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  HOLDFAST_CHECK(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

void AddRoute(http::Router& router, http::Method method, std::atomic<int>& asked,
              const TestNode::Handle& handle) {
  router.Add({.method = method,
              .pattern = "/x",
              .op_class = OperationClass::kNode,
              .api = "test",
              .name = "x",
              .handler = [&asked, handle](const std::shared_ptr<http::Request>& request,
                                          http::Respond respond) {
                ++asked;
                handle(*request, std::move(respond));
              }});
}

}  // namespace

Cluster::Cluster() : authority_(*crypto::CreateAuthority("c-1", RealClock().Wall())) {}

crypto::TlsContext Cluster::ServerTls(std::vector<std::string> names) const {
  const auto request = crypto::CreateRequest("c-1", "n1");
  const auto certificate = crypto::SignCertificate(authority_, request->request_pem,
                                                   {.cluster_id = "c-1",
                                                    .node_id = "n1",
                                                    .addresses = std::move(names),
                                                    .days = 30,
                                                    .now = RealClock().Wall()});
  return *crypto::MakeServerTls(*certificate, request->key_pem, authority_.certificate_pem);
}

crypto::TlsContext Cluster::ClientTls() const {
  return *crypto::MakeClientTls(authority_.certificate_pem);
}

crypto::TlsContext Cluster::PinnedTls() const {
  return *crypto::MakePinnedClientTls(
      crypto::ParseCertificate(authority_.certificate_pem)->fingerprint);
}

TestNode::TestNode(crypto::TlsContext tls, Handle handle, const std::string& address) {
  auto router = std::make_shared<http::Router>();
  AddRoute(*router, http::Method::kGet, asked_, handle);
  AddRoute(*router, http::Method::kPost, asked_, handle);
  http::ServerOptions options;
  options.name = "test";
  options.address = address;
  options.tls = std::move(tls);
  server_ = std::make_unique<http::HttpServer>(options, router, clock_);
  started_ = server_->Start().ok();
}

TestNode::~TestNode() { server_.reset(); }

TestNode::Handle Says(int status, std::string body, http::Headers headers) {
  return [=](const http::Request&, const http::Respond& respond) {
    http::Response response;
    response.status = status;
    response.body = body;
    response.headers = headers;
    respond(std::move(response));
  };
}

TestNode::Handle Refuses(int status, http::Headers headers) {
  return Says(status, R"({"error":{"code":"NOT_PRIMARY","message":"not here"}})",
              std::move(headers));
}

ScriptedNode::ScriptedNode(crypto::TlsContext tls, std::string bytes)
    : tls_(std::move(tls)), bytes_(std::move(bytes)), listener_(Bound(port_)) {
  signal(SIGPIPE, SIG_IGN);  // of a client that has gone while this one still writes
  HOLDFAST_CHECK(listen(listener_.get(), 16) == 0);
  thread_ = std::thread([this] { Serve(); });
}

ScriptedNode::~ScriptedNode() {
  shutdown(listener_.get(), SHUT_RDWR);  // ends the accept
  thread_.join();
}

void ScriptedNode::Serve() {
  while (true) {
    const UniqueFd connection(accept(listener_.get(), nullptr, nullptr));
    if (!connection.valid()) return;
    const timeval limit = {.tv_sec = 10, .tv_usec = 0};
    setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    ServeOne(connection.get());
    ERR_clear_error();
  }
}

void ScriptedNode::ServeOne(int connection) {
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(tls_.get()), SSL_free);
  SSL_set_fd(ssl.get(), connection);
  if (SSL_accept(ssl.get()) != 1) return;
  std::string request;
  char block[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const int got = SSL_read(ssl.get(), block, sizeof block);
    if (got <= 0) return;
    request.append(block, static_cast<size_t>(got));
  }
  ++asked_;
  std::string_view rest = bytes_;
  while (!rest.empty()) {
    const int sent = SSL_write(ssl.get(), rest.data(), static_cast<int>(rest.size()));
    if (sent <= 0) return;
    rest.remove_prefix(static_cast<size_t>(sent));
  }
}

SilentNode::SilentNode() : listener_(Bound(port_)) {
  HOLDFAST_CHECK(listen(listener_.get(), 16) == 0);
}

Address ClosedAddress() {
  uint16_t port = 0;
  Bound(port);
  return {"127.0.0.1", port};
}

TestNode::Handle Owed::Take() {
  return [this](const http::Request&, http::Respond respond) {
    MutexLock lock(mu_);
    owed_.push_back(std::move(respond));
    changed_.NotifyAll();
  };
}

http::Respond Owed::Next() {
  MutexLock lock(mu_);
  while (owed_.empty()) changed_.Wait(mu_);
  http::Respond respond = std::move(owed_.back());
  owed_.pop_back();
  return respond;
}

Request Get() {
  Request request;
  request.target = "/x";
  return request;
}

Request Post(std::string_view body) {
  Request request;
  request.method = "POST";
  request.target = "/x";
  request.body = SecretBytes::CopyOf(body);
  return request;
}

std::string BodyOf(const Response& response) {
  return std::string(response.body.RevealText(Purpose::kCompare));
}

}  // namespace holdfast::client

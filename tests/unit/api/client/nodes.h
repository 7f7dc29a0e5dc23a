#ifndef HOLDFAST_TESTS_UNIT_API_CLIENT_NODES_H_
#define HOLDFAST_TESTS_UNIT_API_CLIENT_NODES_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/client/client.h"
#include "api/http/server.h"
#include "server/base/file.h"
#include "server/base/mutex.h"
#include "server/crypto/certificate.h"
#include "server/crypto/tls_context.h"
#include "tests/support/real_clock.h"

namespace holdfast::client {

// A cluster's authority and what it signs.
class Cluster {
 public:
  Cluster();
  // A server's TLS for 127.0.0.1, ::1 and localhost, or for the names given.
  crypto::TlsContext ServerTls(std::vector<std::string> names = {"127.0.0.1", "::1",
                                                                 "localhost"}) const;
  crypto::TlsContext ClientTls() const;
  crypto::TlsContext PinnedTls() const;

 private:
  crypto::CertificateAuthority authority_;
};

// A real HTTPS server with one route, /x, for GET and POST.
class TestNode {
 public:
  using Handle = std::function<void(const http::Request&, http::Respond)>;
  TestNode(crypto::TlsContext tls, Handle handle, const std::string& address = "127.0.0.1");
  ~TestNode();

  bool started() const { return started_; }
  uint16_t port() const { return server_->port(); }
  Address address() const { return {"127.0.0.1", port()}; }
  std::string url() const { return address().Url(); }
  int asked() const { return asked_; }
  void Stop() { server_->Stop(std::chrono::milliseconds(0)); }

 private:
  RealClock clock_;
  std::atomic<int> asked_{0};
  bool started_ = false;
  std::unique_ptr<http::HttpServer> server_;
};

// Answers with a status and headers, and a body that tells who it was.
TestNode::Handle Says(int status, std::string body, http::Headers headers = {});
// Answers as a node does that is not primary.
TestNode::Handle Refuses(int status, http::Headers headers = {});

// Speaks TLS, reads one request's header, sends these bytes and closes; connection after
// connection.
class ScriptedNode {
 public:
  ScriptedNode(crypto::TlsContext tls, std::string bytes);
  ~ScriptedNode();
  Address address() const { return {"127.0.0.1", port_}; }
  std::string url() const { return address().Url(); }
  int asked() const { return asked_; }

 private:
  void Serve();
  void ServeOne(int connection);

  crypto::TlsContext tls_;
  std::string bytes_;
  uint16_t port_ = 0;  // before listener_, which sets it
  UniqueFd listener_;
  std::atomic<int> asked_{0};
  std::thread thread_;
};

// Completes TCP connections and never says a word.
class SilentNode {
 public:
  SilentNode();
  Address address() const { return {"127.0.0.1", port_}; }
  std::string url() const { return address().Url(); }

 private:
  uint16_t port_ = 0;  // before listener_, which sets it
  UniqueFd listener_;
};

// Where nothing listens.
Address ClosedAddress();

// Keeps the answers that a node owes, until the test gives them.
class Owed {
 public:
  TestNode::Handle Take();
  http::Respond Next();  // waits for one

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<http::Respond> owed_ ABSL_GUARDED_BY(mu_);
};

Request Get();
Request Post(std::string_view body = "{}");
std::string BodyOf(const Response& response);

}  // namespace holdfast::client

#endif  // HOLDFAST_TESTS_UNIT_API_CLIENT_NODES_H_

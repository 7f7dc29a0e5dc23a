#ifndef HOLDFAST_TESTS_UNIT_API_HTTP_LOOPBACK_H_
#define HOLDFAST_TESTS_UNIT_API_HTTP_LOOPBACK_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "server/base/file.h"

struct ssl_ctx_st;
struct ssl_st;

namespace holdfast {

// A server's TLS with a fresh self-signed P-256 certificate for `host` (a name or an IPv4 address).
struct TestTls {
  std::shared_ptr<ssl_ctx_st> context;
  std::string certificate_pem;
};
TestTls MakeTestTls(const std::string& host);

struct WireResponse {
  int status = 0;  // 0: the connection ended before a whole header came
  std::string head;
  std::map<std::string, std::string> headers;  // lower-case names
  std::string body;
};

// A client that sends exactly what it is told. Waits at most ten seconds for anything.
class RawClient {
 public:
  explicit RawClient(uint16_t port);
  ~RawClient();
  bool connected() const { return fd_.valid(); }
  bool StartTls();
  bool Send(std::string_view bytes);
  WireResponse Read(bool head_only = false);
  bool AtEnd();  // waits for the other side to close; false when more bytes or a time-out come
  // Whether there is something to read, an end included; waits at most `at_most` for it.
  bool HasAnswer(std::chrono::milliseconds at_most);

 private:
  bool More();  // reads once into pending_

  UniqueFd fd_;
  std::shared_ptr<ssl_ctx_st> context_;
  ssl_st* ssl_ = nullptr;
  std::string pending_;
};

// A loopback port where nothing listens.
uint16_t DeadPort();

}  // namespace holdfast

#endif  // HOLDFAST_TESTS_UNIT_API_HTTP_LOOPBACK_H_

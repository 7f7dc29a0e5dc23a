#include "tests/unit/api/http/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cctype>

#include "server/base/check.h"

namespace holdfast {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::string PemOf(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  HOLDFAST_CHECK(PEM_write_bio_X509(bio, certificate) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

X509* MakeCertificate(EVP_PKEY* key, const std::string& host) {
  X509* x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, key);
  X509_NAME* name = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, name);
  in_addr ignored;
  const bool numeric = inet_pton(AF_INET, host.c_str(), &ignored) == 1;
  const std::string san = (numeric ? "IP:" : "DNS:") + host;
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, san.c_str());
  X509_add_ext(x, extension, -1);
  X509_EXTENSION_free(extension);
  HOLDFAST_CHECK(X509_sign(x, key, EVP_sha256()) > 0);
  return x;
}

}  // namespace

TestTls MakeTestTls(const std::string& host) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  HOLDFAST_CHECK(key != nullptr);
  X509* certificate = MakeCertificate(key, host);
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  HOLDFAST_CHECK(SSL_CTX_use_certificate(context.get(), certificate) == 1);
  HOLDFAST_CHECK(SSL_CTX_use_PrivateKey(context.get(), key) == 1);
  TestTls tls = {.context = context, .certificate_pem = PemOf(certificate)};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return tls;
}

RawClient::RawClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
  const sockaddr_in address = Loopback(port);
  const timeval limit = {.tv_sec = 10, .tv_usec = 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fd_.Reset();
  }
}

RawClient::~RawClient() { SSL_free(ssl_); }

bool RawClient::StartTls() {
  context_.reset(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  ssl_ = SSL_new(context_.get());
  SSL_set_fd(ssl_, fd_.get());
  return SSL_connect(ssl_) == 1;
}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ssl_ != nullptr
                             ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                             : send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RawClient::More() {
  char block[16384];
  const ssize_t got = ssl_ != nullptr ? SSL_read(ssl_, block, sizeof block)
                                      : recv(fd_.get(), block, sizeof block, 0);
  if (got <= 0) return false;
  pending_.append(block, static_cast<size_t>(got));
  return true;
}

WireResponse RawClient::Read(bool head_only) {
  WireResponse response;
  size_t end;
  while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
    if (!More()) return response;
  }
  response.head = pending_.substr(0, end + 2);
  pending_.erase(0, end + 4);
  response.status = std::stoi(response.head.substr(response.head.find(' ') + 1));
  size_t at = response.head.find("\r\n") + 2;
  while (at < response.head.size()) {
    const size_t line_end = response.head.find("\r\n", at);
    const size_t colon = response.head.find(": ", at);
    std::string name = response.head.substr(at, colon - at);
    for (char& c : name) c = static_cast<char>(tolower(c));
    response.headers[name] = response.head.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  const auto length = response.headers.find("content-length");
  if (head_only || length == response.headers.end()) return response;
  const size_t size = std::stoul(length->second);
  while (pending_.size() < size) {
    if (!More()) break;
  }
  response.body = pending_.substr(0, size);
  pending_.erase(0, size);
  return response;
}

bool RawClient::AtEnd() {
  char block[256];
  if (!pending_.empty()) return false;
  const ssize_t got = ssl_ != nullptr ? SSL_read(ssl_, block, sizeof block)
                                      : recv(fd_.get(), block, sizeof block, 0);
  return got == 0 || (got < 0 && (ssl_ != nullptr || errno == ECONNRESET));
}

bool RawClient::HasAnswer(std::chrono::milliseconds at_most) {
  pollfd waited = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
  return poll(&waited, 1, static_cast<int>(at_most.count())) > 0;
}

uint16_t DeadPort() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  HOLDFAST_CHECK(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  HOLDFAST_CHECK(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

}  // namespace holdfast

#include "tests/support/socket_proxy.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace holdfast {
namespace {

int UnixSocket(const std::string& path, bool listening) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const auto* plain = reinterpret_cast<const sockaddr*>(&address);
  const int result =
      listening ? bind(fd, plain, sizeof(address)) : connect(fd, plain, sizeof(address));
  if (result == 0 && (!listening || listen(fd, 16) == 0)) return fd;
  close(fd);
  return -1;
}

bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string ReadSome(int fd) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  return got > 0 ? std::string(buffer.data(), static_cast<size_t>(got)) : std::string();
}

}  // namespace

SocketProxy::SocketProxy(const std::string& target) : target_(target) {
  std::string name = testing::TempDir() + "holdfast-proxy-XXXXXX";
  folder_ = mkdtemp(name.data());
  listener_ = UnixSocket(folder_ + "/" + std::filesystem::path(target).filename().string(),
                         /*listening=*/true);
  acceptor_ = std::thread([this] { Accept(); });
}

SocketProxy::~SocketProxy() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  CutAll();
  std::list<Pair> pairs;
  {
    MutexLock lock(mu_);
    pairs.swap(pairs_);
  }
  for (Pair& pair : pairs) {
    pair.thread.join();
    close(pair.client);
    close(pair.server);
  }
  std::filesystem::remove_all(folder_);
}

void SocketProxy::Plan(Fault fault, const std::string& marker) {
  MutexLock lock(mu_);
  fault_ = fault;
  marker_ = marker;
}

bool SocketProxy::planned() const {
  MutexLock lock(mu_);
  return fault_ != Fault::kNone;
}

void SocketProxy::Refuse(bool refuse) {
  MutexLock lock(mu_);
  refuse_ = refuse;
}

void SocketProxy::CutAll() {
  MutexLock lock(mu_);
  for (Pair& pair : pairs_) {
    shutdown(pair.client, SHUT_RDWR);
    shutdown(pair.server, SHUT_RDWR);
  }
}

void SocketProxy::Accept() {
  while (true) {
    const int client = accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    MutexLock lock(mu_);
    const int server = refuse_ ? -1 : UnixSocket(target_, /*listening=*/false);
    if (server < 0) {
      close(client);
      continue;
    }
    Pair& pair = pairs_.emplace_back();
    pair.client = client;
    pair.server = server;
    pair.thread = std::thread([this, &pair] { Serve(pair); });
  }
}

void SocketProxy::Serve(Pair& pair) {
  while (true) {
    std::array<pollfd, 2> ends{
        {{.fd = pair.hangs ? -1 : pair.client, .events = POLLIN, .revents = 0},
         {.fd = pair.server, .events = POLLIN, .revents = 0}}};
    poll(ends.data(), ends.size(), -1);
    if (ends[0].revents != 0 && !FromClient(pair)) break;
    if (ends[1].revents == 0) continue;
    const std::string bytes = ReadSome(pair.server);
    if (bytes.empty() || !SendAll(pair.client, bytes)) break;
  }
  shutdown(pair.client, SHUT_RDWR);
  shutdown(pair.server, SHUT_RDWR);
}

SocketProxy::Fault SocketProxy::FaultFor(Pair& pair, const std::string& bytes) {
  MutexLock lock(mu_);
  pair.tail += bytes;
  const bool found = fault_ != Fault::kNone && pair.tail.find(marker_) != std::string::npos;
  const size_t keep = marker_.empty() ? 0 : marker_.size() - 1;
  if (pair.tail.size() > keep) pair.tail.erase(0, pair.tail.size() - keep);
  return found ? std::exchange(fault_, Fault::kNone) : Fault::kNone;
}

bool SocketProxy::FromClient(Pair& pair) {
  const std::string bytes = ReadSome(pair.client);
  if (bytes.empty()) return false;
  switch (FaultFor(pair, bytes)) {
    case Fault::kBefore:
      return false;
    case Fault::kHang:
      pair.hangs = true;
      return true;
    case Fault::kAfter:
      SendAll(pair.server, bytes);
      ReadSome(pair.server);
      return false;
    case Fault::kNone:
      return SendAll(pair.server, bytes);
  }
  return false;
}

}  // namespace holdfast

#include "api/http/connection_counts.h"

#include <arpa/inet.h>

#include <string_view>

#include "server/base/check.h"

namespace holdfast::http {

ConnectionCounts::Verdict ConnectionCounts::Enter(const std::string& source) {
  MutexLock lock(mu_);
  if (connections_ >= limits_.connections_max) return Verdict::kTooMany;
  if (strangers_ >= limits_.strangers_max) return Verdict::kTooManyStrangers;
  const auto found = by_source_.find(source);
  if (found != by_source_.end() && found->second >= limits_.strangers_per_source_max) {
    return Verdict::kTooManyFromSource;
  }
  ++connections_;
  ++strangers_;
  ++by_source_[source];
  return Verdict::kAdmitted;
}

void ConnectionCounts::Authenticated(const std::string& source) {
  MutexLock lock(mu_);
  DropStranger(source);
}

void ConnectionCounts::Leave(const std::string& source, bool authenticated) {
  MutexLock lock(mu_);
  HOLDFAST_CHECK(connections_ > 0);
  --connections_;
  if (!authenticated) DropStranger(source);
}

void ConnectionCounts::DropStranger(const std::string& source) {
  const auto found = by_source_.find(source);
  HOLDFAST_CHECK(found != by_source_.end() && strangers_ > 0);
  --strangers_;
  if (--found->second == 0) by_source_.erase(found);
}

size_t ConnectionCounts::connections() const {
  MutexLock lock(mu_);
  return connections_;
}

size_t ConnectionCounts::strangers() const {
  MutexLock lock(mu_);
  return strangers_;
}

std::string SourceOf(const std::string& address) {
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  in6_addr six;
  if (inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), &six) == 1) {
    const std::string_view bytes(reinterpret_cast<const char*>(six.s6_addr), sizeof six.s6_addr);
    return std::string(bytes.substr(0, 12) == kMapped ? bytes.substr(12) : bytes.substr(0, 8));
  }
  in_addr four;
  if (inet_pton(AF_INET, address.c_str(), &four) == 1) {
    return std::string(reinterpret_cast<const char*>(&four), sizeof four);
  }
  return address;
}

}  // namespace holdfast::http

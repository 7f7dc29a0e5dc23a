#include "api/ssh/admission.h"

#include <utility>

#include "server/base/check.h"

namespace holdfast::ssh {

Admission::Pass::Pass(Pass&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)),
      source_(std::move(other.source_)),
      logged_in_(other.logged_in_) {}

Admission::Pass::~Pass() {
  if (admission_ != nullptr) admission_->Leave(source_, logged_in_);
}

void Admission::Pass::LoggedIn() {
  if (admission_ == nullptr || std::exchange(logged_in_, true)) return;
  admission_->LoggedIn(source_);
}

std::optional<Admission::Pass> Admission::Enter(const std::string& source) {
  MutexLock lock(mu_);
  if (connections_ >= limits_.connections_max) return std::nullopt;
  if (unauthenticated_ >= limits_.unauthenticated_max) return std::nullopt;
  const auto found = per_source_.find(source);
  if (found != per_source_.end() && found->second >= limits_.unauthenticated_per_source_max) {
    return std::nullopt;
  }
  ++connections_;
  ++unauthenticated_;
  ++per_source_[source];
  return Pass(this, source);
}

size_t Admission::connections() const {
  MutexLock lock(mu_);
  return connections_;
}

size_t Admission::unauthenticated() const {
  MutexLock lock(mu_);
  return unauthenticated_;
}

void Admission::LoggedIn(const std::string& source) {
  MutexLock lock(mu_);
  DropUnauthenticated(source);
}

void Admission::Leave(const std::string& source, bool logged_in) {
  MutexLock lock(mu_);
  HOLDFAST_CHECK(connections_ > 0);
  --connections_;
  if (!logged_in) DropUnauthenticated(source);
}

void Admission::DropUnauthenticated(const std::string& source) {
  const auto found = per_source_.find(source);
  HOLDFAST_CHECK(found != per_source_.end() && unauthenticated_ > 0);
  --unauthenticated_;
  if (--found->second == 0) per_source_.erase(found);
}

}  // namespace holdfast::ssh

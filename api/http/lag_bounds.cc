#include "api/http/lag_bounds.h"

namespace holdfast::http {
namespace {

constexpr int kGoodChecksToReturn = 2;

bool Holds(const LagBound& bound, const Lag& lag, double share) {
  if (bound.records.has_value()) {
    const double most = static_cast<double>(*bound.records) * share;
    if (!lag.records.has_value() || static_cast<double>(*lag.records) > most) return false;
  }
  if (bound.seconds.has_value()) {
    const double most = static_cast<double>(*bound.seconds) * share;
    if (!lag.seconds.has_value() || *lag.seconds > most) return false;
  }
  return true;
}

}  // namespace

bool LagBounds::IsInside(const LagBound& bound, const Lag& lag) {
  MutexLock lock(mu_);
  auto found = bounds_.find(bound);
  if (found == bounds_.end()) {
    if (bounds_.size() >= kBoundsMax) return Holds(bound, lag, 1);
    found = bounds_.emplace(bound, std::nullopt).first;
  }
  std::optional<Out>& out = found->second;
  if (!out.has_value()) {
    if (Holds(bound, lag, 1)) return true;
    out.emplace();
    return false;
  }
  out->good_checks = Holds(bound, lag, 0.5) ? out->good_checks + 1 : 0;
  if (out->good_checks < kGoodChecksToReturn) return false;
  out.reset();
  return true;
}

}  // namespace holdfast::http

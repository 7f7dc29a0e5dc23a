#ifndef HOLDFAST_SERVER_AUDIT_REFUSED_ATTEMPTS_H_
#define HOLDFAST_SERVER_AUDIT_REFUSED_ATTEMPTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "holdfast/v1/audit.pb.h"
#include "server/base/clock.h"

namespace holdfast::audit {

// Decides which refused attempts get a record of their own and which are only counted, so that
// nobody can fill a journal by being refused.
//
// Invariants  1. Every attempt is in exactly one record: alone, or in the `repeated` of one that
//                stands for all equal ones (source, operation, refusal) of a window.
//             2. A window yields at most alone_max + kinds_max + one record for each pair of
//                operation and refusal, whoever attempts what and from however many sources.
// Threading   Thread-compatible, and pure: times are given.
class RefusedAttempts {
 public:
  struct Options {
    std::chrono::seconds window{60};
    uint64_t alone_per_kind = 3;  // of one (source, operation, refusal) in a window
    uint64_t alone_max = 64;      // of all of them
    size_t kinds_max = 64;  // counted apart in a window; more are counted without their source
  };
  explicit RefusedAttempts(const Options& options) : options_(options) {}
  RefusedAttempts() = default;

  // The record to append now; nullopt when the attempt was counted.
  std::optional<v1::AuditRecord> Note(const v1::AuditRecord& attempt, MonoTime now);
  // The counted ones of a window that has ended: to be called about every second. Each is the
  // first counted attempt of its kind with `repeated` set.
  std::vector<v1::AuditRecord> Due(MonoTime now);
  // All that is counted, at the end of the process.
  std::vector<v1::AuditRecord> Drain();

 private:
  using Kind = std::tuple<std::string, std::string, std::string>;  // source, operation, refusal
  struct Count {
    uint64_t alone = 0;
    v1::AuditRecord counted;  // repeated == 0: none yet
  };

  Options options_;
  MonoTime window_start_{};
  uint64_t alone_ = 0;
  std::map<Kind, Count> kinds_;
};

}  // namespace holdfast::audit

#endif  // HOLDFAST_SERVER_AUDIT_REFUSED_ATTEMPTS_H_

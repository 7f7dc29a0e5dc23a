#ifndef HOLDFAST_REPLICATION_PEER_REFUSED_LINES_H_
#define HOLDFAST_REPLICATION_PEER_REFUSED_LINES_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "server/base/clock.h"

namespace holdfast::replication {

// What becomes a line of the log of what strangers do at the peer port: of each kind the first, and
// then one for each kEvery in which there were more, with how many.
//
// Room        Pure. gRPC does not tell from where a handshake came that failed: so a kind is a
//             place in its code and OpenSSL's reason, of which there are few.
// Threading   Thread-compatible.
class RefusedLines {
 public:
  static constexpr std::chrono::minutes kEvery{1};
  static constexpr size_t kKindsMax = 64;

  std::optional<std::string> Note(const std::string& kind, const std::string& text, MonoTime now);
  // What is counted and not told yet whose time is over; the same text.
  std::optional<std::string> Due(MonoTime now);
  uint64_t count() const { return count_; }

 private:
  struct Kind {
    MonoTime told;
    uint64_t more = 0;  // since then
    std::string text;   // the newest
  };
  static std::string Line(Kind& kind, MonoTime now);

  std::map<std::string, Kind> kinds_;
  uint64_t count_ = 0;
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_PEER_REFUSED_LINES_H_

#include "server/crypto/record_chain.h"

#include <utility>

#include "absl/types/span.h"
#include "fmt/format.h"
#include "server/base/encoding.h"
#include "server/crypto/hash.h"

namespace holdfast::crypto {
namespace {

std::string Short(const Digest& digest) { return HexEncode(absl::MakeConstSpan(digest).first(8)); }

}  // namespace

Digest ChainDigest(const Digest& previous, std::string_view record) {
  return Sha256({AsText(previous), record});
}

LogEntry MakeEntry(Epoch epoch, uint64_t seq, const Digest& previous, std::string record,
                   const KeyRing& keys) {
  LogEntry entry{.epoch = std::move(epoch), .seq = seq, .record = std::move(record)};
  entry.digest = ChainDigest(previous, entry.record);
  entry.mac = keys.MacOf(entry.digest);
  return entry;
}

absl::Status VerifyEntry(const LogEntry& entry, const Digest& previous, const KeyRing& keys) {
  const Position at{.epoch = entry.epoch.number, .seq = entry.seq};
  const Digest expected = ChainDigest(previous, entry.record);
  if (expected != entry.digest) {
    return absl::DataLossError(
        fmt::format("record {}: wrong chain digest: expected {}.. after {}.., got {}..", ToText(at),
                    Short(expected), Short(previous), Short(entry.digest)));
  }
  if (!ConstantTimeEquals(keys.MacOf(entry.digest), entry.mac)) {
    return absl::UnauthenticatedError(
        fmt::format("record {}: wrong MAC: not made with the root key of cluster {}", ToText(at),
                    keys.cluster_id()));
  }
  return absl::OkStatus();
}

}  // namespace holdfast::crypto

#ifndef HOLDFAST_TESTS_UNIT_REPLICATION_CORE_CORE_TESTING_H_
#define HOLDFAST_TESTS_UNIT_REPLICATION_CORE_CORE_TESTING_H_

// Logs for tests: the digest of an entry is made of everything before it, as in life, only shorter.
#include <cstdint>
#include <string>
#include <vector>

#include "replication/core/messages.h"

namespace holdfast::replication {

inline Epoch E(uint64_t number, std::string node = "a") { return {number, std::move(node)}; }

// `content` makes another record at the same place of the same epoch.
inline EntryMeta Next(const EntryMeta& before, const Epoch& epoch, uint64_t content = 0) {
  uint64_t h = 1469598103934665603ULL;
  const auto mix = [&h](uint64_t value) {
    h = (h ^ value) * 1099511628211ULL;
    h ^= h >> 29;
  };
  for (uint8_t byte : before.digest) mix(byte);
  mix(epoch.number);
  for (char c : epoch.node_id) mix(static_cast<uint8_t>(c));
  mix(before.seq + 1);
  mix(content);
  EntryMeta out{epoch, before.seq + 1, {}};
  for (size_t i = 0; i < 8; ++i) out.digest[i] = static_cast<uint8_t>(h >> (8 * i));
  return out;
}

// A log under construction: Add(epoch, how many).
struct TestLog {
  std::vector<EntryMeta> entries;
  std::vector<EpochStart> history;

  TestLog& Add(const Epoch& epoch, int count = 1, uint64_t content = 0) {
    for (int i = 0; i < count; ++i) {
      const EntryMeta before = last();
      entries.push_back(Next(before, epoch, content));
      if (before.epoch != epoch) history.push_back({epoch, before.seq + 1, before.digest});
    }
    return *this;
  }
  EntryMeta last() const { return entries.empty() ? EntryMeta{} : entries.back(); }
  EntryMeta at(uint64_t seq) const { return seq == 0 ? EntryMeta{} : entries.at(seq - 1); }
  LogShape shape() const { return {history, last()}; }
  // As sent by a primary in `sender`, entries [first, to].
  BatchInfo Batch(const Epoch& sender, uint64_t first, uint64_t to, uint64_t committed = 0) const {
    BatchInfo batch{.epoch = sender,
                    .first_seq = first,
                    .previous_digest = at(first - 1).digest,
                    .entries = {},
                    .committed_seq = committed,
                    .durable_seq = to};
    for (uint64_t seq = first; seq <= to; ++seq) batch.entries.push_back(at(seq));
    return batch;
  }
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_TESTS_UNIT_REPLICATION_CORE_CORE_TESTING_H_

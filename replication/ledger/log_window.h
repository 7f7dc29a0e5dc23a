#ifndef HOLDFAST_REPLICATION_LEDGER_LOG_WINDOW_H_
#define HOLDFAST_REPLICATION_LEDGER_LOG_WINDOW_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "holdfast/v1/record.pb.h"
#include "replication/core/log_position.h"
#include "replication/ledger/state_digest.h"
#include "server/crypto/key_ring.h"
#include "server/vault/state_reader.h"

namespace holdfast::replication {

// One entry of the log with its record parsed.
struct WindowItem {
  EntryPtr entry;
  std::shared_ptr<const v1::Record> record;
  Digest digest_change{};  // what it adds to the state digest; set when it is pushed
};

// Parses the record of `entry` and checks that it is of that epoch and seq.
// kUnimplemented "upgrade_required": a kind, table or field that this program does not know.
// kDataLoss: not a record.
absl::StatusOr<WindowItem> ParseEntry(EntryPtr entry);
// Chain and MAC of entries from outside, from `previous` on, then ParseEntry of each.
absl::StatusOr<std::vector<WindowItem>> CheckEntries(absl::Span<const EntryPtr> entries,
                                                     const Digest& previous,
                                                     const crypto::KeyRing& keys);

// MAC of a row for the state digest: over the table's number (one byte) and the row's bytes.
Digest MacOfRow(const crypto::KeyRing& keys, v1::Table table,
                const google::protobuf::Message& inner);

// The newest part of the log, from where the store's rows end to the head: what is committed and
// owed to the row tables, then what is pending.
//
// Threading   Thread-compatible.
class LogWindow {
 public:
  // `after`: the store's rows hold the log up to here, with this state digest.
  void Start(const EntryMeta& after, const Digest& state_digest);
  void Push(WindowItem item);
  void CutAfter(uint64_t seq);
  // The store's rows hold the log up to `seq` now.
  void RowsStored(uint64_t seq);

  uint64_t rows_seq() const { return after_.seq; }
  uint64_t head_seq() const { return after_.seq + items_.size(); }
  EntryMeta head() const;
  const WindowItem& at(uint64_t seq) const { return items_[seq - after_.seq - 1]; }
  EntryMeta MetaAt(uint64_t seq) const;
  Digest StateDigestAt(uint64_t seq) const;

 private:
  EntryMeta after_;
  Digest state_digest_{};
  std::deque<WindowItem> items_;
};

// What applying `changes` one after the other to `state` adds to the state digest. Calls `apply`
// with each change once its old row was read.
absl::StatusOr<Digest> DigestChange(const vault::StateReader& state, const v1::Record& record,
                                    const crypto::KeyRing& keys,
                                    const std::function<absl::Status(const v1::RowChange&)>& apply);

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_LOG_WINDOW_H_

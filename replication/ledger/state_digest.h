#ifndef HOLDFAST_REPLICATION_LEDGER_STATE_DIGEST_H_
#define HOLDFAST_REPLICATION_LEDGER_STATE_DIGEST_H_

#include "server/base/position.h"

namespace holdfast::replication {

// A keyed digest over the set of all rows: the sum, modulo 2^256, of a MAC of each row. Order does
// not matter, so a change costs two MACs (old row out, new row in) and no walk. Without the key
// nobody can add, change or remove a row in the database and make the sum fit:
// docs/formats/store.md.
//
// Threading   Value type.
class StateDigest {
 public:
  StateDigest() = default;  // of no rows
  explicit StateDigest(const Digest& stored) : sum_(stored) {}

  void Add(const Digest& mac_of_row);
  void Remove(const Digest& mac_of_row);
  const Digest& value() const { return sum_; }
  bool operator==(const StateDigest&) const = default;

 private:
  Digest sum_{};  // big-endian number
};

}  // namespace holdfast::replication

#endif  // HOLDFAST_REPLICATION_LEDGER_STATE_DIGEST_H_

#ifndef HOLDFAST_SERVER_VAULT_REQUEST_KEY_INDEX_H_
#define HOLDFAST_SERVER_VAULT_REQUEST_KEY_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "google/protobuf/message.h"

namespace holdfast::vault {

// Request keys by when they expire, and how many each user has: so that a write can drop old ones
// with bounded work.
//
// Threading   Thread-compatible.
class RequestKeyIndex {
 public:
  using ByExpiry = absl::btree_set<std::pair<int64_t, std::string>>;  // expires_ms, id

  // `row` is a RequestKeyRow.
  void Insert(const google::protobuf::Message& row);
  void Erase(const google::protobuf::Message& row);

  const ByExpiry& by_expiry() const { return by_expiry_; }
  size_t Count(uint64_t user_id) const;

 private:
  ByExpiry by_expiry_;
  absl::flat_hash_map<uint64_t, size_t> counts_;
};

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_REQUEST_KEY_INDEX_H_

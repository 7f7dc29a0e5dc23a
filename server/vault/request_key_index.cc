#include "server/vault/request_key_index.h"

#include "holdfast/v1/rows.pb.h"
#include "server/base/check.h"

namespace holdfast::vault {
namespace {

const v1::RequestKeyRow& KeyRow(const google::protobuf::Message& row) {
  return static_cast<const v1::RequestKeyRow&>(row);
}

}  // namespace

void RequestKeyIndex::Insert(const google::protobuf::Message& row) {
  by_expiry_.emplace(KeyRow(row).expires_ms(), KeyRow(row).id());
  ++counts_[KeyRow(row).user_id()];
}

void RequestKeyIndex::Erase(const google::protobuf::Message& row) {
  by_expiry_.erase({KeyRow(row).expires_ms(), KeyRow(row).id()});
  const auto count = counts_.find(KeyRow(row).user_id());
  HOLDFAST_CHECK(count != counts_.end());
  if (--count->second == 0) counts_.erase(count);
}

size_t RequestKeyIndex::Count(uint64_t user_id) const {
  const auto count = counts_.find(user_id);
  return count == counts_.end() ? 0 : count->second;
}

}  // namespace holdfast::vault

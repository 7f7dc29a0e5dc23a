#ifndef HOLDFAST_TESTS_CONFORMANCE_STORE_CONFORMANCE_H_
#define HOLDFAST_TESTS_CONFORMANCE_STORE_CONFORMANCE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/conformance/store_medium.h"

namespace holdfast::storage {

// The promises of store.h. A new store instantiates this suite over its medium.
class StoreConformanceTest : public testing::TestWithParam<MediumKind> {
 protected:
  void SetUp() override;
  void Reopen();

  // Appends entries first..last of `epoch`; applied goes to the last with `apply`.
  absl::Status AppendEntries(uint64_t first, uint64_t last, bool apply = true, uint64_t epoch = 1);
  absl::Status AppendRows(const EntryPtr& entry, const std::vector<v1::RowChange>& changes);
  LoadResult Load();
  // All rows by their key, serialized: what Load gives.
  std::map<std::string, std::string> Rows();
  std::vector<uint64_t> Seqs(uint64_t first_seq);
  std::unique_ptr<StagedRows> Stage();  // null: this store has no such place
  absl::Status Replace(const std::vector<v1::Row>& rows, const Applied& applied,
                       const Epoch& epoch);

  std::unique_ptr<StoreMedium> medium_;
  std::unique_ptr<Store> store_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_TESTS_CONFORMANCE_STORE_CONFORMANCE_H_

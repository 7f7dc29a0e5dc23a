#ifndef HOLDFAST_TESTS_CONFORMANCE_STORE_MEDIUM_H_
#define HOLDFAST_TESTS_CONFORMANCE_STORE_MEDIUM_H_

#include <functional>
#include <memory>
#include <string>

#include "server/storage/store.h"

namespace holdfast::storage {

// What a store of some kind lies on, so that one suite can open it again and again.
class StoreMedium {
 public:
  virtual ~StoreMedium() = default;
  virtual absl::StatusOr<std::unique_ptr<Store>> Open() = 0;
  // Makes the medium look as if a program of schema `version` had written it. No store is open.
  virtual void SetSchemaVersion(uint64_t version) = 0;
  // The next commit of the open store fails; afterwards the medium is well again.
  virtual void FailNextCommit() = 0;
  // An append that fails so is UNAVAILABLE, and asked for again; nothing else is.
  virtual bool MayBeAway() const { return false; }
  virtual void EndFault() = 0;
};

struct MediumKind {
  std::string name;
  std::function<std::unique_ptr<StoreMedium>()> make;
};

// Entry `seq`, the same bytes whenever it is asked for.
EntryPtr EntryAt(uint64_t seq, uint64_t epoch = 1, const std::string& node = "n1");
Applied AppliedAt(const EntryPtr& entry);
v1::Row AccountRow(uint64_t id, const std::string& name);
v1::RowChange Put(const v1::Row& row);
v1::RowChange Delete(v1::Table table, uint64_t id);

}  // namespace holdfast::storage

#endif  // HOLDFAST_TESTS_CONFORMANCE_STORE_MEDIUM_H_

#ifndef HOLDFAST_TESTS_PLANTED_LYING_STORE_H_
#define HOLDFAST_TESTS_PLANTED_LYING_STORE_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/storage/store.h"

namespace holdfast::planted {

// A store that says "durable" of what it has not written: which, is what was planted.
//
// Threading   As a Store. What is late is written before anything else is asked of the store.
class LyingStore : public storage::Store {
 public:
  explicit LyingStore(std::unique_ptr<storage::Store> real) : real_(std::move(real)) {}
  ~LyingStore() override { (void)Write(0); }  // A clean stop loses nothing.

  absl::StatusOr<storage::LoadResult> Load(
      const std::function<absl::Status(v1::Row&&)>& row) override;
  absl::Status Append(const storage::AppendBatch& batch) override;
  absl::StatusOr<std::vector<EntryPtr>> ReadLog(uint64_t first_seq, size_t records_max,
                                                size_t bytes_max) override;
  absl::Status CutAfter(uint64_t seq, const storage::Facts& facts) override;
  absl::Status TrimUpTo(uint64_t seq) override;
  absl::Status ReplaceBySnapshot(
      const std::function<absl::StatusOr<std::optional<v1::Row>>()>& next,
      const storage::Applied& applied, const Epoch& last_epoch,
      const storage::Facts& facts) override;
  absl::Status PutFact(const std::string& name, const std::string& value) override;
  absl::StatusOr<std::optional<std::string>> GetFact(const std::string& name) override;
  absl::StatusOr<bool> FindOut() override { return real_->FindOut(); }
  absl::Status failure() const override { return real_->failure(); }
  void StopWaiting() override { real_->StopWaiting(); }

 private:
  struct Late {
    std::vector<EntryPtr> entries;
    std::vector<v1::RowChange> rows;
    std::optional<storage::Applied> applied;
    storage::Facts facts;
  };
  // Until at most `kept` are late.
  absl::Status Write(size_t kept);

  std::unique_ptr<storage::Store> real_;
  Mutex mu_;
  std::deque<Late> late_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast::planted

#endif  // HOLDFAST_TESTS_PLANTED_LYING_STORE_H_

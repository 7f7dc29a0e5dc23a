#ifndef HOLDFAST_SERVER_VAULT_PENDING_STATE_H_
#define HOLDFAST_SERVER_VAULT_PENDING_STATE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "server/vault/state_reader.h"

namespace holdfast::vault {

// The committed state with everything that is appended and not committed laid over it: what Plan
// sees. Costs as much as what is pending, whatever the size of the state below.
//
// Invariants  Reads are as if every change had been applied to a copy of `base`.
// Threading   Thread-compatible. While `base` takes over what is pending, nobody may read.
// Ownership   Borrows `base`, which must outlive it.
class PendingState : public StateReader {
 public:
  explicit PendingState(const StateReader& base);
  ~PendingState() override;

  // A change of the record at `seq`; seqs do not go down. kDataLoss as State::Apply.
  absl::Status Apply(uint64_t seq, const v1::RowChange& change);
  // `base` holds the records up to `seq` by now: what is not changed by later ones is dropped.
  void Forget(uint64_t seq);
  void Clear();
  bool empty() const;

  const google::protobuf::Message* FindNumbered(v1::Table table, uint64_t id) const override;
  const google::protobuf::Message* FindNamed(v1::Table table, std::string_view name) const override;
  const google::protobuf::Message* FindUnique(Unique unique, const UniqueKey& key) const override;
  bool ForEachId(List list, uint64_t of, uint64_t after,
                 absl::FunctionRef<bool(uint64_t id)> visit) const override;
  bool ForEachName(v1::Table table,
                   absl::FunctionRef<bool(const std::string& name)> visit) const override;
  size_t Count(List list, uint64_t of) const override;
  size_t RowCount(v1::Table table) const override;
  bool HasPending(v1::Table table) const override;
  bool ForEachRequestKey(
      absl::FunctionRef<bool(int64_t expires_ms, const std::string& id)> visit) const override;
  size_t RequestKeyCount(uint64_t user_id) const override;
  size_t RequestKeysAtMost(uint64_t user_id) const override;

 private:
  struct Rep;
  const StateReader& base_;
  std::unique_ptr<Rep> rep_;
};

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_PENDING_STATE_H_

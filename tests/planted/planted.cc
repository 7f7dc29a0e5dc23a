#include "tests/planted/planted.h"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "replication/core/commit_rule.h"
#include "replication/core/log_track.h"
#include "replication/ledger/committed_file.h"
#include "server/setup/open_stores.h"
#include "server/vault/state.h"
#include "tests/planted/lying_store.h"

namespace holdfast::planted {
namespace {

struct Name {
  std::string_view text;
  Fault fault;
};
constexpr Name kNames[] = {
    {"promises_not_written", Fault::kPromisesNotWritten},
    {"history_not_written", Fault::kHistoryNotWritten},
    {"stored_late", Fault::kStoredLate},
    {"position_not_written", Fault::kPositionNotWritten},
    {"commit_alone", Fault::kCommitAlone},
    {"show_pending", Fault::kShowPending},
    {"miss_revocation", Fault::kMissRevocation},
};
constexpr int kExitConfiguration = 78;

Fault planted = Fault::kNone;  // written once, before the threads that look at it

std::string_view FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void Plant(const std::string& node_id) {
  const std::string_view node = FromEnvironment("PLANTED_NODE");
  const std::string_view wanted = FromEnvironment("PLANTED_FAULT");
  for (const Name& name : kNames) {
    if (name.text != wanted) continue;
    if (node.empty() || node == node_id) planted = name.fault;
    std::fprintf(stderr, "planted in %s: %s\n", node_id.c_str(), name.text.data());
    return;
  }
  std::fprintf(stderr, "PLANTED_FAULT: expected the name of a fault, got '%s'\n",
               std::string(wanted).c_str());
  _exit(kExitConfiguration);
}

}  // namespace

bool Is(Fault fault) { return planted == fault; }

}  // namespace holdfast::planted

// A member function is called as a function whose first argument is the object. REAL is the one
// that WRAP stands in for; a name that the linker does not know is an error of the link.
#define REAL(name) asm("__real_" name)
#define WRAP(name) asm("__wrap_" name)

#define ON_ACK                                                                            \
  "_ZN8holdfast11replication10CommitRule5OnAckERKNSt7__cxx1112basic_stringIcSt11char_tra" \
  "itsIcESaIcEEERKNS0_7AckInfoE"
#define SAVE "_ZN8holdfast11replication13CommittedFile4SaveENS_8PositionE"
#define ON_BATCH "_ZN8holdfast11replication8LogTrack7OnBatchERKNS0_9BatchInfoE"
#define OPEN_STORE                                                                       \
  "_ZN8holdfast5setup9OpenStoreERKNS0_6ConfigERKNSt7__cxx1112basic_stringIcSt11char_tra" \
  "itsIcESaIcEEERKNS_5ClockE"
#define APPLY "_ZN8holdfast5vault5State5ApplyERKNS_2v19RowChangeE"

namespace holdfast::planted {

uint64_t RealOnAck(replication::CommitRule* rule, const std::string& node_id,
                   const replication::AckInfo& ack) REAL(ON_ACK);
uint64_t WrapOnAck(replication::CommitRule* rule, const std::string& node_id,
                   const replication::AckInfo& ack) WRAP(ON_ACK);
uint64_t WrapOnAck(replication::CommitRule* rule, const std::string& node_id,
                   const replication::AckInfo& ack) {
  if (!Is(Fault::kCommitAlone)) return RealOnAck(rule, node_id, ack);
  replication::AckInfo all = ack;
  all.received_seq = all.durable_seq = all.applied_seq = std::numeric_limits<int64_t>::max();
  return RealOnAck(rule, node_id, all);
}

absl::Status RealSave(replication::CommittedFile* file, Position position) REAL(SAVE);
absl::Status WrapSave(replication::CommittedFile* file, Position position) WRAP(SAVE);
absl::Status WrapSave(replication::CommittedFile* file, Position position) {
  if (Is(Fault::kPositionNotWritten)) return absl::OkStatus();
  return RealSave(file, position);
}

replication::BatchOutcome RealOnBatch(replication::LogTrack* track,
                                      const replication::BatchInfo& batch) REAL(ON_BATCH);
replication::BatchOutcome WrapOnBatch(replication::LogTrack* track,
                                      const replication::BatchInfo& batch) WRAP(ON_BATCH);
replication::BatchOutcome WrapOnBatch(replication::LogTrack* track,
                                      const replication::BatchInfo& batch) {
  if (!Is(Fault::kShowPending) || batch.entries.empty()) return RealOnBatch(track, batch);
  replication::BatchInfo all = batch;
  all.committed_seq = batch.entries.back().seq;
  return RealOnBatch(track, all);
}

absl::Status RealApply(vault::State* state, const v1::RowChange& change) REAL(APPLY);
absl::Status WrapApply(vault::State* state, const v1::RowChange& change) WRAP(APPLY);
absl::Status WrapApply(vault::State* state, const v1::RowChange& change) {
  const bool revokes = change.has_delete_() && change.delete_().table() == v1::TABLE_SSH_KEY;
  if (revokes && Is(Fault::kMissRevocation)) return absl::OkStatus();
  return RealApply(state, change);
}

using StorePtr = std::unique_ptr<storage::Store>;
absl::StatusOr<StorePtr> RealOpenStore(const setup::Config& config, const std::string& folder,
                                       const Clock& clock) REAL(OPEN_STORE);
absl::StatusOr<StorePtr> WrapOpenStore(const setup::Config& config, const std::string& folder,
                                       const Clock& clock) WRAP(OPEN_STORE);
absl::StatusOr<StorePtr> WrapOpenStore(const setup::Config& config, const std::string& folder,
                                       const Clock& clock) {
  Plant(config.node.id);
  absl::StatusOr<StorePtr> real = RealOpenStore(config, folder, clock);
  if (!real.ok()) return real;
  return std::make_unique<LyingStore>(*std::move(real));
}

}  // namespace holdfast::planted

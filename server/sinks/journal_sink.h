#ifndef HOLDFAST_SERVER_SINKS_JOURNAL_SINK_H_
#define HOLDFAST_SERVER_SINKS_JOURNAL_SINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "server/audit/journal.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/sinks/outlet.h"
#include "server/storage/store.h"

namespace holdfast::sinks {

struct SinkView {
  std::string name;
  uint64_t position = 0;  // the outlet has taken everything up to here
  uint64_t skipped = 0;   // records that retention took first, since the start
  std::string fault;      // empty: it takes
};

// Brings the records of this node's journal to an outlet, in order, from where it left off.
//
// Invariants  1. The position that is kept is never ahead of what the outlet has taken.
//             2. Nobody waits for it: it only reads the journal.
// Threading   Thread-safe. One thread of its own.
// Ownership   Borrows journal, store and clock; owns the outlet.
// Failure     An outlet that fails is tried again each second, for ever; logged once a fault.
class JournalSink {
 public:
  struct Deps {
    audit::Journal& journal;
    storage::Store& store;  // for the fact "audit_sink.<name>": the position in decimal digits
    const Clock& clock;
    std::string node_id;
    std::string name;
  };
  // DATA_LOSS when the fact is no number. A sink without one begins at the oldest record kept.
  static absl::StatusOr<std::unique_ptr<JournalSink>> Start(Deps deps,
                                                            std::unique_ptr<Outlet> outlet);
  ~JournalSink();  // keeps the position

  SinkView View() const;
  void Reopen() { outlet_->Reopen(); }

 private:
  JournalSink(Deps deps, std::unique_ptr<Outlet> outlet, uint64_t position);
  void Run();
  // One page; false when it is better to wait before the next.
  bool Step();
  absl::StatusOr<bool> TakePage();
  absl::Status SkipTo(uint64_t oldest);
  void Keep();

  const Deps deps_;
  const std::unique_ptr<Outlet> outlet_;
  uint64_t kept_ = 0;  // the thread's own
  MonoTime keep_at_{};

  mutable Mutex mu_;
  CondVar wake_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  SinkView view_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace holdfast::sinks

#endif  // HOLDFAST_SERVER_SINKS_JOURNAL_SINK_H_

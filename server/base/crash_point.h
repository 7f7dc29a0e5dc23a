#ifndef HOLDFAST_SERVER_BASE_CRASH_POINT_H_
#define HOLDFAST_SERVER_BASE_CRASH_POINT_H_

#include <atomic>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

// Room        Places where a test ends the process as a crash would: at once, by SIGKILL to itself;
//             nothing is flushed, no destructor runs.
// Arming      HOLDFAST_CRASH_POINT=NAME[:N] in the environment, read once when the process starts:
//             the N-th passage (1 when not given) ends it. A name that is not in the table:
//             exit 78.
// Adding one  A row in kCrashPoints below, the same row in docs/testing.md, and
//             HOLDFAST_CRASH_POINT("room.step.before_what"); in the source, once. A name that is
//             not in the table does not compile. tests/style/crash_points_test.py compares the
//             three; tests/e2e/crash_points_test.py kills a node at each, so add it there too.
// Cost        One relaxed load while nothing is armed.
// Threading   From any thread.
namespace holdfast {

struct CrashPoint {
  std::string_view name;
  std::string_view done;     // what has happened there
  std::string_view not_yet;  // what has not
};

inline constexpr CrashPoint kCrashPoints[] = {
    {"ledger.append.before_store", "planned, handed to the streams", "stored here"},
    {"ledger.append.after_store", "durable here", "counted as durable, acknowledged"},
    {"ledger.committed.before_save", "enough nodes have it", "the committed position is saved"},
    {"ledger.committed.after_save", "the committed position is saved", "shown to readers"},
    {"ledger.apply.before_answer", "shown to readers", "the client is answered"},
    {"store.sqlite.before_commit", "the statements of a transaction ran", "its commit"},
    {"store.sqlite.after_commit", "a transaction is durable", "its caller knows"},
    {"store.postgres.before_commit", "a transaction was put together", "anything is sent"},
    {"store.postgres.after_commit", "the server has confirmed it", "its caller knows"},
    {"snapshot.make.in_rows", "some rows are in the primary's file", "the rest"},
    {"snapshot.send.in_pieces", "some pieces went to the follower", "the rest"},
    {"snapshot.receive.begin", "the follower has a file for it", "any row"},
    {"snapshot.receive.in_pieces", "some pieces are in the follower's file", "the rest"},
    {"snapshot.stage.in_rows", "some rows ran in a transaction, beside those in use",
     "the rest, its commit"},
    {"snapshot.stage.after_rows", "some rows are stored beside those in use", "the rest"},
    {"snapshot.install.begin", "the snapshot was received and checked", "any row is in use"},
    {"snapshot.stage.before_swap", "all rows are stored beside those in use, the digest fits",
     "they are in use"},
    {"snapshot.install.in_rows", "some rows ran in its transaction", "the rest, the commit"},
    {"snapshot.install.before_swap", "all rows ran, the digest fits", "the commit"},
    {"snapshot.install.after_swap", "rows, bounds and history are stored", "the position is saved"},
    {"snapshot.install.after_save", "the committed position is saved", "shown to readers"},
    {"quarantine.keep.before_write", "lost writes were found", "any is in a file"},
    {"quarantine.keep.after_write", "all lost writes are in files", "the snapshot begins"},
    {"quarantine.mark.before_write", "a lost write was done again or dropped", "it is marked"},
    {"epoch.seen.before_persist", "a higher epoch was heard of", "its promise is stored"},
    {"epoch.seen.after_persist", "its promise is stored", "acted upon"},
    {"epoch.grant.before_persist", "a grant was decided", "it is stored"},
    {"epoch.grant.after_persist", "the grant is stored", "the asker is told"},
    {"epoch.self_grant.before_persist", "a restart or promotion grants itself", "it is stored"},
    {"epoch.self_grant.after_persist", "the own grant is stored", "others are asked"},
    {"epoch.claim.before_persist", "the grants are there", "the claim is stored"},
    {"epoch.claim.after_persist", "the claim is stored", "the start record"},
    {"epoch.start.before_record", "the ledger leads in the epoch", "the start record is stored"},
    {"epoch.start.after_record", "the start record is stored", "it is shown; the node is primary"},
    {"promotion.fetch.in_pieces", "some of the tail of who is ahead is stored", "the rest"},
    {"hand_over.append.before_record", "all is committed and durable there",
     "the hand-over record"},
    {"hand_over.append.after_record", "the hand-over record is durable here",
     "it is there; step down"},
    {"take_over.answer.before_begin", "the target is asked to take over", "it asks for grants"},
    {"take_over.answer.after_begin", "the target asks for grants", "the one who asked is told"},
};

// For HOLDFAST_CRASH_POINT, at compile time: there is no constant for a name that is not there.
constexpr uint32_t CrashPointNumber(std::string_view name) {
  for (uint32_t i = 0; i < std::size(kCrashPoints); ++i) {
    if (kCrashPoints[i].name == name) return i;
  }
  throw "not in kCrashPoints";
}

// "NAME[:N]"; empty arms nothing. False: not such a text, or not in the table.
bool ArmCrashPoint(std::string_view spec);

namespace crash_point_internal {
inline constexpr uint32_t kNone = UINT32_MAX;
extern std::atomic<uint32_t> armed;
void Passed();  // the armed one
}  // namespace crash_point_internal

}  // namespace holdfast

#define HOLDFAST_CRASH_POINT(name)                                                 \
  do {                                                                             \
    constexpr uint32_t holdfast_crash_point = ::holdfast::CrashPointNumber(name);  \
    if (::holdfast::crash_point_internal::armed.load(std::memory_order_relaxed) == \
        holdfast_crash_point) [[unlikely]] {                                       \
      ::holdfast::crash_point_internal::Passed();                                  \
    }                                                                              \
  } while (false)

#endif  // HOLDFAST_SERVER_BASE_CRASH_POINT_H_

#ifndef HOLDFAST_TESTS_PLANTED_PLANTED_H_
#define HOLDFAST_TESTS_PLANTED_PLANTED_H_

namespace holdfast::planted {

// Lies that this holdfastd can be told to tell, to see that the end-to-end tests notice. The rest
// of the program is the real one.
enum class Fault {
  kNone,
  kPromisesNotWritten,  // an epoch is granted, promised or claimed, and not written
  kHistoryNotWritten,   // an epoch begins without the fact that says where
  kStoredLate,          // what was appended is called durable, and is written some appends later
  kPositionNotWritten,  // the committed position is not written
  kCommitAlone,         // one acknowledgement of a secondary stands for all that follow
  kShowPending,         // a secondary takes what it is sent for committed
  kMissRevocation,      // an SSH key that is taken away stays in the state
};

// PLANTED_FAULT in the environment, on the node that PLANTED_NODE names, or on all. A name that is
// none: exit 78. Before the store was opened it is kNone.
bool Is(Fault fault);

}  // namespace holdfast::planted

#endif  // HOLDFAST_TESTS_PLANTED_PLANTED_H_

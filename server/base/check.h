#ifndef HOLDFAST_SERVER_BASE_CHECK_H_
#define HOLDFAST_SERVER_BASE_CHECK_H_

namespace holdfast {
// Prints the broken invariant to stderr and aborts. Never prints values: they may be secret.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace holdfast

// For our own bugs only; what comes from outside is answered with a Status.
#define HOLDFAST_CHECK(condition)                                              \
  do {                                                                         \
    if (!(condition)) ::holdfast::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)

#endif  // HOLDFAST_SERVER_BASE_CHECK_H_

#include "server/vault/shorter_list.h"

namespace holdfast::vault {
namespace {

constexpr int kStep = 32;

// Goes on by a few ids behind `after`; true when the list ended.
bool StepToEnd(const StateReader& state, List list, uint64_t of, uint64_t& after) {
  int steps = 0;
  return state.ForEachId(list, of, after, [&](uint64_t id) {
    if (steps++ == kStep) return false;
    after = id;
    return true;
  });
}

}  // namespace

bool IsShorter(const StateReader& state, List a, uint64_t of_a, List b, uint64_t of_b) {
  uint64_t after_a = 0;
  uint64_t after_b = 0;
  for (;;) {
    if (StepToEnd(state, a, of_a, after_a)) return true;
    if (StepToEnd(state, b, of_b, after_b)) return false;
  }
}

}  // namespace holdfast::vault

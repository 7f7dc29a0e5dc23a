#include "replication/core/history.h"

#include <algorithm>

namespace holdfast::replication {
namespace {

// The last seq of the epoch at `index`: one before the next one begins, or the end of the log.
uint64_t EndOf(const LogShape& log, size_t index) {
  if (index + 1 < log.history.size()) return log.history[index + 1].first_seq - 1;
  return log.last.seq;
}

}  // namespace

std::optional<uint64_t> ForkPoint(const LogShape& mine, const LogShape& theirs) {
  if (mine.last.seq == 0 || theirs.last.seq == 0) return 0;
  for (size_t t = theirs.history.size(); t-- > 0;) {
    for (size_t m = mine.history.size(); m-- > 0;) {
      if (mine.history[m] == theirs.history[t]) {
        return std::min(EndOf(mine, m), EndOf(theirs, t));
      }
    }
  }
  // Nothing in common. Only histories that both begin with the log itself prove that the logs part
  // before the first record; a shortened one proves nothing.
  const bool both_whole = !mine.history.empty() && !theirs.history.empty() &&
                          mine.history.front().first_seq == 1 &&
                          theirs.history.front().first_seq == 1;
  if (both_whole) return 0;
  return std::nullopt;
}

std::vector<EpochStart> NewestOf(const std::vector<EpochStart>& history, size_t max) {
  const size_t take = std::min(max, history.size());
  return {history.end() - static_cast<std::ptrdiff_t>(take), history.end()};
}

std::vector<EpochStart> HistoryUpTo(const std::vector<EpochStart>& history, uint64_t seq) {
  std::vector<EpochStart> out;
  for (const EpochStart& start : history) {
    if (start.first_seq <= seq) out.push_back(start);
  }
  return out;
}

const char* HistoryFault(const std::vector<EpochStart>& history) {
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i].epoch.number == 0) return "an epoch without a number";
    if (history[i].first_seq == 0) return "an epoch that begins before the log";
    if (i == 0) continue;
    if (history[i].epoch.number <= history[i - 1].epoch.number) return "epochs do not rise";
    if (history[i].first_seq <= history[i - 1].first_seq) return "an epoch without a record";
  }
  return nullptr;
}

}  // namespace holdfast::replication

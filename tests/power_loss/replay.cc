#include "tests/power_loss/replay.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/base/status_macros.h"
#include "tests/power_loss/node.h"

namespace holdfast::power_loss {
namespace {

constexpr uint64_t kNoBound = UINT64_MAX;
constexpr const char* kLeftNames[] = {"nothing", "all", "prefixes", "pages", "sectors"};

// What must be so after a power loss at this place, from the notes so far.
struct Known {
  bool begun = false;
  Position shown;
  uint64_t may_show = kNoBound;  // NumberOf a position
  uint64_t durable = 0;
  uint64_t promise_begun = 0;
  uint64_t promise_sure = 0;
  uint64_t audit = 0;

  void Learn(const Note& note) {
    const uint64_t n = note.number;
    if (note.what == "begun") begun = true;
    if (note.what == "shown") shown = std::max(shown, PositionOf(n));
    if (note.what == "may_show") may_show = n == 0 ? kNoBound : n;
    if (note.what == "durable") durable = n;
    if (note.what == "cut") durable = std::min(durable, n);
    if (note.what == "promise.begun") promise_begun = n;
    if (note.what == "promise.sure") promise_sure = n;
    if (note.what == "audit") audit = n;
  }
};

absl::Status Wrong(std::string what) { return absl::DataLossError(std::move(what)); }

absl::Status CheckLog(Node& node, const Known& known, const Life& life) {
  const Position shown = node.ledger().progress().shown;
  if (shown < known.shown) {
    return Wrong(fmt::format("shows {}, had shown {}", ToText(shown), ToText(known.shown)));
  }
  if (NumberOf(shown) > known.may_show) {
    return Wrong(fmt::format("shows {}, committed is {}", ToText(shown),
                             ToText(PositionOf(known.may_show))));
  }
  const replication::EntryMeta last = node.ledger().Shape().last;
  if (last.seq < std::max(known.durable, known.shown.seq)) {
    return Wrong(fmt::format("the log ends at {}, was durable up to {}", last.seq,
                             std::max(known.durable, known.shown.seq)));
  }
  const auto same = [&](Position at, const Digest& digest) {
    const auto expected = life.digests.find(at);
    return at.seq == 0 || (expected != life.digests.end() && expected->second == digest);
  };
  if (!same({last.epoch.number, last.seq}, last.digest)) return Wrong("another end of the log");
  const std::optional<Digest> digest = node.ledger().DigestAt(shown.seq);
  if (digest && !same(shown, *digest)) return Wrong("another log up to what is shown");
  return absl::OkStatus();
}

absl::Status CheckBesides(Node& node, const Known& known) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> fact, node.store().GetFact("promise"));
  const uint64_t promise = fact ? std::stoull(*fact) : 0;
  if (promise < known.promise_sure || promise > known.promise_begun) {
    return Wrong(fmt::format("promised {}, expected {} to {}", promise, known.promise_sure,
                             known.promise_begun));
  }
  if (node.journal().head() < known.audit) {
    return Wrong(
        fmt::format("the journal ends at {}, {} was durable", node.journal().head(), known.audit));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const audit::JournalReport report, node.journal().Verify());
  if (report.first_break) return Wrong("the journal is damaged: " + report.first_break->what);
  // Copies may be missing; they are asked for again. More than there are would be wrong.
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t copied, node.audit().Highest(node.name()));
  if (copied > node.journal().head()) return Wrong("more copies than records");
  return absl::OkStatus();
}

absl::Status Check(const Life& life, const std::string& folder, const Known& known, bool go_on) {
  Node node(life.name, folder, life.root);
  HOLDFAST_RETURN_IF_ERROR(node.Open());
  if (known.begun) {
    HOLDFAST_RETURN_IF_ERROR(CheckLog(node, known, life));
    HOLDFAST_RETURN_IF_ERROR(CheckBesides(node, known));
  }
  if (!go_on) return absl::OkStatus();
  // It goes on as before: a write, and one more start.
  HOLDFAST_RETURN_IF_ERROR(node.ledger().StartEpoch({.number = 9, .node_id = life.name}));
  const uint64_t head = node.ledger().progress().durable_seq;
  node.Close();
  HOLDFAST_RETURN_IF_ERROR(node.Open());
  const uint64_t again = node.ledger().progress().durable_seq;
  return again == head ? absl::OkStatus() : Wrong(fmt::format("wrote {}, found {}", head, again));
}

// After which operations the power goes, in order; the same one may come several times.
std::vector<std::pair<size_t, Left>> Places(const Life& life, size_t images, Random& random) {
  std::vector<std::pair<size_t, Left>> places;
  if (images == 0) {
    for (size_t op = 1; op <= life.ops.size(); ++op) {
      if (life.ops[op - 1].kind == DiskOp::Kind::kNote) continue;
      for (Left left : kAllLefts) places.emplace_back(op, left);
    }
    return places;
  }
  std::uniform_int_distribution<size_t> op(1, life.ops.size());
  std::uniform_int_distribution<size_t> left(0, std::size(kAllLefts) - 1);
  for (size_t i = 0; i < images; ++i) places.emplace_back(op(random), kAllLefts[left(random)]);
  std::sort(places.begin(), places.end());
  return places;
}

}  // namespace

std::vector<std::string> Replay(const Life& life, const std::string& folder,
                                const ReplayOptions& options) {
  Random random(options.seed);
  std::vector<std::string> faults;
  Disk disk;
  Known known;
  std::string last_note;
  size_t done = 0;
  for (const auto& [place, left] : Places(life, options.images, random)) {
    for (; done < place; ++done) {
      const DiskOp& op = life.ops[done];
      if (op.kind == DiskOp::Kind::kNote) {
        known.Learn(op.note);
        last_note = op.note.what;
      }
      disk.Do(op, options.lies && options.lies(op, last_note));
    }
    disk.Build(folder, left, random);
    const absl::Status status = Check(life, folder, known, random() % 8 == 0);
    if (status.ok()) continue;
    faults.push_back(fmt::format("after operation {} of {} ({}), left of the unsynced: {}: {}",
                                 place, life.ops.size(), life.ops[place - 1].path,
                                 kLeftNames[static_cast<size_t>(left)],
                                 std::string(status.message())));
    if (faults.size() >= options.faults_max) break;
  }
  return faults;
}

}  // namespace holdfast::power_loss

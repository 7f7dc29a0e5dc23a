#ifndef HOLDFAST_TESTS_POWER_LOSS_RECORDER_H_
#define HOLDFAST_TESTS_POWER_LOSS_RECORDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::power_loss {

// What a program under test said between its disk operations: the order of both is what counts.
struct Note {
  std::string what;
  uint64_t number = 0;
};

struct DiskOp {
  enum class Kind {
    kCreate,
    kWrite,
    kTruncate,
    kSync,
    kSyncFolder,
    kRename,
    kUnlink,
    kMkdir,
    kNote
  };
  Kind kind{};
  std::string path;     // relative to the recorded folder; "" is the folder itself
  std::string to;       // kRename
  uint64_t offset = 0;  // kWrite; the new size of kTruncate
  std::string data;     // kWrite
  Note note;            // kNote
};

// Everything that this process does to the files of one folder, in order. The functions of the C
// library are replaced in this program (interpose.cc), also for SQLite.
//
// Threading   Thread-safe: an operation and its record are one step.
class Recorder {
 public:
  static Recorder& Get();
  void Start(const std::string& folder);
  std::vector<DiskOp> Stop();
  void Say(std::string what, uint64_t number);
  // Waits until an operation was recorded after the first `from` that `wanted` accepts.
  bool WaitFor(size_t from, const std::function<bool(const DiskOp&)>& wanted);
  size_t size() const;
};

}  // namespace holdfast::power_loss

#endif  // HOLDFAST_TESTS_POWER_LOSS_RECORDER_H_

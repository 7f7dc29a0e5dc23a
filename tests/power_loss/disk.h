#ifndef HOLDFAST_TESTS_POWER_LOSS_DISK_H_
#define HOLDFAST_TESTS_POWER_LOSS_DISK_H_

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/power_loss/recorder.h"

namespace holdfast::power_loss {

using Random = std::mt19937_64;

// How much of what was not synced has reached the disk when the power goes.
enum class Left {
  kNothing,   // only what was synced
  kAll,       // as after a kill
  kPrefixes,  // of each file the first so many writes
  kPages,     // each page of 4096 bytes as after any of the writes to it
  kSectors,   // each 512 bytes as after any of the writes to them: torn pages
};
inline constexpr Left kAllLefts[] = {Left::kNothing, Left::kAll, Left::kPrefixes, Left::kPages,
                                     Left::kSectors};

// The disk below a page cache: what is sure, and what is on its way. Stricter than ext4:
// a new name is sure only once its folder was synced; files wait for nothing but their own sync.
// Kept from it: the names of one folder change in order, and nothing that was written after a file
// was cut is there without the cut.
class Disk {
 public:
  // `lies`: a sync that does nothing, to see that the checks notice.
  void Do(const DiskOp& op, bool lies = false);
  // Writes the folder as a start after the power loss could find it.
  void Build(const std::string& folder, Left left, Random& random) const;

 private:
  struct File {
    std::string sure;
    std::vector<const DiskOp*> pending;  // writes and cuts; the recorded operations outlive us
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;  // null: a folder

  static void Change(std::string& bytes, const DiskOp& op);
  static void ChangeNames(Names& names, const DiskOp& op, const std::shared_ptr<File>& file);
  static std::string Content(const File& file, Left left, Random& random);

  struct NameChange {
    const DiskOp* op;
    std::shared_ptr<File> file;  // kCreate
  };
  Names now_;
  Names sure_;
  std::map<std::string, std::vector<NameChange>> pending_names_;  // by folder
};

}  // namespace holdfast::power_loss

#endif  // HOLDFAST_TESTS_POWER_LOSS_DISK_H_

#include "server/audit/unrecorded.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "server/audit/segment_file.h"
#include "server/base/position.h"
#include "server/base/status_macros.h"

namespace holdfast::audit {
namespace {

constexpr std::array<char, 8> kMagic = {'H', 'F', 'U', 'N', 'R', '0', '0', '1'};
constexpr std::string_view kLabel = "holdfast journal unrecorded 1";
constexpr uint64_t kSlotBytes = 4096;  // a block each: one write cannot tear both
constexpr uint64_t kSlots = 2;

struct RawSlot {
  std::array<char, 8> magic;
  uint64_t turn;
  uint64_t retrievals;
  uint64_t others;
  int64_t first_ms;
  int64_t last_ms;
  uint64_t marker;
  Digest mac;  // over what stands before it
};
static_assert(sizeof(RawSlot) == 88);

Digest MacOf(const RawSlot& raw, const crypto::Mac& mac) {
  return mac.Compute(
      {kLabel, std::string_view(reinterpret_cast<const char*>(&raw), offsetof(RawSlot, mac))});
}

bool AllZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnrecordedFile>> UnrecordedFile::Open(const std::string& path,
                                                                     const crypto::Mac& mac) {
  if (!FileExists(path)) {
    HOLDFAST_RETURN_IF_ERROR(WriteFileAtomic(path, std::string(kSlots * kSlotBytes, '\0'), 0600));
  }
  HOLDFAST_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDWR));
  std::unique_ptr<UnrecordedFile> file(new UnrecordedFile(path, std::move(fd), mac));
  HOLDFAST_RETURN_IF_ERROR(file->Load());
  return file;
}

absl::Status UnrecordedFile::Load() {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string bytes,
                            ReadAt(fd_.get(), 0, kSlots * kSlotBytes, path_));
  if (bytes.size() != kSlots * kSlotBytes) {
    return absl::DataLossError(
        fmt::format("{}: {} bytes, expected {}", path_, bytes.size(), kSlots * kSlotBytes));
  }
  for (uint64_t slot = 0; slot < kSlots; ++slot) {
    RawSlot raw;
    std::memcpy(&raw, bytes.data() + slot * kSlotBytes, sizeof(raw));
    if (raw.magic != kMagic || !crypto::ConstantTimeEquals(raw.mac, MacOf(raw, mac_))) continue;
    if (raw.turn <= turn_) continue;
    turn_ = raw.turn;
    count_ = {.retrievals = raw.retrievals,
              .others = raw.others,
              .first_ms = raw.first_ms,
              .last_ms = raw.last_ms,
              .marker = raw.marker};
  }
  if (turn_ == 0 && !AllZero(bytes)) {
    return absl::DataLossError(fmt::format(
        "{}: what was served while the journal was full is damaged, or another node's", path_));
  }
  return absl::OkStatus();
}

absl::Status UnrecordedFile::Save(const UnrecordedCount& count) {
  RawSlot raw{.magic = kMagic,
              .turn = turn_ + 1,
              .retrievals = count.retrievals,
              .others = count.others,
              .first_ms = count.first_ms,
              .last_ms = count.last_ms,
              .marker = count.marker,
              .mac = {}};
  raw.mac = MacOf(raw, mac_);
  HOLDFAST_RETURN_IF_ERROR(
      WriteAt(fd_.get(), std::string_view(reinterpret_cast<const char*>(&raw), sizeof(raw)),
              raw.turn % kSlots * kSlotBytes, path_));
  HOLDFAST_RETURN_IF_ERROR(Sync(fd_.get(), path_));
  turn_ = raw.turn;
  count_ = count;
  return absl::OkStatus();
}

}  // namespace holdfast::audit

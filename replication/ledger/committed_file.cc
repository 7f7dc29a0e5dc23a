#include "replication/ledger/committed_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <boost/crc.hpp>
#include <cstring>
#include <optional>
#include <type_traits>

#include "server/base/check.h"
#include "server/base/status_macros.h"

namespace holdfast::replication {
namespace {

constexpr std::array<char, 8> kMagic = {'H', 'F', 'C', 'M', 'T', '0', '0', '1'};
constexpr size_t kSlotSize = 512;
constexpr size_t kSlots = 2;

// Little-endian on disk, as every machine this runs on.
struct Slot {
  std::array<char, 8> magic;
  uint64_t counter;
  uint64_t epoch;
  uint64_t seq;
  uint32_t crc;  // CRC-32 of what stands before it
  uint32_t zero;
};
static_assert(std::has_unique_object_representations_v<Slot>,
              "padding would put stray bytes of memory on the disk");

uint32_t CrcOf(const Slot& slot) {
  boost::crc_32_type crc;
  crc.process_bytes(&slot, offsetof(Slot, crc));
  return crc.checksum();
}

absl::StatusOr<std::optional<Slot>> ReadSlot(int fd, size_t index, const std::string& path) {
  Slot slot;
  const ssize_t n = pread(fd, &slot, sizeof(slot), static_cast<off_t>(index * kSlotSize));
  if (n < 0) return ErrnoStatus(fmt::format("read {}", path));
  if (n != static_cast<ssize_t>(sizeof(slot)) || slot.magic != kMagic || slot.crc != CrcOf(slot)) {
    return std::optional<Slot>();
  }
  return std::optional<Slot>(slot);
}

}  // namespace

absl::StatusOr<CommittedFile> CommittedFile::Open(const std::string& path) {
  const bool is_new = !FileExists(path);
  if (is_new) {
    // Through a rename: a file that is there holds two whole slots.
    Slot empty{.magic = kMagic, .counter = 0, .epoch = 0, .seq = 0, .crc = 0, .zero = 0};
    empty.crc = CrcOf(empty);
    std::string bytes(kSlotSize * kSlots, '\0');
    std::memcpy(bytes.data(), &empty, sizeof(empty));
    std::memcpy(bytes.data() + kSlotSize, &empty, sizeof(empty));
    HOLDFAST_RETURN_IF_ERROR(WriteFileAtomic(path, bytes, 0600));
  }
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(fmt::format("open {}", path));
  CommittedFile file(path, std::move(fd));
  bool found = false;
  for (size_t i = 0; i < kSlots; ++i) {
    HOLDFAST_ASSIGN_OR_RETURN(const std::optional<Slot> slot, ReadSlot(file.fd_.get(), i, path));
    if (!slot.has_value() || (found && slot->counter < file.counter_)) continue;
    found = true;
    file.counter_ = slot->counter;
    file.committed_ = {.epoch = slot->epoch, .seq = slot->seq};
  }
  if (!found) {
    return absl::DataLossError(fmt::format(
        "{}: expected a committed position in one of its {} slots, found none whole; restore the "
        "file from the node's backup, or join the node anew",
        path, kSlots));
  }
  return file;
}

absl::Status CommittedFile::Save(Position position) {
  HOLDFAST_RETURN_IF_ERROR(failed_);
  HOLDFAST_CHECK(position >= committed_);
  failed_ = WriteSlot(position);
  if (failed_.ok()) committed_ = position;
  return failed_;
}

absl::Status CommittedFile::WriteSlot(Position position) {
  const uint64_t counter = counter_ + 1;
  Slot slot{.magic = kMagic,
            .counter = counter,
            .epoch = position.epoch,
            .seq = position.seq,
            .crc = 0,
            .zero = 0};
  slot.crc = CrcOf(slot);
  const off_t at = static_cast<off_t>((counter % kSlots) * kSlotSize);
  if (pwrite(fd_.get(), &slot, sizeof(slot), at) != static_cast<ssize_t>(sizeof(slot))) {
    return ErrnoStatus(fmt::format("write {}", path_));
  }
  if (fdatasync(fd_.get()) != 0) return ErrnoStatus(fmt::format("fdatasync {}", path_));
  counter_ = counter;
  return absl::OkStatus();
}

}  // namespace holdfast::replication

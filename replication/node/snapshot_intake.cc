#include "replication/node/snapshot_intake.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "replication/node/translate.h"
#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr std::string_view kPrefix = "snapshot.";
constexpr std::string_view kSuffix = ".part";
constexpr size_t kIdDigits = 32;
// The rows go into the store while the file is still there, and then into its log of changes.
constexpr uint64_t kRoomFactor = 3;

// Nullopt when `name` is not that of such a file.
std::optional<std::string> IdOf(std::string_view name) {
  if (name.size() != kPrefix.size() + kIdDigits + kSuffix.size()) return std::nullopt;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const std::string_view id = name.substr(kPrefix.size(), kIdDigits);
  if (id.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return std::string(id);
}

}  // namespace

SnapshotIntake::SnapshotIntake(std::string folder, const crypto::KeyRing& keys, Ledger& ledger)
    : folder_(std::move(folder)), keys_(keys), ledger_(ledger) {
  std::error_code fault;
  std::vector<std::string> found;
  for (const auto& each : std::filesystem::directory_iterator(folder_, fault)) {
    const std::string name = each.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    if (const auto id = IdOf(name); id && found.empty()) {
      found.push_back(*id);
    } else {
      unlink(each.path().c_str());
    }
  }
  if (found.empty()) return;
  id_ = found.front();
  absl::StatusOr<SnapshotFile> file = SnapshotFile::Reopen(PathOf(id_));
  if (!file.ok() || file->bytes() == 0) {
    Drop();
    return;
  }
  file_ = *std::move(file);
  LogInfo("an interrupted snapshot is here: {} bytes", file_->bytes());
}

std::string SnapshotIntake::PathOf(const std::string& id) const {
  return fmt::format("{}/{}{}{}", folder_, kPrefix, id, kSuffix);
}

void SnapshotIntake::Drop() {
  file_.reset();
  begin_.reset();
  rows_.reset();
  parser_ = {};
  if (!id_.empty()) unlink(PathOf(id_).c_str());
  id_.clear();
}

absl::Status SnapshotIntake::Begin(const v1::SnapshotBegin& begin,
                                   const std::vector<EpochStart>& history) {
  HOLDFAST_ASSIGN_OR_RETURN(point_, FromMessage(begin, history));
  const bool goes_on = begin.offset() > 0;
  if (goes_on && (begin.snapshot_id() != id_ || begin.offset() != bytes())) {
    return absl::InvalidArgumentError(
        fmt::format("expected a snapshot from its beginning, got {} from {}", begin.snapshot_id(),
                    begin.offset()));
  }
  if (!goes_on) Drop();
  if (!IdOf(fmt::format("{}{}{}", kPrefix, begin.snapshot_id(), kSuffix))) {
    return absl::InvalidArgumentError("expected a snapshot id of 32 hex digits");
  }
  HOLDFAST_RETURN_IF_ERROR(CheckRoomFor(
      (begin.bytes() - std::min(begin.bytes(), begin.offset())) + (kRoomFactor - 1) * begin.bytes(),
      folder_));
  if (!goes_on) {
    id_ = begin.snapshot_id();
    HOLDFAST_ASSIGN_OR_RETURN(file_, SnapshotFile::Create(PathOf(id_)));
  }
  HOLDFAST_CRASH_POINT("snapshot.receive.begin");
  begin_ = begin;
  LogInfo("snapshot at {} of {} bytes {}", point_.seq, begin.bytes(),
          goes_on ? fmt::format("goes on at {}", begin.offset()) : "begins");
  if (rows_) return absl::OkStatus();
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<storage::StagedRows> staged, ledger_.StageRows());
  rows_.emplace(keys_, std::move(staged));
  rows_->MakeRoom(point_.tables);
  return TakeFileIn();
}

// What an earlier process has received.
absl::Status SnapshotIntake::TakeFileIn() {
  for (uint64_t at = 0; at < bytes(); at += kSnapshotChunkBytes) {
    HOLDFAST_ASSIGN_OR_RETURN(const std::string chunk, file_->ReadAt(at, kSnapshotChunkBytes));
    HOLDFAST_RETURN_IF_ERROR(
        parser_.Take(chunk, [this](v1::RowChange& change) { return rows_->Apply(change); }));
  }
  return absl::OkStatus();
}

absl::Status SnapshotIntake::Add(const v1::SnapshotChunk& chunk) {
  if (!begin_) return absl::InvalidArgumentError("a piece before its beginning");
  if (chunk.offset() != bytes()) return absl::InvalidArgumentError("a piece is missing");
  if (bytes() + chunk.data().size() > begin_->bytes()) {
    return absl::InvalidArgumentError("a piece beyond the announced end");
  }
  HOLDFAST_RETURN_IF_ERROR(file_->AddChunk(chunk.data()));
  HOLDFAST_CRASH_POINT("snapshot.receive.in_pieces");
  return parser_.Take(chunk.data(), [this](v1::RowChange& change) { return rows_->Apply(change); });
}

absl::Status SnapshotIntake::Install(const v1::SnapshotEnd& end,
                                     const std::function<void()>& alive) {
  absl::Status status = absl::OkStatus();
  if (!begin_) {
    status = absl::InvalidArgumentError("an end before its beginning");
  } else {
    const Digest mac = file_->MacOf(*begin_, keys_);
    if (end.bytes() != bytes() || end.mac() != std::string(mac.begin(), mac.end())) {
      status = absl::UnauthenticatedError("the snapshot's MAC does not fit its bytes");
    }
  }
  if (status.ok()) status = parser_.End();
  if (status.ok())
    LogInfo("snapshot at {} is here, {} bytes; it is put in place", point_.seq, bytes());
  if (status.ok()) status = ledger_.ReplaceBySnapshot(point_, *std::exchange(rows_, {}), alive);
  Drop();
  return status;
}

}  // namespace holdfast::replication

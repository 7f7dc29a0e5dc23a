#include "tests/power_loss/disk.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unordered_map>

#include "server/base/check.h"

namespace holdfast::power_loss {
namespace {

using Kind = DiskOp::Kind;

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

size_t UpTo(size_t most, Random& random) {
  return std::uniform_int_distribution<size_t>(0, most)(random);
}

// How many of the pending changes each block of the file has seen. Settled at the first look.
class Seen {
 public:
  Seen(size_t changes, Left left, Random& random)
      : changes_(changes), left_(left), random_(random) {
    all_ = left == Left::kAll ? changes : left == Left::kPrefixes ? UpTo(changes, random) : 0;
  }
  size_t block_bytes() const { return left_ == Left::kPages ? 4096 : 512; }
  size_t Of(size_t block) {
    if (left_ != Left::kPages && left_ != Left::kSectors) return all_;
    const auto [at, is_new] = blocks_.try_emplace(block, 0);
    if (is_new) at->second = UpTo(changes_, random_);
    return at->second;
  }

 private:
  const size_t changes_;
  const Left left_;
  Random& random_;
  size_t all_ = 0;
  std::unordered_map<size_t, size_t> blocks_;
};

}  // namespace

void Disk::Change(std::string& bytes, const DiskOp& op) {
  if (op.kind == Kind::kTruncate) return bytes.resize(op.offset);
  if (bytes.size() < op.offset + op.data.size()) bytes.resize(op.offset + op.data.size());
  bytes.replace(op.offset, op.data.size(), op.data);
}

void Disk::ChangeNames(Names& names, const DiskOp& op, const std::shared_ptr<File>& file) {
  switch (op.kind) {
    case Kind::kCreate:
    case Kind::kMkdir:
      names[op.path] = file;
      break;
    case Kind::kUnlink:
      names.erase(op.path);
      break;
    default: {  // kRename
      const auto from = names.find(op.path);
      if (from == names.end()) break;
      const std::shared_ptr<File> moved = from->second;
      names.erase(from);
      names[op.to] = moved;
    }
  }
}

void Disk::Do(const DiskOp& op, bool lies) {
  switch (op.kind) {
    case Kind::kNote:
      return;
    case Kind::kWrite:
    case Kind::kTruncate:
      if (const auto found = now_.find(op.path); found != now_.end() && found->second != nullptr) {
        found->second->pending.push_back(&op);
      }
      return;
    case Kind::kSync:
      if (const auto found = now_.find(op.path); found != now_.end() && !lies) {
        for (const DiskOp* change : found->second->pending) Change(found->second->sure, *change);
        found->second->pending.clear();
      }
      return;
    case Kind::kSyncFolder:
      if (lies) return;
      for (const NameChange& change : pending_names_[op.path]) {
        ChangeNames(sure_, *change.op, change.file);
      }
      pending_names_.erase(op.path);
      return;
    default:
      break;
  }
  HOLDFAST_CHECK(op.kind != Kind::kRename || FolderOf(op.path) == FolderOf(op.to));
  const auto file = op.kind == Kind::kCreate ? std::make_shared<File>() : nullptr;
  ChangeNames(now_, op, file);
  pending_names_[FolderOf(op.path)].push_back({&op, file});
}

std::string Disk::Content(const File& file, Left left, Random& random) {
  if (left == Left::kNothing || file.pending.empty()) return file.sure;
  // A cut that is on the disk parts what was written before it from what came after.
  std::vector<size_t> ends;
  for (size_t i = 0; i < file.pending.size(); ++i) {
    const DiskOp& op = *file.pending[i];
    if (op.kind == Kind::kTruncate && op.offset == 0) ends.push_back(i);
  }
  ends.push_back(file.pending.size());
  const size_t part = left == Left::kAll ? ends.size() - 1 : UpTo(ends.size() - 1, random);
  size_t first = 0;
  std::string bytes = file.sure;
  if (part > 0) {
    first = ends[part - 1] + 1;
    bytes.clear();
  }
  const size_t changes = ends[part] - first;
  Seen seen(changes, left, random);
  const size_t block_bytes = seen.block_bytes();
  const size_t size_seen =
      left == Left::kPages || left == Left::kSectors ? UpTo(changes, random) : seen.Of(0);
  std::string after = bytes;  // every change so far
  size_t size = bytes.size();
  for (size_t i = 0; i < changes; ++i) {
    const DiskOp& op = *file.pending[first + i];
    Change(after, op);
    if (i < size_seen) size = after.size();
    if (bytes.size() < after.size()) bytes.resize(after.size());
    if (op.kind == Kind::kTruncate) continue;
    const size_t end = op.offset + op.data.size();
    for (size_t block = op.offset / block_bytes; block * block_bytes < end; ++block) {
      if (seen.Of(block) <= i) continue;
      const size_t at = block * block_bytes;
      const size_t length = std::min(block_bytes, after.size() - at);
      bytes.replace(at, length, after, at, length);
    }
  }
  bytes.resize(size);
  return bytes;
}

void Disk::Build(const std::string& folder, Left left, Random& random) const {
  Names names = sure_;
  for (const auto& [in, changes] : pending_names_) {
    const size_t done = left == Left::kNothing ? 0
                        : left == Left::kAll   ? changes.size()
                                               : UpTo(changes.size(), random);
    for (size_t i = 0; i < done; ++i) ChangeNames(names, *changes[i].op, changes[i].file);
  }
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  for (const auto& [path, file] : names) {  // A folder's name sorts before what is in it.
    if (file == nullptr) {
      std::filesystem::create_directory(folder + "/" + path);
      continue;
    }
    // Memory that processes share, made anew by the first one.
    if (path.ends_with("-shm") || !std::filesystem::exists(folder + "/" + FolderOf(path))) continue;
    std::ofstream out(folder + "/" + path, std::ios::binary);
    out << Content(*file, left, random);
  }
}

}  // namespace holdfast::power_loss

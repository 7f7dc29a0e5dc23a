#include "replication/node/quarantine.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "replication/node/lost_names.h"
#include "replication/node/translate.h"
#include "server/base/crash_point.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/crypto/envelope.h"
#include "server/observe/log.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

constexpr std::string_view kLabel = "holdfast quarantine 1";
constexpr std::string_view kSuffix = ".hfq";
constexpr size_t kBoundTo = 3;  // cluster, node, file
constexpr size_t kFileBytesMax = 64 << 20;
constexpr size_t kPartBytes = 8 << 20;
constexpr size_t kPartWrites = 4096;
constexpr size_t kPageRecords = 512;

std::string FileName(const v1::Quarantine& content) {
  return fmt::format("{}-{}-{}{}", content.writes(0).seq(),
                     content.writes(content.writes_size() - 1).seq(), content.epoch().number(),
                     kSuffix);
}

v1::LostWrite* FindIn(v1::Quarantine& content, const std::string& id) {
  for (v1::LostWrite& write : *content.mutable_writes()) {
    if (write.id() == id) return &write;
  }
  return nullptr;
}

uint64_t HeldOf(const v1::Quarantine& content) {
  uint64_t records = 0;
  for (const v1::LostWrite& write : content.writes()) {
    if (write.state() == v1::LOST_STATE_HELD) records += write.records();
  }
  return records;
}

}  // namespace

Quarantine::Quarantine(Deps deps) : deps_(std::move(deps)) {
  if (const absl::Status loaded = Load(); !loaded.ok()) {
    LogError("quarantine: {}", holdfast::ToText(loaded));
  }
}

absl::Status Quarantine::Load() {
  MutexLock lock(mu_);
  if (!FileExists(Folder())) return absl::OkStatus();
  std::error_code fault;
  std::vector<std::string> names;
  for (const auto& each : std::filesystem::directory_iterator(Folder(), fault)) {
    const std::string name = each.path().filename().string();
    if (name.ends_with(kSuffix)) names.push_back(name);
  }
  if (fault) return absl::UnavailableError(fmt::format("{}: {}", Folder(), fault.message()));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    absl::StatusOr<v1::Quarantine> content = Open(name);
    if (content.ok()) {
      held_ += HeldOf(*content);
      files_.push_back({name, *std::move(content)});
    } else {
      unreadable_.push_back(name);
      ++held_;
      LogError("quarantine: {}", holdfast::ToText(content.status()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Quarantine> Quarantine::Open(const std::string& name) const {
  const std::string path = Folder() + "/" + name;
  HOLDFAST_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kFileBytesMax));
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::Envelope envelope,
                            crypto::ParseEnvelope(bytes, kLabel, kBoundTo, path));
  const std::vector<std::string> bound = {deps_.keys.cluster_id(), deps_.node_id, name};
  if (envelope.bound_to != bound) {
    return absl::DataLossError(
        fmt::format("{}: it is another cluster's, node's or file's content", path));
  }
  HOLDFAST_ASSIGN_OR_RETURN(const SecretBytes open,
                            crypto::OpenEnvelope(envelope, deps_.keys.root_key(), kLabel));
  v1::Quarantine content;
  const std::string_view text = open.RevealText(Purpose::kDecrypt);
  if (!content.ParseFromArray(text.data(), static_cast<int>(text.size())) ||
      content.writes().empty()) {
    return absl::DataLossError(fmt::format("{}: does not hold lost writes", path));
  }
  return content;
}

absl::Status Quarantine::Write(const File& file) const {
  HOLDFAST_RETURN_IF_ERROR(MakeFolder(Folder(), 0700));
  HOLDFAST_RETURN_IF_ERROR(FsyncFolder(deps_.data_folder));
  std::string bytes = file.content.SerializeAsString();
  const std::string sealed = crypto::SealEnvelope(
      deps_.keys.root_key(), kLabel, {deps_.keys.cluster_id(), deps_.node_id, file.name},
      SecretBytes::TakeFrom(bytes));
  return WriteFileAtomic(Folder() + "/" + file.name, sealed, 0600);
}

// A part that is there already is left as it is: writes of it may have been done again.
absl::Status Quarantine::KeepPart(v1::Quarantine part) {
  if (part.writes().empty()) return absl::OkStatus();
  const std::string name = FileName(part);
  for (const File& file : files_) {
    if (file.name == name) return absl::OkStatus();
  }
  File file{name, std::move(part)};
  if (FileExists(Folder() + "/" + name)) {
    return absl::DataLossError(fmt::format(
        "{}/{} cannot be opened and may hold other lost writes: move it away", Folder(), name));
  }
  HOLDFAST_RETURN_IF_ERROR(Write(file));
  held_ += HeldOf(file.content);
  files_.push_back(std::move(file));
  return absl::OkStatus();
}

absl::Status Quarantine::Keep(Ledger& ledger, uint64_t fork_seq, const Epoch& new_epoch) {
  const Position shown = ledger.progress().shown;
  if (shown.seq <= fork_seq) return absl::OkStatus();
  HOLDFAST_CRASH_POINT("quarantine.keep.before_write");
  MutexLock lock(mu_);
  v1::Quarantine part;
  part.set_node_id(deps_.node_id);
  part.mutable_epoch()->set_number(shown.epoch);
  *part.mutable_new_epoch() = ToMessage(new_epoch);
  part.set_fork_seq(fork_seq);
  part.set_shown_seq(shown.seq);
  part.set_made_ms(ToMillis(deps_.clock.Wall()));
  const v1::Quarantine empty = part;
  const uint64_t oldest = std::max(ledger.oldest_seq(), fork_seq + 1);
  if (oldest > fork_seq + 1) {
    v1::LostWrite* trimmed = part.add_writes();
    trimmed->set_id(fmt::format("{}.{}", shown.epoch, fork_seq + 1));
    trimmed->set_seq(fork_seq + 1);
    trimmed->set_records(std::min(oldest, shown.seq + 1) - fork_seq - 1);
    trimmed->set_state(v1::LOST_STATE_HELD);
  }
  LostNames names(ledger, fork_seq);
  size_t bytes = 0;
  uint64_t kept = 0;
  for (uint64_t seq = oldest; seq <= shown.seq;) {
    HOLDFAST_ASSIGN_OR_RETURN(
        const std::vector<EntryPtr> entries,
        ledger.ReadLog(seq, std::min<uint64_t>(kPageRecords, shown.seq - seq + 1), kPartBytes));
    if (entries.empty()) return absl::DataLossError("the log ends before what was shown");
    for (const EntryPtr& entry : entries) {
      seq = entry->seq + 1;
      v1::Record record;
      if (!record.ParseFromString(entry->record)) {
        return absl::DataLossError(fmt::format("entry {} does not hold a record", entry->seq));
      }
      if (record.kind() != v1::RECORD_KIND_CHANGES) continue;
      v1::LostWrite* write = part.add_writes();
      write->set_id(fmt::format("{}.{}", entry->epoch.number, entry->seq));
      write->set_seq(entry->seq);
      write->set_record(entry->record);
      write->set_records(1);
      write->set_state(v1::LOST_STATE_HELD);
      for (v1::LostName& name : names.Of(record)) *write->add_names() = std::move(name);
      ++kept;
      bytes += entry->record.size();
      if (bytes < kPartBytes && part.writes_size() < static_cast<int>(kPartWrites)) continue;
      HOLDFAST_RETURN_IF_ERROR(KeepPart(std::exchange(part, empty)));
      bytes = 0;
    }
  }
  HOLDFAST_RETURN_IF_ERROR(KeepPart(std::move(part)));
  HOLDFAST_CRASH_POINT("quarantine.keep.after_write");
  LogError(
      "{} writes that this node had shown after {} are not in the history of {}: they are kept in "
      "{}"
      " (`holdfast lost-writes list`)",
      kept + (oldest - fork_seq - 1), fork_seq, ToText(new_epoch), Folder());
  return absl::OkStatus();
}

std::vector<v1::LostWriteView> Quarantine::List() const {
  std::vector<v1::LostWriteView> views;
  MutexLock lock(mu_);
  for (const File& file : files_) {
    for (const v1::LostWrite& write : file.content.writes()) {
      views.push_back(ViewOf(file.content.node_id(), write));
    }
  }
  for (const std::string& name : unreadable_) {
    v1::LostWriteView& view = views.emplace_back();
    view.set_node_id(deps_.node_id);
    view.set_id(name);
    view.set_operation("unreadable");
    view.add_names(fmt::format("{}/{} cannot be opened: the node's log says why", Folder(), name));
    view.set_state(v1::LOST_STATE_HELD);
    view.set_records(1);
  }
  return views;
}

absl::StatusOr<v1::LostWrite> Quarantine::Find(const std::string& id) const {
  MutexLock lock(mu_);
  for (const File& file : files_) {
    for (const v1::LostWrite& write : file.content.writes()) {
      if (write.id() == id) return write;
    }
  }
  return absl::NotFoundError(fmt::format("no lost write {} on {}", id, deps_.node_id));
}

absl::StatusOr<v1::Quarantine> Quarantine::FileOf(const std::string& id) const {
  MutexLock lock(mu_);
  for (const File& file : files_) {
    for (const v1::LostWrite& write : file.content.writes()) {
      if (write.id() != id) continue;
      v1::Quarantine about = file.content;
      about.clear_writes();
      return about;
    }
  }
  return absl::NotFoundError(fmt::format("no lost write {} on {}", id, deps_.node_id));
}

absl::Status Quarantine::Mark(const std::string& id, v1::LostState state, const std::string& by) {
  MutexLock lock(mu_);
  for (File& file : files_) {
    if (FindIn(file.content, id) == nullptr) continue;
    File changed = file;
    v1::LostWrite* write = FindIn(changed.content, id);
    if (write->state() != v1::LOST_STATE_HELD) {
      return absl::FailedPreconditionError(fmt::format(
          "lost write {} was {} already, by {}", id,
          write->state() == v1::LOST_STATE_APPLIED ? "applied" : "dropped", write->state_by()));
    }
    write->set_state(state);
    write->set_state_ms(ToMillis(deps_.clock.Wall()));
    write->set_state_by(by);
    HOLDFAST_CRASH_POINT("quarantine.mark.before_write");
    HOLDFAST_RETURN_IF_ERROR(this->Write(changed));
    held_ -= write->records();
    file = std::move(changed);
    return absl::OkStatus();
  }
  return absl::NotFoundError(fmt::format("no lost write {} on {}", id, deps_.node_id));
}

}  // namespace holdfast::replication

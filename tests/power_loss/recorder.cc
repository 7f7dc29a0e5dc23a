#include "tests/power_loss/recorder.h"

#include <condition_variable>
#include <mutex>

#include "tests/power_loss/interpose.h"

namespace holdfast::power_loss {
namespace {

// Not base/Mutex: the functions below run inside of every write, also before main.
struct Shared {
  std::mutex mu;
  std::condition_variable more;
  bool on = false;
  std::string folder;
  std::vector<DiskOp> ops;
};
Shared& shared() {
  static Shared* const made = new Shared;
  return *made;
}

// The path within the folder, or false.
bool Inside(std::string_view path, std::string& out) {
  const std::string& folder = shared().folder;
  if (!path.starts_with(folder)) return false;
  path.remove_prefix(folder.size());
  if (!path.empty() && path.front() != '/') return false;
  out = path.empty() ? "" : path.substr(1);
  return true;
}

void Add(DiskOp op) {
  shared().ops.push_back(std::move(op));
  shared().more.notify_all();
}

}  // namespace

Recorder& Recorder::Get() {
  static Recorder recorder;
  return recorder;
}

void Recorder::Start(const std::string& folder) {
  const std::lock_guard lock(shared().mu);
  shared().folder = folder;
  shared().ops.clear();
  shared().on = true;
}

std::vector<DiskOp> Recorder::Stop() {
  const std::lock_guard lock(shared().mu);
  shared().on = false;
  return std::move(shared().ops);
}

void Recorder::Say(std::string what, uint64_t number) {
  const std::lock_guard lock(shared().mu);
  if (!shared().on) return;
  Add({.kind = DiskOp::Kind::kNote, .note = {std::move(what), number}});
}

bool Recorder::WaitFor(size_t from, const std::function<bool(const DiskOp&)>& wanted) {
  std::unique_lock lock(shared().mu);
  return shared().more.wait_for(lock, std::chrono::seconds(20), [&] {
    for (; from < shared().ops.size(); ++from) {
      if (wanted(shared().ops[from])) return true;
    }
    return false;
  });
}

size_t Recorder::size() const {
  const std::lock_guard lock(shared().mu);
  return shared().ops.size();
}

OneStep::OneStep() {
  shared().mu.lock();
  on_ = shared().on;
  if (!on_) shared().mu.unlock();
}

OneStep::~OneStep() {
  if (on_) shared().mu.unlock();
}

void OneStep::Did(DiskOp op) const {
  if (!on_) return;
  std::string to;
  if (op.kind == DiskOp::Kind::kRename && Inside(op.to, to)) op.to = to;
  std::string path;
  if (!Inside(op.path, path)) return;
  op.path = path;
  Add(std::move(op));
}

}  // namespace holdfast::power_loss

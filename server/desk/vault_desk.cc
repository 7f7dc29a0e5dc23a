#include "server/desk/vault_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSweepWaits{20};   // how exactly a wait ends
constexpr milliseconds kSweepIdle{1000};  // counted refusals

// The view is set now and then, and later than that when a disk is slow: the age goes on meanwhile.
std::optional<milliseconds> AgeOf(const replication::NodeView& view, MonoTime now) {
  if (!view.age_seconds.has_value()) return std::nullopt;
  const milliseconds then(static_cast<int64_t>(*view.age_seconds * 1000));
  if (view.primary || now < view.age_at) return then;
  return then + std::chrono::duration_cast<milliseconds>(now - view.age_at);
}

}  // namespace

VaultDesk::VaultDesk(Parts parts)
    : parts_(std::move(parts)), refusals_(parts_.journal, parts_.clock) {
  subscription_ = parts_.ledger.Subscribe([this] {
    MutexLock lock(mu_);
    moved_ = true;
    if (!waits_.empty()) wake_.NotifyOne();
  });
  thread_ = std::thread([this] { Run(); });
}

VaultDesk::~VaultDesk() {
  parts_.ledger.Unsubscribe(subscription_);
  {
    MutexLock lock(mu_);
    stop_ = true;
    wake_.NotifyOne();
  }
  thread_.join();
  underway_.WaitForNone();
}

// ---- This node

NodeFacts VaultDesk::Facts() const {
  replication::NodeView view = parts_.gate.view();
  NodeFacts facts;
  facts.age = AgeOf(view, parts_.clock.Mono());
  facts.node_id = std::move(view.node_id);
  facts.primary = view.primary;
  facts.epoch = std::move(view.epoch);
  facts.position = parts_.ledger.progress().shown;
  facts.primary_up = view.primary_up;
  facts.primary_rest_url = std::move(view.primary_rest_url);
  facts.primary_ssh_address = std::move(view.primary_ssh_address);
  facts.can_read = view.can_read;
  facts.why_not = std::move(view.why_not);
  return facts;
}

absl::Status VaultDesk::Admit(OperationClass op_class) const { return parts_.gate.Admit(op_class); }

std::vector<v1::NodeReport> VaultDesk::Reports() const {
  return parts_.reports == nullptr ? std::vector<v1::NodeReport>() : parts_.reports();
}

Served VaultDesk::ServedAt(const Position& shown) const {
  const std::optional<milliseconds> age = AgeOf(parts_.gate.view(), parts_.clock.Mono());
  return {.position = shown, .age_ms = age.has_value() ? age->count() : -1};
}

// ---- Demands

absl::Status VaultDesk::CheckAge(const ReadDemand& demand) const {
  if (!demand.age_max.has_value()) return absl::OkStatus();
  const std::optional<milliseconds> age = AgeOf(parts_.gate.view(), parts_.clock.Mono());
  if (age.has_value() && *age <= *demand.age_max) return absl::OkStatus();
  const std::string is = age.has_value() ? fmt::format("{} ms", age->count()) : "unknown";
  return vault::Refuse(vault::Refusal::kTooStale,
                       fmt::format("the age of what this node shows is {}, asked for is at most "
                                   "{} ms",
                                   is, demand.age_max->count()));
}

void VaultDesk::Await(const ReadDemand& demand, std::function<void(absl::Status)> done) {
  if (!demand.position.has_value()) return done(CheckAge(demand));
  const Position shown = parts_.ledger.progress().shown;
  if (demand.position->epoch == shown.epoch && demand.position->seq <= shown.seq) {
    return done(CheckAge(demand));
  }
  const milliseconds wait = std::clamp(demand.wait, milliseconds(0), kPositionWaitLongest);
  auto then = [this, demand, done, ticket = underway_.Begin()](const absl::Status& status) {
    done(status.ok() ? CheckAge(demand) : status);
  };
  {
    MutexLock lock(mu_);
    if (!stop_ && waits_.Add(*demand.position, parts_.clock.Mono() + wait, std::move(then))) {
      moved_ = true;  // The log may have moved since we looked.
      wake_.NotifyOne();
      return;
    }
  }
  done(vault::Refuse(vault::Refusal::kOverloaded, "too many requests wait for a position"));
}

void VaultDesk::Run() {
  while (true) {
    {
      MutexLock lock(mu_);
      const bool waits = !waits_.empty();
      if (!stop_ && !(moved_ && waits)) wake_.WaitFor(mu_, waits ? kSweepWaits : kSweepIdle);
      if (stop_) break;
    }
    CallReady();
    refusals_.Flush();
  }
  std::vector<PositionWaits::Ready> rest;
  {
    MutexLock lock(mu_);
    rest = waits_.TakeAll(vault::Refuse(vault::Refusal::kNotServing, "this node stops"));
  }
  for (const PositionWaits::Ready& each : rest) each.done(each.status);
}

void VaultDesk::CallReady() {
  {
    MutexLock lock(mu_);
    if (waits_.empty()) return;
    moved_ = false;  // What moves from here on is looked at again.
  }
  const Position shown = parts_.ledger.progress().shown;
  const std::vector<EpochStart> history = parts_.ledger.Shape().history;
  std::vector<PositionWaits::Ready> ready;
  std::vector<PositionWaits::Ready> expired;
  {
    MutexLock lock(mu_);
    ready = waits_.TakeDecided(shown, history);
    expired = waits_.TakeExpired(shown, parts_.clock.Mono());
  }
  for (const PositionWaits::Ready& each : ready) each.done(each.status);
  for (const PositionWaits::Ready& each : expired) each.done(each.status);
}

// ---- Reading

absl::Status VaultDesk::Read(const Caller& caller, ReadFn read) {
  absl::Status status;
  parts_.ledger.Read([&](const vault::StateReader& state, const Position&) {
    const absl::StatusOr<const v1::UserRow*> user = ValidUser(state, caller);
    status = user.ok() ? read(state, **user) : user.status();
  });
  return status;
}

void VaultDesk::ReadState(absl::FunctionRef<void(const vault::StateReader&)> read) const {
  parts_.ledger.Read([&](const vault::StateReader& state, const Position&) { read(state); });
}

// ---- Secrets and time

absl::StatusOr<v1::SealedSecret> VaultDesk::Seal(uint64_t organization_id, v1::Table table,
                                                 const SecretBytes& secret) {
  return parts_.keys.Seal(organization_id, table, secret);
}

std::string VaultDesk::HashOf(const SecretBytes& token) const {
  const Digest hash = parts_.keys.HashToken(token);
  return std::string(reinterpret_cast<const char*>(hash.data()), hash.size());
}

int64_t VaultDesk::NowMs() const { return ToMillis(parts_.clock.Wall()); }

}  // namespace holdfast::desk

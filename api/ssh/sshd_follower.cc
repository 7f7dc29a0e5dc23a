#include "api/ssh/sshd_follower.h"

#include <chrono>
#include <utility>

#include "server/observe/log.h"

namespace holdfast::ssh {
namespace {

constexpr std::chrono::milliseconds kLookEvery{500};  // whether the node may serve
constexpr std::chrono::seconds kRetryAfter{5};

}  // namespace

SshdFollower::SshdFollower(Parts parts) : parts_(std::move(parts)) {
  subscription_ = parts_.ledger.Subscribe([this] {
    MutexLock lock(mu_);
    moved_ = true;
    wake_.NotifyOne();
  });
  thread_ = std::thread([this] { Run(); });
}

SshdFollower::~SshdFollower() {
  parts_.ledger.Unsubscribe(subscription_);
  {
    MutexLock lock(mu_);
    stop_ = true;
    wake_.NotifyOne();
  }
  thread_.join();
}

void SshdFollower::RecheckSessions() {
  MutexLock lock(mu_);
  moved_ = recheck_ = true;
  wake_.NotifyOne();
}

void SshdFollower::Run() {
  while (true) {
    bool recheck = false;
    {
      MutexLock lock(mu_);
      if (!moved_ && !stop_) wake_.WaitFor(mu_, kLookEvery);
      if (stop_) return;
      moved_ = false;
      recheck = std::exchange(recheck_, false);
    }
    Follow(recheck);
  }
}

void SshdFollower::Follow(bool recheck) {
  SshdState wanted;
  Position shown;
  parts_.ledger.Read([&](const vault::StateReader& state, const Position& at) {
    shown = at;
    wanted = SshdStateOf(state, parts_.node_id, parts_.configured_port);
  });
  if (!parts_.may_serve()) wanted.enabled = false;
  if (!applied_.has_value() || !SameSshd(*applied_, wanted)) Apply(wanted);
  if (shown == checked_ && !recheck) return;
  checked_ = shown;
  parts_.server.RecheckSessions();
}

void SshdFollower::Apply(const SshdState& wanted) {
  const MonoTime now = parts_.clock.Mono();
  if (failed_.has_value() && SameSshd(*failed_, wanted) && now - failed_at_ < kRetryAfter) return;
  absl::StatusOr<SshSettings> settings = OpenSettings(wanted, parts_.keys);
  const absl::Status status =
      settings.ok() ? parts_.server.Apply(*std::move(settings)) : settings.status();
  if (!status.ok()) {
    failed_ = wanted;
    failed_at_ = now;
    LogError("the SSH server stays as it was: {}", ToText(status));
    return;
  }
  failed_.reset();
  applied_ = wanted;
  LogInfo("SSH server: {} on port {}, {} host keys", wanted.enabled ? "listens" : "closed",
          parts_.server.port(), wanted.host_keys.size());
}

}  // namespace holdfast::ssh

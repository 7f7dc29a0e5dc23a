#include "api/ssh/server.h"

#include <atomic>
#include <utility>

#include "api/ssh/admission.h"
#include "api/ssh/host_keys.h"
#include "api/ssh/listener.h"
#include "api/ssh/worker.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"

namespace holdfast::ssh {

// In this order: sessions hold passes and borrow vault and limits, so those go last.
struct SshServer::Rep {
  Rep(Options o, SshVault v, const Clock& c)
      : options(std::move(o)), vault(std::move(v)), clock(c), admission(options.limits) {}

  void Accepted(UniqueFd fd, std::string source) {
    std::optional<Admission::Pass> pass = admission.Enter(source);
    if (!pass.has_value()) return;  // Closes the socket.
    Worker& worker = *workers[next_worker++ % workers.size()];
    worker.inbox().Post(Arrival{std::move(fd), std::move(source), *std::move(pass),
                                clock.Mono() + options.limits.login_within});
  }

  const Options options;
  const SshVault vault;
  const Clock& clock;
  Admission admission;
  std::vector<std::unique_ptr<Worker>> workers;
  size_t next_worker = 0;  // listener's thread only
  std::unique_ptr<Listener> listener;
  Mutex apply_mu;
  bool have_keys ABSL_GUARDED_BY(apply_mu) = false;
  bool stopped ABSL_GUARDED_BY(apply_mu) = false;
};

SshServer::SshServer(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}

absl::StatusOr<std::unique_ptr<SshServer>> SshServer::Start(Options options, SshVault vault,
                                                            const Clock& clock) {
  if (options.workers == 0) return absl::InvalidArgumentError("expected SSH workers, got 0");
  auto rep = std::make_unique<Rep>(std::move(options), std::move(vault), clock);
  std::unique_ptr<SshServer> server(new SshServer(std::move(rep)));
  Rep& parts = *server->rep_;
  for (size_t i = 0; i < parts.options.workers; ++i) {
    HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<Worker> worker,
                              Worker::Start(parts.vault, parts.options.limits, clock));
    parts.workers.push_back(std::move(worker));
  }
  HOLDFAST_ASSIGN_OR_RETURN(
      parts.listener,
      Listener::Start(parts.options.address, [&parts](UniqueFd fd, std::string source) {
        parts.Accepted(std::move(fd), std::move(source));
      }));
  return server;
}

SshServer::~SshServer() { Stop(std::chrono::milliseconds(0)); }

absl::Status SshServer::Apply(SshSettings settings) {
  MutexLock lock(rep_->apply_mu);
  if (rep_->stopped) return absl::FailedPreconditionError("the SSH server is stopped");
  std::shared_ptr<const HostKeys> keys;
  if (!settings.host_keys.empty()) {
    HOLDFAST_ASSIGN_OR_RETURN(keys, HostKeys::Import(settings.host_keys));
  }
  if (settings.enabled && keys == nullptr && !rep_->have_keys) {
    return absl::FailedPreconditionError("the SSH port cannot open: there is no host key");
  }
  std::optional<Listener::Socket> socket = Listener::Socket{};
  if (settings.enabled) {
    HOLDFAST_ASSIGN_OR_RETURN(socket, rep_->listener->Prepare(settings.port));
  }
  // Nothing fails from here on. Keys before port: no connection to the new port meets the old ones.
  if (keys != nullptr) {
    for (const auto& worker : rep_->workers) worker->inbox().Post(NewHostKeys{keys});
    rep_->have_keys = true;
  }
  if (socket.has_value()) rep_->listener->Replace(*std::move(socket));
  return absl::OkStatus();
}

void SshServer::RecheckSessions() {
  for (const auto& worker : rep_->workers) worker->inbox().Post(Recheck{});
}

void SshServer::Stop(std::chrono::milliseconds drain) {
  {
    MutexLock lock(rep_->apply_mu);
    if (rep_->stopped) return;
    rep_->stopped = true;
  }
  if (rep_->listener != nullptr) rep_->listener->Replace({});
  const MonoTime deadline = rep_->clock.Mono() + drain;
  for (const auto& worker : rep_->workers) worker->inbox().Post(StopBy{deadline});
  for (const auto& worker : rep_->workers) worker->Join();
}

uint16_t SshServer::port() const { return rep_->listener == nullptr ? 0 : rep_->listener->port(); }

size_t SshServer::connections() const { return rep_->admission.connections(); }

}  // namespace holdfast::ssh

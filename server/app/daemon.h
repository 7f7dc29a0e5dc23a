#ifndef HOLDFAST_SERVER_APP_DAEMON_H_
#define HOLDFAST_SERVER_APP_DAEMON_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/http/health.h"
#include "replication/node/node.h"
#include "server/app/collected_records.h"
#include "server/app/node_metrics.h"
#include "server/app/role_hook.h"
#include "server/app/ssh_front.h"
#include "server/app/system_clock.h"
#include "server/desk/lost_desk.h"
#include "server/desk/order_desk.h"
#include "server/desk/vault_desk.h"
#include "server/setup/answer_join.h"
#include "server/setup/config.h"
#include "server/setup/identity.h"
#include "server/sinks/journal_sink.h"
#include "server/storage/audit_store.h"
#include "server/storage/store.h"

namespace holdfast::app {

inline constexpr char kVersion[] = "0.1.0";

// A running node: everything made in order, from the disk up to the ports, and ended in reverse.
//
// Threading   Start and Stop on one thread.
// Failure     Start names what could not be had, and leaves nothing running.
class Daemon {
 public:
  explicit Daemon(setup::Config config) : config_(std::move(config)) {}
  ~Daemon();

  absl::Status Start();
  // Health says not ready; the ports close; what is under way may end; the log is closed cleanly.
  void Stop();
  // Log and audit files are opened again: they were moved away.
  void ReopenFiles();

 private:
  absl::Status OpenStores();
  absl::Status CheckJournalWhole();
  absl::Status OpenLedger();
  absl::Status StartNode();
  void TellCertificates();
  absl::Status StartFronts();
  absl::Status OpenRest();
  void Watch();
  void KeepFronts();
  void KeepJournal();
  absl::Status StartSinks();
  http::HealthView Health() const;

  const setup::Config config_;
  SystemClock clock_;
  NodeMetrics metrics_{kVersion};
  setup::Identity identity_;
  std::unique_ptr<crypto::KeyRing> keys_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<storage::AuditStore> audit_store_;
  std::unique_ptr<CollectedRecords> collected_;  // the watch's own
  std::unique_ptr<audit::Journal> journal_;
  std::vector<std::unique_ptr<sinks::JournalSink>> sinks_;
  std::unique_ptr<replication::Ledger> ledger_;
  std::unique_ptr<RoleHook> role_hook_;
  replication::Gate gate_;
  std::unique_ptr<replication::Node> node_;
  std::unique_ptr<desk::VaultDesk> desk_;
  std::unique_ptr<desk::OrderDesk> orders_;
  std::unique_ptr<desk::LostDesk> lost_;
  std::unique_ptr<setup::JoinDesk> join_;
  std::unique_ptr<http::HttpServer> rest_;  // null while closed
  std::atomic<bool> rest_open_ = false;     // the same, for health
  std::string rest_fault_;                  // the watch's own: so that a fault is logged once
  std::unique_ptr<SshFront> ssh_;
  std::unique_ptr<http::HttpServer> health_;

  Mutex mu_;
  CondVar wake_;
  bool read_changed_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread watch_;  // keeps the fronts in line with the state
};

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_DAEMON_H_

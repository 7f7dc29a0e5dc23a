#include "server/app/daemon.h"

#include <fmt/format.h>

#include <utility>

#include "api/http/health.h"
#include "server/app/rest_front.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/observe/log.h"
#include "server/setup/node_folder.h"
#include "server/setup/open_stores.h"
#include "server/sinks/file_outlet.h"
#include "server/sinks/syslog_outlet.h"

namespace holdfast::app {
namespace {

constexpr std::chrono::milliseconds kDrain{5000};
constexpr std::chrono::milliseconds kWatchEvery{500};
constexpr uint64_t kMegabyte = 1 << 20;
constexpr double kSpoolDegraded = 0.8;

// OK while a retrieval would find room for its record, or need none.
absl::Status JournalTakes(const audit::Journal& journal, bool refuses_when_full) {
  HOLDFAST_RETURN_IF_ERROR(journal.failure());
  const audit::JournalRoom room = journal.room();
  return room.full && refuses_when_full ? room.cannot_grow : absl::OkStatus();
}

// What wants an administrator before the journal is full; empty: nothing.
std::string WhyShortOfRoom(const audit::JournalRoom& room) {
  if (room.unrecorded > 0) {
    return fmt::format("full: {} requests were served and only counted", room.unrecorded);
  }
  if (!room.cannot_grow.ok()) {
    return fmt::format("{} bytes are left: {}", room.bytes_ready, ToText(room.cannot_grow));
  }
  if (room.uncollected_share() < kSpoolDegraded) return "";
  return fmt::format("{:.0f} % of it has not been collected by all members",
                     room.uncollected_share() * 100);
}

}  // namespace

Daemon::~Daemon() { Stop(); }

absl::Status Daemon::Start() {
  HOLDFAST_ASSIGN_OR_RETURN(identity_, setup::LoadIdentity(config_, clock_.Wall()));
  keys_ = std::make_unique<crypto::KeyRing>(identity_.root_key.Clone(), identity_.cluster_id);
  HOLDFAST_RETURN_IF_ERROR(OpenStores());
  HOLDFAST_RETURN_IF_ERROR(OpenLedger());
  HOLDFAST_RETURN_IF_ERROR(StartSinks());
  gate_.WhenReadChanges([this] {
    {
      MutexLock lock(mu_);
      read_changed_ = true;
    }
    wake_.NotifyAll();
  });
  HOLDFAST_RETURN_IF_ERROR(StartNode());
  HOLDFAST_RETURN_IF_ERROR(StartFronts());
  watch_ = std::thread([this] { Watch(); });
  LogInfo("holdfastd {}: node {} of cluster {} runs", kVersion, identity_.node_id,
          identity_.cluster_id);
  return absl::OkStatus();
}

absl::Status Daemon::OpenStores() {
  const std::string& data = config_.node.data;
  HOLDFAST_ASSIGN_OR_RETURN(store_, setup::OpenStore(config_, data, clock_));
  HOLDFAST_ASSIGN_OR_RETURN(audit_store_, setup::OpenAuditStore(config_, data, clock_));
  HOLDFAST_ASSIGN_OR_RETURN(
      journal_,
      audit::Journal::Open(
          {.path = setup::PathIn(data, setup::kJournalFile),
           .node_id = identity_.node_id,
           .bytes_max = static_cast<uint64_t>(config_.limits.journal_megabytes) * kMegabyte,
           .keep_days = config_.limits.journal_days,
           .when_full = config_.audit.when_full == "refuse" ? audit::WhenFull::kRefuse
                                                            : audit::WhenFull::kServeAndMark},
          keys_->JournalMac(identity_.node_id), clock_));
  collected_ =
      std::make_unique<CollectedRecords>(*audit_store_, clock_, config_.limits.journal_days);
  return CheckJournalWhole();
}

// Records are collected only once they are durable in the journal: fewer there is a loss.
absl::Status Daemon::CheckJournalWhole() {
  HOLDFAST_ASSIGN_OR_RETURN(const uint64_t collected, audit_store_->Highest(identity_.node_id));
  if (collected <= journal_->head()) return absl::OkStatus();
  return absl::DataLossError(fmt::format(
      "the audit journal {} ends at record {}, but record {} of it was collected: records are "
      "missing; bring the folder back from a copy, or move {} away and accept the loss",
      setup::PathIn(config_.node.data, setup::kJournalFile), journal_->head(), collected,
      setup::AuditStoreName(config_)));
}

absl::Status Daemon::OpenLedger() {
  const MonoTime began = clock_.Mono();
  absl::StatusOr<std::unique_ptr<replication::Ledger>> ledger = replication::Ledger::Open(
      {.node_id = identity_.node_id,
       .committed_path = setup::PathIn(config_.node.data, setup::kCommittedFile),
       .stored = [this](std::chrono::nanoseconds took) { metrics_.ObserveStored(took); }},
      *store_, *keys_, clock_);
  if (!ledger.ok()) return setup::InStore(ledger.status(), config_);
  ledger_ = *std::move(ledger);
  const std::chrono::duration<double> took = clock_.Mono() - began;
  LogInfo("loaded and verified up to {} in {:.2f} s", holdfast::ToText(ledger_->progress().shown),
          took.count());
  return absl::OkStatus();
}

// Of certificates that are ours: what cannot be read was refused before.
void Daemon::TellCertificates() {
  for (const auto& [purpose, pem] : {std::pair("node", &identity_.certificate_pem),
                                     std::pair("authority", &identity_.authority_pem)}) {
    const absl::StatusOr<crypto::CertificateInfo> info = crypto::ParseCertificate(*pem);
    if (info.ok()) metrics_.SetCertificate(purpose, info->not_after);
  }
}

absl::Status Daemon::StartNode() {
  TellCertificates();
  role_hook_ = std::make_unique<RoleHook>(config_.node.on_role_change, identity_.node_id);
  HOLDFAST_ASSIGN_OR_RETURN(
      node_,
      replication::Node::Make(
          {.identity = {.cluster_id = identity_.cluster_id,
                        .node_id = identity_.node_id,
                        .version = kVersion,
                        .data_folder = config_.node.data},
           .tls = {.cluster_id = identity_.cluster_id,
                   .node_id = identity_.node_id,
                   .ca_certificate = identity_.authority_pem,
                   .certificate = identity_.certificate_pem,
                   .key =
                       std::make_shared<const SecretBytes>(identity_.certificate_key_pem.Clone())},
           .ledger = *ledger_,
           .store = *store_,
           .keys = *keys_,
           .journal = *journal_,
           .audit = *audit_store_,
           .gate = gate_,
           .clock = clock_,
           .retention = {.bytes = static_cast<uint64_t>(config_.limits.log_megabytes) * kMegabyte},
           .log_age_max = std::chrono::hours(config_.limits.log_hours),
           .role_changed = [this](bool primary, const Epoch& epoch) {
             role_hook_->Changed(primary, epoch.number);
           }}));
  return node_->Start(config_.peer.listen.text());
}

absl::Status Daemon::StartFronts() {
  desk_ = std::make_unique<desk::VaultDesk>(
      desk::VaultDesk::Parts{.ledger = *ledger_,
                             .gate = gate_,
                             .journal = *journal_,
                             .audit_store = *audit_store_,
                             .keys = *keys_,
                             .clock = clock_,
                             .node_id = identity_.node_id,
                             .reports = [this] { return node_->Reports(); },
                             .denials = &node_->denials()});
  const desk::OrderParts parts{.desk = *desk_,
                               .node = *node_,
                               .journal = *journal_,
                               .clock = clock_,
                               .node_id = identity_.node_id};
  orders_ = std::make_unique<desk::OrderDesk>(parts, [this] { ssh_->RecheckSessions(); });
  lost_ = std::make_unique<desk::LostDesk>(parts);
  join_ = std::make_unique<setup::JoinDesk>(*desk_, *keys_, clock_);
  health_ = std::make_unique<http::HttpServer>(
      http::ServerOptions{.name = "health",
                          .address = config_.health.listen.host,
                          .port = static_cast<uint16_t>(config_.health.listen.port),
                          .threads = 1},
      http::MakeHealthRouter({.view = [this] { return Health(); },
                              .metrics =
                                  [this] {
                                    for (const auto& sink : sinks_) {
                                      metrics_.SetSink(sink->View(), journal_->head());
                                    }
                                    return metrics_.Render(*node_, *ledger_, *journal_,
                                                           Health().ready, clock_.Wall());
                                  }}),
      clock_);
  HOLDFAST_RETURN_IF_ERROR(health_->Start());
  HOLDFAST_ASSIGN_OR_RETURN(ssh_, SshFront::Start({.config = config_,
                                                   .ledger = *ledger_,
                                                   .gate = gate_,
                                                   .keys = *keys_,
                                                   .desk = *desk_,
                                                   .clock = clock_}));
  if (gate_.view().can_read) return OpenRest();
  return absl::OkStatus();
}

absl::Status Daemon::OpenRest() {
  HOLDFAST_ASSIGN_OR_RETURN(std::unique_ptr<http::HttpServer> rest,
                            MakeRestServer({.config = config_,
                                            .identity = identity_,
                                            .keys = *keys_,
                                            .desk = *desk_,
                                            .orders = *orders_,
                                            .lost = *lost_,
                                            .join = *join_,
                                            .metrics = metrics_,
                                            .clock = clock_}));
  HOLDFAST_RETURN_IF_ERROR(rest->Start());
  rest_ = std::move(rest);
  rest_open_ = true;
  return absl::OkStatus();
}

// The fronts follow the gate at once; the rest has time, and is not done at every write.
void Daemon::Watch() {
  MonoTime next = clock_.Mono();
  while (true) {
    {
      MutexLock lock(mu_);
      const auto left = next - clock_.Mono();
      if (!read_changed_ && !stop_ && left > std::chrono::nanoseconds(0)) {
        wake_.WaitFor(mu_, left);
      }
      if (stop_) return;
      read_changed_ = false;
    }
    KeepFronts();
    if (clock_.Mono() < next) continue;
    next = clock_.Mono() + kWatchEvery;
    KeepJournal();
    collected_->Keep();
    orders_->CarryOutDenials();
    orders_->Flush();
    lost_->Flush();
  }
}

absl::Status Daemon::StartSinks() {
  std::vector<std::pair<std::string, std::unique_ptr<sinks::Outlet>>> outlets;
  if (!config_.audit.file.empty()) {
    outlets.emplace_back("file", std::make_unique<sinks::FileOutlet>(config_.audit.file));
  }
  if (config_.audit.syslog) {
    outlets.emplace_back("syslog",
                         std::make_unique<sinks::SyslogOutlet>(config_.audit.syslog_socket));
  }
  for (auto& [name, outlet] : outlets) {
    HOLDFAST_ASSIGN_OR_RETURN(sinks_.emplace_back(),
                              sinks::JournalSink::Start({.journal = *journal_,
                                                         .store = *store_,
                                                         .clock = clock_,
                                                         .node_id = identity_.node_id,
                                                         .name = name},
                                                        std::move(outlet)));
  }
  return absl::OkStatus();
}

void Daemon::ReopenFiles() {
  for (const auto& sink : sinks_) sink->Reopen();
}

// Retention waits for who collects: the other members, and this node's own store.
void Daemon::KeepJournal() {
  std::vector<audit::Collector> collectors;
  ledger_->Read([&](const vault::StateReader& state, const Position&) {
    for (const v1::MemberRow* member : state.Members()) {
      if (member->node_id() == identity_.node_id) continue;
      collectors.push_back({.name = member->node_id(), .keeps = true});
    }
  });
  collectors.push_back({.name = identity_.node_id, .keeps = collectors.empty()});
  for (const auto& sink : sinks_) {
    const sinks::SinkView view = sink->View();
    collectors.push_back({.name = "sink:" + view.name});
    journal_->Collected("sink:" + view.name, view.position);
  }
  const absl::StatusOr<uint64_t> own = audit_store_->Highest(identity_.node_id);
  if (own.ok()) journal_->Collected(identity_.node_id, *own);
  journal_->SetCollectors(collectors);
}

void Daemon::KeepFronts() {
  const bool can_read = gate_.view().can_read;
  if (can_read && rest_ == nullptr) {
    const absl::Status opened = OpenRest();
    const std::string fault = opened.ok() ? "" : ToText(opened);
    if (!opened.ok() && fault != rest_fault_) LogError("REST: {}; tried again", fault);
    rest_fault_ = fault;
  } else if (!can_read && rest_ != nullptr) {
    rest_open_ = false;
    rest_->Stop(kDrain);
    rest_.reset();
  }
}

http::HealthView Daemon::Health() const {
  const replication::NodeView view = gate_.view();
  const v1::NodeReport me = node_->Me();
  const replication::LinkView link = node_->Link();
  http::HealthView health{.ready = view.can_read,
                          .primary = view.primary,
                          .secondary = !view.primary,
                          .streaming = link.live,
                          .node = view.node_id,
                          .role = me.role(),
                          .epoch = view.epoch.number,
                          .why_not = view.why_not};
  if (me.has_lag_records()) health.lag_records = me.lag_records();
  if (me.has_lag_seconds()) health.lag_seconds = me.lag_seconds();
  const replication::LedgerProgress progress = ledger_->progress();
  absl::Status log = progress.failure;
  if (log.ok()) log = progress.store_fault;
  const absl::Status journal = JournalTakes(*journal_, config_.audit.when_full == "refuse");
  const std::string short_of_room = WhyShortOfRoom(journal_->room());
  const bool enough = ledger_->ConnectedEnough() && !progress.degraded;
  health.checks = {
      {.name = "log", .ok = log.ok(), .detail = log.ok() ? "" : ToText(log)},
      {.name = "journal", .ok = journal.ok(), .detail = journal.ok() ? "" : ToText(journal)},
      {.name = "journal_room", .ok = short_of_room.empty(), .detail = short_of_room},
      {.name = "secondaries", .ok = enough, .detail = enough ? "" : "fewer than writes wait for"},
      {.name = "link",
       .ok = view.primary_up,
       .detail = view.primary_up ? "" : "no link to a primary; reads go on"}};
  if (!rest_open_) {
    health.ready = false;
    if (health.why_not.empty()) health.why_not = "the REST port is not open";
  }
  if (!journal.ok()) {
    health.ready = false;
    health.why_not = "the audit journal cannot take records";
  }
  health.degraded =
      !log.ok() || !journal.ok() || !short_of_room.empty() || !enough || !view.primary_up;
  return health;
}

void Daemon::Stop() {
  {
    MutexLock lock(mu_);
    if (stop_) return;
    stop_ = true;
  }
  if (store_) store_->StopWaiting();
  if (audit_store_) audit_store_->StopWaiting();
  wake_.NotifyAll();
  if (watch_.joinable()) watch_.join();
  if (rest_) rest_->Stop(kDrain);
  if (ssh_) ssh_->Stop(kDrain);
  if (node_) node_->Stop();
  if (health_) health_->Stop(std::chrono::milliseconds(0));
  rest_.reset();
  ssh_.reset();
  health_.reset();
  join_.reset();
  lost_.reset();
  orders_.reset();
  desk_.reset();
  node_.reset();
  sinks_.clear();
  role_hook_.reset();
  ledger_.reset();
  journal_.reset();
}

}  // namespace holdfast::app

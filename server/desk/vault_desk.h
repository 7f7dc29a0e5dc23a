#ifndef HOLDFAST_SERVER_DESK_VAULT_DESK_H_
#define HOLDFAST_SERVER_DESK_VAULT_DESK_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "replication/ledger/ledger.h"
#include "replication/node/deny_book.h"
#include "replication/node/gate.h"
#include "server/audit/journal.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/crypto/key_ring.h"
#include "server/desk/audit_line.h"
#include "server/desk/desk.h"
#include "server/desk/failed_logins.h"
#include "server/desk/position_waits.h"
#include "server/desk/refusal_recorder.h"
#include "server/desk/underway.h"
#include "server/storage/audit_store.h"

namespace holdfast::desk {

inline constexpr size_t kPositionWaitsMax = 4096;
inline constexpr std::chrono::milliseconds kPositionWaitLongest{5000};
inline constexpr size_t kOwnRecordsAListing = 10'000;  // fetched from our journal for one listing

// The desk of a node: the ledger's state, the gate, the journal and the keys brought together.
//
// Promises    Those of Desk. Also: the audit record of a write, done or refused, is durable before
//             its answer; no write begins while the journal is closed.
// Threading   Thread-safe. Callbacks run on the thread of the journal, of the ledger or of the desk
//             itself, or before the call returns.
// Ownership   Borrows everything; all must outlive it, journal and ledger still running. Its end
//             waits for the callbacks that these still hold.
class VaultDesk final : public Desk {
 public:
  struct Parts {
    replication::Ledger& ledger;
    const replication::Gate& gate;
    audit::Journal& journal;
    storage::AuditStore& audit_store;
    crypto::KeyRing& keys;
    const Clock& clock;
    std::string node_id;
    std::function<std::vector<v1::NodeReport>()> reports;  // null: none
    const replication::DenyBook* denials = nullptr;        // null: nobody is denied
  };
  explicit VaultDesk(Parts parts);
  ~VaultDesk() override;

  absl::StatusOr<CallerPtr> AuthenticateToken(const SecretBytes& token,
                                              const std::string& source) override;
  absl::StatusOr<CallerPtr> AuthenticateKey(const std::string& login, std::string_view public_key,
                                            const std::string& source,
                                            bool record_refusal) override;
  absl::Status StillValid(const Caller& caller) override;

  NodeFacts Facts() const override;
  absl::Status Admit(OperationClass op_class) const override;
  void RecordRefused(const RefusedRequest& request, const absl::Status& refusal) override;
  void Await(const ReadDemand& demand, std::function<void(absl::Status)> done) override;
  std::vector<v1::NodeReport> Reports() const override;

  absl::Status Read(const Caller& caller, ReadFn read) override;
  void ReadState(absl::FunctionRef<void(const vault::StateReader&)> read) const override;
  void Retrieve(CallerPtr caller, RetrieveAsk ask,
                std::function<void(absl::StatusOr<Retrieved>)> done) override;
  absl::StatusOr<std::vector<v1::AuditRecord>> ListAudit(const Caller& caller,
                                                         const AuditQuery& query) override;
  absl::StatusOr<AuditGaps> FindAuditGaps(const Caller& caller) override;

  absl::StatusOr<v1::SealedSecret> Seal(uint64_t organization_id, v1::Table table,
                                        const SecretBytes& secret) override;
  std::string HashOf(const SecretBytes& token) const override;
  int64_t NowMs() const override;
  using Desk::Submit;
  void Submit(CallerPtr caller, vault::CommandBody body, WriteOptions options,
              std::function<void(absl::StatusOr<Written>)> done) override;
  void SubmitAsNode(const std::string& source, vault::CommandBody body,
                    std::function<void(absl::StatusOr<Written>)> done) override;

 private:
  using RetrieveDone = std::function<void(absl::StatusOr<Retrieved>)>;
  using WriteDone = std::function<void(absl::StatusOr<Written>)>;
  struct Found;
  struct Write;

  // ---- login.cc
  absl::StatusOr<const v1::UserRow*> ValidUser(const vault::StateReader& state,
                                               const Caller& caller) const;
  absl::Status CheckDenied(const v1::UserRow& user, const v1::SshKeyRow* key) const;
  absl::Status RefuseLogin(const Caller& who, const absl::Status& status);

  // ---- vault_desk.cc
  Served ServedAt(const Position& shown) const;
  absl::Status CheckAge(const ReadDemand& demand) const;
  void Run();
  void CallReady();

  // ---- retrieval.cc
  absl::StatusOr<Found> FindSecret(const vault::StateReader& state, const v1::UserRow& user,
                                   const RetrieveAsk& ask) const;
  absl::StatusOr<Retrieved> OpenAfterRecord(const Caller& caller, Found found);
  void RefuseRetrieval(v1::AuditRecord line, const absl::Status& status, const RetrieveDone& done);

  // ---- writing.cc
  void SubmitChecked(Write write, vault::CommandBody body, WriteOptions options);
  void OnWritten(Write write, absl::StatusOr<replication::WriteResult> result);
  void RefuseWrite(Write write, const absl::Status& status);

  // ---- audit_listing.cc
  absl::Status CollectOwn();

  const Parts parts_;
  RefusalRecorder refusals_;
  Underway underway_;

  Mutex login_mu_;
  FailedLogins failed_logins_ ABSL_GUARDED_BY(login_mu_);

  Mutex mu_;
  CondVar wake_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool moved_ ABSL_GUARDED_BY(mu_) = false;
  PositionWaits waits_ ABSL_GUARDED_BY(mu_){kPositionWaitsMax};

  uint64_t subscription_ = 0;
  std::thread thread_;  // Last: runs on all of the above.
};

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_VAULT_DESK_H_

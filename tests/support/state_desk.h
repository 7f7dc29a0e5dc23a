#ifndef HOLDFAST_TESTS_SUPPORT_STATE_DESK_H_
#define HOLDFAST_TESTS_SUPPORT_STATE_DESK_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/crypto/key_ring.h"
#include "server/desk/desk.h"
#include "server/vault/state.h"

namespace holdfast {

// A desk over a real vault without a ledger: commands are planned and applied at once, secrets are
// sealed and opened by a real key ring, audit records are kept in a list. For tests of dialects.
//
// It begins with the user "admin" (id 1, Administrator, sees everything, may operate the cluster)
// and organization 1.
//
// Threading   Thread-safe; callbacks run on the calling thread, before the call returns.
class StateDesk : public desk::Desk {
 public:
  static constexpr char kAdminToken[] = "ADADADAD-0000-0000-0000-000000000001";
  static constexpr int64_t kStartMs = 1'700'000'000'000;  // Nov 14, 2023 22:13:20 UTC

  StateDesk();

  // ---- For the test.
  // By the node itself, or on behalf of that user; must be accepted.
  vault::Planned Do(vault::CommandBody body, uint64_t user_id = 0);
  // Adds a user with REST access; the token in the clear logs it in. Gives its id.
  uint64_t AddUser(v1::UserRow user, const std::string& token, int64_t expires_ms = 0);
  uint64_t AddUser(const std::string& name, v1::Role role, const std::string& token);
  // Adds a resource with one account, owned by that user. Ids by the names.
  vault::Planned AddAccount(uint64_t owner_id, const std::string& resource,
                            const std::string& account, const std::string& secret);
  std::string SecretOf(uint64_t account_id);  // in the clear
  std::vector<v1::AuditRecord> audit() const;
  void SetFacts(desk::NodeFacts facts);
  void SetNow(int64_t now_ms);
  // Every Submit answers this instead; OK: no more. Nothing is changed then.
  void FailWrites(absl::Status status);
  void SetReports(std::vector<v1::NodeReport> reports);

  // ---- desk::Desk
  absl::StatusOr<desk::CallerPtr> AuthenticateToken(const SecretBytes& token,
                                                    const std::string& source) override;
  absl::StatusOr<desk::CallerPtr> AuthenticateKey(const std::string& login,
                                                  std::string_view public_key,
                                                  const std::string& source,
                                                  bool record_refusal) override;
  absl::Status StillValid(const desk::Caller& caller) override;
  desk::NodeFacts Facts() const override;
  absl::Status Admit(OperationClass op_class) const override;
  void RecordRefused(const desk::RefusedRequest& request, const absl::Status& refusal) override;
  void Await(const desk::ReadDemand& demand, std::function<void(absl::Status)> done) override;
  std::vector<v1::NodeReport> Reports() const override;
  absl::Status Read(const desk::Caller& caller, ReadFn read) override;
  void ReadState(absl::FunctionRef<void(const vault::StateReader&)> read) const override;
  void Retrieve(desk::CallerPtr caller, desk::RetrieveAsk ask,
                std::function<void(absl::StatusOr<desk::Retrieved>)> done) override;
  absl::StatusOr<desk::AuditGaps> FindAuditGaps(const desk::Caller& caller) override;
  absl::StatusOr<std::vector<v1::AuditRecord>> ListAudit(const desk::Caller& caller,
                                                         const desk::AuditQuery& query) override;
  absl::StatusOr<v1::SealedSecret> Seal(uint64_t organization_id, v1::Table table,
                                        const SecretBytes& secret) override;
  std::string HashOf(const SecretBytes& token) const override;
  int64_t NowMs() const override;
  using desk::Desk::Submit;
  void Submit(desk::CallerPtr caller, vault::CommandBody body, desk::WriteOptions options,
              std::function<void(absl::StatusOr<desk::Written>)> done) override;
  void SubmitAsNode(const std::string& source, vault::CommandBody body,
                    std::function<void(absl::StatusOr<desk::Written>)> done) override;

 private:
  void Start();
  absl::StatusOr<const v1::UserRow*> FindCaller(const desk::Caller& caller) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<desk::Written> Write(const v1::Actor& actor, vault::CommandBody body,
                                      const desk::WriteOptions& options = {})
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<const v1::AccountRow*> FindAccount(const v1::UserRow& user,
                                                    const desk::RetrieveAsk& ask) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<desk::Retrieved> Open(const desk::Caller& caller, const desk::RetrieveAsk& ask)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Record(const desk::Caller& caller, std::string_view operation, const absl::Status& status,
              v1::AuditRecord record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  crypto::KeyRing keys_;
  mutable Mutex mu_;
  vault::State state_ ABSL_GUARDED_BY(mu_);
  desk::NodeFacts facts_ ABSL_GUARDED_BY(mu_);
  int64_t now_ms_ ABSL_GUARDED_BY(mu_) = kStartMs;
  absl::Status write_failure_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::AuditRecord> audit_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::NodeReport> reports_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast

#endif  // HOLDFAST_TESTS_SUPPORT_STATE_DESK_H_

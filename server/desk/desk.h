#ifndef HOLDFAST_SERVER_DESK_DESK_H_
#define HOLDFAST_SERVER_DESK_DESK_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/audit.pb.h"
#include "holdfast/v1/peer.pb.h"
#include "server/base/operation_class.h"
#include "server/base/position.h"
#include "server/base/secret_bytes.h"
#include "server/desk/audit_gaps.h"
#include "server/desk/caller.h"
#include "server/vault/plan.h"
#include "server/vault/state_reader.h"

namespace holdfast::desk {

// What this node is at the moment, for headers and refusals.
struct NodeFacts {
  std::string node_id;
  bool primary = false;
  Epoch epoch;
  Position position;                             // shown
  std::optional<std::chrono::milliseconds> age;  // 0 on the primary; nullopt: unknown
  bool primary_up = false;                       // known to be up
  std::string primary_rest_url;                  // empty: unknown
  std::string primary_ssh_address;               // empty: unknown
  bool can_read = false;
  std::string why_not;  // when it cannot
};

// How old or how new a read must be; from request headers.
struct ReadDemand {
  std::optional<Position> position;
  std::chrono::milliseconds wait{1000};
  std::optional<std::chrono::milliseconds> age_max;
};

struct RetrieveAsk {
  uint64_t account_id = 0;  // or both names
  std::string resource_name;
  std::string account_name;
  uint64_t resource_id = 0;  // when not 0, the account must be one of it
  std::string reason;
  std::string ticket;
};
struct Retrieved {
  uint64_t resource_id = 0;
  uint64_t account_id = 0;
  std::string resource_name;
  std::string account_name;
  SecretBytes secret;
};

// When a write is answered: on its own disk (`local`), or also once k secondaries have received it,
// have it durable, or show it.
struct SyncLevel {
  v1::Level level = v1::LEVEL_LOCAL;
  uint32_t k = 0;
  bool operator==(const SyncLevel&) const = default;
};

struct WriteOptions {
  // For clients that ask again when they heard no answer: the same key with the same digest
  // (HashOf over all that was asked for) is answered and not done again. Empty: none.
  std::string idempotency_key = {};
  std::string request_digest = {};
  std::optional<SyncLevel> level = std::nullopt;  // in place of the cluster's
};

struct Written {
  vault::Planned planned;  // without changes; `repeated`: what was new the first time is not shown
  Position position;       // where it stands
  SyncLevel level = {};    // that it has reached
  bool degraded = false;   // no: the primary alone has it, by the policy `degrade`
};

// A request that the gate refused before it was done.
struct RefusedRequest {
  std::string operation;
  std::string source;
  std::string via;
  CallerPtr caller;                    // null: it has not logged in
  const SecretBytes* token = nullptr;  // whom it would log in, as far as it is known here
};

struct AuditQuery {
  std::string node_id;  // empty: all
  uint64_t after = 0;   // numbers above; of one node
  size_t limit = 100;
};

// The one door of all dialects to the vault: who is it, may it now, what does it get. Dialects
// translate and render; the rules are in server/vault, the roles in replication/node.
//
// Promises    A secret leaves only after its audit record is durable on this node. Refused logins
// and
//             retrievals are recorded too (rate-limited). No answer is given on behalf of a caller
//             whose right has gone by then.
// Threading   Thread-safe. Callbacks run on threads of ours: they must not block; each is called
//             once.
// Failure     Statuses carry a vault::Refusal; render with RefusalOf. Messages hold no secret.
class Desk {
 public:
  virtual ~Desk() = default;

  // ---- Login. `source` is an address without port.
  virtual absl::StatusOr<CallerPtr> AuthenticateToken(const SecretBytes& token,
                                                      const std::string& source) = 0;
  // `record_refusal` false: a probe of the SSH transport, which a client makes with every key it
  // has.
  virtual absl::StatusOr<CallerPtr> AuthenticateKey(const std::string& login,
                                                    std::string_view public_key,
                                                    const std::string& source,
                                                    bool record_refusal) = 0;
  virtual absl::Status StillValid(const Caller& caller) = 0;

  // ---- This node.
  virtual NodeFacts Facts() const = 0;
  // NOT_PRIMARY or NOT_SERVING when the class is refused here and now.
  virtual absl::Status Admit(OperationClass op_class) const = 0;
  // Counted into the audit record of such refusals; waits for nothing.
  virtual void RecordRefused(const RefusedRequest& request, const absl::Status& refusal) = 0;
  // Calls `done` when the demand is met, or with TOO_STALE, POSITION_NOT_REACHED, POSITION_LOST.
  virtual void Await(const ReadDemand& demand, std::function<void(absl::Status)> done) = 0;
  // What all members are, as far as this node knows: one a member, dead ones with state "down".
  virtual std::vector<v1::NodeReport> Reports() const = 0;

  // ---- Reading. `read` runs under the reader lock with the caller's current row: keep it short
  // and keep no pointer. The status of `read` is returned; a caller that is no longer valid is
  // refused.
  using ReadFn = absl::FunctionRef<absl::Status(const vault::StateReader&, const v1::UserRow&)>;
  virtual absl::Status Read(const Caller& caller, ReadFn read) = 0;
  // Without a caller: what is public (host keys) or the node's own (members).
  virtual void ReadState(absl::FunctionRef<void(const vault::StateReader&)> read) const = 0;
  virtual void Retrieve(CallerPtr caller, RetrieveAsk ask,
                        std::function<void(absl::StatusOr<Retrieved>)> done) = 0;
  // Newest first; refused to those who may not read the audit.
  virtual absl::StatusOr<std::vector<v1::AuditRecord>> ListAudit(const Caller& caller,
                                                                 const AuditQuery& query) = 0;
  // What this node lacks of all journals; refused to the same.
  virtual absl::StatusOr<AuditGaps> FindAuditGaps(const Caller& caller) = 0;

  // ---- Writing.
  virtual absl::StatusOr<v1::SealedSecret> Seal(uint64_t organization_id, v1::Table table,
                                                const SecretBytes& secret) = 0;
  virtual std::string HashOf(const SecretBytes& token) const = 0;  // 32 bytes
  virtual int64_t NowMs() const = 0;                               // wall time, for validity dates
  // actor and now_ms are filled in here. `done` comes when the write is answerable at the level of
  // `options`, or of the cluster: OK means durable; OUTCOME_UNKNOWN that it may or may not stay.
  virtual void Submit(CallerPtr caller, vault::CommandBody body, WriteOptions options,
                      std::function<void(absl::StatusOr<Written>)> done) = 0;
  void Submit(CallerPtr caller, vault::CommandBody body,
              std::function<void(absl::StatusOr<Written>)> done) {
    Submit(std::move(caller), std::move(body), WriteOptions(), std::move(done));
  }
  // A write that nobody logged in for (join): by the node itself, from `source`.
  virtual void SubmitAsNode(const std::string& source, vault::CommandBody body,
                            std::function<void(absl::StatusOr<Written>)> done) = 0;
};

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_DESK_H_

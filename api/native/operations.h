#ifndef HOLDFAST_API_NATIVE_OPERATIONS_H_
#define HOLDFAST_API_NATIVE_OPERATIONS_H_

// Inside this room only: what each route does, by noun. Routes are declared in native.cc.
//
// Threading   Functions of their arguments and the desk; called on threads that must not block.
// Failure     Statuses for RenderError. A write that returns one has changed nothing.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "api/http/request.h"
#include "api/native/native.h"
#include "server/desk/desk.h"
#include "server/vault/command.h"
#include "server/vault/listing.h"

namespace holdfast::native {

// One request of somebody who has logged in.
struct Visit {
  std::shared_ptr<const NativeDeps> deps;
  desk::CallerPtr caller;
  std::shared_ptr<http::Request> request;

  desk::Desk& desk() const { return deps->desk; }
};

struct Answer {
  boost::json::object body;
  int status = 200;
  bool secret = false;                                  // wiped after sending
  std::optional<std::string> plain = std::nullopt;      // text/plain in place of the body
  std::optional<desk::Written> written = std::nullopt;  // of a write: for its headers
};
using AnswerOr = absl::StatusOr<Answer>;
using Finish = std::function<void(AnswerOr)>;

// What a write asks of the vault, and what it answers afterwards; without `answer`: {}.
struct Intent {
  vault::CommandBody body;
  std::function<AnswerOr(const Visit&, const desk::Written&)> answer = nullptr;
  std::string reason = {};  // for the audit, as is `ticket`
  std::string ticket = {};
};
using IntentOr = absl::StatusOr<Intent>;

// {"<key>":[..],"total":n}
Answer ListAnswer(std::string_view key, boost::json::array list, size_t total);
// {"<key>":{..}} with 201.
Answer CreatedAnswer(std::string_view key, boost::json::object object);
// That a request which takes nothing brings nothing: no keys, no parameters.
absl::Status TakesNothing(const http::Request& request);

// The rows of one page of a short list.
template <typename RowType>
vault::Listed<RowType> PageOf(std::vector<const RowType*> rows, const vault::Page& page) {
  vault::Listed<RowType> listed;
  listed.total = rows.size();
  for (size_t i = page.offset; i < rows.size() && listed.rows.size() < page.limit; ++i) {
    listed.rows.push_back(rows[i]);
  }
  return listed;
}

// An administrator sees the users of the organization, everybody sees itself: as in ListUsers.
absl::StatusOr<const v1::UserRow*> FindVisibleUser(const vault::StateReader& state,
                                                   const v1::UserRow& self, uint64_t user_id);

// users.cc
AnswerOr GetMe(const Visit& visit);
AnswerOr ListUsers(const Visit& visit);
AnswerOr GetUser(const Visit& visit);
IntentOr AddUser(const Visit& visit);
IntentOr DeleteUser(const Visit& visit);
IntentOr LockUser(const Visit& visit);
IntentOr UnlockUser(const Visit& visit);
// keys.cc
AnswerOr ListKeys(const Visit& visit);
IntentOr AddKey(const Visit& visit);
IntentOr RemoveKey(const Visit& visit);
// tokens.cc
AnswerOr ListTokens(const Visit& visit);
IntentOr IssueToken(const Visit& visit);
IntentOr RevokeToken(const Visit& visit);
// 0: for ever.
inline constexpr uint64_t kTokenDaysMax = 36500;
int64_t ExpiresMs(const desk::Desk& desk, uint64_t valid_days);
absl::StatusOr<boost::json::object> NewTokenObject(const Visit& visit, uint64_t token_id,
                                                   const SecretBytes& token);
// resources.cc
AnswerOr ListResources(const Visit& visit);
AnswerOr GetResource(const Visit& visit);
IntentOr AddResource(const Visit& visit);
IntentOr DeleteResource(const Visit& visit);
// accounts.cc
AnswerOr ListAccounts(const Visit& visit);
AnswerOr GetAccount(const Visit& visit);
IntentOr AddAccount(const Visit& visit);
IntentOr DeleteAccount(const Visit& visit);
// secrets.cc
void GetSecret(const Visit& visit, Finish finish);
void GetSecretByName(const Visit& visit, Finish finish);
IntentOr SetSecret(const Visit& visit);
// shares.cc
AnswerOr ListShares(const Visit& visit);
IntentOr SetShare(const Visit& visit);
IntentOr RevokeShare(const Visit& visit);
// cluster.cc
AnswerOr ListNodes(const Visit& visit);
IntentOr InviteNode(const Visit& visit);
AnswerOr GetSshd(const Visit& visit);
IntentOr SetSshd(const Visit& visit);
AnswerOr GetKnownHosts(const Visit& visit);
AnswerOr GetSettings(const Visit& visit);
IntentOr SetSettings(const Visit& visit);
AnswerOr GetStatus(const Visit& visit);
// orders.cc
void Promote(const Visit& visit, Finish finish);
void Switchover(const Visit& visit, Finish finish);
void Deny(const Visit& visit, Finish finish);
AnswerOr ListDenials(const Visit& visit);
IntentOr ForgetNode(const Visit& visit);
// lost_writes.cc
AnswerOr ListLostWrites(const Visit& visit);
void ApplyLostWrite(const Visit& visit, Finish finish);
void DropLostWrite(const Visit& visit, Finish finish);
// audit.cc
AnswerOr ListAudit(const Visit& visit);
AnswerOr ListAuditGaps(const Visit& visit);

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_OPERATIONS_H_

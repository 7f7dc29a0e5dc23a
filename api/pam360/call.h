#ifndef HOLDFAST_API_PAM360_CALL_H_
#define HOLDFAST_API_PAM360_CALL_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "api/pam360/envelope.h"
#include "api/pam360/input_data.h"
#include "api/pam360/routes.h"
#include "server/desk/desk.h"

namespace holdfast::pam360 {

struct Call;
using CallPtr = std::shared_ptr<const Call>;

// One operation of the dialect, as the table of routes has it.
struct Endpoint {
  http::Method method;
  std::string_view path;   // below the prefix
  DeclaredClass op_class;  // no default: a route without a class does not compile
  std::string_view route;  // for metrics
  std::string_view name;   // operation.name of its answers
  void (*serve)(const CallPtr&);
  // It names a resource and an account: a missing resource answers like a missing account.
  bool names_account = false;
};

// One request of a caller that has logged in, on its way to an answer.
//
// Threading   Immutable, so thread-safe; callbacks of the desk keep it alive.
// Ownership   Borrows the desk and the endpoint, which outlive the router.
struct Call {
  desk::Desk& desk;
  const Endpoint& endpoint;
  std::shared_ptr<const Options> options;
  desk::CallerPtr caller;
  std::shared_ptr<http::Request> request;
  http::Respond respond;
  InputData input;

  Parameters parameters() const { return input.parameters(); }
  // From the path. What is no number is the id of nothing: NO_SUCH_RESOURCE, NO_SUCH_ACCOUNT.
  absl::StatusOr<uint64_t> ResourceId() const;
  absl::StatusOr<uint64_t> AccountId() const;
  // From the query; MANDATORY_MISSING.
  absl::StatusOr<std::string> NeededQuery(std::string_view name) const;

  Answer Success(std::string_view message) const;
  Answer Success(std::string_view message, boost::json::value details) const;
  void Finish(const absl::StatusOr<Answer>& answer) const;
  void Finish(const absl::StatusOr<Answer>& answer, const desk::Written& written) const;
};

// An operation that is answered at once, as an Endpoint::serve: At<&ListResources>.
template <absl::StatusOr<Answer> (*answer)(const Call&)>
void At(const CallPtr& call) {
  call->Finish(answer(*call));
}

struct Write {
  vault::CommandBody body;
  std::string exists = {};  // the message of ALREADY_EXISTS; empty: that of the vault
  std::function<Answer(const vault::Planned&)> render;  // a repeated one shows no token again
  std::string reason = {};                              // for the audit, as is `ticket`
  std::string ticket = {};
};
// Submits and answers when it is known what became of it.
void Submit(const CallPtr& call, Write write);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_CALL_H_

#include "api/native/native.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "api/http/json.h"
#include "api/http/node_headers.h"
#include "api/http/token_places.h"
#include "api/native/errors.h"
#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"

namespace holdfast::native {
namespace {

constexpr char kApi[] = "native";
constexpr size_t kJoinBytesMax = 64 * 1024;

using Deps = std::shared_ptr<const NativeDeps>;
using ReadOperation = AnswerOr (*)(const Visit&);
using WriteOperation = IntentOr (*)(const Visit&);
using SlowOperation = void (*)(const Visit&, Finish);
// Changes this node, not the vault.
struct OrderOperation {
  void (*run)(const Visit&, Finish);
};
using Operation = std::variant<ReadOperation, WriteOperation, SlowOperation, OrderOperation>;

struct RouteRow {
  http::Method method;
  const char* pattern;
  OperationClass op_class;
  const char* name;
  Operation run;
};

constexpr auto kGet = http::Method::kGet;
constexpr auto kPost = http::Method::kPost;
constexpr auto kPut = http::Method::kPut;
constexpr auto kDelete = http::Method::kDelete;
constexpr auto kRetrieve = OperationClass::kRetrieve;
constexpr auto kPrimary = OperationClass::kPrimaryOnly;
constexpr auto kNode = OperationClass::kNode;

// In the order of docs/reference/native-api.md. Join is not here: it has no caller.
const RouteRow kRoutes[] = {
    {kGet, "/v1/me", kRetrieve, "me", GetMe},
    {kPost, "/v1/users", kPrimary, "users.add", AddUser},
    {kGet, "/v1/users", kRetrieve, "users.list", ListUsers},
    {kGet, "/v1/users/{id}", kRetrieve, "users.get", GetUser},
    {kDelete, "/v1/users/{id}", kPrimary, "users.delete", DeleteUser},
    {kPost, "/v1/users/{id}/lock", kPrimary, "users.lock", LockUser},
    {kPost, "/v1/users/{id}/unlock", kPrimary, "users.unlock", UnlockUser},
    {kGet, "/v1/users/{id}/keys", kRetrieve, "keys.list", ListKeys},
    {kPost, "/v1/users/{id}/keys", kPrimary, "keys.add", AddKey},
    {kDelete, "/v1/users/{id}/keys/{key}", kPrimary, "keys.remove", RemoveKey},
    {kGet, "/v1/users/{id}/tokens", kRetrieve, "tokens.list", ListTokens},
    {kPost, "/v1/users/{id}/tokens", kPrimary, "tokens.issue", IssueToken},
    {kDelete, "/v1/users/{id}/tokens/{token}", kPrimary, "tokens.revoke", RevokeToken},
    {kPost, "/v1/resources", kPrimary, "resources.add", AddResource},
    {kGet, "/v1/resources", kRetrieve, "resources.list", ListResources},
    {kGet, "/v1/resources/{id}", kRetrieve, "resources.get", GetResource},
    {kDelete, "/v1/resources/{id}", kPrimary, "resources.delete", DeleteResource},
    {kPost, "/v1/resources/{id}/accounts", kPrimary, "accounts.add", AddAccount},
    {kGet, "/v1/resources/{id}/accounts", kRetrieve, "accounts.list", ListAccounts},
    {kGet, "/v1/accounts/{id}", kRetrieve, "accounts.get", GetAccount},
    {kDelete, "/v1/accounts/{id}", kPrimary, "accounts.delete", DeleteAccount},
    {kGet, "/v1/accounts/{id}/secret", kRetrieve, "secrets.get", GetSecret},
    {kGet, "/v1/secret", kRetrieve, "secrets.get_by_name", GetSecretByName},
    {kPut, "/v1/accounts/{id}/secret", kPrimary, "secrets.set", SetSecret},
    {kGet, "/v1/shares", kRetrieve, "shares.list", ListShares},
    {kPost, "/v1/shares", kPrimary, "shares.set", SetShare},
    {kDelete, "/v1/shares/{id}", kPrimary, "shares.revoke", RevokeShare},
    {kGet, "/v1/nodes", kRetrieve, "nodes.list", ListNodes},
    {kPost, "/v1/nodes/invites", kPrimary, "nodes.invite", InviteNode},
    {kPost, "/v1/nodes/{id}/forget", kPrimary, "nodes.forget", ForgetNode},
    {kGet, "/v1/sshd", kRetrieve, "sshd.get", GetSshd},
    {kPut, "/v1/sshd", kPrimary, "sshd.set", SetSshd},
    {kGet, "/v1/sshd/known-hosts", kRetrieve, "sshd.known_hosts", GetKnownHosts},
    {kGet, "/v1/settings", kRetrieve, "settings.get", GetSettings},
    {kPut, "/v1/settings", kPrimary, "settings.set", SetSettings},
    {kGet, "/v1/audit", kRetrieve, "audit.list", ListAudit},
    {kGet, "/v1/audit/gaps", kRetrieve, "audit.gaps", ListAuditGaps},
    {kGet, "/v1/status", kNode, "status", GetStatus},
    {kPost, "/v1/promote", kNode, "promote", OrderOperation{Promote}},
    {kPost, "/v1/switchover", kNode, "switchover", OrderOperation{Switchover}},
    {kPost, "/v1/deny", kNode, "deny", OrderOperation{Deny}},
    {kGet, "/v1/deny", kNode, "denials.list", ListDenials},
    {kGet, "/v1/lost-writes", kNode, "lost_writes.list", ListLostWrites},
    {kPost, "/v1/lost-writes/apply", kNode, "lost_writes.apply", OrderOperation{ApplyLostWrite}},
    {kPost, "/v1/lost-writes/drop", kNode, "lost_writes.drop", OrderOperation{DropLostWrite}},
};

http::Response Render(Answer answer) {
  http::Response response;
  response.status = answer.status;
  response.secret_body = answer.secret;
  if (answer.plain.has_value()) {
    response.content_type = "text/plain; charset=utf-8";
    response.body = *std::move(answer.plain);
  } else {
    response.body = http::JsonText(std::move(answer.body));
  }
  if (answer.written.has_value()) http::SetWritten(*answer.written, response);
  return response;
}

Finish FinishBy(Deps deps, std::shared_ptr<http::Request> request, http::Respond respond) {
  return [deps = std::move(deps), request = std::move(request),
          respond = std::move(respond)](AnswerOr answer) {
    respond(answer.ok() ? Render(*std::move(answer))
                        : RenderError(answer.status(), deps->desk.Facts(), request->target.path));
  };
}

void Run(ReadOperation operation, const Visit& visit, const Finish& finish) {
  // The body of a read would be ignored, so there must be none.
  if (!visit.request->body.empty()) {
    finish(InvalidInput("body: a request that reads takes none"));
    return;
  }
  finish(operation(visit));
}

void Run(SlowOperation operation, const Visit& visit, const Finish& finish) {
  if (!visit.request->body.empty()) {
    finish(InvalidInput("body: a request that reads takes none"));
    return;
  }
  operation(visit, finish);
}

absl::Status CheckOrder(const http::Request& request) {
  if (request.headers.Has("Idempotency-Key")) {
    return InvalidInput("Idempotency-Key: an order is no write, and takes none");
  }
  return NoParameters(request);
}

void Run(OrderOperation operation, const Visit& visit, const Finish& finish) {
  const absl::Status valid = CheckOrder(*visit.request);
  if (!valid.ok()) return finish(valid);
  operation.run(visit, finish);
}

absl::StatusOr<desk::WriteOptions> OptionsOf(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(NoParameters(*visit.request));
  return http::WriteOptionsOf(visit.desk(), *visit.request);
}

void Run(WriteOperation operation, const Visit& visit, const Finish& finish) {
  absl::StatusOr<desk::WriteOptions> options = OptionsOf(visit);
  IntentOr intent = options.ok() ? operation(visit) : IntentOr(options.status());
  if (!intent.ok()) {
    finish(intent.status());
    return;
  }
  auto done = [visit, finish,
               answer = std::move(intent->answer)](const absl::StatusOr<desk::Written>& written) {
    if (!written.ok()) {
      finish(written.status());
      return;
    }
    AnswerOr result = answer == nullptr ? AnswerOr(Answer{}) : answer(visit, *written);
    if (result.ok()) result->written = *written;
    finish(std::move(result));
  };
  visit.desk().Submit(
      desk::ForReason(visit.caller, std::move(intent->reason), std::move(intent->ticket)),
      std::move(intent->body), *std::move(options), std::move(done));
}

// The gate before anything else: a write that went astray learns the way also when its token is too
// new for this node.
http::Handler BehindTheGate(Deps deps, OperationClass op_class, http::Handler handler) {
  return [deps = std::move(deps), op_class, handler = std::move(handler)](
             std::shared_ptr<http::Request> request, http::Respond respond) {
    const absl::Status admitted = deps->desk.Admit(op_class);
    if (admitted.ok()) {
      handler(std::move(request), std::move(respond));
      return;
    }
    const desk::NodeFacts facts = deps->desk.Facts();
    http::Response response = RenderError(admitted, facts, request->target.path);
    http::AddNodeHeaders(facts, response);
    respond(std::move(response));
  };
}

http::Handler HandlerOf(const Deps& deps, const RouteRow& row, http::Refuse refuse) {
  auto run = [deps, operation = row.run](desk::CallerPtr caller,
                                         std::shared_ptr<http::Request> request,
                                         http::Respond respond) {
    const Finish finish = FinishBy(deps, request, std::move(respond));
    const Visit visit{.deps = deps, .caller = std::move(caller), .request = std::move(request)};
    std::visit([&](auto chosen) { Run(chosen, visit, finish); }, operation);
  };
  return BehindTheGate(
      deps, row.op_class,
      http::ForCallers(deps->desk, http::TokenIn, std::move(refuse), std::move(run)));
}

void Join(const Deps& deps, const std::shared_ptr<http::Request>& request, http::Respond respond) {
  const Finish refuse = FinishBy(deps, request, [deps, respond](http::Response response) {
    http::AddNodeHeaders(deps->desk.Facts(), response);
    respond(std::move(response));
  });
  absl::Status valid = NoParameters(*request);
  if (valid.ok() && request->headers.Has("Idempotency-Key")) {
    valid = InvalidInput("Idempotency-Key: an invite is used once, so joining takes none");
  }
  if (valid.ok() && request->body.size() > kJoinBytesMax) {
    valid = InvalidInput("body: expected at most 64 KiB, got " +
                         std::to_string(request->body.size()) + " bytes");
  }
  if (!valid.ok()) {
    refuse(valid);
    return;
  }
  deps->join(request->client, request->body,
             [deps, refuse, respond](absl::StatusOr<std::string> text) {
               if (!text.ok()) {
                 refuse(text.status());
                 return;
               }
               http::Response response;
               response.body = *std::move(text);
               response.secret_body = true;
               http::AddNodeHeaders(deps->desk.Facts(), response);
               respond(std::move(response));
             });
}

}  // namespace

void AddNativeRoutes(NativeDeps given, http::Router& router) {
  const auto deps = std::make_shared<const NativeDeps>(std::move(given));
  const http::Refuse refuse = [deps](const absl::Status& status) {
    return RenderError(status, deps->desk.Facts(), "");
  };
  for (const RouteRow& row : kRoutes) {
    HOLDFAST_CHECK(std::holds_alternative<WriteOperation>(row.run) ==
                   (row.op_class == OperationClass::kPrimaryOnly));
    router.Add({.method = row.method,
                .pattern = row.pattern,
                .op_class = row.op_class,
                .api = kApi,
                .name = row.name,
                .handler = HandlerOf(deps, row, refuse),
                .refuse = refuse});
  }
  router.Add({.method = kPost,
              .pattern = "/v1/join",
              .op_class = kPrimary,
              .api = kApi,
              .name = "join",
              .handler = BehindTheGate(
                  deps, kPrimary,
                  [deps](const std::shared_ptr<http::Request>& request, http::Respond respond) {
                    Join(deps, request, std::move(respond));
                  }),
              .refuse = refuse});
  router.AddFallback("/v1", [deps](const absl::Status& status) {
    const desk::NodeFacts facts = deps->desk.Facts();
    http::Response response = RenderNoRoute(status, facts);
    http::AddNodeHeaders(facts, response);
    return response;
  });
}

}  // namespace holdfast::native

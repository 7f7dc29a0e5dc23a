#include "api/pam360/call.h"

#include <utility>

#include "api/http/node_headers.h"
#include "api/pam360/refusals.h"
#include "api/pam360/texts.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

absl::StatusOr<uint64_t> PathId(const http::Request& request, std::string_view capture,
                                vault::Refusal refusal) {
  const std::optional<uint64_t> id = ParseId(request.Capture(capture));
  if (!id.has_value() || *id == 0) {
    return vault::Refuse(refusal, std::string(capture) + ": not an id");
  }
  return *id;
}

}  // namespace

absl::StatusOr<uint64_t> Call::ResourceId() const {
  return PathId(*request, "rid", vault::Refusal::kNoSuchResource);
}

absl::StatusOr<uint64_t> Call::AccountId() const {
  return PathId(*request, "aid", vault::Refusal::kNoSuchAccount);
}

absl::StatusOr<std::string> Call::NeededQuery(std::string_view name) const {
  const std::string* value = request->Query(name);
  if (value == nullptr || value->empty()) return MandatoryMissing(name);
  return *value;
}

Answer Call::Success(std::string_view message) const {
  return {.name = std::string(endpoint.name), .message = std::string(message)};
}

Answer Call::Success(std::string_view message, boost::json::value details) const {
  Answer answer = Success(message);
  answer.details = std::move(details);
  return answer;
}

void Call::Finish(const absl::StatusOr<Answer>& answer) const {
  respond(answer.ok() ? Render(*answer) : RenderRefusal(answer.status(), endpoint, desk.Facts()));
}

void Call::Finish(const absl::StatusOr<Answer>& answer, const desk::Written& written) const {
  if (!answer.ok()) {
    Finish(answer);
    return;
  }
  http::Response response = Render(*answer);
  http::SetWritten(written, response);
  respond(std::move(response));
}

void Submit(const CallPtr& call, Write write) {
  absl::StatusOr<desk::WriteOptions> options = http::WriteOptionsOf(call->desk, *call->request);
  if (!options.ok()) return call->Finish(options.status());
  vault::CommandBody body = std::move(write.body);
  auto done = [call, exists = std::move(write.exists),
               render = std::move(write.render)](absl::StatusOr<desk::Written> written) {
    if (written.ok()) {
      call->Finish(render(written->planned), *written);
      return;
    }
    const bool clash = vault::RefusalOf(written.status()) == vault::Refusal::kAlreadyExists;
    if (clash && !exists.empty()) {
      call->Finish(Failed(call->endpoint.name, exists));
    } else {
      call->Finish(written.status());
    }
  };
  call->desk.Submit(desk::ForReason(call->caller, std::move(write.reason), std::move(write.ticket)),
                    std::move(body), *std::move(options), std::move(done));
}

}  // namespace holdfast::pam360

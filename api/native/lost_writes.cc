// What this very node had shown and the cluster went on without: docs/promotion.md.
#include <memory>
#include <string>
#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/words.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/desk/lost_desk.h"
#include "server/vault/refusal.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

const char* WordOf(v1::LostState state) {
  switch (state) {
    case v1::LOST_STATE_HELD:
      return "held";
    case v1::LOST_STATE_APPLIED:
      return "applied";
    case v1::LOST_STATE_DROPPED:
      return "dropped";
    default:
      return "unknown";
  }
}

json::object RenderLost(const v1::LostWriteView& view) {
  json::array names;
  for (const std::string& name : view.names()) names.emplace_back(name);
  return {{"node", view.node_id()},
          {"id", view.id()},
          {"time", TimeOrNull(view.wall_ms())},
          {"user", TextOrNull(view.user_name())},
          {"source", TextOrNull(view.source())},
          {"operation", view.operation()},
          {"names", std::move(names)},
          {"records", view.records()},
          {"state", WordOf(view.state())},
          {"state_at", TimeOrNull(view.state_ms())},
          {"state_by", TextOrNull(view.state_by())}};
}

absl::Status NoQuarantine() {
  return vault::Refuse(vault::Refusal::kNotServing, "this node has no quarantine");
}

desk::LostDesk::Done Answering(Finish finish) {
  return [finish = std::move(finish)](const absl::StatusOr<Position>& done) {
    if (!done.ok()) return finish(done.status());
    Answer answer;
    if (done->seq != 0) answer.body["position"] = ToText(*done);
    finish(std::move(answer));
  };
}

}  // namespace

AnswerOr ListLostWrites(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  json::array list;
  if (visit.deps->lost == nullptr) return ListAnswer("lost_writes", std::move(list), 0);
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<v1::LostWriteView> views,
                            visit.deps->lost->List(*visit.caller));
  for (const v1::LostWriteView& view : views) list.push_back(RenderLost(view));
  const size_t total = list.size();
  return ListAnswer("lost_writes", std::move(list), total);
}

void ApplyLostWrite(const Visit& visit, Finish finish) {
  absl::StatusOr<Fields> fields = Fields::Parse(visit.request->body);
  if (!fields.ok()) return finish(fields.status());
  const std::string id = fields->MandatoryText("id", limits::kNameCharsMax);
  const bool force = fields->Flag("force", false);
  if (absl::Status read = fields->Done(); !read.ok()) return finish(read);
  if (visit.deps->lost == nullptr) return finish(NoQuarantine());
  visit.deps->lost->Apply(visit.caller, id, force, Answering(std::move(finish)));
}

void DropLostWrite(const Visit& visit, Finish finish) {
  absl::StatusOr<Fields> fields = Fields::Parse(visit.request->body);
  if (!fields.ok()) return finish(fields.status());
  const std::string id = fields->MandatoryText("id", limits::kNameCharsMax);
  if (absl::Status read = fields->Done(); !read.ok()) return finish(read);
  if (visit.deps->lost == nullptr) return finish(NoQuarantine());
  visit.deps->lost->Drop(visit.caller, id, Answering(std::move(finish)));
}

}  // namespace holdfast::native

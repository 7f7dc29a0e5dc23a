// What an operator orders this very node: docs/promotion.md has the rules, native-api.md the JSON.
#include "replication/node/orders.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/words.h"
#include "server/base/status_macros.h"
#include "server/desk/order_desk.h"
#include "server/desk/sync_level.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

constexpr char kPromotionSchema[] = "holdfast.promotion/1";
constexpr char kSwitchoverSchema[] = "holdfast.switchover/1";
constexpr size_t kFingerprintCharsMax = 128;

template <typename Value>
json::value OrNull(const std::optional<Value>& value) {
  if (!value.has_value()) return nullptr;
  return json::value(*value);
}

absl::Status NoOrders() {
  return vault::Refuse(vault::Refusal::kNotServing, "this node takes no orders");
}

absl::StatusOr<vault::SetSettings> SyncOf(const json::string& text, v1::Policy policy) {
  const absl::StatusOr<desk::SyncLevel> sync = desk::ParseSyncLevel(text);
  if (!sync.ok()) return InvalidInput("sync: " + std::string(sync.status().message()));
  return vault::SetSettings{.level = sync->level, .k = sync->k, .policy = policy};
}

absl::StatusOr<replication::AcceptLoss> AcceptLossOf(const json::value& value) {
  if (value.is_string() && value.get_string() == "unknown") {
    return replication::AcceptLoss{.unknown = true};
  }
  if (value.is_int64() && value.get_int64() >= 0) {
    return replication::AcceptLoss{.records = static_cast<uint64_t>(value.get_int64())};
  }
  return InvalidInput("accept_loss: expected a number of records, \"unknown\" or null");
}

absl::StatusOr<replication::PromoteOrder> PromoteOrderOf(Fields& fields, v1::Policy policy) {
  replication::PromoteOrder order;
  order.dry_run = fields.Flag("dry_run", false);
  order.old_primary_is_down = fields.Flag("old_primary_is_down", false);
  if (const json::value* loss = fields.Any("accept_loss"); loss != nullptr) {
    HOLDFAST_ASSIGN_OR_RETURN(order.accept_loss, AcceptLossOf(*loss));
  }
  if (const json::value* sync = fields.Any("sync"); sync != nullptr) {
    if (!sync->is_string()) return InvalidInput("sync: expected a text LEVEL:K or null");
    HOLDFAST_ASSIGN_OR_RETURN(order.lowered, SyncOf(sync->get_string(), policy));
  }
  return order;
}

json::object RenderMember(const replication::MemberSaid& said) {
  json::value epoch;
  if (said.answered && said.epoch.number != 0) epoch = said.epoch.number;
  return {{"id", said.id},
          {"answered", said.answered},
          {"granted", said.granted},
          {"epoch", epoch},
          {"seq", said.answered ? json::value(said.last.seq) : json::value()},
          {"reason", TextOrNull(said.reason)}};
}

json::object RenderPromotion(const std::string& node, const replication::PromoteResult& result) {
  json::array grants;
  for (const std::string& id : result.grants) grants.emplace_back(id);
  json::array members;
  for (const replication::MemberSaid& said : result.members) members.push_back(RenderMember(said));
  json::array notes;
  json::value refused;
  if (!result.refused.ok()) {
    const auto refusal = vault::RefusalOf(result.refused);
    const std::string name(refusal ? vault::RefusalName(*refusal) : "INTERNAL");
    refused = json::object{{"code", name}, {"message", std::string(result.refused.message())}};
    notes.emplace_back("would be refused: " + std::string(result.refused.message()));
  }
  if (result.was_primary) notes.emplace_back(node + " is primary already");
  return {{"schema", kPromotionSchema},
          {"node", node},
          {"dry_run", result.dry_run},
          {"epoch", result.epoch.number},
          {"was_primary", result.was_primary},
          {"complete", OrNull(result.complete)},
          {"lost_records", OrNull(result.lost_records)},
          {"lost_at_least", result.lost_at_least},
          {"grants", std::move(grants)},
          {"grants_needed", result.grants_needed},
          {"members", std::move(members)},
          {"refused", refused},
          {"notes", std::move(notes)}};
}

json::object RenderDenial(const v1::Denial& denial) {
  return {{"id", denial.id()},
          {"user", TextOrNull(denial.user_name())},
          {"key", TextOrNull(denial.key_fingerprint())},
          {"node", denial.node_id()},
          {"by", denial.by()},
          {"at", TimeOrNull(denial.wall_ms())},
          {"in_force", !denial.in_rows()}};
}

v1::Policy PolicyNow(const Visit& visit) {
  v1::Policy policy = v1::POLICY_BLOCK;
  visit.desk().ReadState([&](const vault::StateReader& state) {
    const v1::ClusterRow* cluster = state.Cluster();
    if (cluster != nullptr && cluster->policy() != v1::POLICY_UNSPECIFIED)
      policy = cluster->policy();
  });
  return policy;
}

}  // namespace

void Promote(const Visit& visit, Finish finish) {
  absl::StatusOr<Fields> fields = Fields::Parse(visit.request->body);
  if (!fields.ok()) return finish(fields.status());
  const std::string node = fields->MandatoryText("node", limits::kNameCharsMax);
  absl::StatusOr<replication::PromoteOrder> order = PromoteOrderOf(*fields, PolicyNow(visit));
  if (absl::Status read = fields->Done(); !read.ok()) return finish(read);
  if (!order.ok()) return finish(order.status());
  if (visit.deps->orders == nullptr) return finish(NoOrders());
  visit.deps->orders->Promote(
      visit.caller, node, *std::move(order),
      [node, finish = std::move(finish)](const absl::StatusOr<replication::PromoteResult>& result) {
        if (!result.ok()) return finish(result.status());
        finish(Answer{.body = RenderPromotion(node, *result)});
      });
}

void Switchover(const Visit& visit, Finish finish) {
  absl::StatusOr<Fields> fields = Fields::Parse(visit.request->body);
  if (!fields.ok()) return finish(fields.status());
  const std::string to = fields->MandatoryText("to", limits::kNameCharsMax);
  if (absl::Status read = fields->Done(); !read.ok()) return finish(read);
  if (visit.deps->orders == nullptr) return finish(NoOrders());
  visit.deps->orders->Switchover(
      visit.caller, to,
      [finish = std::move(finish)](const absl::StatusOr<replication::SwitchoverResult>& result) {
        if (!result.ok()) return finish(result.status());
        finish(Answer{.body = {{"schema", kSwitchoverSchema},
                               {"from", result->from},
                               {"to", result->to},
                               {"epoch", result->epoch.number},
                               {"write_pause_ms", result->write_pause_ms}}});
      });
}

void Deny(const Visit& visit, Finish finish) {
  absl::StatusOr<Fields> fields = Fields::Parse(visit.request->body);
  if (!fields.ok()) return finish(fields.status());
  desk::DenyAsk ask{.user_name = fields->Text("user", limits::kNameCharsMax),
                    .key_fingerprint = fields->Text("key", kFingerprintCharsMax)};
  if (absl::Status read = fields->Done(); !read.ok()) return finish(read);
  if (ask.user_name.empty() == ask.key_fingerprint.empty()) {
    return finish(InvalidInput("expected one of: user, key"));
  }
  if (visit.deps->orders == nullptr) return finish(NoOrders());
  visit.deps->orders->Deny(visit.caller, std::move(ask),
                           [finish = std::move(finish)](const absl::Status& denied) {
                             if (!denied.ok()) return finish(denied);
                             finish(Answer{});
                           });
}

AnswerOr ListDenials(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  if (visit.deps->orders == nullptr) return Answer{.body = {{"denials", json::array()}}};
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<v1::Denial> denials,
                            visit.deps->orders->Denials(*visit.caller));
  json::array list;
  for (const v1::Denial& denial : denials) list.push_back(RenderDenial(denial));
  return Answer{.body = {{"denials", std::move(list)}}};
}

// The certificate of the node is good for nothing from then on; what it holds, it holds.
IntentOr ForgetNode(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(const Fields fields, Fields::Parse(visit.request->body));
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  vault::ForgetMember command{.node_id = visit.request->Capture("id")};
  const std::string node = command.node_id;
  return Intent{
      .body = std::move(command),
      .answer = [node](const Visit&, const desk::Written& written) -> AnswerOr {
        json::value held;  // of a request that came again: it is not known any more
        if (!written.planned.repeated) held = written.planned.secrets_held;
        return Answer{
            .body = {
                {"node", node},
                {"secrets_held", held},
                {"notes",
                 {"its certificate is refused from now on, and its streams are cut",
                  "it has held every secret of the vault and the root key, and keeps what is on "
                  "its disk: destroy that disk, or set every secret anew",
                  "no key was changed: whoever has that disk can read every backup of the vault, "
                  "also a later one; docs/runbooks/forgotten-node.md"}}}};
      }};
}

}  // namespace holdfast::native

#include "server/desk/order_desk.h"

#include <fmt/format.h>

#include <set>
#include <string_view>
#include <utility>

#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/random.h"
#include "server/desk/audit_line.h"
#include "server/observe/log.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

using vault::Refusal;

constexpr std::chrono::seconds kCarryAgainAfter{10};

std::string InWords(const replication::PromoteOrder& order) {
  std::string text = order.dry_run ? "dry run" : "";
  const auto add = [&text](const std::string& option) {
    text += (text.empty() ? "" : ", ") + option;
  };
  if (order.old_primary_is_down) add("old primary is down");
  if (order.accept_loss.unknown) {
    add("accept loss unknown");
  } else if (order.accept_loss.records > 0) {
    add(fmt::format("accept loss {}", order.accept_loss.records));
  }
  if (order.lowered) {
    add(fmt::format("sync {}:{}", v1::Level_Name(order.lowered->level), order.lowered->k));
  }
  return text;
}

}  // namespace

OrderDesk::OrderDesk(OrderParts parts, std::function<void()> denied)
    : parts_(std::move(parts)),
      denied_(std::move(denied)),
      refusals_(parts_.journal, parts_.clock) {}

OrderDesk::~OrderDesk() { underway_.WaitForNone(); }

void OrderDesk::Record(v1::AuditRecord line, const absl::Status& outcome,
                       std::function<void(absl::Status)> answer) {
  SetResult(line, outcome);
  if (!outcome.ok()) {
    return refusals_.Record(line, [answer = std::move(answer), outcome,
                                   ticket = underway_.Begin()] { answer(outcome); });
  }
  parts_.journal.Append(std::move(line), [answer = std::move(answer),
                                          ticket = underway_.Begin()](const absl::Status& durable) {
    if (!durable.ok()) {
      LogError("the audit record of an order is not durable: {}", ToText(durable));
    }
    answer(absl::OkStatus());  // It is done, and undone by nobody.
  });
}

void OrderDesk::Promote(CallerPtr caller, const std::string& node_id,
                        replication::PromoteOrder order, replication::PromoteDone done) {
  v1::AuditRecord line = OrderLine(parts_, "cluster.promote", *caller, InWords(order));
  absl::Status may = MayOrder(parts_, *caller);
  if (may.ok() && node_id != parts_.node_id) {
    may = vault::Refuse(Refusal::kNoSuchMember, fmt::format("this node is {}, the order is for {}",
                                                            parts_.node_id, node_id));
  }
  if (!may.ok()) {
    return Record(std::move(line), may, [done](const absl::Status& status) { done(status); });
  }
  parts_.node.Promote(std::move(order), [this, line = std::move(line), done = std::move(done),
                                         ticket = underway_.Begin()](
                                            absl::StatusOr<replication::PromoteResult> result) {
    const absl::Status outcome = result.ok() ? result->refused : result.status();
    auto held = std::make_shared<absl::StatusOr<replication::PromoteResult>>(std::move(result));
    Record(line, outcome, [done, held](const absl::Status&) { done(std::move(*held)); });
  });
}

void OrderDesk::Switchover(CallerPtr caller, const std::string& to,
                           replication::SwitchoverDone done) {
  v1::AuditRecord line = OrderLine(parts_, "cluster.switchover", *caller, "to " + to);
  if (const absl::Status may = MayOrder(parts_, *caller); !may.ok()) {
    return Record(std::move(line), may, [done](const absl::Status& status) { done(status); });
  }
  parts_.node.Switchover(
      to, [this, line = std::move(line), done = std::move(done),
           ticket = underway_.Begin()](absl::StatusOr<replication::SwitchoverResult> result) {
        const absl::Status outcome = result.status();
        auto held =
            std::make_shared<absl::StatusOr<replication::SwitchoverResult>>(std::move(result));
        Record(line, outcome, [done, held](const absl::Status&) { done(std::move(*held)); });
      });
}

// ---- Denials.

absl::Status OrderDesk::AddDenial(const Caller& caller, const DenyAsk& ask) {
  v1::Denial denial;
  denial.set_id(HexEncode(crypto::RandomId16()));
  denial.set_user_name(ask.user_name);
  denial.set_key_fingerprint(ask.key_fingerprint);
  denial.set_wall_ms(ToMillis(parts_.clock.Wall()));
  denial.set_by(caller.user_name);
  denial.set_node_id(parts_.node_id);
  bool missing = false;
  parts_.desk.ReadState([&](const vault::StateReader& state) {
    missing = replication::MissingInRows(denial, state).empty();
  });
  if (missing) {
    return ask.user_name.empty()
               ? vault::Refuse(Refusal::kNoSuchKey, "no user has that key")
               : vault::Refuse(Refusal::kNoSuchUser, "no such user, or it is locked already");
  }
  return parts_.node.denials().Add(std::move(denial));
}

void OrderDesk::Deny(CallerPtr caller, DenyAsk ask, std::function<void(absl::Status)> done) {
  v1::AuditRecord line =
      OrderLine(parts_, "node.deny", *caller,
                ask.user_name.empty() ? "key " + ask.key_fingerprint : "user " + ask.user_name);
  absl::Status outcome = MayOrder(parts_, *caller);
  if (outcome.ok()) {
    outcome = AddDenial(*caller, ask);
    if (denied_) denied_();  // In force also when it could not be kept.
  }
  Record(std::move(line), outcome, std::move(done));
}

absl::StatusOr<std::vector<v1::Denial>> OrderDesk::Denials(const Caller& caller) {
  HOLDFAST_RETURN_IF_ERROR(
      parts_.desk.Read(caller, [](const vault::StateReader&, const v1::UserRow& user) {
        return vault::MayOperateCluster(user);
      }));
  return parts_.node.denials().All();
}

// What no node reports any more is in the rows, or will be reported again.
void OrderDesk::ForgetCarried(const std::vector<v1::NodeReport>& reports) {
  std::set<std::string_view> reported;
  for (const v1::NodeReport& report : reports) {
    for (const v1::Denial& denial : report.denials()) reported.insert(denial.id());
  }
  MutexLock lock(mu_);
  std::erase_if(carried_, [&](const auto& tried) { return !reported.contains(tried.first); });
}

void OrderDesk::CarryOutDenials() {
  if (!parts_.desk.Facts().primary) return;
  const MonoTime now = parts_.clock.Mono();
  const std::vector<v1::NodeReport> reports = parts_.desk.Reports();
  ForgetCarried(reports);
  for (const v1::NodeReport& report : reports) {
    for (const v1::Denial& denial : report.denials()) {
      {
        MutexLock lock(mu_);
        const auto tried = carried_.find(denial.id());
        if (tried != carried_.end() && now - tried->second < kCarryAgainAfter) continue;
        carried_[denial.id()] = now;
      }
      std::vector<vault::CommandBody> missing;
      parts_.desk.ReadState([&](const vault::StateReader& state) {
        missing = replication::MissingInRows(denial, state);
      });
      for (vault::CommandBody& body : missing) {
        parts_.desk.SubmitAsNode(
            denial.node_id(), std::move(body),
            [id = denial.id(), node = denial.node_id()](const absl::StatusOr<Written>& written) {
              if (written.ok()) {
                LogInfo("what was denied on {} is in the rows now", node);
              } else {
                LogWarning("what was denied on {} is not in the rows: {}", node,
                           ToText(written.status()));
              }
            });
      }
    }
  }
}

}  // namespace holdfast::desk

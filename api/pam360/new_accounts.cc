#include <algorithm>
#include <boost/json/array.hpp>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/http/node_headers.h"
#include "api/pam360/account_input.h"
#include "api/pam360/details.h"
#include "api/pam360/endpoints.h"
#include "api/pam360/envelope.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/vault/access.h"
#include "server/vault/refusal.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

constexpr std::string_view kAdded = "Account added successfully";
constexpr std::string_view kExists = "Account is not added  as it already exists";  // two blanks

// The vault adds all accounts of a command or none; here those that exist are skipped one by one.
struct Batch {
  struct Item {
    v1::AccountRow row;
    bool exists = false;
  };
  uint64_t resource_id = 0;
  std::vector<Item> items;

  vault::AddAccounts NewOnes() const {
    vault::AddAccounts add{.resource_id = resource_id, .accounts = {}};
    for (const Item& item : items) {
      if (!item.exists) add.accounts.push_back(item.row);
    }
    return add;
  }
};

absl::StatusOr<std::string> ResourcePolicy(const Call& call, uint64_t resource_id) {
  std::string policy;
  HOLDFAST_RETURN_IF_ERROR(call.desk.Read(
      *call.caller, [&](const vault::StateReader& state, const v1::UserRow& user) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(const v1::ResourceRow* resource,
                                  vault::FindVisibleResource(state, user, resource_id));
        policy = resource->password_policy();
        return absl::OkStatus();
      }));
  return policy;
}

absl::StatusOr<Batch> ReadBatch(const Call& call) {
  Batch batch;
  HOLDFAST_ASSIGN_OR_RETURN(batch.resource_id, call.ResourceId());
  HOLDFAST_ASSIGN_OR_RETURN(const std::string policy, ResourcePolicy(call, batch.resource_id));
  HOLDFAST_ASSIGN_OR_RETURN(const json::array* list, call.parameters().Array("ACCOUNTLIST"));
  if (list == nullptr || list->empty()) return MandatoryMissing("ACCOUNTLIST");
  if (list->size() > limits::kAccountsPerCommandMax) {
    return vault::Refuse(vault::Refusal::kLimitReached,
                         "parameter ACCOUNTLIST: expected at most " +
                             std::to_string(limits::kAccountsPerCommandMax) + " accounts");
  }
  std::set<std::string> names;
  for (const json::value& item : *list) {
    if (!item.is_object()) {
      return absl::InvalidArgumentError("parameter ACCOUNTLIST: expected a list of objects");
    }
    HOLDFAST_ASSIGN_OR_RETURN(v1::AccountRow row,
                              AccountOf(call, Parameters(item.as_object()), policy));
    const bool again = !names.insert(vault::FoldCase(row.name())).second;
    batch.items.push_back({.row = std::move(row), .exists = again});
  }
  return batch;
}

// Whether one was found that was not known before.
absl::StatusOr<bool> MarkExisting(const Call& call, Batch& batch) {
  bool found = false;
  HOLDFAST_RETURN_IF_ERROR(
      call.desk.Read(*call.caller, [&](const vault::StateReader& state, const v1::UserRow&) {
        for (Batch::Item& item : batch.items) {
          if (item.exists) continue;
          item.exists = state.FindAccountByName(batch.resource_id, item.row.name()) != nullptr;
          found = found || item.exists;
        }
        return absl::OkStatus();
      }));
  return found;
}

// A request that came again has added what it added then, and nothing that others have since.
absl::Status MarkAsThen(const Call& call, const vault::Planned& then, Batch& batch) {
  if (!then.repeated) return absl::OkStatus();
  if (batch.NewOnes().accounts.size() == then.account_ids.size()) return absl::OkStatus();
  return call.desk.Read(*call.caller, [&](const vault::StateReader& state, const v1::UserRow&) {
    for (Batch::Item& item : batch.items) {
      const v1::AccountRow* row = state.FindAccountByName(batch.resource_id, item.row.name());
      const auto& ids = then.account_ids;
      const bool added =
          row != nullptr && std::find(ids.begin(), ids.end(), row->id()) != ids.end();
      item.exists = item.exists || !added;
    }
    return absl::OkStatus();
  });
}

Answer RenderBatch(const Call& call, const Batch& batch) {
  json::array details(WipedObject().storage());
  bool any = false;
  for (const Batch::Item& item : batch.items) {
    any = any || !item.exists;
    json::object& entry = details.emplace_back(json::object_kind).as_object();
    entry[item.row.name()] = Texts({{"STATUS", item.exists ? kExists : kAdded}});
  }
  Answer answer = any ? call.Success("Account(s) added successfully")
                      : Failed(call.endpoint.name, "No account was added");
  answer.details = std::move(details);
  return answer;
}

// Tries with all of them first, so that the vault judges the caller before anything is said about
// what exists; then without those that exist. Another writer may add one in between: again then.
void AddNewOnes(const CallPtr& call, std::shared_ptr<Batch> batch) {
  absl::StatusOr<desk::WriteOptions> options = http::WriteOptionsOf(call->desk, *call->request);
  if (!options.ok()) return call->Finish(options.status());
  auto done = [call, batch](absl::StatusOr<desk::Written> written) {
    if (written.ok()) {
      const absl::Status marked = MarkAsThen(*call, written->planned, *batch);
      if (!marked.ok()) return call->Finish(marked);
      return call->Finish(RenderBatch(*call, *batch), *written);
    }
    if (vault::RefusalOf(written.status()) != vault::Refusal::kAlreadyExists) {
      return call->Finish(written.status());
    }
    const absl::StatusOr<bool> found = MarkExisting(*call, *batch);
    if (!found.ok()) return call->Finish(found.status());
    if (!*found) return call->Finish(written.status());
    if (batch->NewOnes().accounts.empty()) return call->Finish(RenderBatch(*call, *batch));
    AddNewOnes(call, batch);
  };
  call->desk.Submit(call->caller, batch->NewOnes(), *std::move(options), std::move(done));
}

}  // namespace

void AddAccounts(const CallPtr& call) {
  absl::StatusOr<Batch> batch = ReadBatch(*call);
  if (!batch.ok()) return call->Finish(batch.status());
  AddNewOnes(call, std::make_shared<Batch>(*std::move(batch)));
}

}  // namespace holdfast::pam360

#include "replication/node/deny_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "server/base/status_macros.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

constexpr char kDenialsFact[] = "denials";

bool SameTarget(const v1::Denial& a, const v1::Denial& b) {
  return a.user_name() == b.user_name() && a.key_fingerprint() == b.key_fingerprint();
}

int CountInForce(const v1::Denials& denials) {
  return static_cast<int>(std::count_if(denials.denials().begin(), denials.denials().end(),
                                        [](const auto& each) { return !each.in_rows(); }));
}

// For whoever gave the order: it counts, and a restart now would forget it.
absl::Status InForceOnly(const absl::Status& kept) {
  if (!absl::IsUnavailable(kept) && !absl::IsResourceExhausted(kept)) return kept;
  return vault::Refuse(
      vault::Refusal::kOverloaded,
      "the denial is in force on this node, but its store takes no writes: it is kept over a "
      "restart once that works again; `holdfast status` shows whether it does");
}

}  // namespace

DenyBook::DenyBook(storage::Store& store, v1::Denials denials)
    : store_(store), in_force_(CountInForce(denials)), denials_(std::move(denials)) {}

absl::StatusOr<std::unique_ptr<DenyBook>> DenyBook::Open(storage::Store& store) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::optional<std::string> fact, store.GetFact(kDenialsFact));
  v1::Denials denials;
  if (!denials.ParseFromString(fact.value_or(""))) {
    return absl::DataLossError("the fact denials cannot be read");
  }
  return std::unique_ptr<DenyBook>(new DenyBook(store, std::move(denials)));
}

absl::Status DenyBook::Keep(v1::Denials denials) {
  const absl::Status kept = store_.PutFact(kDenialsFact, denials.SerializeAsString());
  const bool later = absl::IsUnavailable(kept) || absl::IsResourceExhausted(kept);
  if (!kept.ok() && !later) return kept;
  unwritten_ = later;
  WriterLock lock(mu_);
  denials_ = std::move(denials);
  in_force_ = CountInForce(denials_);
  return kept;
}

absl::Status DenyBook::Add(v1::Denial denial) {
  MutexLock write(write_mu_);
  v1::Denials denials;
  {
    ReaderLock lock(mu_);
    denials = denials_;
  }
  // Those that rows have carried out are kept for the record while there is room.
  int oldest_done = -1;
  for (int i = 0; i < denials.denials_size(); ++i) {
    const v1::Denial& each = denials.denials(i);
    if (!each.in_rows() && SameTarget(each, denial)) {
      return unwritten_ ? InForceOnly(Keep(std::move(denials))) : absl::OkStatus();
    }
    if (each.in_rows() && oldest_done < 0) oldest_done = i;
  }
  if (denials.denials_size() >= kDenialsMax) {
    if (oldest_done < 0) {
      return vault::Refuse(vault::Refusal::kLimitReached,
                           fmt::format("{} denials are in force on this node", kDenialsMax));
    }
    denials.mutable_denials()->DeleteSubrange(oldest_done, 1);
  }
  *denials.add_denials() = std::move(denial);
  return InForceOnly(Keep(std::move(denials)));
}

bool DenyBook::DeniesUser(std::string_view name) const {
  if (empty()) return false;
  ReaderLock lock(mu_);
  return std::any_of(
      denials_.denials().begin(), denials_.denials().end(), [name](const auto& each) {
        return !each.in_rows() && !each.user_name().empty() && each.user_name() == name;
      });
}

bool DenyBook::DeniesKey(std::string_view fingerprint) const {
  if (empty()) return false;
  ReaderLock lock(mu_);
  return std::any_of(denials_.denials().begin(), denials_.denials().end(),
                     [fingerprint](const auto& each) {
                       return !each.in_rows() && !each.key_fingerprint().empty() &&
                              each.key_fingerprint() == fingerprint;
                     });
}

std::vector<v1::Denial> DenyBook::All() const {
  ReaderLock lock(mu_);
  return {denials_.denials().begin(), denials_.denials().end()};
}

std::vector<v1::Denial> DenyBook::InForce(size_t max) const {
  std::vector<v1::Denial> out;
  ReaderLock lock(mu_);
  for (const v1::Denial& each : denials_.denials()) {
    if (!each.in_rows() && out.size() < max) out.push_back(each);
  }
  return out;
}

std::vector<v1::Denial> DenyBook::CarriedOut(const vault::StateReader& state) const {
  std::vector<v1::Denial> out;
  ReaderLock lock(mu_);
  for (const v1::Denial& each : denials_.denials()) {
    if (!each.in_rows() && MissingInRows(each, state).empty()) out.push_back(each);
  }
  return out;
}

absl::Status DenyBook::Settle(const std::vector<v1::Denial>& carried_out) {
  MutexLock write(write_mu_);
  if (carried_out.empty() && !unwritten_) return absl::OkStatus();
  v1::Denials denials;
  {
    ReaderLock lock(mu_);
    denials = denials_;
  }
  for (v1::Denial& each : *denials.mutable_denials()) {
    // The very one: not one that was given anew meanwhile.
    const bool done = std::any_of(carried_out.begin(), carried_out.end(), [&](const auto& other) {
      return each.SerializeAsString() == other.SerializeAsString();
    });
    if (done) each.set_in_rows(true);
  }
  return Keep(std::move(denials));
}

std::vector<vault::CommandBody> MissingInRows(const v1::Denial& denial,
                                              const vault::StateReader& state) {
  std::vector<vault::CommandBody> missing;
  state.ForEachId(vault::List::kOrganizations, 0, 0, [&](uint64_t organization) {
    if (!denial.user_name().empty()) {
      const v1::UserRow* user = state.FindUserByName(organization, denial.user_name());
      if (user != nullptr && !user->locked()) {
        missing.emplace_back(vault::SetUserLocked{.user_id = user->id(), .locked = true});
      }
      return true;
    }
    return state.ForEachId(vault::List::kUsersOfOrganization, organization, 0, [&](uint64_t user) {
      for (const v1::SshKeyRow* key : state.KeysOfUser(user)) {
        if (key->fingerprint() == denial.key_fingerprint()) {
          missing.emplace_back(vault::RemoveSshKey{.key_id = key->id()});
        }
      }
      return true;
    });
  });
  return missing;
}

}  // namespace holdfast::replication

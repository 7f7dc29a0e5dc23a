#include "server/desk/audit_gaps.h"

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"
#include "server/desk/vault_desk.h"
#include "server/observe/log.h"
#include "server/vault/access.h"

namespace holdfast::desk {
namespace {

JournalCoverage CoverageOf(const storage::AuditCoverage& collected) {
  JournalCoverage journal{.node_id = collected.node_id,
                          .highest = collected.highest,
                          .head = collected.highest,
                          .gaps = collected.gaps};
  if (!journal.gaps.empty() && journal.gaps.front().first == 1) {
    journal.begins = journal.gaps.front().last + 1;
    journal.gaps.erase(journal.gaps.begin());
  }
  journal.contiguous = journal.gaps.empty() ? journal.highest : journal.gaps.front().first - 1;
  return journal;
}

}  // namespace

bool AuditGaps::whole() const {
  return std::all_of(journals.begin(), journals.end(),
                     [](const JournalCoverage& journal) { return journal.gaps.empty(); });
}

std::vector<JournalCoverage> CoverageOf(const std::vector<storage::AuditCoverage>& collected,
                                        const std::vector<v1::NodeReport>& members) {
  std::map<std::string, JournalCoverage> by_node;
  for (const storage::AuditCoverage& each : collected) {
    by_node.emplace(each.node_id, CoverageOf(each));
  }
  for (const v1::NodeReport& member : members) {
    JournalCoverage& journal = by_node[member.node_id()];
    journal.node_id = member.node_id();
    journal.head_is_current = member.state() != "down";
    journal.head = std::max(journal.head, member.journal_head());
  }
  std::vector<JournalCoverage> journals;
  for (auto& [node_id, journal] : by_node) journals.push_back(std::move(journal));
  return journals;
}

absl::StatusOr<AuditGaps> VaultDesk::FindAuditGaps(const Caller& caller) {
  HOLDFAST_RETURN_IF_ERROR(Read(caller, [](const vault::StateReader&, const v1::UserRow& user) {
    return vault::MayReadAudit(user);
  }));
  if (const absl::Status own = CollectOwn(); !own.ok()) {
    LogWarning("the own journal is not in the gap report: {}", ToText(own));
  }
  const absl::StatusOr<std::vector<storage::AuditCoverage>> collected =
      parts_.audit_store.Coverage();
  if (!collected.ok()) return AuditRecordsAway(collected.status());
  AuditGaps found{.node_id = parts_.node_id, .journals = CoverageOf(*collected, Reports())};
  for (JournalCoverage& journal : found.journals) {
    if (journal.highest == 0) continue;
    storage::AuditQuery newest;
    newest.node_id = journal.node_id;
    newest.after = journal.highest - 1;
    newest.limit = 1;
    const absl::StatusOr<storage::AuditPage> page = parts_.audit_store.List(newest);
    if (!page.ok()) return AuditRecordsAway(page.status());
    if (!page->records.empty()) journal.highest_ms = page->records.front().wall_ms();
  }
  const audit::JournalRoom room = parts_.journal.room();
  found.collected_by = parts_.journal.collected().marks;
  found.oldest_uncollected_ms = parts_.journal.OldestUncollectedMs();
  found.trimmed_uncollected = room.trimmed_uncollected;
  found.unrecorded = room.unrecorded;
  return found;
}

}  // namespace holdfast::desk

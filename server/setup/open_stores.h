#ifndef HOLDFAST_SERVER_SETUP_OPEN_STORES_H_
#define HOLDFAST_SERVER_SETUP_OPEN_STORES_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/setup/config.h"
#include "server/storage/audit_store.h"
#include "server/storage/store.h"

namespace holdfast::setup {

// Whose a database is: the id of its node, as text (docs/formats/node.md).
inline constexpr char kOwnerFact[] = "owner";

// The store of the kind that the configuration names, below `folder` when it is a file. The clock
// must outlive it.
//
// Failure   A database that is not this node's is FAILED_PRECONDITION. Others: the store's own.
absl::StatusOr<std::unique_ptr<storage::Store>> OpenStore(const Config& config,
                                                          const std::string& folder,
                                                          const Clock& clock);
// For init and join: a database must be empty, and is this node's from then on.
absl::StatusOr<std::unique_ptr<storage::Store>> MakeStore(const Config& config,
                                                          const std::string& folder,
                                                          const Clock& clock);
absl::StatusOr<std::unique_ptr<storage::AuditStore>> OpenAuditStore(const Config& config,
                                                                    const std::string& folder,
                                                                    const Clock& clock);

// "move NAME away" is what an operator can do about it.
std::string AuditStoreName(const Config& config);

// A damaged store in an operator's words: which one it is, and what can be done.
absl::Status InStore(const absl::Status& status, const Config& config);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_OPEN_STORES_H_

#ifndef HOLDFAST_SERVER_DESK_SYNC_LEVEL_H_
#define HOLDFAST_SERVER_DESK_SYNC_LEVEL_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/desk/desk.h"

namespace holdfast::desk {

// "local" (or "local:0"), "received:K", "durable:K", "applied:K" with K from 1 to 64; INVALID_INPUT
// otherwise.
absl::StatusOr<SyncLevel> ParseSyncLevel(std::string_view text);
std::string ToText(const SyncLevel& level);
// What a write has reached: as ToText, or "local; degraded".
std::string ReachedText(const Written& written);

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_SYNC_LEVEL_H_

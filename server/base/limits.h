#ifndef HOLDFAST_SERVER_BASE_LIMITS_H_
#define HOLDFAST_SERVER_BASE_LIMITS_H_

// Every bound that more than one room must know, in one place; docs/limits.md lists them with what
// happens at each.
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace holdfast::limits {

inline constexpr size_t kSecretBytesMax = 64 * 1024;
inline constexpr size_t kNameCharsMax = 255;
inline constexpr size_t kTextCharsMax = 4096;  // descriptions, notes, reasons
inline constexpr size_t kBodyBytesMax = 1024 * 1024;
inline constexpr size_t kHeaderBytesMax = 32 * 1024;
inline constexpr size_t kHeadersMax = 64;
inline constexpr size_t kJsonDepthMax = 32;
inline constexpr size_t kSshCommandBytesMax = 64 * 1024;
inline constexpr size_t kUnauthenticatedPerSourceMax = 64;
inline constexpr size_t kUnauthenticatedTotalMax = 1024;
inline constexpr size_t kConnectionsMax = 8192;

inline constexpr size_t kAccountsPerCommandMax = 100;
inline constexpr size_t kKeysPerUserMax = 64;
inline constexpr size_t kTokensPerUserMax = 64;
inline constexpr size_t kInvitesMax = 256;
inline constexpr size_t kRequestKeysPerUserMax = 100'000;
inline constexpr size_t kCustomFieldsCharsMax = 16 * 1024;  // their JSON text
inline constexpr size_t kRecordBytesMax = 4 * 1024 * 1024;
inline constexpr size_t kChangesPerRecordMax = 1024;

inline constexpr size_t kStreamBatchRecordsMax = 128;
inline constexpr size_t kStreamBatchBytesMax = 64 * 1024;
inline constexpr size_t kStreamWindowBytesMax = 4 * 1024 * 1024;
inline constexpr size_t kFollowerMergeRecordsMax = 512;
inline constexpr size_t kLedgerQueueMax = 4096;
inline constexpr size_t kLedgerBatchRecordsMax = 512;
inline constexpr size_t kEntryRingBytesMax = 32 * 1024 * 1024;

inline constexpr std::chrono::seconds kHeartbeatEvery{1};
inline constexpr std::chrono::seconds kLinkStaleAfter{3};
inline constexpr std::chrono::seconds kLinkDownAfter{10};
inline constexpr std::chrono::minutes kSnapshotInstallMax{10};
inline constexpr size_t kSnapshotBytesPerSecondMin = 64 * 1024;
inline constexpr std::chrono::seconds kCommitWaitMax{5};
inline constexpr std::chrono::seconds kRestartAskFor{3};
inline constexpr std::chrono::milliseconds kReconnectFirst{100};
inline constexpr std::chrono::milliseconds kReconnectMax{5000};

}  // namespace holdfast::limits

#endif  // HOLDFAST_SERVER_BASE_LIMITS_H_

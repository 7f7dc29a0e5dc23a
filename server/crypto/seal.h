#ifndef HOLDFAST_SERVER_CRYPTO_SEAL_H_
#define HOLDFAST_SERVER_CRYPTO_SEAL_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

// The key-file seal of one node: `seal.key` (32 random bytes, 0400) wraps the root key in
// `root.sealed`. Both are needed, so either alone, in a backup or on a stolen disk, opens nothing.
// Bytes: docs/formats/secret.md.
//
// Threading   Thread-safe; they touch nothing but their files.
inline constexpr char kSealKeyFile[] = "seal.key";
inline constexpr char kSealedRootFile[] = "root.sealed";

// ALREADY_EXISTS rather than replacing either file: that would lock the node out of its store.
absl::Status CreateSeal(const std::string& folder, const SecretBytes& root_key,
                        std::string_view cluster_id, std::string_view node_id);

struct SealIdentity {
  std::string cluster_id;
  std::string node_id;
};

// Whose seal lies in the folder. Not proven until Unseal: for error messages and for choosing.
absl::StatusOr<SealIdentity> ReadSealIdentity(const std::string& folder);

// The root key. PERMISSION_DENIED when others than the owner may touch the key file, or it is
// another user's. FAILED_PRECONDITION when the seal is another node's. DATA_LOSS when something is
// changed or cut short.
absl::StatusOr<SecretBytes> Unseal(const std::string& folder, std::string_view cluster_id,
                                   std::string_view node_id);

// The recovery key of a cluster, for the day when every seal is lost: text that can be printed and
// typed, "HFR1-" and 14 groups of 4 characters, the last ones a checksum.
SecretBytes NewRecoveryKey();

// The root key wrapped by the recovery key, as it stands in every backup.
// INVALID_ARGUMENT when the text is not a recovery key; says whether size, alphabet or checksum.
absl::StatusOr<std::string> RecoveryWrap(const SecretBytes& recovery_key,
                                         const SecretBytes& root_key, std::string_view cluster_id);

// Letter case, blanks, line ends and hyphens in the text do not matter. DATA_LOSS when it is a
// recovery key, but not the one that wrapped this, or when `wrapped` was changed.
absl::StatusOr<SecretBytes> RecoveryUnwrap(const SecretBytes& recovery_key,
                                           std::string_view wrapped, std::string_view cluster_id);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_SEAL_H_

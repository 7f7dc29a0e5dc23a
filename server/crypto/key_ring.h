#ifndef HOLDFAST_SERVER_CRYPTO_KEY_RING_H_
#define HOLDFAST_SERVER_CRYPTO_KEY_RING_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/v1/rows.pb.h"
#include "server/base/mutex.h"
#include "server/base/position.h"
#include "server/base/secret_bytes.h"
#include "server/crypto/aead.h"
#include "server/crypto/hash.h"

namespace holdfast::crypto {

inline constexpr size_t kRootKeyBytes = 32;
// Random 96-bit nonces stay safe for 2^32 uses of a key; a generation ends well before.
inline constexpr uint64_t kUsesPerGenerationMax = uint64_t{1} << 31;

// Every key of a running node, and the only way to seal or open a secret.
//
// Invariants  1. A secret opens only for the cluster, organization, table, secret id and generation
//                that it was sealed for (docs/formats/secret.md).
//             2. The root key itself encrypts nothing: every use has a key of its own derived from
//             it.
//             3. No generation seals kUsesPerGenerationMax times in the life of one process.
// Threading   Thread-safe; Open holds a reader lock only while it looks the key up.
// Ownership   Owns its keys; all are wiped when dropped.
// Failure     NOT_FOUND: no such data key. DATA_LOSS: does not open. RESOURCE_EXHAUSTED: the
//             generation is used up. INVALID_ARGUMENT: too long, or not a row that can be loaded.
class KeyRing {
 public:
  KeyRing(SecretBytes root_key, std::string cluster_id);

  const std::string& cluster_id() const { return cluster_id_; }
  // To be wrapped for another member, a seal or the recovery key; for nothing else.
  const SecretBytes& root_key() const { return root_key_; }

  // A fresh random data key, wrapped, as a row for the log. It is used once it was loaded.
  v1::DataKeyRow NewDataKey(uint64_t row_id, uint64_t organization_id, uint32_t generation,
                            int64_t now_ms) const;
  // A key that is already there under this organization and generation is replaced.
  absl::Status Load(const v1::DataKeyRow& row);

  // Under the highest generation of the organization, with a fresh random secret id.
  absl::StatusOr<v1::SealedSecret> Seal(uint64_t organization_id, v1::Table table,
                                        const SecretBytes& secret);
  absl::StatusOr<SecretBytes> Open(uint64_t organization_id, v1::Table table,
                                   const v1::SealedSecret& sealed) const;

  // The generation that Seal uses, 0 when the organization has none; how often it has sealed here.
  uint32_t NewestGeneration(uint64_t organization_id) const;
  uint64_t Uses(uint64_t organization_id, uint32_t generation) const;
  // Counts uses that this process has not made itself. Never lowers the count.
  absl::Status RaiseUses(uint64_t organization_id, uint32_t generation, uint64_t uses);

  RecordMac MacOf(const Digest& record_digest) const;  // of a record of the change log
  Digest HashToken(const SecretBytes& token) const;    // what a token is stored and looked up as
  const Mac& StateDigestMac() const { return state_digest_mac_; }
  const Mac& SnapshotMac() const { return snapshot_mac_; }
  Mac JournalMac(std::string_view node_id) const;  // of the audit journal of that node

 private:
  struct DataKey {
    explicit DataKey(const SecretBytes& key) : aead(key) {}
    const Aead aead;
    std::atomic<uint64_t> uses{0};
  };
  using DataKeyId = std::pair<uint64_t, uint32_t>;  // organization, generation

  SecretBytes Derive(std::string_view label, std::string_view detail) const;
  std::shared_ptr<DataKey> Find(uint64_t organization_id, uint32_t generation) const;

  // Constant after construction.
  const SecretBytes root_key_;
  const std::string cluster_id_;
  const Aead data_key_wrap_;
  const Mac record_mac_;
  const Mac token_mac_;
  const Mac state_digest_mac_;
  const Mac snapshot_mac_;

  mutable SharedMutex mu_;
  absl::flat_hash_map<DataKeyId, std::shared_ptr<DataKey>> keys_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, uint32_t> newest_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_KEY_RING_H_

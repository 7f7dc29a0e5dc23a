#include "server/crypto/key_ring.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/crypto/fields.h"
#include "server/crypto/random.h"

namespace holdfast::crypto {
namespace {

constexpr uint32_t kWrappedByRoot = 0;  // SealedSecret.generation of a wrapped data key

std::string SecretAssociated(std::string_view cluster_id, uint64_t organization_id, v1::Table table,
                             std::string_view secret_id, uint32_t generation) {
  return Fields("holdfast secret 1")
      .Text(cluster_id)
      .U64(organization_id)
      .U32(static_cast<uint32_t>(table))
      .Text(secret_id)
      .U32(generation)
      .bytes();
}

// Binds the row as well: otherwise two generations could be swapped in the store.
std::string DataKeyAssociated(std::string_view cluster_id, const v1::DataKeyRow& row,
                              std::string_view secret_id) {
  return Fields("holdfast data key 1")
      .Text(cluster_id)
      .U64(row.id())
      .U64(row.organization_id())
      .U32(row.generation())
      .Text(secret_id)
      .bytes();
}

absl::Status NoSuchKey(uint64_t organization_id, uint32_t generation) {
  return absl::NotFoundError(
      fmt::format("no data key of generation {} for organization {}", generation, organization_id));
}

}  // namespace

KeyRing::KeyRing(SecretBytes root_key, std::string cluster_id)
    : root_key_(std::move(root_key)),
      cluster_id_(std::move(cluster_id)),
      data_key_wrap_(Derive("holdfast key data-key-wrap 1", "")),
      record_mac_(Derive("holdfast key record-mac 1", "")),
      token_mac_(Derive("holdfast key token-hash 1", "")),
      state_digest_mac_(Derive("holdfast key state-digest 1", "")),
      snapshot_mac_(Derive("holdfast key snapshot 1", "")) {}

SecretBytes KeyRing::Derive(std::string_view label, std::string_view detail) const {
  HOLDFAST_CHECK(root_key_.size() == kRootKeyBytes);
  HOLDFAST_CHECK(!cluster_id_.empty());
  return HkdfSha256(root_key_, Fields(label).Text(cluster_id_).Text(detail).bytes(), kAeadKeyBytes);
}

v1::DataKeyRow KeyRing::NewDataKey(uint64_t row_id, uint64_t organization_id, uint32_t generation,
                                   int64_t now_ms) const {
  HOLDFAST_CHECK(generation > 0);
  v1::DataKeyRow row;
  row.set_id(row_id);
  row.set_organization_id(organization_id);
  row.set_generation(generation);
  row.set_created_ms(now_ms);
  std::string id = RandomId16();
  AeadBox box =
      data_key_wrap_.Seal(RandomSecret(kAeadKeyBytes), DataKeyAssociated(cluster_id_, row, id));
  v1::SealedSecret& key = *row.mutable_key();
  key.set_id(std::move(id));
  key.set_generation(kWrappedByRoot);
  key.set_nonce(std::move(box.nonce));
  key.set_ciphertext(std::move(box.ciphertext));
  return row;
}

absl::Status KeyRing::Load(const v1::DataKeyRow& row) {
  const v1::SealedSecret& sealed = row.key();
  if (row.generation() == 0 || sealed.generation() != kWrappedByRoot) {
    return absl::InvalidArgumentError(fmt::format(
        "data key {}: expected a generation above 0 wrapped by the root key (0), got generation {} "
        "wrapped by {}",
        row.id(), row.generation(), sealed.generation()));
  }
  auto key = data_key_wrap_.Open(sealed.nonce(), sealed.ciphertext(),
                                 DataKeyAssociated(cluster_id_, row, sealed.id()));
  if (!key.ok() || key->size() != kAeadKeyBytes) {
    return absl::DataLossError(fmt::format(
        "data key {} (organization {}, generation {}) does not open: another root key, or changed "
        "bytes",
        row.id(), row.organization_id(), row.generation()));
  }
  auto data_key = std::make_shared<DataKey>(*key);
  WriterLock lock(mu_);
  auto& place = keys_[DataKeyId(row.organization_id(), row.generation())];
  // The same row may be loaded again (restart of the state, snapshot): its uses must not be
  // forgotten.
  if (place != nullptr) data_key->uses = place->uses.load();
  place = std::move(data_key);
  uint32_t& newest = newest_[row.organization_id()];
  newest = std::max(newest, row.generation());
  return absl::OkStatus();
}

std::shared_ptr<KeyRing::DataKey> KeyRing::Find(uint64_t organization_id,
                                                uint32_t generation) const {
  ReaderLock lock(mu_);
  const auto found = keys_.find(DataKeyId(organization_id, generation));
  return found == keys_.end() ? nullptr : found->second;
}

absl::StatusOr<v1::SealedSecret> KeyRing::Seal(uint64_t organization_id, v1::Table table,
                                               const SecretBytes& secret) {
  if (secret.size() > limits::kSecretBytesMax) {
    return absl::InvalidArgumentError(fmt::format("secret: expected at most {} bytes, got {}",
                                                  limits::kSecretBytesMax, secret.size()));
  }
  const uint32_t generation = NewestGeneration(organization_id);
  const std::shared_ptr<DataKey> key = Find(organization_id, generation);
  if (key == nullptr) {
    return absl::NotFoundError(fmt::format("no data key for organization {}", organization_id));
  }
  if (key->uses.fetch_add(1) >= kUsesPerGenerationMax) {
    key->uses = kUsesPerGenerationMax;  // Must not wrap round, however often it is tried.
    return absl::ResourceExhaustedError(
        fmt::format("data key of generation {} for organization {} has sealed {} values, the most "
                    "it may: a new "
                    "generation is needed",
                    generation, organization_id, kUsesPerGenerationMax));
  }
  v1::SealedSecret sealed;
  std::string id = RandomId16();
  AeadBox box =
      key->aead.Seal(secret, SecretAssociated(cluster_id_, organization_id, table, id, generation));
  sealed.set_id(std::move(id));
  sealed.set_generation(generation);
  sealed.set_nonce(std::move(box.nonce));
  sealed.set_ciphertext(std::move(box.ciphertext));
  return sealed;
}

absl::StatusOr<SecretBytes> KeyRing::Open(uint64_t organization_id, v1::Table table,
                                          const v1::SealedSecret& sealed) const {
  const std::shared_ptr<DataKey> key = Find(organization_id, sealed.generation());
  if (key == nullptr) return NoSuchKey(organization_id, sealed.generation());
  return key->aead.Open(
      sealed.nonce(), sealed.ciphertext(),
      SecretAssociated(cluster_id_, organization_id, table, sealed.id(), sealed.generation()));
}

uint32_t KeyRing::NewestGeneration(uint64_t organization_id) const {
  ReaderLock lock(mu_);
  const auto found = newest_.find(organization_id);
  return found == newest_.end() ? 0 : found->second;
}

uint64_t KeyRing::Uses(uint64_t organization_id, uint32_t generation) const {
  const std::shared_ptr<DataKey> key = Find(organization_id, generation);
  return key == nullptr ? 0 : key->uses.load();
}

absl::Status KeyRing::RaiseUses(uint64_t organization_id, uint32_t generation, uint64_t uses) {
  const std::shared_ptr<DataKey> key = Find(organization_id, generation);
  if (key == nullptr) return NoSuchKey(organization_id, generation);
  uint64_t before = key->uses.load();
  while (before < uses && !key->uses.compare_exchange_weak(before, uses)) {
  }
  return absl::OkStatus();
}

RecordMac KeyRing::MacOf(const Digest& record_digest) const {
  const Digest whole = record_mac_.Compute({AsText(record_digest)});
  RecordMac mac;
  std::copy_n(whole.begin(), mac.size(), mac.begin());
  return mac;
}

Digest KeyRing::HashToken(const SecretBytes& token) const {
  return token_mac_.Compute({token.RevealText(Purpose::kHash)});
}

Mac KeyRing::JournalMac(std::string_view node_id) const {
  return Mac(Derive("holdfast key journal 1", node_id));
}

}  // namespace holdfast::crypto

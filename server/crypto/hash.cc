#include "server/crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <string>
#include <utility>

#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/crypto/openssl_handles.h"

namespace holdfast::crypto {
namespace {

using KdfPtr = std::unique_ptr<EVP_KDF, FreeWith<EVP_KDF_free>>;
using KdfCtxPtr = std::unique_ptr<EVP_KDF_CTX, FreeWith<EVP_KDF_CTX_free>>;

// Fetched once and kept for ever: a fetch costs more than the hash of a record.
const EVP_MD* FetchedSha256() {
  static EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  HOLDFAST_CHECK(md != nullptr);
  return md;
}

EVP_MAC* FetchedHmac() {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  HOLDFAST_CHECK(mac != nullptr);
  return mac;
}

char* Sha256Name() {
  static char name[] = "SHA256";  // OSSL_PARAM wants a pointer that it could write through.
  return name;
}

MacCtxPtr MakeKeyed(const SecretBytes& key) {
  MacCtxPtr context(EVP_MAC_CTX_new(FetchedHmac()));
  HOLDFAST_CHECK(context != nullptr);
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, Sha256Name(), 0),
      OSSL_PARAM_construct_end()};
  const auto bytes = key.Reveal(Purpose::kHash);
  HOLDFAST_CHECK(EVP_MAC_init(context.get(), bytes.data(), bytes.size(), params) == 1);
  return context;
}

}  // namespace

Digest Sha256(absl::Span<const std::string_view> parts) {
  thread_local const MdCtxPtr context(EVP_MD_CTX_new());
  HOLDFAST_CHECK(EVP_DigestInit_ex2(context.get(), FetchedSha256(), nullptr) == 1);
  for (const std::string_view part : parts) {
    HOLDFAST_CHECK(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
  }
  Digest digest;
  HOLDFAST_CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return digest;
}

struct Mac::State {
  SecretBytes key;
  ContextPool<MacCtxPtr> pool;
};

Mac::Mac(const SecretBytes& key) : state_(std::make_unique<State>()) {
  HOLDFAST_CHECK(!key.empty());
  state_->key = key.Clone();
}
Mac::Mac(Mac&&) noexcept = default;
Mac& Mac::operator=(Mac&&) noexcept = default;
Mac::~Mac() = default;

Digest Mac::Compute(absl::Span<const std::string_view> parts) const {
  MacCtxPtr context = state_->pool.Take();
  if (context == nullptr) {
    context = MakeKeyed(state_->key);
  } else {
    // Without a key: starts again under the one it has.
    HOLDFAST_CHECK(EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1);
  }
  for (const std::string_view part : parts) {
    HOLDFAST_CHECK(EVP_MAC_update(context.get(),
                                  reinterpret_cast<const unsigned char*>(part.data()),
                                  part.size()) == 1);
  }
  Digest digest;
  size_t size = 0;
  HOLDFAST_CHECK(EVP_MAC_final(context.get(), digest.data(), &size, digest.size()) == 1);
  HOLDFAST_CHECK(size == digest.size());
  state_->pool.Give(std::move(context));
  return digest;
}

SecretBytes HkdfSha256(const SecretBytes& key, std::string_view info, size_t size) {
  const KdfPtr kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  HOLDFAST_CHECK(kdf != nullptr);
  const KdfCtxPtr context(EVP_KDF_CTX_new(kdf.get()));
  HOLDFAST_CHECK(context != nullptr);
  const auto bytes = key.Reveal(Purpose::kHash);
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, Sha256Name(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<uint8_t*>(bytes.data()),
                                        bytes.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()),
                                        info.size()),
      OSSL_PARAM_construct_end()};
  SecretBytes derived = SecretBytes::OfSize(size);
  HOLDFAST_CHECK(EVP_KDF_derive(context.get(), derived.Fill().data(), size, params) == 1);
  return derived;
}

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool ConstantTimeEquals(absl::Span<const uint8_t> a, absl::Span<const uint8_t> b) {
  return ConstantTimeEquals(AsText(a), AsText(b));
}

}  // namespace holdfast::crypto

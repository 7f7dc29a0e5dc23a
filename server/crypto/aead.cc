#include "server/crypto/aead.h"

#include <limits>
#include <utility>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/encoding.h"
#include "server/crypto/openssl_handles.h"
#include "server/crypto/random.h"

namespace holdfast::crypto {
namespace {

constexpr int kEncrypt = 1;
constexpr int kDecrypt = 0;
constexpr int kAsBefore = -1;

const EVP_CIPHER* FetchedGcm() {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  HOLDFAST_CHECK(cipher != nullptr);
  return cipher;
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int IntSize(size_t size) {
  HOLDFAST_CHECK(size <= static_cast<size_t>(std::numeric_limits<int>::max()));
  return static_cast<int>(size);
}

}  // namespace

struct Aead::State {
  SecretBytes key;
  ContextPool<CipherCtxPtr> encrypting;
  ContextPool<CipherCtxPtr> decrypting;

  // A context under our key and this nonce, with the associated data already in it.
  CipherCtxPtr Begin(int direction, std::string_view nonce, std::string_view associated) {
    CipherCtxPtr context = direction == kEncrypt ? encrypting.Take() : decrypting.Take();
    if (context == nullptr) {
      context.reset(EVP_CIPHER_CTX_new());
      HOLDFAST_CHECK(context != nullptr);
      const auto bytes = key.Reveal(direction == kEncrypt ? Purpose::kEncrypt : Purpose::kDecrypt);
      HOLDFAST_CHECK(EVP_CipherInit_ex2(context.get(), FetchedGcm(), bytes.data(), nullptr,
                                        direction, nullptr) == 1);
    }
    HOLDFAST_CHECK(
        EVP_CipherInit_ex2(context.get(), nullptr, nullptr, Bytes(nonce), kAsBefore, nullptr) == 1);
    int written = 0;
    HOLDFAST_CHECK(EVP_CipherUpdate(context.get(), nullptr, &written, Bytes(associated),
                                    IntSize(associated.size())) == 1);
    return context;
  }
};

Aead::Aead(const SecretBytes& key) : state_(std::make_unique<State>()) {
  HOLDFAST_CHECK(key.size() == kAeadKeyBytes);
  state_->key = key.Clone();
}
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;
Aead::~Aead() = default;

AeadBox Aead::Seal(const SecretBytes& plaintext, std::string_view associated) const {
  AeadBox box{.nonce = RandomBytes(kAeadNonceBytes),
              .ciphertext = std::string(plaintext.size() + kAeadTagBytes, '\0')};
  CipherCtxPtr context = state_->Begin(kEncrypt, box.nonce, associated);
  auto* const out = reinterpret_cast<unsigned char*>(box.ciphertext.data());
  const auto in = plaintext.Reveal(Purpose::kEncrypt);
  int written = 0;
  int rest = 0;
  // An update without input means "finish" to some ciphers, so an empty plaintext skips it.
  HOLDFAST_CHECK(in.empty() || EVP_CipherUpdate(context.get(), out, &written, in.data(),
                                                IntSize(in.size())) == 1);
  HOLDFAST_CHECK(EVP_CipherFinal_ex(context.get(), out + written, &rest) == 1);
  HOLDFAST_CHECK(static_cast<size_t>(written + rest) == plaintext.size());
  HOLDFAST_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes,
                                     out + plaintext.size()) == 1);
  state_->encrypting.Give(std::move(context));
  return box;
}

absl::StatusOr<SecretBytes> Aead::Open(std::string_view nonce, std::string_view ciphertext,
                                       std::string_view associated) const {
  if (nonce.size() != kAeadNonceBytes) {
    return absl::DataLossError(fmt::format("sealed value: expected a nonce of {} bytes, got {}",
                                           kAeadNonceBytes, nonce.size()));
  }
  if (ciphertext.size() < kAeadTagBytes ||
      ciphertext.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return absl::DataLossError(
        fmt::format("sealed value: expected a tag of {} bytes, got {} bytes "
                    "of ciphertext and tag",
                    kAeadTagBytes, ciphertext.size()));
  }
  const size_t size = ciphertext.size() - kAeadTagBytes;
  CipherCtxPtr context = state_->Begin(kDecrypt, nonce, associated);
  SecretBytes plaintext = SecretBytes::OfSize(size);
  unsigned char* const out = plaintext.Fill().data();
  std::string tag(ciphertext.substr(size));
  int written = 0;
  int rest = 0;
  HOLDFAST_CHECK(size == 0 || EVP_CipherUpdate(context.get(), out, &written, Bytes(ciphertext),
                                               IntSize(size)) == 1);
  HOLDFAST_CHECK(
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag.data()) == 1);
  unsigned char none = 0;  // GCM writes nothing at the end, but wants somewhere to write it.
  const bool genuine = EVP_CipherFinal_ex(context.get(), &none, &rest) == 1;
  state_->decrypting.Give(std::move(context));
  if (!genuine) {
    ERR_clear_error();
    return absl::DataLossError("sealed value does not open: wrong key or changed bytes");
  }
  return plaintext;
}

}  // namespace holdfast::crypto

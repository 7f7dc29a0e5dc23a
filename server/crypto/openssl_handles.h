#ifndef HOLDFAST_SERVER_CRYPTO_OPENSSL_HANDLES_H_
#define HOLDFAST_SERVER_CRYPTO_OPENSSL_HANDLES_H_

// For the .cc files of this room only: owners of OpenSSL objects, and its error queue as a Status.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/base/mutex.h"

namespace holdfast::crypto {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>>;
using MacCtxPtr = std::unique_ptr<EVP_MAC_CTX, FreeWith<EVP_MAC_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;

// "what: reason" from the newest entry of OpenSSL's error queue, which is emptied: an old entry
// must not be blamed for a later failure. The reasons are fixed texts, so no secret can be in them.
absl::Status OpensslError(absl::StatusCode code, std::string_view what);

// Contexts that already hold a key, lent to one caller at a time. Setting up a key costs more than
// the work on a short value; the contexts die, wiped, with whoever owns the pool.
//
// Threading   Thread-safe. Grows to the largest number of callers at one time.
template <typename Ptr>
class ContextPool {
 public:
  // Null when all are lent: make one.
  Ptr Take() {
    MutexLock lock(mu_);
    if (idle_.empty()) return nullptr;
    Ptr context = std::move(idle_.back());
    idle_.pop_back();
    return context;
  }
  void Give(Ptr context) {
    MutexLock lock(mu_);
    idle_.push_back(std::move(context));
  }

 private:
  Mutex mu_;
  std::vector<Ptr> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_OPENSSL_HANDLES_H_

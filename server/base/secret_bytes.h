#ifndef HOLDFAST_SERVER_BASE_SECRET_BYTES_H_
#define HOLDFAST_SERVER_BASE_SECRET_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace holdfast {

// Why somebody looks at a secret. One row a reason, so that `grep -rn 'Reveal('` is a full list of
// the places that ever see one.
enum class Purpose {
  kEncrypt,          // into an AEAD
  kDecrypt,          // key of an AEAD or a MAC
  kHash,             // into a keyed hash
  kAnswerClient,     // the authorized caller asked for it
  kWriteOnceToFile,  // a file the operator named (token file, recovery key, seal key file)
  kSendToMember,     // wrapped for another member of the cluster
  kHostKey,          // given to the SSH library
  kTlsKey,           // given to the TLS library
  kCompare,          // constant-time comparison
  kPolicyCheck,      // password policy
};

// Bytes that must not be seen: wiped when dropped or moved from, never copied, printed or compared
// with ==.
//
// Threading   Thread-compatible.
class SecretBytes {
 public:
  SecretBytes() = default;
  // Takes the bytes over and wipes the source.
  static SecretBytes TakeFrom(std::string& source);
  static SecretBytes CopyOf(std::string_view bytes);
  static SecretBytes OfSize(size_t size);  // zeroes, to be filled through Fill()

  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { Wipe(); }

  // A second owner, made on purpose.
  SecretBytes Clone() const;

  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  // The one way out.
  absl::Span<const uint8_t> Reveal(Purpose) const { return bytes_; }
  std::string_view RevealText(Purpose) const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  // The one way in after construction: for ciphers that write in place.
  absl::Span<uint8_t> Fill() { return absl::MakeSpan(bytes_); }

  friend std::ostream& operator<<(std::ostream&, const SecretBytes&) = delete;
  bool operator==(const SecretBytes&) const = delete;

 private:
  void Wipe();
  std::vector<uint8_t> bytes_;
};

// Overwrites the text so that the optimiser cannot leave it out, then empties it.
void WipeText(std::string& text);

// Wipes a text that passed through a library which wants std::string, at the end of the scope.
class TextWiper {
 public:
  explicit TextWiper(std::string& text) : text_(text) {}
  ~TextWiper() { WipeText(text_); }
  TextWiper(const TextWiper&) = delete;
  TextWiper& operator=(const TextWiper&) = delete;

 private:
  std::string& text_;
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_SECRET_BYTES_H_

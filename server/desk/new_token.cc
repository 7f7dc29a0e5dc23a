#include "server/desk/new_token.h"

#include <string_view>

#include "absl/types/span.h"
#include "server/crypto/random.h"

namespace holdfast::desk {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEF";
constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
constexpr size_t kRandomBytes = 16;

}  // namespace

SecretBytes NewToken() {
  const SecretBytes random = crypto::RandomSecret(kRandomBytes);
  const absl::Span<const uint8_t> bytes = random.Reveal(Purpose::kAnswerClient);
  SecretBytes token = SecretBytes::OfSize(kForm.size());
  const absl::Span<uint8_t> text = token.Fill();
  size_t nibble = 0;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '-') {
      text[i] = '-';
      continue;
    }
    const uint8_t byte = bytes[nibble / 2];
    text[i] = static_cast<uint8_t>(kDigits[nibble % 2 == 0 ? byte >> 4 : byte & 15]);
    ++nibble;
  }
  return token;
}

}  // namespace holdfast::desk

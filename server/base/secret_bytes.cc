#include "server/base/secret_bytes.h"

#include <cstring>

namespace holdfast {

SecretBytes SecretBytes::TakeFrom(std::string& source) {
  SecretBytes secret = CopyOf(source);
  WipeText(source);
  return secret;
}

SecretBytes SecretBytes::CopyOf(std::string_view bytes) {
  SecretBytes secret;
  secret.bytes_.assign(bytes.begin(), bytes.end());
  return secret;
}

SecretBytes SecretBytes::OfSize(size_t size) {
  SecretBytes secret;
  secret.bytes_.resize(size);
  return secret;
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  bytes_ = std::move(other.bytes_);
  other.bytes_.clear();
  return *this;
}

SecretBytes SecretBytes::Clone() const {
  SecretBytes copy;
  copy.bytes_ = bytes_;
  return copy;
}

void SecretBytes::Wipe() {
  if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
  bytes_.clear();
}

void WipeText(std::string& text) {
  if (!text.empty()) explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace holdfast

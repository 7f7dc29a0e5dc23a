#include "replication/ledger/state_digest.h"

namespace holdfast::replication {

void StateDigest::Add(const Digest& mac_of_row) {
  unsigned carry = 0;
  for (size_t i = sum_.size(); i-- > 0;) {
    carry += static_cast<unsigned>(sum_[i]) + mac_of_row[i];
    sum_[i] = static_cast<uint8_t>(carry & 0xff);
    carry >>= 8;
  }
}

void StateDigest::Remove(const Digest& mac_of_row) {
  int borrow = 0;
  for (size_t i = sum_.size(); i-- > 0;) {
    const int difference = static_cast<int>(sum_[i]) - mac_of_row[i] - borrow;
    borrow = difference < 0 ? 1 : 0;
    sum_[i] = static_cast<uint8_t>(difference & 0xff);
  }
}

}  // namespace holdfast::replication

#ifndef HOLDFAST_SERVER_CRYPTO_RECORD_CHAIN_H_
#define HOLDFAST_SERVER_CRYPTO_RECORD_CHAIN_H_

// Digest and MAC of the entries of the change log: docs/formats/record.md. Thread-safe.
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/base/position.h"
#include "server/crypto/key_ring.h"

namespace holdfast::crypto {

// SHA-256(previous || record). Before the first record `previous` is all zeroes.
Digest ChainDigest(const Digest& previous, std::string_view record);

LogEntry MakeEntry(Epoch epoch, uint64_t seq, const Digest& previous, std::string record,
                   const KeyRing& keys);

// DATA_LOSS: the record is not the one that continues the chain after `previous`.
// UNAUTHENTICATED: it does, but nobody who holds this cluster's root key has made it.
// The digest alone proves order, not origin: anybody can compute it. epoch and seq of the entry are
// only named in the message; whoever parses the record compares them with what is in it.
absl::Status VerifyEntry(const LogEntry& entry, const Digest& previous, const KeyRing& keys);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_RECORD_CHAIN_H_

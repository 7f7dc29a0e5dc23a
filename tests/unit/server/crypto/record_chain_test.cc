#include "server/crypto/record_chain.h"

#include <gtest/gtest.h>

#include "server/base/encoding.h"
#include "server/crypto/hash.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

const KeyRing& Keys() {
  static const KeyRing keys(KeyOf('r'), "c-1");
  return keys;
}

LogEntry Entry(uint64_t seq, const Digest& previous, std::string record) {
  return MakeEntry({.number = 3, .node_id = "n1"}, seq, previous, std::move(record), Keys());
}

TEST(RecordChainTest, TheDigestIsOverThePreviousDigestAndTheRecord) {
  EXPECT_EQ(ChainDigest(Digest{}, "record"), Sha256({std::string(32, '\0') + "record"}));
}

TEST(RecordChainTest, AcceptsTheEntriesOfOneChain) {
  const LogEntry first = Entry(1, Digest{}, "one");
  const LogEntry second = Entry(2, first.digest, "two");
  EXPECT_TRUE(VerifyEntry(first, Digest{}, Keys()).ok());
  EXPECT_TRUE(VerifyEntry(second, first.digest, Keys()).ok());
}

TEST(RecordChainTest, RefusesAnEntryAfterTheWrongOne) {
  const LogEntry first = Entry(1, Digest{}, "one");
  const LogEntry second = Entry(2, first.digest, "two");
  const absl::Status status = VerifyEntry(second, Digest{}, Keys());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(std::string(status.message()).find("record 3.2: wrong chain digest: expected "), 0u);
}

TEST(RecordChainTest, RefusesAChangedRecord) {
  LogEntry entry = Entry(1, Digest{}, "one");
  entry.record = "onE";
  EXPECT_EQ(VerifyEntry(entry, Digest{}, Keys()).code(), absl::StatusCode::kDataLoss);
}

TEST(RecordChainTest, RefusesAChangedRecordWhoseDigestWasMadeAnew) {
  LogEntry entry = Entry(17, Digest{}, "one");
  entry.record = "onE";
  entry.digest = ChainDigest(Digest{}, entry.record);  // Anybody can compute this.
  const absl::Status status = VerifyEntry(entry, Digest{}, Keys());
  EXPECT_EQ(status, absl::UnauthenticatedError(
                        "record 3.17: wrong MAC: not made with the root key of cluster c-1"));
}

TEST(RecordChainTest, RefusesAnEntryOfAnotherRootKey) {
  const LogEntry entry = Entry(1, Digest{}, "one");
  EXPECT_EQ(VerifyEntry(entry, Digest{}, KeyRing(KeyOf('x'), "c-1")).code(),
            absl::StatusCode::kUnauthenticated);
}

TEST(RecordChainTest, RefusesAnyChangedBitOfDigestOrMac) {
  const LogEntry good = Entry(1, Digest{}, "one");
  for (size_t i = 0; i < good.digest.size(); ++i) {
    LogEntry entry = good;
    entry.digest[i] ^= 0x80;
    EXPECT_EQ(VerifyEntry(entry, Digest{}, Keys()).code(), absl::StatusCode::kDataLoss);
  }
  for (size_t i = 0; i < good.mac.size(); ++i) {
    LogEntry entry = good;
    entry.mac[i] ^= 1;
    EXPECT_EQ(VerifyEntry(entry, Digest{}, Keys()).code(), absl::StatusCode::kUnauthenticated);
  }
}

}  // namespace
}  // namespace holdfast::crypto

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "server/audit/journal.h"
#include "server/base/file.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/seal.h"
#include "server/setup/node_folder.h"
#include "tests/unit/api/cli/capture.h"

namespace holdfast::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class AuditVerifyTest : public ::testing::Test {
 protected:
  AuditVerifyTest() {
    std::string name = testing::TempDir() + "holdfast-verify-XXXXXX";
    data_ = mkdtemp(name.data());
    const SecretBytes root = SecretBytes::CopyOf(std::string(crypto::kRootKeyBytes, 'r'));
    EXPECT_TRUE(crypto::CreateSeal(data_, root, "c", "node7").ok());
    const crypto::KeyRing keys(root.Clone(), "c");
    auto journal = audit::Journal::Open({.path = folder(), .node_id = "node7"},
                                        keys.JournalMac("node7"), clock_);
    EXPECT_TRUE(journal.ok()) << journal.status();
    for (int i = 0; i < 5; ++i) {
      v1::AuditRecord record;
      record.set_account_name("account-" + std::to_string(i));
      EXPECT_TRUE((*journal)->AppendAndWait(record).ok());
    }
  }
  ~AuditVerifyTest() override { std::filesystem::remove_all(data_); }

  std::string folder() const { return setup::PathIn(data_, setup::kJournalFile); }
  std::string segment() const { return folder() + "/00000000000000000001.segment"; }
  // One byte of the first place where `text` stands.
  void Change(const std::string& text) const {
    std::string bytes = *ReadFile(segment(), 1 << 30);
    bytes[bytes.find(text)] ^= 1;
    ASSERT_TRUE(WriteFileAtomic(segment(), bytes, 0600).ok());
  }
  Ended Verify(const char* output) const {
    return RunWords({"audit", "verify", "--data", data_.c_str(), "--output", output});
  }

  ManualClock clock_;
  std::string data_;
};

TEST_F(AuditVerifyTest, AWholeJournalEndsWithZero) {
  const Ended ended = Verify("json");
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr(R"("schema":"holdfast.audit_verify/1")"),
                               HasSubstr(R"("node_id":"node7")"), HasSubstr(R"("whole":true)"),
                               HasSubstr(R"("last":5)"), HasSubstr(R"("first_bad":null)")));
  EXPECT_EQ(ended.err, "");
}

TEST_F(AuditVerifyTest, AChangedRecordIsNamedAndEndsWithTwo) {
  Change("account-2");
  const Ended ended = Verify("json");
  EXPECT_EQ(ended.exit, 2);
  EXPECT_THAT(ended.out, AllOf(HasSubstr(R"("whole":false)"), HasSubstr(R"("last":2)"),
                               HasSubstr(R"("first_bad":3)")));
  EXPECT_THAT(Verify("table").err, HasSubstr("record 3 is not"));
}

TEST_F(AuditVerifyTest, ATornEndIsNoDamage) {
  Change("account-4");
  const Ended ended = Verify("json");
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_THAT(ended.out, AllOf(HasSubstr(R"("last":4)"), HasSubstr(R"("torn_end":true)")));
}

TEST_F(AuditVerifyTest, AnotherNodesSealDoesNotPass) {
  std::filesystem::remove(data_ + "/" + crypto::kSealKeyFile);
  std::filesystem::remove(data_ + "/" + crypto::kSealedRootFile);
  const SecretBytes other = SecretBytes::CopyOf(std::string(crypto::kRootKeyBytes, 'o'));
  ASSERT_TRUE(crypto::CreateSeal(data_, other, "c", "node7").ok());
  const Ended ended = Verify("table");
  EXPECT_EQ(ended.exit, 2);
  EXPECT_THAT(ended.err, HasSubstr("another cluster or node"));
}

TEST_F(AuditVerifyTest, AFolderThatIsNoNodesIsSaidSo) {
  const Ended ended = RunWords({"audit", "verify", "--data", "/nowhere"});
  EXPECT_EQ(ended.exit, 1);
  EXPECT_THAT(ended.err, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace holdfast::cli

#include "server/crypto/seal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

#include "server/base/file.h"
#include "tests/unit/server/crypto/keys_for_test.h"

namespace holdfast::crypto {
namespace {

using absl::StatusCode;

class SealTest : public ::testing::Test {
 protected:
  SealTest() {
    std::string pattern = ::testing::TempDir() + "/holdfast-seal-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~SealTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const char* file) const { return folder_ + "/" + file; }
  void Create() { ASSERT_TRUE(CreateSeal(folder_, KeyOf('r'), "c-1", "n1").ok()); }
  absl::Status UnsealStatus() const { return Unseal(folder_, "c-1", "n1").status(); }
  void Overwrite(const char* file, std::string_view bytes, mode_t mode = 0400) {
    ASSERT_TRUE(WriteFileAtomic(Path(file), bytes, mode).ok());
  }
  std::string Read(const char* file) const { return *ReadFile(Path(file), 4096); }

  std::string folder_;
};

TEST_F(SealTest, GivesTheRootKeyBack) {
  Create();
  const auto root_key = Unseal(folder_, "c-1", "n1");
  ASSERT_TRUE(root_key.ok()) << root_key.status();
  EXPECT_EQ(TextOf(*root_key), TextOf(KeyOf('r')));
  const auto identity = ReadSealIdentity(folder_);
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->cluster_id, "c-1");
  EXPECT_EQ(identity->node_id, "n1");
}

TEST_F(SealTest, WritesFilesForTheOwnerOnlyAndNoRootKeyInThem) {
  Create();
  for (const char* file : {kSealKeyFile, kSealedRootFile}) {
    struct stat info;
    ASSERT_EQ(stat(Path(file).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0400u) << file;
    EXPECT_EQ(Read(file).find(std::string(8, 'r')), std::string::npos) << file;
  }
  EXPECT_EQ(Read(kSealKeyFile).size(), 32u);
}

TEST_F(SealTest, NeverReplacesASeal) {
  Create();
  EXPECT_EQ(CreateSeal(folder_, KeyOf('x'), "c-1", "n1").code(), StatusCode::kAlreadyExists);
  ASSERT_EQ(unlink(Path(kSealedRootFile).c_str()), 0);
  EXPECT_EQ(CreateSeal(folder_, KeyOf('x'), "c-1", "n1").code(), StatusCode::kAlreadyExists);
}

TEST_F(SealTest, RefusesAKeyFileThatOthersMayRead) {
  for (const mode_t mode : {0440, 0404, 0420, 0401}) {
    std::filesystem::remove_all(folder_);
    ASSERT_TRUE(MakeFolder(folder_, 0700).ok());
    Create();
    ASSERT_EQ(chmod(Path(kSealKeyFile).c_str(), mode), 0);
    const absl::Status status = UnsealStatus();
    EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << mode;
    EXPECT_NE(status.message().find("expected mode 0400, got 04"), std::string::npos) << status;
  }
}

TEST_F(SealTest, RefusesAKeyFileThatIsALinkOrAFolder) {
  Create();
  ASSERT_EQ(rename(Path(kSealKeyFile).c_str(), Path("elsewhere").c_str()), 0);
  ASSERT_EQ(symlink("elsewhere", Path(kSealKeyFile).c_str()), 0);
  EXPECT_FALSE(UnsealStatus().ok());
  ASSERT_EQ(unlink(Path(kSealKeyFile).c_str()), 0);
  ASSERT_EQ(mkdir(Path(kSealKeyFile).c_str(), 0700), 0);
  EXPECT_EQ(UnsealStatus().code(), StatusCode::kInvalidArgument);
}

TEST_F(SealTest, RefusesAKeyFileOfAnotherSize) {
  Create();
  const std::string key = Read(kSealKeyFile);
  for (const std::string& wrong : {key.substr(1), key + "\n", std::string()}) {
    Overwrite(kSealKeyFile, wrong);
    const absl::Status status = UnsealStatus();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find("expected 32 bytes, got"), std::string::npos) << status;
  }
}

TEST_F(SealTest, SaysWhichFileIsMissing) {
  EXPECT_EQ(UnsealStatus().code(), StatusCode::kNotFound);
  Create();
  ASSERT_EQ(unlink(Path(kSealedRootFile).c_str()), 0);
  EXPECT_EQ(UnsealStatus().code(), StatusCode::kNotFound);
  EXPECT_NE(UnsealStatus().message().find(kSealedRootFile), std::string::npos);
}

TEST_F(SealTest, RefusesAnyChangedByteOfTheSealedFile) {
  Create();
  const std::string good = Read(kSealedRootFile);
  for (size_t i = 0; i < good.size(); ++i) {
    Overwrite(kSealedRootFile, Flipped(good, i));
    EXPECT_EQ(UnsealStatus().code(), StatusCode::kDataLoss) << "byte " << i;
  }
  for (size_t size = 0; size < good.size(); ++size) {
    Overwrite(kSealedRootFile, good.substr(0, size));
    EXPECT_EQ(UnsealStatus().code(), StatusCode::kDataLoss) << "cut at " << size;
  }
  Overwrite(kSealedRootFile, good + "x");
  EXPECT_EQ(UnsealStatus().code(), StatusCode::kDataLoss);
  Overwrite(kSealedRootFile, std::string(1 << 16, 'x'));
  EXPECT_EQ(UnsealStatus().code(), StatusCode::kInvalidArgument);
}

TEST_F(SealTest, RefusesAnotherKeyFile) {
  Create();
  Overwrite(kSealKeyFile, std::string(32, 'k'));
  const absl::Status status = UnsealStatus();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("does not open with seal.key"), std::string::npos);
}

TEST_F(SealTest, RefusesTheSealOfAnotherNodeOrCluster) {
  Create();
  EXPECT_EQ(Unseal(folder_, "c-2", "n1").status().code(), StatusCode::kFailedPrecondition);
  const absl::Status status = Unseal(folder_, "c-1", "n2").status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("expected the seal of node 'n2' of cluster 'c-1', got that of "
                                  "node 'n1' of cluster 'c-1'"),
            std::string::npos);
}

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() : text_(TextOf(NewRecoveryKey())) {
    wrapped_ = *RecoveryWrap(SecretBytes::CopyOf(text_), KeyOf('r'), "c-1");
  }
  absl::Status UnwrapWith(std::string_view text) const {
    return RecoveryUnwrap(SecretBytes::CopyOf(text), wrapped_, "c-1").status();
  }
  std::string text_;
  std::string wrapped_;
};

TEST_F(RecoveryTest, GivesTheRootKeyBack) {
  const auto root_key = RecoveryUnwrap(SecretBytes::CopyOf(text_), wrapped_, "c-1");
  ASSERT_TRUE(root_key.ok()) << root_key.status();
  EXPECT_EQ(TextOf(*root_key), TextOf(KeyOf('r')));
}

TEST_F(RecoveryTest, IsTextThatCanBeTyped) {
  EXPECT_EQ(text_.size(), 4u + 14 * 5);
  EXPECT_EQ(text_.substr(0, 5), "HFR1-");
  EXPECT_EQ(text_.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ1234567-"), std::string::npos);
  std::string typed = " ";
  for (const char c : text_) {
    if (c == '-') {
      typed += "\r\n\t ";
    } else {
      typed += static_cast<char>(tolower(c));
    }
  }
  EXPECT_TRUE(UnwrapWith(typed + "\n").ok());
}

TEST_F(RecoveryTest, EveryKeyIsAnotherAndEveryOneReadsBack) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const SecretBytes key = NewRecoveryKey();
    EXPECT_TRUE(seen.insert(TextOf(key)).second);
    EXPECT_TRUE(RecoveryWrap(key, KeyOf('r'), "c-1").ok());
  }
}

TEST_F(RecoveryTest, NoticesAMistypedCharacterAndDoesNotRepeatIt) {
  int noticed = 0;
  for (size_t i = 5; i < text_.size(); ++i) {
    if (text_[i] == '-') continue;
    std::string wrong = text_;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    const absl::Status status = UnwrapWith(wrong);
    noticed +=
        status == absl::InvalidArgumentError("recovery key: the checksum does not fit: mistyped?");
  }
  EXPECT_EQ(noticed, 56);
}

TEST_F(RecoveryTest, SaysWhatIsWrongWithTheText) {
  EXPECT_EQ(UnwrapWith("").message(), "recovery key: expected it to begin with HFR1-");
  EXPECT_EQ(UnwrapWith("HFR2" + text_.substr(4)).message(),
            "recovery key: expected it to begin with HFR1-");
  EXPECT_EQ(UnwrapWith(text_.substr(0, text_.size() - 1)).message(),
            "recovery key: expected 56 characters after HFR1-, got 55");
  EXPECT_EQ(UnwrapWith(text_ + "A").message(),
            "recovery key: expected 56 characters after HFR1-, got 57");
  std::string digit = text_;
  digit[5] = '0';
  EXPECT_EQ(UnwrapWith(digit).message(),
            "recovery key: character 1 after HFR1- is not one of A-Z and 2-7");
}

TEST_F(RecoveryTest, RefusesAnotherRecoveryKeyAnotherClusterAndChangedBytes) {
  EXPECT_EQ(UnwrapWith(TextOf(NewRecoveryKey())).code(), StatusCode::kDataLoss);
  EXPECT_EQ(RecoveryUnwrap(SecretBytes::CopyOf(text_), wrapped_, "c-2").status().code(),
            StatusCode::kFailedPrecondition);
  for (size_t i = 0; i < wrapped_.size(); ++i) {
    EXPECT_FALSE(RecoveryUnwrap(SecretBytes::CopyOf(text_), Flipped(wrapped_, i), "c-1").ok());
  }
}

}  // namespace
}  // namespace holdfast::crypto

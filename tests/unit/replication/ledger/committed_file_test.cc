#include "replication/ledger/committed_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "server/base/file.h"

namespace holdfast::replication {
namespace {

class CommittedFileTest : public ::testing::Test {
 protected:
  CommittedFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-cmt-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ + "/committed";
  }
  ~CommittedFileTest() override { std::filesystem::remove_all(folder_); }

  void Overwrite(off_t at, const std::string& bytes) {
    UniqueFd fd(open(path_.c_str(), O_WRONLY));
    ASSERT_EQ(pwrite(fd.get(), bytes.data(), bytes.size(), at), static_cast<ssize_t>(bytes.size()));
  }
  Position Reopened() {
    auto file = CommittedFile::Open(path_);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? file->committed() : Position{};
  }
  std::string folder_;
  std::string path_;
};

TEST_F(CommittedFileTest, ANewFileHasShownNothing) { EXPECT_EQ(Reopened(), (Position{})); }

TEST_F(CommittedFileTest, TheNewestPositionIsThereAfterReopening) {
  auto file = CommittedFile::Open(path_);
  ASSERT_TRUE(file.ok());
  for (uint64_t seq = 1; seq <= 7; ++seq) {
    ASSERT_TRUE(file->Save({.epoch = 2, .seq = seq}).ok());
    EXPECT_EQ(Reopened(), (Position{.epoch = 2, .seq = seq}));
  }
}

TEST_F(CommittedFileTest, ATornWriteLeavesThePositionBefore) {
  auto file = CommittedFile::Open(path_);
  ASSERT_TRUE(file->Save({.epoch = 1, .seq = 10}).ok());  // second slot
  ASSERT_TRUE(file->Save({.epoch = 1, .seq = 11}).ok());  // first slot
  Overwrite(20, "torn");
  EXPECT_EQ(Reopened(), (Position{.epoch = 1, .seq = 10}));
}

TEST_F(CommittedFileTest, AFileWithoutAWholeSlotIsDataLossAndStaysAsItIs) {
  { ASSERT_TRUE(CommittedFile::Open(path_).ok()); }
  Overwrite(0, "garbage!");
  Overwrite(512, "garbage!");
  const std::string before = *ReadFile(path_, 4096);
  const auto file = CommittedFile::Open(path_);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(file.status().message()).find(path_), std::string::npos);
  EXPECT_EQ(*ReadFile(path_, 4096), before);
}

TEST_F(CommittedFileTest, ATruncatedFileIsDataLoss) {
  { ASSERT_TRUE(CommittedFile::Open(path_).ok()); }
  std::filesystem::resize_file(path_, 10);
  EXPECT_EQ(CommittedFile::Open(path_).status().code(), absl::StatusCode::kDataLoss);
}

using CommittedFileDeathTest = CommittedFileTest;
TEST_F(CommittedFileDeathTest, GoingBackIsABug) {
  auto file = CommittedFile::Open(path_);
  ASSERT_TRUE(file->Save({.epoch = 1, .seq = 5}).ok());
  EXPECT_DEATH((void)file->Save({.epoch = 1, .seq = 4}), "broken invariant");
}

}  // namespace
}  // namespace holdfast::replication

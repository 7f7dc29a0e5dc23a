#include "server/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace holdfast {
namespace {

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-file-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string folder_;
};

TEST_F(FileTest, AnAtomicWriteReplacesTheWholeFileAndSetsItsMode) {
  ASSERT_TRUE(WriteFileAtomic(Path("f"), "a longer first text", 0600).ok());
  ASSERT_TRUE(WriteFileAtomic(Path("f"), "second", 0400).ok());
  EXPECT_EQ(*ReadFile(Path("f"), 100), "second");
  struct stat info;
  ASSERT_EQ(stat(Path("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0400u);
  EXPECT_FALSE(FileExists(Path("f.new")));
}

TEST_F(FileTest, ALeftoverOfACrashedWriteDoesNotStopTheNextOne) {
  ASSERT_TRUE(WriteFileOnce(Path("f.new"), "half a fi", 0600).ok());
  ASSERT_TRUE(WriteFileAtomic(Path("f"), "whole", 0600).ok());
  EXPECT_EQ(*ReadFile(Path("f"), 100), "whole");
}

TEST_F(FileTest, WritingOnceNeverReplaces) {
  ASSERT_TRUE(WriteFileOnce(Path("f"), "first", 0600).ok());
  EXPECT_EQ(WriteFileOnce(Path("f"), "second", 0600).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(Path("f"), 100), "first");
}

TEST_F(FileTest, AFileLargerThanExpectedIsRefusedByName) {
  ASSERT_TRUE(WriteFileOnce(Path("big"), std::string(1000, 'x'), 0600).ok());
  const auto read = ReadFile(Path("big"), 999);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(read.status().message()).find("big"), std::string::npos);
}

TEST_F(FileTest, AMissingFileIsNotFound) {
  EXPECT_EQ(ReadFile(Path("none"), 10).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace holdfast

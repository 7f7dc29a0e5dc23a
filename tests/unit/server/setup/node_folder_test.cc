#include "server/setup/node_folder.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "server/base/file.h"
#include "server/crypto/seal.h"
#include "tests/unit/server/setup/temp_folder.h"

namespace holdfast::setup {
namespace {

using ::testing::HasSubstr;

class NodeFolderTest : public TempFolderTest {
 protected:
  void WriteNode(const std::string& path) {
    ASSERT_TRUE(WriteFileOnce(PathIn(path, kStoreFile), "rows", 0600).ok());
    ASSERT_TRUE(WriteFileOnce(PathIn(path, crypto::kSealedRootFile), "root", 0600).ok());
  }
};

TEST_F(NodeFolderTest, AFinishedFolderIsTheOwnersAlone) {
  auto folder = NewNodeFolder::Make(Path("data"));
  ASSERT_TRUE(folder.ok()) << folder.status();
  WriteNode(Path("data"));
  EXPECT_EQ(CheckNodeFolder(Path("data"), StoreIs::kFile).code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(folder->Finish().ok());
  EXPECT_TRUE(CheckNodeFolder(Path("data"), StoreIs::kFile).ok());
  EXPECT_EQ(ModeOf(Path("data")), 0700u);
  EXPECT_FALSE(FileExists(Path("data/unfinished")));
}

TEST_F(NodeFolderTest, AStoreThatIsElsewhereIsNotMissed) {
  ASSERT_TRUE(MakeFolder(Path("data"), 0700).ok());
  WriteNode(Path("data"));
  ASSERT_TRUE(std::filesystem::remove(PathIn(Path("data"), kStoreFile)));
  EXPECT_EQ(CheckNodeFolder(Path("data"), StoreIs::kFile).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(CheckNodeFolder(Path("data"), StoreIs::kElsewhere).ok());
  EXPECT_THAT(std::string(NewNodeFolder::Make(Path("data")).status().message()),
              HasSubstr("a node is there already"));
}

TEST_F(NodeFolderTest, WhatWasNotFinishedGoes) {
  {
    auto folder = NewNodeFolder::Make(Path("data"));
    ASSERT_TRUE(folder.ok()) << folder.status();
    WriteNode(Path("data"));
  }
  EXPECT_FALSE(FileExists(Path("data")));
}

TEST_F(NodeFolderTest, AFolderThatWasThereStaysWithoutOurFiles) {
  ASSERT_TRUE(MakeFolder(Path("data"), 0755).ok());
  ASSERT_TRUE(MakeFolder(Path("data/lost+found"), 0700).ok());
  {
    auto folder = NewNodeFolder::Make(Path("data"));
    ASSERT_TRUE(folder.ok()) << folder.status();
    WriteNode(Path("data"));
  }
  EXPECT_TRUE(FileExists(Path("data/lost+found")));
  EXPECT_FALSE(FileExists(PathIn(Path("data"), kStoreFile)));
}

TEST_F(NodeFolderTest, ANodeOrAnythingElseIsNeverReplaced) {
  ASSERT_TRUE(MakeFolder(Path("data"), 0700).ok());
  ASSERT_TRUE(WriteFileOnce(Path("data/letter"), "dear", 0600).ok());
  const absl::Status refused = NewNodeFolder::Make(Path("data")).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("found letter"));
  WriteNode(Path("data"));
  EXPECT_THAT(std::string(NewNodeFolder::Make(Path("data")).status().message()),
              HasSubstr("a node is there already"));
  EXPECT_TRUE(FileExists(Path("data/letter")));
}

TEST_F(NodeFolderTest, WhatACrashLeftIsSwept) {
  ASSERT_TRUE(MakeFolder(Path("data"), 0700).ok());
  WriteNode(Path("data"));
  ASSERT_TRUE(WriteFileOnce(PathIn(Path("data"), kUnfinishedFile), "", 0600).ok());
  EXPECT_THAT(std::string(CheckNodeFolder(Path("data"), StoreIs::kFile).message()),
              HasSubstr("did not finish"));
  auto folder = NewNodeFolder::Make(Path("data"));
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_FALSE(FileExists(PathIn(Path("data"), kStoreFile)));
}

TEST_F(NodeFolderTest, TwoAtOnceDoNotSweepEachOther) {
  auto first = NewNodeFolder::Make(Path("data"));
  ASSERT_TRUE(first.ok()) << first.status();
  WriteNode(Path("data"));
  EXPECT_EQ(NewNodeFolder::Make(Path("data")).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(FileExists(PathIn(Path("data"), kStoreFile)));
}

}  // namespace
}  // namespace holdfast::setup

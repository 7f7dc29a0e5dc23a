#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "replication/node/snapshot_intake.h"
#include "replication/node/snapshot_shelf.h"
#include "tests/unit/replication/node/node_fixture.h"

namespace holdfast::replication {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::vector<std::string> PartsIn(const std::string& folder) {
  std::vector<std::string> names;
  DIR* open = opendir(folder.c_str());
  while (const dirent* entry = readdir(open)) {
    const std::string name = entry->d_name;
    if (name.ends_with(".part")) names.push_back(name);
  }
  closedir(open);
  return names;
}

// `a` has enough rows for several pieces; `b` is an empty node of the same cluster.
class SnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(a_.Open().ok());
    ASSERT_TRUE(a_.ledger().StartEpoch(EpochOf(1)).ok());
    ASSERT_TRUE(a_.Begin().ok());
    std::vector<std::future<absl::StatusOr<WriteResult>>> writes;
    for (int i = 0; i < 4000; ++i) {
      vault::AddUser add;
      add.user.set_name(std::string(200, 'u') + std::to_string(i));
      add.user.set_organization_id(1);
      add.user.set_role(v1::ROLE_PASSWORD_USER);
      writes.push_back(a_.Submit(std::move(add)));
      if (writes.size() < 64) continue;  // one that waits for longer than the fixture's is refused
      for (auto& write : writes) ASSERT_TRUE(write.get().ok());
      writes.clear();
    }
    for (auto& write : writes) ASSERT_TRUE(write.get().ok());
    ASSERT_TRUE(b_.Open().ok());
    shelf_ = std::make_unique<SnapshotShelf>(SnapshotShelf::Deps{
        .ledger = a_.ledger(), .keys = a_.keys(), .clock = a_.clock(), .folder = a_.folder()});
  }
  ShelvedSnapshotPtr Take() {
    auto snapshot = shelf_->Get(1, 30s);
    EXPECT_TRUE(snapshot.ok() && *snapshot != nullptr) << snapshot.status();
    return *snapshot;
  }
  absl::Status Begin(SnapshotIntake& intake, const ShelvedSnapshot& snapshot, uint64_t offset) {
    v1::SnapshotBegin begin = snapshot.begin;
    begin.set_offset(offset);
    return intake.Begin(begin, snapshot.point.history);
  }
  // Up to `pieces` more of them; true when nothing is left.
  bool Send(SnapshotIntake& intake, const ShelvedSnapshot& snapshot, size_t pieces) {
    for (; pieces > 0 && intake.bytes() < snapshot.file.bytes(); --pieces) {
      v1::SnapshotChunk chunk;
      chunk.set_offset(intake.bytes());
      chunk.set_data(*snapshot.file.ReadAt(intake.bytes(), kSnapshotChunkBytes));
      const absl::Status added = intake.Add(chunk);
      EXPECT_TRUE(added.ok()) << added;
      if (!added.ok()) return false;
    }
    return intake.bytes() == snapshot.file.bytes();
  }
  absl::Status Install(SnapshotIntake& intake, const ShelvedSnapshot& snapshot) {
    v1::SnapshotEnd end;
    end.set_bytes(snapshot.file.bytes());
    end.set_mac(std::string(snapshot.mac.begin(), snapshot.mac.end()));
    return intake.Install(end, [] {});
  }

  const std::shared_ptr<const SecretBytes> root_ = NewRoot();
  TestNode a_{"a", root_};
  TestNode b_{"b", root_};
  std::unique_ptr<SnapshotShelf> shelf_;
};

TEST_F(SnapshotTest, OneFileServesAllAndLeavesTheShelfWithItsEpoch) {
  const ShelvedSnapshotPtr first = Take();
  EXPECT_EQ(Take(), first);
  EXPECT_EQ(shelf_->Find(first->begin.snapshot_id()), first);
  EXPECT_EQ(shelf_->NeededFrom(), first->point.seq);
  EXPECT_GT(first->file.bytes(), 3 * kSnapshotChunkBytes);
  shelf_->Clear();
  EXPECT_EQ(shelf_->Find(first->begin.snapshot_id()), nullptr);
  const ShelvedSnapshotPtr second = Take();
  EXPECT_NE(second, first);
  shelf_->Clear();
  const auto third = shelf_->Get(1, 30s);  // Two are still held.
  EXPECT_TRUE(absl::IsResourceExhausted(third.status())) << third.status();
}

TEST_F(SnapshotTest, OneThatIsNotCommittedSoFarIsNotMade) {
  const uint64_t next = a_.ledger().progress().committed_seq + 1;
  const auto waits = shelf_->Get(next, 20ms);
  ASSERT_TRUE(waits.ok()) << waits.status();
  EXPECT_EQ(*waits, nullptr);
  ASSERT_TRUE(a_.AddUser("zoe").ok());
  const auto made = shelf_->Get(next, 30s);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_GE((*made)->point.seq, next);
}

TEST_F(SnapshotTest, ItGoesOnAfterACutStreamAndAfterARestart) {
  const ShelvedSnapshotPtr snapshot = Take();
  {
    SnapshotIntake intake(b_.folder(), b_.keys(), b_.ledger());
    EXPECT_EQ(intake.id(), "");
    ASSERT_TRUE(Begin(intake, *snapshot, 0).ok());
    ASSERT_FALSE(Send(intake, *snapshot, 1));
    intake.Pause();
    EXPECT_FALSE(intake.begun());
    ASSERT_TRUE(Begin(intake, *snapshot, kSnapshotChunkBytes).ok());
    ASSERT_FALSE(Send(intake, *snapshot, 1));
  }
  // The last piece before a crash may be half there.
  const std::string part = b_.folder() + "/snapshot." + snapshot->begin.snapshot_id() + ".part";
  std::ofstream(part, std::ios::app) << "half a piece";
  SnapshotIntake intake(b_.folder(), b_.keys(), b_.ledger());
  EXPECT_EQ(intake.id(), snapshot->begin.snapshot_id());
  EXPECT_EQ(intake.bytes(), 2 * kSnapshotChunkBytes);
  EXPECT_FALSE(Begin(intake, *snapshot, kSnapshotChunkBytes).ok());  // not where it stands
  ASSERT_TRUE(Begin(intake, *snapshot, intake.bytes()).ok());
  ASSERT_TRUE(Send(intake, *snapshot, 1000));
  const absl::Status installed = Install(intake, *snapshot);
  ASSERT_TRUE(installed.ok()) << installed;
  EXPECT_TRUE(b_.Knows(std::string(200, 'u') + "3999"));
  EXPECT_EQ(b_.StateDigestNow(), a_.StateDigestNow());
  EXPECT_TRUE(PartsIn(b_.folder()).empty());
}

TEST_F(SnapshotTest, APartThatWasChangedOnTheDiskIsNotInstalled) {
  const ShelvedSnapshotPtr snapshot = Take();
  {
    SnapshotIntake intake(b_.folder(), b_.keys(), b_.ledger());
    ASSERT_TRUE(Begin(intake, *snapshot, 0).ok());
    ASSERT_FALSE(Send(intake, *snapshot, 2));
  }
  const std::string part = b_.folder() + "/snapshot." + snapshot->begin.snapshot_id() + ".part";
  std::string piece = *snapshot->file.ReadAt(0, kSnapshotChunkBytes);
  const size_t name = piece.find("uuuu");
  ASSERT_NE(name, std::string::npos);
  {
    std::fstream file(part, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(name));
    file << 'x';
  }
  SnapshotIntake intake(b_.folder(), b_.keys(), b_.ledger());
  ASSERT_TRUE(Begin(intake, *snapshot, intake.bytes()).ok());
  ASSERT_TRUE(Send(intake, *snapshot, 1000));
  EXPECT_TRUE(absl::IsUnauthenticated(Install(intake, *snapshot)));
  EXPECT_EQ(b_.ledger().progress().committed_seq, 0U);
  EXPECT_TRUE(PartsIn(b_.folder()).empty());
}

TEST_F(SnapshotTest, WhatCannotBeGoneOnWithIsRemovedAtStart) {
  std::ofstream(b_.folder() + "/snapshot.short.part") << "x";
  std::ofstream(b_.folder() + "/snapshot." + std::string(32, 'a') + ".part") << "no whole piece";
  std::ofstream(b_.folder() + "/another.part") << "not ours";
  const SnapshotIntake intake(b_.folder(), b_.keys(), b_.ledger());
  EXPECT_EQ(intake.id(), "");
  EXPECT_THAT(PartsIn(b_.folder()), ::testing::ElementsAre("another.part"));
}

TEST_F(SnapshotTest, WithoutRoomNothingIsBegun) {
  const ShelvedSnapshotPtr snapshot = Take();
  v1::SnapshotBegin begin = snapshot->begin;
  begin.set_bytes(1ULL << 60);
  SnapshotIntake intake(b_.folder(), b_.keys(), b_.ledger());
  const absl::Status status = intake.Begin(begin, snapshot->point.history);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("are free"));
  EXPECT_TRUE(PartsIn(b_.folder()).empty());
}

}  // namespace
}  // namespace holdfast::replication

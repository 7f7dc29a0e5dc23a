#include "replication/node/epoch_book.h"

#include <gtest/gtest.h>

#include "server/storage/memory_store.h"

namespace holdfast::replication {
namespace {

class EpochBookTest : public ::testing::Test {
 protected:
  void Open() {
    book_.reset();
    store_.reset();
    store_ = *storage::MemoryStore::Open(disk_);
    book_ = *EpochBook::Open(*store_, "a");
  }

  const std::shared_ptr<storage::MemoryDisk> disk_ = std::make_shared<storage::MemoryDisk>();
  std::unique_ptr<storage::MemoryStore> store_;
  std::unique_ptr<EpochBook> book_;
};

TEST_F(EpochBookTest, APromiseToItselfThatIsNotOnDiskIsNone) {
  Open();
  const Epoch first{1, "a"};
  ASSERT_TRUE(book_->GrantSelf(first, std::nullopt).ok());
  const EpochPromises before = book_->promises();
  disk_->set_full(true);
  EXPECT_TRUE(absl::IsResourceExhausted(book_->GrantSelf({2, "a"}, 1)));
  EXPECT_TRUE(absl::IsResourceExhausted(book_->Claim(first, {})));
  EXPECT_EQ(book_->promises(), before);
  disk_->set_full(false);
  Open();
  EXPECT_EQ(book_->promises(), before);
  EXPECT_TRUE(book_->GrantSelf({2, "a"}, 1).ok());
  EXPECT_TRUE(book_->Claim({2, "a"}, {}).ok());
  Open();
  EXPECT_EQ(book_->promises().own, (Epoch{2, "a"}));
}

TEST_F(EpochBookTest, WhatIsPromisedToAnotherIsNotPromisedToItself) {
  Open();
  ASSERT_TRUE(book_->OnSeen({2, "b"}).ok());
  EXPECT_TRUE(absl::IsAborted(book_->GrantSelf({2, "a"}, std::nullopt)));
  EXPECT_TRUE(absl::IsAborted(book_->Claim({2, "a"}, {})));
}

TEST_F(EpochBookTest, ToWhomItPromisedBeforeIsNotHiddenByWhatItPromisesItself) {
  Open();
  ASSERT_TRUE(book_->OnSeen({2, "b"}).ok());
  ASSERT_TRUE(book_->GrantSelf({3, "a"}, std::nullopt).ok());
  ASSERT_TRUE(book_->GrantSelf({4, "a"}, std::nullopt).ok());
  Open();
  EXPECT_EQ(book_->promises().granted, (Epoch{4, "a"}));
  EXPECT_EQ(book_->promises().rival, (Epoch{2, "b"}));
}

}  // namespace
}  // namespace holdfast::replication

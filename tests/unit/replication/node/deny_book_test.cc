#include "replication/node/deny_book.h"

#include <gtest/gtest.h>

#include "server/storage/memory_store.h"
#include "server/vault/refusal.h"

namespace holdfast::replication {
namespace {

v1::Denial Of(const std::string& user) {
  v1::Denial denial;
  denial.set_id(user);
  denial.set_user_name(user);
  return denial;
}

class DenyBookTest : public ::testing::TestWithParam<bool> {
 protected:
  void Open() {
    book_.reset();
    store_.reset();
    store_ = *storage::MemoryStore::Open(disk_);
    book_ = *DenyBook::Open(*store_);
  }

  const std::shared_ptr<storage::MemoryDisk> disk_ = std::make_shared<storage::MemoryDisk>();
  std::unique_ptr<storage::MemoryStore> store_;
  std::unique_ptr<DenyBook> book_;
};

INSTANTIATE_TEST_SUITE_P(Answer, DenyBookTest, testing::Bool(),
                         [](const auto& lands) { return lands.param ? "Lands" : "DoesNot"; });

// A stolen key must stop at once, also while the database of the node is away.
TEST_P(DenyBookTest, ADenialIsInForceWhileTheStoreIsAwayAndKeptWhenItIsBack) {
  Open();
  disk_->set_away(true, GetParam());
  const absl::Status said = book_->Add(Of("mallory"));
  EXPECT_EQ(vault::RefusalOf(said), vault::Refusal::kOverloaded) << said;
  EXPECT_TRUE(book_->DeniesUser("mallory"));
  EXPECT_FALSE(book_->Add(Of("mallory")).ok()) << "not kept yet";
  EXPECT_FALSE(book_->Settle({}).ok());
  disk_->set_away(false);
  EXPECT_TRUE(book_->Settle({}).ok());
  Open();
  EXPECT_TRUE(book_->DeniesUser("mallory"));
}

TEST_P(DenyBookTest, TheSameDenialAgainIsKeptWhenTheFirstWasNot) {
  Open();
  disk_->set_away(true, GetParam());
  EXPECT_FALSE(book_->Add(Of("mallory")).ok());
  disk_->set_away(false);
  EXPECT_TRUE(book_->Add(Of("mallory")).ok());
  Open();
  EXPECT_TRUE(book_->DeniesUser("mallory"));
  EXPECT_EQ(book_->All().size(), 1u);
}

}  // namespace
}  // namespace holdfast::replication

#include "server/storage/memory_store.h"
#include "tests/conformance/store_conformance.h"

namespace holdfast::storage {
namespace {

class MemoryMedium : public StoreMedium {
 public:
  absl::StatusOr<std::unique_ptr<Store>> Open() override {
    absl::StatusOr<std::unique_ptr<MemoryStore>> store = MemoryStore::Open(disk_);
    if (!store.ok()) return store.status();
    return std::unique_ptr<Store>(std::move(*store));
  }
  void SetSchemaVersion(uint64_t version) override { disk_->set_schema_version(version); }
  void FailNextCommit() override {
    disk_->FailNextCommit(absl::InternalError("disk says no"), /*lands=*/false);
  }
  void EndFault() override {}

 private:
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformanceTest,
                         testing::Values(MediumKind{
                             "memory", [] { return std::make_unique<MemoryMedium>(); }}));

TEST(MemoryStoreTest, AFailedCommitThatLandedIsSeenOnlyByTheNextOpen) {
  auto disk = std::make_shared<MemoryDisk>();
  {
    auto store = MemoryStore::Open(disk);
    ASSERT_TRUE(store.ok());
    disk->FailNextCommit(absl::InternalError("fsync failed"), /*lands=*/true);
    EXPECT_EQ((*store)->PutFact("a", "1").code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(*(*store)->GetFact("a"), std::nullopt);
  }
  auto again = MemoryStore::Open(disk);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*(*again)->GetFact("a"), "1");
}

}  // namespace
}  // namespace holdfast::storage

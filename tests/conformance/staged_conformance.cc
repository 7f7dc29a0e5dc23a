// The rows of a snapshot beside those in use: for the stores that keep some there.
#include "server/storage/row_table.h"
#include "tests/conformance/store_conformance.h"

namespace holdfast::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr size_t kMany = 1'000'000;

StagedChange Stays(const v1::Row& row) { return {.key = KeyOf(row), .row = row}; }
StagedChange Goes(const v1::Row& row) { return {.key = KeyOf(row), .row = {}}; }
v1::Row CounterRow(const std::string& name, uint64_t last) {
  v1::Row row;
  row.mutable_counter()->set_name(name);
  row.mutable_counter()->set_value(last);
  return row;
}

}  // namespace

std::unique_ptr<StagedRows> StoreConformanceTest::Stage() {
  absl::StatusOr<std::unique_ptr<StagedRows>> staged = store_->StageRows();
  EXPECT_TRUE(staged.ok()) << staged.status();
  return staged.ok() ? *std::move(staged) : nullptr;
}

TEST_P(StoreConformanceTest, StagedRowsReplaceRowsAndLogAndKeepFacts) {
  ASSERT_TRUE(store_->PutFact("node_id", "n2").ok());
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "old"))}).ok());
  ASSERT_TRUE(AppendEntries(2, 3, /*apply=*/false).ok());
  for (uint64_t round = 0; round < 2; ++round) {  // Also in place of what was staged itself.
    std::unique_ptr<StagedRows> staged = Stage();
    if (staged == nullptr) GTEST_SKIP() << "takes the rows of a snapshot in one transaction";
    ASSERT_TRUE(
        staged->Apply({{Stays(AccountRow(8, "older")), Stays(AccountRow(9, "goes"))}}).ok());
    ASSERT_TRUE(staged->Apply({{Stays(CounterRow("a", round)), Stays(CounterRow("b", 1))}}).ok());
    ASSERT_TRUE(staged
                    ->Apply({{Stays(AccountRow(8, "new")), Goes(AccountRow(9, "")),
                              Goes(AccountRow(77, "")), Goes(CounterRow("b", 0))}})
                    .ok());
    const EntryPtr at = EntryAt(100 + round, 4, "n1");
    const absl::Status replaced =
        store_->ReplaceByStaged(*staged, AppliedAt(at), at->epoch, {{"with_snapshot", "kept"}});
    ASSERT_TRUE(replaced.ok()) << replaced;
    EXPECT_EQ(staged->Apply({{Stays(AccountRow(7, "late"))}}).code(),
              StatusCode::kFailedPrecondition);
    EXPECT_EQ(store_->ReplaceByStaged(*staged, AppliedAt(at), at->epoch, {}).code(),
              StatusCode::kFailedPrecondition);
    staged.reset();
    for (int again = 0; again < 2; ++again) {
      EXPECT_EQ(Load().applied, AppliedAt(at));
      EXPECT_EQ(Load().last.digest, at->digest);
      EXPECT_EQ(Load().first_seq, at->seq + 1);
      EXPECT_EQ(store_->ReadLog(1, 9, kMany).status().code(), StatusCode::kOutOfRange);
      const auto rows = Rows();
      ASSERT_THAT(rows, SizeIs(2));
      EXPECT_EQ(rows.at(KeyOf(AccountRow(8, "")).ShortDebugString()),
                AccountRow(8, "new").SerializeAsString());
      EXPECT_EQ(rows.at(KeyOf(CounterRow("a", 0)).ShortDebugString()),
                CounterRow("a", round).SerializeAsString());
      EXPECT_EQ(*store_->GetFact("node_id"), "n2");
      EXPECT_EQ(*store_->GetFact("with_snapshot"), "kept");
      Reopen();
    }
  }
  EXPECT_TRUE(AppendRows(EntryAt(102, 4), {Put(AccountRow(8, "newest"))}).ok());
  EXPECT_TRUE(AppendEntries(103, 104, true, 4).ok());
}

TEST_P(StoreConformanceTest, WhatIsStagedIsSeenByNobodyAndGoes) {
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "old"))}).ok());
  std::unique_ptr<StagedRows> staged = Stage();
  if (staged == nullptr) GTEST_SKIP() << "takes the rows of a snapshot in one transaction";
  ASSERT_TRUE(staged->Apply({{Stays(AccountRow(1, "new")), Stays(AccountRow(2, "new"))}}).ok());
  EXPECT_EQ(Rows().begin()->second, AccountRow(1, "old").SerializeAsString());
  EXPECT_THAT(Rows(), SizeIs(1));
  // The store is used meanwhile.
  ASSERT_TRUE(AppendRows(EntryAt(2), {Put(AccountRow(3, "too"))}).ok());
  ASSERT_TRUE(store_->PutFact("a", "1").ok());
  EXPECT_THAT(Seqs(1), ElementsAre(1, 2));

  std::unique_ptr<StagedRows> newer = Stage();
  EXPECT_EQ(staged->Apply({{Stays(AccountRow(4, "late"))}}).code(),
            StatusCode::kFailedPrecondition);
  staged.reset();
  ASSERT_TRUE(newer->Apply({{Stays(AccountRow(5, "newer"))}}).ok()) << "the older took it along";
  const EntryPtr at = EntryAt(9);
  EXPECT_EQ(
      store_->ReplaceByStaged(*newer, AppliedAt(at), {.number = 2, .node_id = "n1"}, {}).code(),
      StatusCode::kInvalidArgument);
  newer.reset();
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Rows(), SizeIs(2));
    EXPECT_EQ(Load().applied, AppliedAt(EntryAt(2)));
    Reopen();
  }
  newer = Stage();
  ASSERT_TRUE(store_->ReplaceByStaged(*newer, AppliedAt(at), at->epoch, {}).ok());
  EXPECT_THAT(Rows(), IsEmpty()) << "rows of an earlier snapshot came along";
}

TEST_P(StoreConformanceTest, StagedRowsThatCannotBeKeptAreRefused) {
  std::unique_ptr<StagedRows> staged = Stage();
  if (staged == nullptr) GTEST_SKIP() << "takes the rows of a snapshot in one transaction";
  v1::Row unknown = AccountRow(2, "from a newer program");
  unknown.mutable_account()
      ->GetReflection()
      ->MutableUnknownFields(unknown.mutable_account())
      ->AddVarint(9000, 1);
  EXPECT_EQ(staged->Apply({{Stays(AccountRow(1, "a")), Stays(unknown)}}).code(),
            StatusCode::kFailedPrecondition);
  EXPECT_TRUE(store_->failure().ok());
}

TEST_P(StoreConformanceTest, AFailedReplacementIsTheOldOrTheNew) {
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "old"))}).ok());
  std::unique_ptr<StagedRows> staged = Stage();
  if (staged == nullptr) GTEST_SKIP() << "takes the rows of a snapshot in one transaction";
  ASSERT_TRUE(staged->Apply({{Stays(AccountRow(1, "new")), Stays(AccountRow(2, "new"))}}).ok());
  const EntryPtr at = EntryAt(9);
  medium_->FailNextCommit();
  const absl::Status failed =
      store_->ReplaceByStaged(*staged, AppliedAt(at), at->epoch, {{"with_snapshot", "kept"}});
  medium_->EndFault();
  EXPECT_EQ(failed.code(), StatusCode::kDataLoss) << failed;
  EXPECT_FALSE(store_->failure().ok());
  staged.reset();
  Reopen();
  const bool is_new = Load().applied == AppliedAt(at);
  EXPECT_EQ(Load().applied, is_new ? AppliedAt(at) : AppliedAt(EntryAt(1)));
  EXPECT_THAT(Rows(), SizeIs(is_new ? 2 : 1));
  EXPECT_EQ(Rows().begin()->second, AccountRow(1, is_new ? "new" : "old").SerializeAsString());
  EXPECT_EQ(store_->GetFact("with_snapshot")->has_value(), is_new);
}

}  // namespace holdfast::storage

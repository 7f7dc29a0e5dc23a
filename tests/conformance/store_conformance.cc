#include "tests/conformance/store_conformance.h"

#include "server/storage/row_table.h"

namespace holdfast::storage {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr size_t kMany = 1'000'000;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreConformanceTest);

}  // namespace

void StoreConformanceTest::SetUp() {
  medium_ = GetParam().make();
  Reopen();
}

void StoreConformanceTest::Reopen() {
  store_.reset();
  absl::StatusOr<std::unique_ptr<Store>> store = medium_->Open();
  ASSERT_TRUE(store.ok()) << store.status();
  store_ = std::move(*store);
}

absl::Status StoreConformanceTest::AppendEntries(uint64_t first, uint64_t last, bool apply,
                                                 uint64_t epoch) {
  std::vector<EntryPtr> entries;
  for (uint64_t seq = first; seq <= last; ++seq) entries.push_back(EntryAt(seq, epoch));
  AppendBatch batch{.entries = entries};
  if (apply) batch.applied = AppliedAt(entries.back());
  return store_->Append(batch);
}

absl::Status StoreConformanceTest::AppendRows(const EntryPtr& entry,
                                              const std::vector<v1::RowChange>& changes) {
  std::vector<const v1::RowChange*> rows;
  for (const v1::RowChange& change : changes) rows.push_back(&change);
  return store_->Append({.entries = {&entry, 1}, .rows = rows, .applied = AppliedAt(entry)});
}

LoadResult StoreConformanceTest::Load() {
  absl::StatusOr<LoadResult> result = store_->Load([](v1::Row&&) { return absl::OkStatus(); });
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : LoadResult();
}

std::map<std::string, std::string> StoreConformanceTest::Rows() {
  std::map<std::string, std::string> rows;
  EXPECT_TRUE(store_
                  ->Load([&rows](v1::Row&& row) {
                    rows[KeyOf(row).ShortDebugString()] = row.SerializeAsString();
                    return absl::OkStatus();
                  })
                  .ok());
  return rows;
}

std::vector<uint64_t> StoreConformanceTest::Seqs(uint64_t first_seq) {
  absl::StatusOr<std::vector<EntryPtr>> entries = store_->ReadLog(first_seq, kMany, kMany);
  EXPECT_TRUE(entries.ok()) << entries.status();
  std::vector<uint64_t> seqs;
  for (const EntryPtr& entry : *entries) seqs.push_back(entry->seq);
  return seqs;
}

absl::Status StoreConformanceTest::Replace(const std::vector<v1::Row>& rows, const Applied& applied,
                                           const Epoch& epoch) {
  size_t i = 0;
  return store_->ReplaceBySnapshot(
      [&]() -> absl::StatusOr<std::optional<v1::Row>> {
        if (i == rows.size()) return std::optional<v1::Row>();
        return std::optional<v1::Row>(rows[i++]);
      },
      applied, epoch, {{"with_snapshot", "kept"}});
}

// --- A new store -------------------------------------------------------------------------------

TEST_P(StoreConformanceTest, ANewStoreIsEmptyAndGoesOnAtOne) {
  const LoadResult loaded = Load();
  EXPECT_EQ(loaded.applied, Applied());
  EXPECT_EQ(loaded.first_seq, 1u);
  EXPECT_EQ(loaded.last, LogPoint());
  EXPECT_THAT(Rows(), IsEmpty());
  EXPECT_THAT(Seqs(1), IsEmpty());
}

TEST_P(StoreConformanceTest, CannotBeOpenedTwice) {
  const absl::StatusOr<std::unique_ptr<Store>> second = medium_->Open();
  EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition) << second.status();
  EXPECT_TRUE(AppendEntries(1, 1).ok()) << "the refused one disturbed the first";
}

TEST_P(StoreConformanceTest, RefusesANewerSchemaNamingBothNumbers) {
  store_.reset();
  medium_->SetSchemaVersion(kSchemaVersion + 7);
  const absl::StatusOr<std::unique_ptr<Store>> store = medium_->Open();
  EXPECT_EQ(store.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(std::to_string(kSchemaVersion + 7)));
  EXPECT_THAT(std::string(store.status().message()),
              HasSubstr("newer than " + std::to_string(kSchemaVersion)));
  medium_->SetSchemaVersion(kSchemaVersion);
  EXPECT_TRUE(medium_->Open().ok());
}

// --- Append ------------------------------------------------------------------------------------

TEST_P(StoreConformanceTest, ReadsItsOwnWriteAfterReopen) {
  const v1::Row row = AccountRow(1, "db/orders");
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(row)}).ok());
  Reopen();
  const LoadResult loaded = Load();
  EXPECT_EQ(loaded.applied, AppliedAt(EntryAt(1)));
  EXPECT_EQ(loaded.last.seq, 1u);
  EXPECT_EQ(loaded.last.digest, EntryAt(1)->digest);
  EXPECT_EQ(loaded.last.epoch, EntryAt(1)->epoch);
  ASSERT_THAT(Rows(), SizeIs(1));
  EXPECT_EQ(Rows().begin()->second, row.SerializeAsString());
}

TEST_P(StoreConformanceTest, EntriesComeBackByteForByte) {
  ASSERT_TRUE(AppendEntries(1, 3).ok());
  Reopen();
  const auto entries = store_->ReadLog(1, 10, kMany);
  ASSERT_TRUE(entries.ok());
  ASSERT_THAT(*entries, SizeIs(3));
  for (uint64_t seq = 1; seq <= 3; ++seq) {
    const LogEntry& got = *(*entries)[seq - 1];
    const EntryPtr want = EntryAt(seq);
    EXPECT_EQ(got.epoch, want->epoch);
    EXPECT_EQ(got.digest, want->digest);
    EXPECT_EQ(got.mac, want->mac);
    EXPECT_EQ(got.record, want->record);
  }
}

TEST_P(StoreConformanceTest, RowsOfEveryKindComeBackByteForByte) {
  std::vector<v1::RowChange> changes;
  std::map<std::string, std::string> want;
  for (const RowTable& table : RowTables()) {
    for (const bool filled : {false, true}) {
      v1::Row row;
      google::protobuf::Message& message = MutableRowMessage(row, table);
      std::vector<ColumnValue> values;
      for (const Column& column : table.columns.columns()) {
        const bool key = &column == &table.columns.columns()[0];
        if (column.type == ColumnType::kText) {
          values.push_back(std::string_view(filled ? "t\xc3\xa4xt" : ""));
        } else if (column.nullable && !filled) {
          values.push_back(std::monostate());
        } else if (column.type == ColumnType::kBlob) {
          values.push_back(BlobView{filled ? std::string_view("\0b\xff", 3) : std::string_view()});
        } else {
          values.push_back(int64_t{key ? (filled ? 2 : 0) : filled});
        }
      }
      ASSERT_TRUE(table.columns.Write(values, message).ok());
      changes.push_back(Put(row));
      want[KeyOf(row).ShortDebugString()] = row.SerializeAsString();
    }
  }
  ASSERT_TRUE(AppendRows(EntryAt(1), changes).ok());
  Reopen();
  EXPECT_EQ(Rows(), want);
}

TEST_P(StoreConformanceTest, ASealedSecretThatIsThereButEmptyDiffersFromNone) {
  v1::Row none = AccountRow(1, "a");
  none.mutable_account()->clear_secret();
  v1::Row empty = AccountRow(2, "b");
  empty.mutable_account()->mutable_secret()->Clear();
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(none), Put(empty)}).ok());
  Reopen();
  const auto rows = Rows();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows.begin()->second, none.SerializeAsString());
  EXPECT_EQ(rows.rbegin()->second, empty.SerializeAsString());
}

TEST_P(StoreConformanceTest, TextsComeBackWhateverTheyHold) {
  std::vector<v1::RowChange> changes;
  std::map<std::string, std::string> want;
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\0", 1), std::string("\1"), std::string("\0010"),
        std::string("it's \\x41 \"quoted\"; --\r\n"), std::string("\xf0\x9f\x94\x91"),
        std::string(70000, 'x')}) {
    v1::Row account = AccountRow(changes.size() + 1, text);
    account.mutable_account()->set_notes(text);
    v1::Row counter;
    counter.mutable_counter()->set_name(text.substr(0, 200));
    for (const v1::Row& row : {account, counter}) {
      changes.push_back(Put(row));
      want[KeyOf(row).ShortDebugString()] = row.SerializeAsString();
    }
  }
  ASSERT_TRUE(AppendRows(EntryAt(1), changes).ok());
  Reopen();
  EXPECT_EQ(Rows(), want);
}

TEST_P(StoreConformanceTest, NumbersKeepTheirFullRange) {
  v1::Row row = AccountRow(UINT64_MAX, "far");
  row.mutable_account()->set_created_ms(INT64_MIN);
  row.mutable_account()->mutable_secret()->set_generation(UINT32_MAX);
  v1::Row share;
  share.mutable_share()->set_id(1);
  share.mutable_share()->set_level(static_cast<v1::ShareLevel>(77));  // of a newer program
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(row), Put(share)}).ok());
  Reopen();
  const auto rows = Rows();
  EXPECT_EQ(rows.at(KeyOf(row).ShortDebugString()), row.SerializeAsString());
  EXPECT_EQ(rows.at(KeyOf(share).ShortDebugString()), share.SerializeAsString());
}

TEST_P(StoreConformanceTest, TheLastChangeOfARowWins) {
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "first")), Put(AccountRow(2, "other")),
                                      Put(AccountRow(1, "second")), Delete(v1::TABLE_ACCOUNT, 2)})
                  .ok());
  ASSERT_TRUE(AppendRows(EntryAt(2), {Put(AccountRow(3, "third"))}).ok());
  ASSERT_TRUE(AppendRows(EntryAt(3), {Delete(v1::TABLE_ACCOUNT, 3)}).ok());
  const auto rows = Rows();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows.begin()->second, AccountRow(1, "second").SerializeAsString());
}

TEST_P(StoreConformanceTest, ADeleteByTextKeyTakesThatRowOnly) {
  v1::Row a, b;
  a.mutable_counter()->set_name("accounts");
  b.mutable_counter()->set_name("");
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(a), Put(b)}).ok());
  v1::RowChange change;
  change.mutable_delete_()->set_table(v1::TABLE_COUNTER);
  change.mutable_delete_()->set_name("accounts");
  ASSERT_TRUE(AppendRows(EntryAt(2), {change}).ok());
  ASSERT_THAT(Rows(), SizeIs(1));
  EXPECT_EQ(Rows().begin()->second, b.SerializeAsString());
}

TEST_P(StoreConformanceTest, PendingEntriesAreKeptAndAppliedStaysBehind) {
  ASSERT_TRUE(AppendEntries(1, 2).ok());
  ASSERT_TRUE(AppendEntries(3, 5, /*apply=*/false).ok());
  Reopen();
  EXPECT_EQ(Load().applied.position.seq, 2u);
  EXPECT_EQ(Load().last.seq, 5u);
  EXPECT_THAT(Seqs(3), ElementsAre(3, 4, 5));
}

TEST_P(StoreConformanceTest, RowsOfAnEntryAppendedBeforeRideWithTheNextBatch) {
  ASSERT_TRUE(AppendEntries(1, 3, /*apply=*/false).ok());
  const v1::RowChange change = Put(AccountRow(1, "late"));
  const v1::RowChange* rows[] = {&change};
  const EntryPtr next = EntryAt(4);
  ASSERT_TRUE(
      store_->Append({.entries = {&next, 1}, .rows = rows, .applied = AppliedAt(EntryAt(2))}).ok());
  Reopen();
  EXPECT_EQ(Load().applied, AppliedAt(EntryAt(2)));
  EXPECT_EQ(Load().last.seq, 4u);
  EXPECT_THAT(Rows(), SizeIs(1));
}

TEST_P(StoreConformanceTest, AppliedMayMoveWithoutEntriesOrRows) {
  ASSERT_TRUE(AppendEntries(1, 3, /*apply=*/false).ok());
  ASSERT_TRUE(store_->Append({.applied = AppliedAt(EntryAt(3))}).ok());
  EXPECT_EQ(Load().applied, AppliedAt(EntryAt(3)));
}

TEST_P(StoreConformanceTest, RefusesAGapAndNamesExpectedAndGot) {
  ASSERT_TRUE(AppendEntries(1, 2).ok());
  for (const uint64_t seq : {uint64_t{2}, uint64_t{4}}) {
    const absl::Status status = AppendEntries(seq, seq);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("expected seq 3, got " + std::to_string(seq)));
  }
  const EntryPtr holed[] = {EntryAt(3), EntryAt(5)};
  EXPECT_EQ(store_->Append({.entries = holed}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Load().last.seq, 2u);
  EXPECT_TRUE(AppendEntries(3, 3).ok()) << "a refusal must not close the store";
}

TEST_P(StoreConformanceTest, RefusesAnEpochThatGoesDown) {
  ASSERT_TRUE(AppendEntries(1, 1, true, /*epoch=*/3).ok());
  EXPECT_EQ(AppendEntries(2, 2, true, /*epoch=*/2).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(AppendEntries(2, 2, true, /*epoch=*/4).ok());
}

TEST_P(StoreConformanceTest, RefusesAppliedThatGoesBackOrBeyondTheLog) {
  ASSERT_TRUE(AppendEntries(1, 3).ok());
  EXPECT_EQ(store_->Append({.applied = AppliedAt(EntryAt(2))}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Append({.applied = AppliedAt(EntryAt(4))}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(Load().applied.position.seq, 3u);
}

TEST_P(StoreConformanceTest, RefusesAppliedOfAnotherHistory) {
  ASSERT_TRUE(AppendEntries(1, 3, /*apply=*/false).ok());
  EXPECT_EQ(store_->Append({.applied = AppliedAt(EntryAt(2, /*epoch=*/2))}).code(),
            StatusCode::kInvalidArgument);
  Applied wrong = AppliedAt(EntryAt(2));
  wrong.digest[0] ^= 1;
  EXPECT_EQ(store_->Append({.applied = wrong}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Load().applied.position.seq, 0u);
}

TEST_P(StoreConformanceTest, RefusesRowsWithoutTheirPosition) {
  const v1::RowChange change = Put(AccountRow(1, "a"));
  const v1::RowChange* rows[] = {&change};
  const EntryPtr entry = EntryAt(1);
  EXPECT_EQ(store_->Append({.entries = {&entry, 1}, .rows = rows}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(Load().last.seq, 0u) << "part of a refused batch was kept";
}

TEST_P(StoreConformanceTest, RefusesRowsThatThisProgramCannotKeepWhole) {
  v1::RowChange unknown_field = Put(AccountRow(1, "a"));
  unknown_field.mutable_put()
      ->mutable_account()
      ->GetReflection()
      ->MutableUnknownFields(unknown_field.mutable_put()->mutable_account())
      ->AddVarint(900, 1);
  v1::RowChange unknown_inside = Put(AccountRow(1, "a"));
  v1::SealedSecret& secret = *unknown_inside.mutable_put()->mutable_account()->mutable_secret();
  secret.GetReflection()->MutableUnknownFields(&secret)->AddVarint(900, 1);
  v1::RowChange unknown_table = Put(v1::Row());
  unknown_table.mutable_put()
      ->GetReflection()
      ->MutableUnknownFields(unknown_table.mutable_put())
      ->AddLengthDelimited(900, "x");
  for (const v1::RowChange& change :
       {unknown_field, unknown_inside, unknown_table, Delete(static_cast<v1::Table>(900), 1)}) {
    const absl::Status status = AppendRows(EntryAt(1), {Put(AccountRow(5, "good")), change});
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("upgrade_required"));
  }
  EXPECT_EQ(AppendRows(EntryAt(1), {v1::RowChange()}).code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(Rows(), IsEmpty());
  EXPECT_EQ(Load().last.seq, 0u);
}

// --- ReadLog -----------------------------------------------------------------------------------

TEST_P(StoreConformanceTest, ReadLogKeepsItsBounds) {
  ASSERT_TRUE(AppendEntries(1, 9).ok());
  EXPECT_THAT(*store_->ReadLog(3, 2, kMany), SizeIs(2));
  const size_t one = EntryAt(3)->record.size();
  EXPECT_THAT(*store_->ReadLog(3, 9, 2 * one), SizeIs(2));
  EXPECT_THAT(*store_->ReadLog(3, 9, 2 * one - 1), SizeIs(1));
  EXPECT_THAT(*store_->ReadLog(3, 9, 0), SizeIs(1)) << "one always fits";
  EXPECT_THAT(*store_->ReadLog(3, 0, kMany), IsEmpty());
  EXPECT_THAT(Seqs(9), ElementsAre(9));
  EXPECT_THAT(Seqs(10), IsEmpty());
  EXPECT_THAT(Seqs(UINT64_MAX), IsEmpty());
}

// --- CutAfter ----------------------------------------------------------------------------------

TEST_P(StoreConformanceTest, CutsThePendingTailAndGoesOnThere) {
  ASSERT_TRUE(AppendEntries(1, 2).ok());
  ASSERT_TRUE(AppendEntries(3, 6, /*apply=*/false).ok());
  ASSERT_TRUE(store_->CutAfter(4).ok());
  EXPECT_EQ(Load().last.seq, 4u);
  EXPECT_EQ(Load().last.digest, EntryAt(4)->digest);
  ASSERT_TRUE(AppendEntries(5, 5, true, /*epoch=*/2).ok());
  Reopen();
  EXPECT_THAT(Seqs(1), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(Load().last.epoch.number, 2u);
}

TEST_P(StoreConformanceTest, RefusesToCutBelowApplied) {
  ASSERT_TRUE(AppendEntries(1, 4).ok());
  const absl::Status status = store_->CutAfter(3);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("already at 4"));
  EXPECT_THAT(Seqs(1), ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(store_->CutAfter(4).ok());
  EXPECT_TRUE(store_->CutAfter(400).ok());
  EXPECT_THAT(Seqs(1), ElementsAre(1, 2, 3, 4));
}

// --- TrimUpTo ----------------------------------------------------------------------------------

TEST_P(StoreConformanceTest, TrimsTheOldestAndKeepsTheChainsEnds) {
  ASSERT_TRUE(AppendEntries(1, 6).ok());
  ASSERT_TRUE(store_->TrimUpTo(4).ok());
  EXPECT_TRUE(store_->TrimUpTo(2).ok());
  Reopen();
  const LoadResult loaded = Load();
  EXPECT_EQ(loaded.first_seq, 5u);
  EXPECT_EQ(loaded.before_first.seq, 4u);
  EXPECT_EQ(loaded.before_first.digest, EntryAt(4)->digest);
  EXPECT_EQ(loaded.before_first.epoch, EntryAt(4)->epoch);
  EXPECT_THAT(Seqs(5), ElementsAre(5, 6));
  const auto gone = store_->ReadLog(4, 9, kMany);
  EXPECT_EQ(gone.status().code(), StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(gone.status().message()), HasSubstr("oldest is 5"));
}

TEST_P(StoreConformanceTest, ATrimOfEverythingStillKnowsTheLastDigest) {
  ASSERT_TRUE(AppendEntries(1, 6).ok());
  ASSERT_TRUE(store_->TrimUpTo(6).ok());
  Reopen();
  EXPECT_EQ(Load().last.seq, 6u);
  EXPECT_EQ(Load().last.digest, EntryAt(6)->digest);
  EXPECT_EQ(Load().applied, AppliedAt(EntryAt(6)));
  EXPECT_EQ(Load().first_seq, 7u);
  EXPECT_THAT(Seqs(7), IsEmpty());
  EXPECT_EQ(store_->ReadLog(6, 1, 1).status().code(), StatusCode::kOutOfRange);
  ASSERT_TRUE(AppendEntries(7, 7).ok());
  EXPECT_THAT(Seqs(7), ElementsAre(7));
}

TEST_P(StoreConformanceTest, RefusesToTrimWhatIsPending) {
  ASSERT_TRUE(AppendEntries(1, 2).ok());
  ASSERT_TRUE(AppendEntries(3, 4, /*apply=*/false).ok());
  EXPECT_EQ(store_->TrimUpTo(3).code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Seqs(1), ElementsAre(1, 2, 3, 4));
}

TEST_P(StoreConformanceTest, TrimsMoreThanOneStepHolds) {
  const uint64_t last = 2 * kTrimStepRecords + 10;
  ASSERT_TRUE(AppendEntries(1, last).ok());
  ASSERT_TRUE(store_->TrimUpTo(last - 1).ok());
  EXPECT_EQ(Load().first_seq, last);
  EXPECT_THAT(Seqs(last), ElementsAre(last));
}

// --- ReplaceBySnapshot -------------------------------------------------------------------------

TEST_P(StoreConformanceTest, ASnapshotReplacesRowsAndLogAndKeepsFacts) {
  ASSERT_TRUE(store_->PutFact("node_id", "n2").ok());
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "old"))}).ok());
  ASSERT_TRUE(AppendEntries(2, 3, /*apply=*/false).ok());
  const EntryPtr at = EntryAt(100, 4, "n1");
  ASSERT_TRUE(
      Replace({AccountRow(8, "new"), AccountRow(9, "new too")}, AppliedAt(at), at->epoch).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Load().applied, AppliedAt(at));
    EXPECT_EQ(Load().last.seq, 100u);
    EXPECT_EQ(Load().last.epoch, at->epoch);
    EXPECT_EQ(Load().last.digest, at->digest);
    EXPECT_EQ(Load().first_seq, 101u);
    EXPECT_EQ(store_->ReadLog(1, 9, kMany).status().code(), StatusCode::kOutOfRange);
    const auto rows = Rows();
    ASSERT_THAT(rows, SizeIs(2));
    EXPECT_EQ(rows.begin()->second, AccountRow(8, "new").SerializeAsString());
    EXPECT_EQ(*store_->GetFact("node_id"), "n2");
    EXPECT_EQ(*store_->GetFact("with_snapshot"), "kept");
    Reopen();
  }
  EXPECT_EQ(AppendEntries(100, 100, true, 4).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(AppendEntries(101, 102, true, 4).ok());
}

TEST_P(StoreConformanceTest, ASnapshotThatBreaksOffChangesNothing) {
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "old"))}).ok());
  int given = 0;
  const absl::Status status = store_->ReplaceBySnapshot(
      [&given]() -> absl::StatusOr<std::optional<v1::Row>> {
        if (++given > 3) return absl::UnavailableError("the sender went away");
        return std::optional<v1::Row>(AccountRow(given, "new"));
      },
      AppliedAt(EntryAt(9)), EntryAt(9)->epoch, {{"with_snapshot", "kept"}});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Load().applied, AppliedAt(EntryAt(1)));
    ASSERT_THAT(Rows(), SizeIs(1));
    EXPECT_EQ(Rows().begin()->second, AccountRow(1, "old").SerializeAsString());
    EXPECT_THAT(Seqs(1), ElementsAre(1));
    EXPECT_EQ(*store_->GetFact("with_snapshot"), std::nullopt);
    Reopen();
  }
  EXPECT_TRUE(AppendEntries(2, 2).ok()) << "an unfinished snapshot must not close the store";
}

TEST_P(StoreConformanceTest, RefusesASnapshotWithARowTwiceOrUnknownOrAtAnotherEpoch) {
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "old"))}).ok());
  const EntryPtr at = EntryAt(9);
  EXPECT_EQ(Replace({AccountRow(8, "a"), AccountRow(8, "b")}, AppliedAt(at), at->epoch).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(Replace({v1::Row()}, AppliedAt(at), at->epoch).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Replace({}, AppliedAt(at), {.number = 2, .node_id = "n1"}).code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(Rows().begin()->second, AccountRow(1, "old").SerializeAsString());
  EXPECT_THAT(Seqs(1), ElementsAre(1));
}

// --- Facts -------------------------------------------------------------------------------------

TEST_P(StoreConformanceTest, FactsAreKeptReplacedAndBinary) {
  EXPECT_EQ(*store_->GetFact("epochs"), std::nullopt);
  const std::string value("\0\xff two", 6);
  ASSERT_TRUE(store_->PutFact("epochs", "one").ok());
  ASSERT_TRUE(store_->PutFact("epochs", value).ok());
  ASSERT_TRUE(store_->PutFact("empty", "").ok());
  Reopen();
  EXPECT_EQ(*store_->GetFact("epochs"), value);
  EXPECT_EQ(*store_->GetFact("empty"), "");
}

TEST_P(StoreConformanceTest, FactsOfABatchComeWithItOrNotAtAll) {
  const EntryPtr good[] = {EntryAt(1)};
  const EntryPtr bad[] = {EntryAt(7)};
  ASSERT_TRUE(store_->Append({.entries = good, .facts = {{"a", "1"}, {"b", "1"}}}).ok());
  EXPECT_FALSE(store_->Append({.entries = bad, .facts = {{"a", "2"}}}).ok());
  Reopen();
  EXPECT_EQ(*store_->GetFact("a"), "1");
  EXPECT_EQ(*store_->GetFact("b"), "1");
}

// --- Load --------------------------------------------------------------------------------------

TEST_P(StoreConformanceTest, TheReadersErrorEndsTheLoadAndIsReturned) {
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "a")), Put(AccountRow(2, "b"))}).ok());
  int seen = 0;
  const auto result = store_->Load([&seen](v1::Row&&) {
    ++seen;
    return absl::AbortedError("enough");
  });
  EXPECT_EQ(result.status().code(), StatusCode::kAborted);
  EXPECT_EQ(seen, 1);
  EXPECT_TRUE(AppendEntries(2, 2).ok());
}

// --- Failure -----------------------------------------------------------------------------------

TEST_P(StoreConformanceTest, AWriteWhoseServerIsAwayIsFoundOutAndClosesNothing) {
  if (!medium_->MayBeAway()) GTEST_SKIP() << "a store without a server";
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "kept"))}).ok());
  medium_->FailNextCommit();
  const absl::Status lost = AppendRows(EntryAt(2), {Put(AccountRow(2, "lost"))});
  EXPECT_EQ(lost.code(), StatusCode::kUnavailable) << lost;
  medium_->EndFault();
  EXPECT_TRUE(store_->failure().ok());
  EXPECT_EQ(AppendEntries(2, 2).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->CutAfter(1).code(), StatusCode::kFailedPrecondition);
  const absl::StatusOr<bool> there = store_->FindOut();
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(Load().last.seq, *there ? 2u : 1u);
  EXPECT_EQ(Rows().size(), *there ? 2u : 1u);
  EXPECT_TRUE(AppendEntries(*there ? 3 : 2, 4).ok());
}

TEST_P(StoreConformanceTest, AFailedCommitClosesForWritingAndNamesTheFirstError) {
  if (medium_->MayBeAway()) GTEST_SKIP() << "whether it is there can be found out";
  ASSERT_TRUE(AppendRows(EntryAt(1), {Put(AccountRow(1, "kept"))}).ok());
  ASSERT_TRUE(store_->PutFact("a", "1").ok());
  EXPECT_TRUE(store_->failure().ok());
  medium_->FailNextCommit();
  const absl::Status first = AppendRows(EntryAt(2), {Put(AccountRow(2, "lost"))});
  medium_->EndFault();
  EXPECT_EQ(first.code(), StatusCode::kDataLoss) << first;
  EXPECT_EQ(store_->failure(), first);
  // The medium is well again, and still nothing is written: what is on disk is not known.
  for (const absl::Status& later :
       {AppendEntries(2, 2), store_->PutFact("a", "2"), store_->CutAfter(1), store_->TrimUpTo(1),
        Replace({}, AppliedAt(EntryAt(9)), EntryAt(9)->epoch)}) {
    EXPECT_EQ(later, first) << "expected the first error, got " << later;
  }
  EXPECT_EQ(*store_->GetFact("a"), "1");
  EXPECT_THAT(Seqs(1), ElementsAre(1));
  EXPECT_THAT(Rows(), SizeIs(1));
  Reopen();
  EXPECT_TRUE(store_->failure().ok());
  EXPECT_EQ(Rows().begin()->second, AccountRow(1, "kept").SerializeAsString());
  const uint64_t last = Load().last.seq;  // 1, or 2 when the failed commit is on disk
  EXPECT_EQ(Rows().size(), last) << "half of a batch is there";
  EXPECT_TRUE(AppendEntries(last + 1, last + 1).ok());
}

}  // namespace holdfast::storage

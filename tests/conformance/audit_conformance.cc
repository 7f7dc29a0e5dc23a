#include "tests/conformance/audit_conformance.h"

#include "tests/support/audit_records.h"

namespace holdfast::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AuditConformanceTest);

std::vector<std::string> NamesOf(const absl::StatusOr<AuditPage>& page) {
  std::vector<std::string> names;
  if (!page.ok()) return {std::string(page.status().message())};
  for (const v1::AuditRecord& record : page->records) {
    names.push_back(record.node_id() + std::to_string(record.number()));
  }
  return names;
}

}  // namespace

void AuditConformanceTest::SetUp() {
  medium_ = GetParam().make();
  Reopen();
}

void AuditConformanceTest::Reopen() {
  store_.reset();
  auto opened = medium_->Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  store_ = *std::move(opened);
}

void AuditConformanceTest::MustAdd(const v1::AuditRecords& records) {
  const absl::Status status = store_->Add(records);
  ASSERT_TRUE(status.ok()) << status;
}

AuditCoverage AuditConformanceTest::CoverageOf(const std::string& node_id) {
  const auto all = store_->Coverage();
  EXPECT_TRUE(all.ok()) << all.status();
  for (const AuditCoverage& coverage : *all) {
    if (coverage.node_id == node_id) return coverage;
  }
  return {};
}

TEST_P(AuditConformanceTest, EveryFieldComesBack) {
  v1::AuditRecord record;
  const auto* reflection = record.GetReflection();
  for (int i = 0; i < record.GetDescriptor()->field_count(); ++i) {
    const auto* field = record.GetDescriptor()->field(i);
    switch (field->cpp_type()) {
      case google::protobuf::FieldDescriptor::CPPTYPE_STRING:
        reflection->SetString(&record, field, "text " + field->name());
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_UINT64:
        reflection->SetUInt64(&record, field, 100u + static_cast<uint64_t>(i));
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_INT64:
        reflection->SetInt64(&record, field, -100 - i);
        break;
      default:
        record.set_result(v1::AUDIT_RESULT_REFUSED);
    }
  }
  v1::AuditRecords records;
  *records.add_records() = record;
  MustAdd(records);
  Reopen();
  const auto page = store_->List({});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->records.size(), 1u);
  EXPECT_EQ(page->records[0].SerializeAsString(), record.SerializeAsString());
}

TEST_P(AuditConformanceTest, AddingTwiceIsAddingOnce) {
  MustAdd(AuditRecordsOf("a", 1, 5));
  MustAdd(AuditRecordsOf("a", 3, 7));
  EXPECT_EQ(*store_->Highest("a"), 7u);
  EXPECT_EQ(store_->List({})->records.size(), 7u);
  EXPECT_EQ(*store_->Highest("nobody"), 0u);
  EXPECT_TRUE(CoverageOf("a").gaps.empty());
}

TEST_P(AuditConformanceTest, AJournalThatWasTurnedBackIsNamedAndNothingIsKept) {
  MustAdd(AuditRecordsOf("a", 1, 5));
  v1::AuditRecords records = AuditRecordsOf("a", 5, 6);
  records.mutable_records(0)->set_account_name("another");
  const absl::Status status = store_->Add(records);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("record 5 of the journal of a"));
  EXPECT_EQ(*store_->Highest("a"), 5u);
  EXPECT_EQ(store_->List({})->records.size(), 5u);
}

TEST_P(AuditConformanceTest, GapsAreShownAndCanBeFilled) {
  MustAdd(AuditRecordsOf("a", 4, 5));
  MustAdd(AuditRecordsOf("a", 9, 9));
  EXPECT_EQ(CoverageOf("a").highest, 9u);
  EXPECT_THAT(CoverageOf("a").gaps,
              ElementsAre(AuditCoverage::Gap{1, 3}, AuditCoverage::Gap{6, 8}));
  MustAdd(AuditRecordsOf("a", 7, 7));
  EXPECT_THAT(CoverageOf("a").gaps, ElementsAre(AuditCoverage::Gap{1, 3}, AuditCoverage::Gap{6, 6},
                                                AuditCoverage::Gap{8, 8}));
  MustAdd(AuditRecordsOf("a", 1, 9));
  EXPECT_TRUE(CoverageOf("a").gaps.empty());
  EXPECT_EQ(store_->List({})->records.size(), 9u);
}

TEST_P(AuditConformanceTest, ListsOneNodeByNumberAndAllByTime) {
  MustAdd(AuditRecordsOf("a", 1, 4));
  v1::AuditRecords b;
  *b.add_records() = AuditRecordOf("b", 1, 2500);
  MustAdd(b);
  EXPECT_THAT(NamesOf(store_->List({.node_id = "a", .after = 1, .limit = 2})),
              ElementsAre("a2", "a3"));
  EXPECT_THAT(NamesOf(store_->List({.node_id = "a", .newest_first = true, .limit = 2})),
              ElementsAre("a4", "a3"));
  EXPECT_THAT(NamesOf(store_->List({})), ElementsAre("a1", "a2", "b1", "a3", "a4"));
  EXPECT_THAT(NamesOf(store_->List({.newest_first = true, .limit = 3})),
              ElementsAre("a4", "a3", "b1"));
}

TEST_P(AuditConformanceTest, ListsByUserAccountAndTime) {
  MustAdd(AuditRecordsOf("a", 1, 6));
  EXPECT_THAT(NamesOf(store_->List({.user_id = 1})), ElementsAre("a1", "a3", "a5"));
  EXPECT_THAT(NamesOf(store_->List({.account_id = 12})), ElementsAre("a2"));
  EXPECT_THAT(NamesOf(store_->List({.from_ms = 2000, .until_ms = 4000})), ElementsAre("a2", "a3"));
}

TEST_P(AuditConformanceTest, RefusesQueriesAndRecordsThatCannotBe) {
  EXPECT_EQ(store_->List({.limit = 0}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->List({.limit = 1001}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->List({.after = 3}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Add(AuditRecordsOf("", 1, 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Add(AuditRecordsOf("a", 0, 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->List({})->records.size(), 0u);
}

TEST_P(AuditConformanceTest, ARecordOfANewerProgramIsRefused) {
  v1::AuditRecords records = AuditRecordsOf("a", 1, 1);
  v1::AuditRecord* record = records.mutable_records(0);
  record->GetReflection()->MutableUnknownFields(record)->AddVarint(999, 1);
  const absl::Status status = store_->Add(records);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("upgrade_required"));
}

TEST_P(AuditConformanceTest, RetentionRemovesTheOldestAndNeverTheHead) {
  MustAdd(AuditRecordsOf("a", 1, 6));
  EXPECT_EQ(*store_->TrimOlderThan(FromMillis(4000), 2), 2u);
  EXPECT_EQ(*store_->TrimOlderThan(FromMillis(4000), 100), 1u);
  EXPECT_THAT(NamesOf(store_->List({})), ElementsAre("a4", "a5", "a6"));
  EXPECT_EQ(*store_->TrimOlderThan(FromMillis(1'000'000), 100), 3u);
  EXPECT_EQ(*store_->Highest("a"), 6u);
  MustAdd(AuditRecordsOf("a", 1, 6));  // old ones do not come back
  EXPECT_EQ(store_->List({})->records.size(), 0u);
}

TEST_P(AuditConformanceTest, ASecondProcessIsRefused) {
  EXPECT_EQ(medium_->Open().status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace holdfast::storage

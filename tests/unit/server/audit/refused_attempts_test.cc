#include "server/audit/refused_attempts.h"

#include <gtest/gtest.h>

namespace holdfast::audit {
namespace {

using std::chrono::seconds;

constexpr MonoTime kStart{std::chrono::hours(5)};

v1::AuditRecord Attempt(const std::string& source, const std::string& refusal = "AUTH_FAILED") {
  v1::AuditRecord record;
  record.set_operation("login");
  record.set_result(v1::AUDIT_RESULT_REFUSED);
  record.set_refusal(refusal);
  record.set_source(source);
  return record;
}

TEST(RefusedAttemptsTest, TheFirstOnesAreRecordedAloneAndTheRestCounted) {
  RefusedAttempts attempts;
  for (int i = 0; i < 3; ++i) {
    const auto record = attempts.Note(Attempt("192.0.2.1"), kStart);
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->repeated(), 0u);
  }
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(attempts.Note(Attempt("192.0.2.1"), kStart));
  EXPECT_TRUE(attempts.Due(kStart + seconds(59)).empty());
  const auto due = attempts.Due(kStart + seconds(60));
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].repeated(), 10u);
  EXPECT_EQ(due[0].source(), "192.0.2.1");
  EXPECT_TRUE(attempts.Due(kStart + seconds(200)).empty());
}

TEST(RefusedAttemptsTest, AnotherSourceOrRefusalIsCountedApart) {
  RefusedAttempts attempts;
  for (int i = 0; i < 5; ++i) {
    attempts.Note(Attempt("192.0.2.1"), kStart);
    attempts.Note(Attempt("192.0.2.2"), kStart);
    attempts.Note(Attempt("192.0.2.1", "USER_LOCKED"), kStart);
  }
  const auto due = attempts.Due(kStart + seconds(60));
  ASSERT_EQ(due.size(), 3u);
  for (const auto& record : due) EXPECT_EQ(record.repeated(), 2u);
}

TEST(RefusedAttemptsTest, ANewWindowRecordsAloneAgain) {
  RefusedAttempts attempts;
  for (int i = 0; i < 5; ++i) attempts.Note(Attempt("192.0.2.1"), kStart);
  attempts.Due(kStart + seconds(60));
  EXPECT_TRUE(attempts.Note(Attempt("192.0.2.1"), kStart + seconds(61)).has_value());
}

// A botnet: what a window yields is bounded, and no attempt is lost.
TEST(RefusedAttemptsTest, ManySourcesYieldABoundedNumberOfRecords) {
  RefusedAttempts attempts;
  constexpr uint64_t kAttempts = 100'000;
  uint64_t records = 0;
  uint64_t stand_for = 0;
  for (uint64_t i = 0; i < kAttempts; ++i) {
    if (attempts.Note(Attempt("2001:db8::" + std::to_string(i)), kStart)) {
      ++records;
      ++stand_for;
    }
  }
  for (const auto& record : attempts.Due(kStart + seconds(60))) {
    ++records;
    stand_for += record.repeated();
  }
  EXPECT_LE(records, 64u + 64u + 1u);
  EXPECT_EQ(stand_for, kAttempts);
}

TEST(RefusedAttemptsTest, DrainGivesWhatIsCounted) {
  RefusedAttempts attempts;
  for (int i = 0; i < 4; ++i) attempts.Note(Attempt("192.0.2.1"), kStart);
  ASSERT_EQ(attempts.Drain().size(), 1u);
  EXPECT_TRUE(attempts.Drain().empty());
}

}  // namespace
}  // namespace holdfast::audit

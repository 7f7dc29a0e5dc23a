#include "server/vault/refusal.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::vault {
namespace {

TEST(RefusalTest, EveryNameAndEveryRefusalStandsOnce) {
  std::set<std::string_view> names;
  std::set<Refusal> refusals;
  for (const RefusalRow& row : kRefusals) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(refusals.insert(row.refusal).second) << row.name;
    EXPECT_EQ(RefusalByName(row.name), row.refusal);
    EXPECT_NE(row.code, absl::StatusCode::kOk);
  }
  EXPECT_EQ(refusals.size(), static_cast<size_t>(Refusal::kRoleChangeUnderWay) + 1);
}

TEST(RefusalTest, AStatusCarriesItsRefusal) {
  for (const RefusalRow& row : kRefusals) {
    const absl::Status status = Refuse(row.refusal, "because");
    EXPECT_EQ(status.code(), row.code) << row.name;
    EXPECT_EQ(status.message(), "because");
    EXPECT_EQ(RefusalOf(status), row.refusal);
    EXPECT_EQ(RefusalName(row.refusal), row.name);
  }
}

TEST(RefusalTest, AnErrorThatNobodyRefusedHasNone) {
  EXPECT_EQ(RefusalOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(RefusalOf(absl::NotFoundError("NO_SUCH_USER")), std::nullopt);
  EXPECT_EQ(RefusalByName("no_such_user"), std::nullopt);
}

}  // namespace
}  // namespace holdfast::vault

#include "server/setup/open_stores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace holdfast::setup {
namespace {

using testing::EndsWith;
using testing::StartsWith;

constexpr char kPage[] = "docs/runbooks/damaged-store.md";

std::string Told(const absl::Status& status, const std::string& kind) {
  Config config;
  config.node.id = "node1";
  config.node.data = "/var/lib/holdfast";
  config.store.kind = kind;
  const absl::Status told = InStore(status, config);
  EXPECT_EQ(told.code(), status.code());
  EXPECT_EQ(InStore(told, config), told) << "said once";
  return std::string(told.message());
}

TEST(OpenStoresTest, ADamagedLogNamesTheStoreAndThePageThatSaysWhatToDo) {
  for (const absl::Status& damage : {absl::DataLossError("entry 1.5: wrong chain digest"),
                                     absl::UnauthenticatedError("entry 1.5: wrong MAC")}) {
    const std::string in_file = Told(damage, "sqlite");
    EXPECT_THAT(in_file, StartsWith("/var/lib/holdfast/vault.db: entry 1.5: "));
    EXPECT_THAT(in_file, EndsWith(kPage));
    const std::string in_database = Told(damage, "postgres");
    EXPECT_THAT(in_database, StartsWith("the database of node node1: entry 1.5: "));
    EXPECT_THAT(in_database, EndsWith(kPage));
  }
  EXPECT_TRUE(std::filesystem::exists(std::string(HOLDFAST_CHECKOUT "/") + kPage));
}

TEST(OpenStoresTest, WhatNamesItsFileStaysAsItIs) {
  const char kCommitted[] = "/var/lib/holdfast/committed: not there; restore the file";
  EXPECT_EQ(Told(absl::DataLossError(kCommitted), "sqlite"), kCommitted);
}

TEST(OpenStoresTest, WhatIsNoDamageStaysAsItIs) {
  EXPECT_EQ(Told(absl::FailedPreconditionError("in use"), "sqlite"), "in use");
  EXPECT_EQ(Told(absl::UnavailableError("away"), "postgres"), "away");
}

}  // namespace
}  // namespace holdfast::setup

#include "server/vault/state.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::vault {
namespace {

v1::RowChange PutUser(uint64_t id, const std::string& name, uint64_t organization = 1) {
  v1::RowChange change;
  v1::UserRow& user = *change.mutable_put()->mutable_user();
  user.set_id(id);
  user.set_organization_id(organization);
  user.set_name(name);
  return change;
}

v1::RowChange PutResource(uint64_t id, const std::string& name, uint64_t owner = 7) {
  v1::RowChange change;
  v1::ResourceRow& row = *change.mutable_put()->mutable_resource();
  row.set_id(id);
  row.set_organization_id(1);
  row.set_owner_id(owner);
  row.set_name(name);
  return change;
}

v1::RowChange PutAccount(uint64_t id, uint64_t resource, const std::string& name) {
  v1::RowChange change;
  v1::AccountRow& row = *change.mutable_put()->mutable_account();
  row.set_id(id);
  row.set_organization_id(1);
  row.set_resource_id(resource);
  row.set_name(name);
  return change;
}

v1::RowChange PutShare(uint64_t id, uint64_t user, uint64_t resource, uint64_t account) {
  v1::RowChange change;
  v1::ShareRow& row = *change.mutable_put()->mutable_share();
  row.set_id(id);
  row.set_user_id(user);
  row.set_resource_id(resource);
  row.set_account_id(account);
  row.set_level(v1::SHARE_LEVEL_VIEW);
  return change;
}

v1::RowChange DeleteRow(v1::Table table, uint64_t id) {
  v1::RowChange change;
  change.mutable_delete_()->set_table(table);
  change.mutable_delete_()->set_id(id);
  return change;
}

std::vector<uint64_t> Ids(const State& state, List list, uint64_t of, uint64_t after = 0) {
  std::vector<uint64_t> ids;
  state.ForEachId(list, of, after, [&](uint64_t id) {
    ids.push_back(id);
    return true;
  });
  return ids;
}

std::string Dump(const State& state) {
  std::string all;
  state.ForEachRow([&](const v1::Row& row) { all += row.SerializeAsString() + "\n"; });
  return all;
}

TEST(StateTest, FindsRowsByKeyAndByNameLetterCaseAside) {
  State state;
  ASSERT_TRUE(state.Apply(PutResource(3, "Srv-Build")).ok());
  ASSERT_TRUE(state.Apply(PutAccount(4, 3, "Deploy")).ok());
  ASSERT_TRUE(state.Apply(PutUser(5, "ada")).ok());
  EXPECT_EQ(state.FindResource(3)->name(), "Srv-Build");
  EXPECT_EQ(state.FindResourceByName(1, "sRV-bUILD"), state.FindResource(3));
  EXPECT_EQ(state.FindAccountByName(3, "DEPLOY"), state.FindAccount(4));
  EXPECT_EQ(state.FindUserByName(1, "ada"), state.FindUser(5));
  EXPECT_EQ(state.FindUserByName(1, "Ada"), nullptr);
  EXPECT_EQ(state.FindResourceByName(2, "Srv-Build"), nullptr);
  EXPECT_EQ(state.FindAccountByName(4, "Deploy"), nullptr);
  EXPECT_EQ(state.FindAccount(3), nullptr);
}

TEST(StateTest, AReplacedRowLeavesItsOldNameAndItsOldLists) {
  State state;
  ASSERT_TRUE(state.Apply(PutResource(3, "old", 7)).ok());
  ASSERT_TRUE(state.Apply(PutResource(3, "new", 8)).ok());
  EXPECT_EQ(state.FindResourceByName(1, "old"), nullptr);
  EXPECT_EQ(state.FindResourceByName(1, "new")->id(), 3u);
  EXPECT_TRUE(Ids(state, List::kResourcesOfOwner, 7).empty());
  EXPECT_EQ(Ids(state, List::kResourcesOfOwner, 8), (std::vector<uint64_t>{3}));
  EXPECT_EQ(state.Count(List::kResourcesOfOwner, 7), 0u);
  EXPECT_EQ(state.Count(List::kResourcesOfOrganization, 1), 1u);
  EXPECT_EQ(state.RowCount(), 1u);
}

TEST(StateTest, ARowThatKeepsItsNameAndListsIsFoundByThemWithWhatIsNew) {
  State state;
  ASSERT_TRUE(state.Apply(PutResource(3, "srv", 7)).ok());
  const v1::ResourceRow* before = state.FindResource(3);
  v1::RowChange change = PutResource(3, "srv", 7);
  change.mutable_put()->mutable_resource()->set_description("new");
  ASSERT_TRUE(state.Apply(change).ok());
  EXPECT_EQ(state.FindResource(3), before);  // in place: no index was touched
  EXPECT_EQ(state.FindResource(3)->description(), "new");
  EXPECT_EQ(state.FindResourceByName(1, "SRV"), state.FindResource(3));
  EXPECT_EQ(Ids(state, List::kResourcesOfOwner, 7), (std::vector<uint64_t>{3}));
  EXPECT_EQ(state.Count(List::kResourcesOfOwner, 7), 1u);
  ASSERT_TRUE(state.Apply(DeleteRow(v1::TABLE_RESOURCE, 3)).ok());
  EXPECT_EQ(state.FindResourceByName(1, "srv"), nullptr);
  EXPECT_TRUE(Ids(state, List::kResourcesOfOwner, 7).empty());
}

TEST(StateTest, ARowThatKeepsItsNameOnlyChangesItsLists) {
  State state;
  ASSERT_TRUE(state.Apply(PutResource(3, "srv", 7)).ok());
  ASSERT_TRUE(state.Apply(PutResource(3, "srv", 8)).ok());
  EXPECT_TRUE(Ids(state, List::kResourcesOfOwner, 7).empty());
  EXPECT_EQ(Ids(state, List::kResourcesOfOwner, 8), (std::vector<uint64_t>{3}));
  EXPECT_EQ(state.FindResourceByName(1, "srv")->owner_id(), 8u);
}

TEST(StateTest, AnAccountStandsInOneListMoreWhileItsOwnerIsAnother) {
  State state;
  for (const uint64_t owner : {0, 7, 0}) {
    v1::RowChange change = PutAccount(4, 3, "deploy");
    change.mutable_put()->mutable_account()->set_owner_id(owner);
    ASSERT_TRUE(state.Apply(change).ok());
    EXPECT_EQ(state.Count(List::kAccountsOfOwner, 7), owner == 7 ? 1u : 0u);
    EXPECT_EQ(Ids(state, List::kAccountsOfResource, 3), (std::vector<uint64_t>{4}));
  }
}

TEST(StateTest, ARowThatKeepsItsListsOnlyChangesItsName) {
  State state;
  ASSERT_TRUE(state.Apply(PutResource(3, "srv", 7)).ok());
  ASSERT_TRUE(state.Apply(PutResource(3, "Srv", 7)).ok());  // the same to whoever looks for it
  EXPECT_EQ(state.FindResourceByName(1, "srv")->name(), "Srv");
  ASSERT_TRUE(state.Apply(PutResource(3, "web", 7)).ok());
  EXPECT_EQ(state.FindResourceByName(1, "srv"), nullptr);
  EXPECT_EQ(state.FindResourceByName(1, "web"), state.FindResource(3));
}

TEST(StateTest, ARequestKeyThatLivesLongerStandsAtItsNewExpiry) {
  State state;
  for (const int64_t expires_ms : {100, 200}) {
    v1::RowChange change;
    v1::RequestKeyRow& row = *change.mutable_put()->mutable_request_key();
    row.set_id("key");
    row.set_user_id(5);
    row.set_expires_ms(expires_ms);
    ASSERT_TRUE(state.Apply(change).ok());
  }
  std::vector<int64_t> expiries;
  state.ForEachRequestKey([&](int64_t expires_ms, const std::string&) {
    expiries.push_back(expires_ms);
    return true;
  });
  EXPECT_EQ(expiries, (std::vector<int64_t>{200}));
  EXPECT_EQ(state.RequestKeyCount(5), 1u);
}

TEST(StateTest, ListsAreAscendingAndGoOnAfterAnId) {
  State state;
  for (const uint64_t id : {9, 2, 40, 33, 5}) {
    ASSERT_TRUE(state.Apply(PutAccount(id, 1, "a" + std::to_string(id))).ok());
  }
  ASSERT_TRUE(state.Apply(PutAccount(6, 2, "elsewhere")).ok());
  EXPECT_EQ(Ids(state, List::kAccountsOfResource, 1), (std::vector<uint64_t>{2, 5, 9, 33, 40}));
  EXPECT_EQ(Ids(state, List::kAccountsOfResource, 1, 9), (std::vector<uint64_t>{33, 40}));
  EXPECT_EQ(state.Count(List::kAccountsOfResource, 1), 5u);
}

TEST(StateTest, ADeletedRowIsGoneFromEveryIndex) {
  State state;
  ASSERT_TRUE(state.Apply(PutShare(11, 5, 3, 4)).ok());
  EXPECT_EQ(state.FindShareOf(5, 3, 4)->id(), 11u);
  EXPECT_EQ(state.FindShareOf(5, 3, 0), nullptr);
  ASSERT_TRUE(state.Apply(DeleteRow(v1::TABLE_SHARE, 11)).ok());
  EXPECT_EQ(state.FindShareOf(5, 3, 4), nullptr);
  EXPECT_TRUE(state.SharesOfUser(5).empty());
  EXPECT_TRUE(state.SharesOfResource(3).empty());
  EXPECT_TRUE(state.SharesOfAccount(4).empty());
  EXPECT_EQ(state.RowCount(), 0u);
}

TEST(StateTest, RefusesToDeleteWhatIsNotThere) {
  State state;
  EXPECT_EQ(state.Apply(DeleteRow(v1::TABLE_ACCOUNT, 4)).code(), absl::StatusCode::kDataLoss);
}

TEST(StateTest, RefusesASecondHolderOfAUniqueValueAndKeepsTheFirst) {
  State state;
  ASSERT_TRUE(state.Apply(PutResource(3, "db")).ok());
  ASSERT_TRUE(state.Apply(PutResource(4, "web")).ok());
  ASSERT_TRUE(state.Apply(PutShare(11, 5, 3, 0)).ok());
  ASSERT_TRUE(state.Apply(PutUser(5, "ada")).ok());
  const std::string before = Dump(state);
  EXPECT_EQ(state.Apply(PutResource(6, "DB")).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(state.Apply(PutResource(4, "Db")).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(state.Apply(PutShare(12, 5, 3, 0)).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(state.Apply(PutUser(6, "ada")).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(state.Apply(PutUser(6, "ada", /*organization=*/2)).ok());
  ASSERT_TRUE(state.Apply(DeleteRow(v1::TABLE_USER, 6)).ok());
  EXPECT_EQ(Dump(state), before);
  EXPECT_EQ(state.FindResourceByName(1, "db")->id(), 3u);
  EXPECT_EQ(state.FindResourceByName(1, "web")->id(), 4u);
}

TEST(StateTest, RefusesASecondCluster) {
  State state;
  v1::RowChange change;
  change.mutable_put()->mutable_cluster()->set_cluster_id("one");
  ASSERT_TRUE(state.Apply(change).ok());
  ASSERT_TRUE(state.Apply(change).ok());
  change.mutable_put()->mutable_cluster()->set_cluster_id("two");
  EXPECT_EQ(state.Apply(change).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(state.Cluster()->cluster_id(), "one");
}

TEST(StateTest, RefusesARowWithoutAKey) {
  State state;
  EXPECT_EQ(state.Apply(PutUser(0, "nobody")).code(), absl::StatusCode::kDataLoss);
  v1::RowChange member;
  member.mutable_put()->mutable_member();
  EXPECT_EQ(state.Apply(member).code(), absl::StatusCode::kDataLoss);
  v1::RowChange sshd;
  sshd.mutable_put()->mutable_sshd()->set_enabled(true);
  EXPECT_TRUE(state.Apply(sshd).ok());
  EXPECT_TRUE(state.FindSshd("")->enabled());
}

void AddUnknownField(google::protobuf::Message* message) {
  message->GetReflection()->MutableUnknownFields(message)->AddVarint(900, 1);
}

// What a newer program may write and this one cannot keep.
std::vector<v1::RowChange> FromTheFuture() {
  std::vector<v1::RowChange> all(2);
  all[1].mutable_put();  // A table that this program does not know; before it, no change at all.
  AddUnknownField(all.emplace_back(PutUser(5, "ada")).mutable_put()->mutable_user());
  AddUnknownField(
      all.emplace_back(PutAccount(5, 1, "a")).mutable_put()->mutable_account()->mutable_secret());
  AddUnknownField(all.emplace_back(PutUser(5, "ada")).mutable_put());
  AddUnknownField(&all.emplace_back(PutUser(5, "ada")));
  all.emplace_back(PutUser(5, "ada"))
      .mutable_put()
      ->mutable_user()
      ->set_role(static_cast<v1::Role>(77));
  all.emplace_back(DeleteRow(static_cast<v1::Table>(77), 5));
  all.emplace_back(DeleteRow(v1::TABLE_UNSPECIFIED, 5));
  return all;
}

TEST(StateTest, RefusesWhatANewerProgramWrote) {
  for (const v1::RowChange& change : FromTheFuture()) {
    State state;
    const absl::Status status = state.Apply(change);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << change.ShortDebugString();
    EXPECT_EQ(std::string(status.message()).find("upgrade_required"), 0u);
    EXPECT_EQ(state.RowCount(), 0u);
  }
}

TEST(StateTest, WalksRowsByTableAndKeyWhateverTheOrderOfTheirArrival) {
  std::vector<v1::RowChange> changes;
  for (uint64_t id = 1; id <= 200; ++id) {
    changes.push_back(PutAccount(id, id % 3 + 1, "account" + std::to_string(id)));
    changes.push_back(PutUser(id, "user" + std::to_string(id)));
  }
  State forward;
  State backward;
  for (const auto& change : changes) ASSERT_TRUE(forward.Apply(change).ok());
  for (auto it = changes.rbegin(); it != changes.rend(); ++it) {
    ASSERT_TRUE(backward.Apply(*it).ok());
  }
  EXPECT_EQ(Dump(forward), Dump(backward));
  v1::RowKey last;
  forward.ForEachRow([&](const v1::Row& row) {
    const v1::RowKey key = KeyOf(row);
    EXPECT_LT(std::make_pair(last.table(), last.id()), std::make_pair(key.table(), key.id()));
    last = key;
  });
}

TEST(StateTest, FindRowGivesTheRowThatWasPut) {
  State state;
  const v1::RowChange change = PutAccount(4, 3, "deploy");
  ASSERT_TRUE(state.Apply(change).ok());
  const auto row = state.FindRow(KeyOf(change.put()));
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->SerializeAsString(), change.put().SerializeAsString());
  v1::RowKey missing = KeyOf(change.put());
  missing.set_id(5);
  EXPECT_FALSE(state.FindRow(missing).has_value());
}

TEST(StateTest, ClearForgetsRowsAndIndexes) {
  State state;
  state.Reserve(v1::TABLE_RESOURCE, 1000);
  ASSERT_TRUE(state.Apply(PutResource(3, "db")).ok());
  state.Clear();
  EXPECT_EQ(state.RowCount(), 0u);
  EXPECT_EQ(state.FindResourceByName(1, "db"), nullptr);
  EXPECT_EQ(state.Count(List::kResourcesOfOwner, 7), 0u);
  EXPECT_TRUE(state.Apply(PutResource(4, "db")).ok());
}

}  // namespace
}  // namespace holdfast::vault

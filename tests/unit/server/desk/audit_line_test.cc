#include "server/desk/audit_line.h"

#include <gtest/gtest.h>

#include "server/vault/refusal.h"
#include "server/vault/state.h"

namespace holdfast::desk {
namespace {

TEST(AuditTextTest, IsAlwaysATextThatARecordCanHold) {
  EXPECT_EQ(AuditText("nightly job", 100), "nightly job");
  EXPECT_EQ(AuditText("Stra\xC3\x9F"
                      "e",
                      100),
            "Stra\xC3\x9F"
            "e");
  EXPECT_EQ(AuditText("a\r\nb\x1b[2J", 100), "a??b?[2J") << "nothing that moves a terminal";
  EXPECT_EQ(AuditText("a\xFF\xC3"
                      "b",
                      100),
            "a??b")
      << "not UTF-8: protobuf would not read it back";
  EXPECT_EQ(AuditText("aaa\xC3\x9F", 4), "aaa") << "cut before a character, not inside";
  EXPECT_EQ(AuditText("aaa\xC3\x9F", 5), "aaa\xC3\x9F");
}

class SubjectTest : public testing::Test {
 protected:
  SubjectTest() {
    v1::Row resource;
    resource.mutable_resource()->set_id(5);
    resource.mutable_resource()->set_name("db");
    EXPECT_TRUE(state_.Put(resource).ok());
    v1::Row account;
    account.mutable_account()->set_id(6);
    account.mutable_account()->set_resource_id(5);
    account.mutable_account()->set_name("root");
    EXPECT_TRUE(state_.Put(account).ok());
  }
  v1::AuditRecord SubjectOf(const vault::CommandBody& body) {
    v1::AuditRecord line;
    SetSubject(line, state_, body);
    return line;
  }
  vault::State state_;
};

TEST_F(SubjectTest, NamesTheAccountAndItsResource) {
  const v1::AuditRecord line = SubjectOf(vault::SetSecret{.account_id = 6});
  EXPECT_EQ(line.account_id(), 6u);
  EXPECT_EQ(line.account_name(), "root");
  EXPECT_EQ(line.resource_id(), 5u);
  EXPECT_EQ(line.resource_name(), "db");
}

TEST_F(SubjectTest, NamesWhatIsToBeMade) {
  vault::AddResource add;
  add.resource.set_name("new");
  add.accounts.emplace_back().set_name("first");
  const v1::AuditRecord line = SubjectOf(add);
  EXPECT_EQ(line.resource_name(), "new");
  EXPECT_EQ(line.account_name(), "first");
  EXPECT_EQ(line.resource_id(), 0u);
}

TEST_F(SubjectTest, SaysNothingOfWhatIsNeither) {
  EXPECT_EQ(SubjectOf(vault::DeleteUser{.user_id = 5}).SerializeAsString(), "");
  EXPECT_EQ(SubjectOf(vault::SetSecret{.account_id = 99}).SerializeAsString(), "");
}

TEST(AuditResultTest, NamesTheRefusal) {
  v1::AuditRecord line;
  SetResult(line, vault::Refuse(vault::Refusal::kNotPermitted, "x"));
  EXPECT_EQ(line.result(), v1::AUDIT_RESULT_REFUSED);
  EXPECT_EQ(line.refusal(), "NOT_PERMITTED");
  SetResult(line, absl::DataLossError("x"));
  EXPECT_EQ(line.refusal(), "INTERNAL");
  SetResult(line, absl::OkStatus());
  EXPECT_EQ(line.result(), v1::AUDIT_RESULT_OK);
  EXPECT_EQ(line.refusal(), "");
}

}  // namespace
}  // namespace holdfast::desk

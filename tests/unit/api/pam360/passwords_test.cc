#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "api/http/json.h"
#include "tests/unit/api/pam360/dialect_fixture.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

class PasswordsTest : public DialectTest {
 protected:
  PasswordsTest() {
    const vault::Planned made = desk_.AddAccount(1, "srv", "deploy", "pL7#\"q");
    rid_ = made.id;
    aid_ = made.account_ids[0];
    account_ = fmt::format("resources/{}/accounts/{}", rid_, aid_);
    both_ =
        fmt::format("resources/getResourceAccountDetails?RESOURCEID={}&ACCOUNTID={}", rid_, aid_);
  }
  uint64_t rid_ = 0;
  uint64_t aid_ = 0;
  std::string account_;
  std::string both_;
};

TEST_F(PasswordsTest, P1IsTheExampleByteForByte) {
  const http::Response got = Get(account_ + "/password");
  EXPECT_EQ(got.body, R"({"operation":{"result":{"message":"Password fetched successfully",)"
                      R"("status":"Success","statusCode":20000},"Details":{"PASSWORD":"pL7#\"q"},)"
                      R"("name":"GET PASSWORD"}})");
  EXPECT_TRUE(got.secret_body);
}

TEST_F(PasswordsTest, P1RecordsReasonAndTicketAlsoWhenRefused) {
  Get(account_ + "/password", R"({"REASON":"Testing it","TICKETID":7})");
  EXPECT_EQ(desk_.audit().back().reason(), "Testing it");
  EXPECT_EQ(desk_.audit().back().ticket(), "7");
  EXPECT_EQ(desk_.audit().back().account_name(), "deploy");
  EXPECT_EQ(desk_.audit().back().source(), "192.0.2.7");
  desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  As("READER");
  EXPECT_THAT(Get(account_ + "/password"), FailedWith("No such account found."));
  EXPECT_EQ(desk_.audit().back().result(), v1::AUDIT_RESULT_REFUSED);
  EXPECT_EQ(desk_.audit().back().user_name(), "reader");
}

TEST_F(PasswordsTest, P1GivesNoPasswordOfAnotherResource) {
  const vault::Planned other = desk_.AddAccount(1, "other", "x", "s");
  EXPECT_THAT(Get(fmt::format("resources/{}/accounts/{}/password", other.id, aid_)),
              FailedWith("No such account found."));
  EXPECT_THAT(Get("resources/9999999/accounts/99999999/password"),
              FailedWith("No such account found."));
}

TEST_F(PasswordsTest, P1GivesTextUnchangedAndNothingThatIsNoText) {
  const std::string hard = "ü \\ / \x7f\u2028 pass ";
  const vault::Planned text = desk_.AddAccount(1, "text", "a", hard);
  const auto path = [](const vault::Planned& made) {
    return fmt::format("resources/{}/accounts/{}/password", made.id, made.account_ids[0]);
  };
  EXPECT_EQ(TextOf(Get(path(text)), "PASSWORD"), hard);
  const vault::Planned bytes = desk_.AddAccount(1, "bytes", "a", "\xff\xfe");
  EXPECT_THAT(Get(path(bytes)),
              FailedWith("The password is not text and cannot be given in this form."));
}

TEST_F(PasswordsTest, P2ChangesAndSaysNothingElse) {
  const http::Response changed =
      Put(account_ + "/password",
          R"({"NEWPASSWORD":"nEw+Pass%41#1","RESETTYPE":"LOCAL","REASON":"x","TICKETID":""})");
  EXPECT_EQ(changed.body, R"({"operation":{"result":{"message":"Password changed successfully",)"
                          R"("status":"Success","statusCode":20000},"name":"CHANGE PASSWORD"}})");
  EXPECT_EQ(desk_.SecretOf(aid_), "nEw+Pass%41#1");
  EXPECT_EQ(desk_.audit().back().reason(), "x");
  EXPECT_EQ(*changed.headers.Find("X-Holdfast-Position"), ToText(desk_.Facts().position));
}

TEST_F(PasswordsTest, P2GeneratesWhenNoneIsGiven) {
  EXPECT_THAT(Put(account_ + "/password", "{}"), Succeeded());
  EXPECT_EQ(desk_.SecretOf(aid_).size(), 16u);
}

TEST_F(PasswordsTest, P2FailuresLeaveThePassword) {
  EXPECT_THAT(Put(account_ + "/password", R"({"NEWPASSWORD":"short"})"),
              FailedWith("Password does not comply with the policy Strong"));
  EXPECT_THAT(Put(account_ + "/password", R"({"NEWPASSWORD":"aB3#efgh","RESETTYPE":"REMOTE"})"),
              FailedWith("Remote password reset failed."));
  EXPECT_EQ(StatusOf(Put(account_ + "/password", R"({"RESETTYPE":"BOTH"})")), "Failed");
  EXPECT_THAT(Put("resources/9999/accounts/9999/password", R"({"NEWPASSWORD":"aB3#efgh"})"),
              FailedWith("No such account found."));
  const uint64_t user = desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  desk_.Do(vault::SetShare{user, rid_, aid_, v1::SHARE_LEVEL_VIEW}, 1);
  As("READER");
  EXPECT_THAT(Put(account_ + "/password", R"({"NEWPASSWORD":"aB3#efgh"})"),
              FailedWith("You do not have permission to perform this operation."));
  EXPECT_EQ(desk_.SecretOf(aid_), "pL7#\"q");
}

TEST_F(PasswordsTest, P2TakesThePolicyOfTheResourceWhereTheAccountHasNone) {
  v1::AccountRow row;
  row.set_name("bare");
  *row.mutable_secret() = *desk_.Seal(1, v1::TABLE_ACCOUNT, SecretBytes::CopyOf("old"));
  const vault::Planned made = desk_.Do(vault::AddAccounts{rid_, {row}}, 1);
  EXPECT_THAT(Put(fmt::format("resources/{}/accounts/{}/password", rid_, made.account_ids[0]),
                  R"({"NEWPASSWORD":"short"})"),
              FailedWith("Password does not comply with the policy Strong"));
}

TEST_F(PasswordsTest, R13HoldsJsonTexts) {
  const http::Response got = Get(both_, R"({"REASON":"why"})");
  EXPECT_THAT(got, Succeeded());
  EXPECT_TRUE(got.secret_body);
  const auto resource = http::ParseJson(TextOf(got, "RESOURCEDETAILS"));
  const auto account = http::ParseJson(TextOf(got, "ACCOUNTDETAILS"));
  ASSERT_TRUE(resource.ok() && account.ok()) << got.body;
  EXPECT_EQ(resource->at("RESOURCE NAME"), "srv");
  EXPECT_EQ(account->at("ACCOUNT NAME"), "deploy");
  EXPECT_EQ(account->at("PASSWORD"), "pL7#\"q");
  EXPECT_EQ(desk_.audit().back().operation(), "account.retrieve");
  EXPECT_EQ(desk_.audit().back().reason(), "why");
}

TEST_F(PasswordsTest, R13FailsWithoutDetails) {
  const std::string path = "resources/getResourceAccountDetails?";
  EXPECT_THAT(Get(path + "RESOURCEID=9999&ACCOUNTID=9999"), FailedWith("No such account found."));
  EXPECT_THAT(Get(fmt::format("{}RESOURCEID=9999&ACCOUNTID={}", path, aid_)),
              FailedWith("No such account found."));
  EXPECT_THAT(Get(path + "RESOURCEID=1"), FailedWith("Mandatory parameter ACCOUNTID is missing."));
  EXPECT_THAT(Get(path + "RESOURCEID=x&ACCOUNTID=y"), FailedWith("No such account found."));
}

}  // namespace
}  // namespace holdfast::pam360

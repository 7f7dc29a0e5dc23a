#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "api/http/json.h"
#include "tests/unit/api/pam360/dialect_fixture.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

class AccountsTest : public DialectTest {
 protected:
  AccountsTest() {
    const vault::Planned made = desk_.AddAccount(1, "srv-build-01", "deploy", "pL7#\"q");
    resource_ = fmt::format("resources/{}", made.id);
    rid_ = std::to_string(made.id);
    aid_ = std::to_string(made.account_ids[0]);
  }
  std::string rid_;
  std::string aid_;
  std::string resource_;
};

// The example of the specification; where we know less, our value stands instead.
TEST_F(AccountsTest, A1HasEveryKeyOfTheExample) {
  const std::string example = fmt::format(
      R"({{"LOCATION":"","RESOURCE DESCRIPTION":"","RESOURCE TYPE":"Linux","RESOURCE ID":"{}",)"
      R"("ACCOUNT LIST":[{{"ACCOUNT_DESCRIPTION":"","ISFAVPASS":"false","ACCOUNT ID":"{}",)"
      R"("AUTOLOGONLIST":[],"ACCOUNT NAME":"deploy","PASSWORDREQUEST_REASON_MANDATORY":"false",)"
      R"("PASSWORD STATUS":"****","ISREMOTEAPPONLY":"false","ACCOUNT PASSWORD POLICY":"Strong",)"
      R"("AUTOLOGONSTATUS":"","IS_TICKETID_REQD_ACW":"false","PASSWDID":"{}",)"
      R"("IS_TICKETID_REQD_MANDATORY":"false","IS_TICKETID_REQD":"false",)"
      R"("ISREASONREQUIRED":"false"}}],"DEPARTMENT":"","RESOURCE OWNER":"admin",)"
      R"("RESOURCE PASSWORD POLICY":"Strong","RESOURCE URL":"","DOMAIN NAME":"",)"
      R"("ALLOWOPENURLINBROWSER":"true","RESOURCE NAME":"srv-build-01","DNS NAME":""}})",
      rid_, aid_, aid_);
  const http::Response list = Get(resource_ + "/accounts");
  EXPECT_THAT(list, Succeeded());
  EXPECT_EQ(NameOf(list), "GET RESOURCE ACCOUNTLIST");
  EXPECT_EQ(MessageOf(list), "Resource details with account list fetched successfully");
  const json::value details = DetailsOf(list);
  const json::value expected = *http::ParseJson(example);
  for (const auto& [key, value] : expected.as_object()) {
    if (key == "ACCOUNT LIST") continue;
    EXPECT_EQ(details.at(key), value) << key;
  }
  const json::value wanted = expected.at("ACCOUNT LIST").at(0);
  for (const auto& [key, value] : wanted.as_object()) {
    EXPECT_EQ(details.at("ACCOUNT LIST").at(0).at(key), value) << key;
  }
}

TEST_F(AccountsTest, A1ValuesAreTexts) {
  const json::value details = DetailsOf(Get(resource_ + "/accounts"));
  for (const auto& [key, value] : details.as_object()) {
    EXPECT_TRUE(value.is_string() || key == "ACCOUNT LIST") << key;
  }
}

TEST_F(AccountsTest, A1OfNoSuchResource) {
  for (const std::string_view id : {"9999999", "0", "x", "99999999999999999999"}) {
    EXPECT_THAT(Get(fmt::format("resources/{}/accounts", id)),
                FailedWith("No such resource found."));
  }
}

TEST_F(AccountsTest, A2IsTheExampleByteForByte) {
  EXPECT_EQ(Post(resource_ + "/accounts", R"({"ACCOUNTLIST":[{"ACCOUNTNAME":"app"}]})").body,
            R"({"operation":{"result":{"message":"Account(s) added successfully",)"
            R"("status":"Success","statusCode":20000},"Details":[{"app":{"STATUS":)"
            R"("Account added successfully"}}],"name":"ADD ACCOUNTS"}})");
}

TEST_F(AccountsTest, A2SaysWhichAccountsExisted) {
  const http::Response some =
      Post(resource_ + "/accounts",
           R"({"ACCOUNTLIST":[{"ACCOUNTNAME":"Deploy"},{"ACCOUNTNAME":"app","PASSWORD":"aB3#efgh"},
               {"ACCOUNTNAME":"APP"}]})");
  EXPECT_EQ(some.body, R"({"operation":{"result":{"message":"Account(s) added successfully",)"
                       R"("status":"Success","statusCode":20000},"Details":[)"
                       R"({"Deploy":{"STATUS":"Account is not added  as it already exists"}},)"
                       R"({"app":{"STATUS":"Account added successfully"}},)"
                       R"({"APP":{"STATUS":"Account is not added  as it already exists"}}],)"
                       R"("name":"ADD ACCOUNTS"}})");
  const http::Response none =
      Post(resource_ + "/accounts", R"({"ACCOUNTLIST":[{"ACCOUNTNAME":"deploy"}]})");
  EXPECT_EQ(StatusOf(none), "Failed");
  EXPECT_THAT(none.body, HasSubstr(R"("Details":[{"deploy":{"STATUS":)"
                                   R"("Account is not added  as it already exists"}}])"));
}

// The same request again is answered as the first time: not more was added than then.
TEST_F(AccountsTest, A2RepeatedUnderItsKeySaysWhatWasAddedThen) {
  const std::string body = EncodedInput(R"({"ACCOUNTLIST":[{"ACCOUNTNAME":"Deploy"},)"
                                        R"({"ACCOUNTNAME":"app"},{"ACCOUNTNAME":"db"}]})");
  const auto send = [&] {
    return Send(http::Method::kPost, resource_ + "/accounts", body, {{"Idempotency-Key", "k1"}});
  };
  const http::Response first = send();
  EXPECT_THAT(first.body, HasSubstr(R"({"Deploy":{"STATUS":"Account is not added  as it)"));
  EXPECT_THAT(first.body, HasSubstr(R"({"app":{"STATUS":"Account added successfully"}})"));
  EXPECT_EQ(send().body, first.body);
}

TEST_F(AccountsTest, A2Failures) {
  const std::string path = resource_ + "/accounts";
  EXPECT_THAT(Post(path, "{}"), FailedWith("Mandatory parameter ACCOUNTLIST is missing."));
  EXPECT_THAT(Post(path, R"({"ACCOUNTLIST":[{"PASSWORD":"p"}]})"),
              FailedWith("Mandatory parameter ACCOUNTNAME is missing."));
  EXPECT_THAT(Post(path, R"({"ACCOUNTLIST":[{"ACCOUNTNAME":"a","PASSWORD":"weak"}]})"),
              FailedWith("Password does not comply with the policy Strong"));
  EXPECT_THAT(Post("resources/9999/accounts", R"({"ACCOUNTLIST":[{"ACCOUNTNAME":"a"}]})"),
              FailedWith("No such resource found."));
}

TEST_F(AccountsTest, A2DoesNotTellAStrangerWhatExists) {
  const uint64_t user = desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  desk_.Do(vault::SetShare{user, std::stoull(rid_), 0, v1::SHARE_LEVEL_VIEW}, 1);
  As("READER");
  const http::Response existing =
      Post(resource_ + "/accounts", R"({"ACCOUNTLIST":[{"ACCOUNTNAME":"deploy"}]})");
  EXPECT_THAT(existing, FailedWith("You do not have permission to perform this operation."));
}

TEST_F(AccountsTest, A3ShowsTheAccount) {
  const http::Response shown = Get(resource_ + "/accounts/" + aid_);
  EXPECT_EQ(shown.body,
            fmt::format(R"({{"operation":{{"result":{{"message":"Account details fetched )"
                        R"(successfully","status":"Success","statusCode":20000}},"Details":{{)"
                        R"("DESCRIPTION":"N/A","PASSWDID":"{}",)"
                        R"("LAST MODIFIED TIME":"Nov 14, 2023 10:13 PM",)"
                        R"("LAST ACCESSED TIME":"N/A","EXPIRY STATUS":"Valid",)"
                        R"("COMPLIANT STATUS":"Compliant","COMPLIANT REASON":"-",)"
                        R"("PASSWORD STATUS":"****","PASSWORD POLICY":"Strong",)"
                        R"("PASSWORDREQUEST_REASON_MANDATORY":"false"}},)"
                        R"("name":"GET RESOURCE ACCOUNT DETAILS"}}}})",
                        aid_));
}

TEST_F(AccountsTest, A3NeedsBothIdsToBelongTogether) {
  const vault::Planned other = desk_.AddAccount(1, "other", "x", "s");
  EXPECT_THAT(Get(fmt::format("resources/{}/accounts/{}", other.id, aid_)),
              FailedWith("No such account found."));
  EXPECT_THAT(Get("resources/9999999/accounts/9999999"), FailedWith("No such account found."));
}

// ---- Shares.

TEST_F(AccountsTest, R8SharesAndRevokes) {
  const uint64_t user = desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  const auto share = [&](std::string_view access) {
    return Put(resource_ + "/share",
               fmt::format(R"({{"ACCESSTYPE":"{}","USERID":"{}"}})", access, user));
  };
  const http::Response shared = share("view");
  EXPECT_EQ(shared.body, R"({"operation":{"result":{"message":"Resource shared successfully",)"
                         R"("status":"Success","statusCode":20000},"name":"SHARE RESOURCE"}})");
  As("READER");
  EXPECT_THAT(Get(resource_ + "/accounts"), Succeeded());
  EXPECT_THAT(share("fullaccess"),
              FailedWith("You do not have permission to perform this operation."));
  EXPECT_THAT(Put(resource_ + "/share", R"({"ACCESSTYPE":"revoke","USERID":"1"})"),
              FailedWith("You do not have permission to perform this operation."))
      << "not even whether there is such a share";
  As(StateDesk::kAdminToken);
  const http::Response revoked = share("REVOKE");
  EXPECT_THAT(revoked, Succeeded());
  EXPECT_EQ(MessageOf(revoked), "Share revoked successfully");
  EXPECT_THAT(share("revoke"), FailedWith("No such share found."));
  As("READER");
  EXPECT_THAT(Get(resource_ + "/accounts"), FailedWith("No such resource found."));
}

TEST_F(AccountsTest, A6SharesOneAccount) {
  const uint64_t user = desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  const std::string path = resource_ + "/accounts/" + aid_ + "/share";
  const http::Response shared =
      Put(path, fmt::format(R"({{"ACCESSTYPE":"modify","USERID":{}}})", user));
  EXPECT_THAT(shared, Succeeded());
  EXPECT_EQ(NameOf(shared), "SHARE ACCOUNT");
  EXPECT_EQ(MessageOf(shared), "Account shared successfully");
  As("READER");
  EXPECT_THAT(Put(resource_ + "/accounts/" + aid_ + "/password", R"({"NEWPASSWORD":"aB3#efgh"})"),
              Succeeded());
  As(StateDesk::kAdminToken);
  EXPECT_EQ(MessageOf(Put(path, fmt::format(R"({{"ACCESSTYPE":"revoke","USERID":{}}})", user))),
            "Share revoked successfully");
}

TEST_F(AccountsTest, SharesFail) {
  const vault::Planned other = desk_.AddAccount(1, "other", "x", "s");
  const uint64_t user = desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  const std::string view = fmt::format(R"({{"ACCESSTYPE":"view","USERID":{}}})", user);
  EXPECT_THAT(Put(resource_ + "/share", R"({"ACCESSTYPE":"view","USERID":"9999"})"),
              FailedWith("No such user found."));
  EXPECT_THAT(Put(resource_ + "/share", R"({"ACCESSTYPE":"view","USERGROUPID":"3"})"),
              FailedWith("No such user group found."));
  EXPECT_THAT(Put(resource_ + "/share", R"({"ACCESSTYPE":"view"})"),
              FailedWith("Mandatory parameter USERID is missing."));
  EXPECT_THAT(Put("resources/9999/share", view), FailedWith("No such resource found."));
  EXPECT_THAT(Put(fmt::format("resources/{}/accounts/{}/share", other.id, aid_), view),
              FailedWith("No such account found."));
  EXPECT_THAT(Put("resources/9999/accounts/9999/share", view),
              FailedWith("No such account found."));
}

}  // namespace
}  // namespace holdfast::pam360

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/api/pam360/dialect_fixture.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;
using http::Method;
using ::testing::HasSubstr;
using ::testing::Not;

class ResourcesTest : public DialectTest {};

constexpr char kBuildFarm[] = R"({"RESOURCENAME":"srv-build-01","ACCOUNTNAME":"deploy",
    "RESOURCETYPE":"Linux","PASSWORD":"pL7#xyzw\"q","NOTES":"","RESOURCEURL":"","LOCATION":"",
    "DNSNAME":"10.1.2.3","DEPARTMENT":"","RESOURCEDESCRIPTION":"build farm","DOMAINNAME":"",
    "RESOURCEGROUPNAME":"default","OWNERNAME":"admin","RESOURCEPASSWORDPOLICY":"Strong",
    "ACCOUNTPASSWORDPOLICY":"Strong"})";

TEST_F(ResourcesTest, R2AnswersTheNewId) {
  const http::Response made = Post("resources", kBuildFarm);
  EXPECT_EQ(made.body,
            fmt::format(R"({{"operation":{{"result":{{"message":)"
                        R"("Resource srv-build-01 has been added successfully","status":"Success",)"
                        R"("statusCode":20000}},"Details":{{"RESOURCEID":"{}"}},)"
                        R"("name":"CREATE RESOURCE"}}}})",
                        TextOf(made, "RESOURCEID")));
  EXPECT_EQ(made.content_type, "application/json;charset=UTF-8");
}

TEST_F(ResourcesTest, R1IsTheExampleByteForByte) {
  const std::string id = TextOf(Post("resources", kBuildFarm), "RESOURCEID");
  EXPECT_EQ(Get("resources").body,
            fmt::format(R"({{"operation":{{"result":{{"message":"Resources fetched successfully",)"
                        R"("status":"Success","statusCode":20000}},"Details":[{{)"
                        R"("RESOURCE DESCRIPTION":"build farm","RESOURCE TYPE":"Linux",)"
                        R"("RESOURCE ID":"{}","RESOURCE NAME":"srv-build-01",)"
                        R"("NOOFACCOUNTS":"1"}}],"name":"GET RESOURCES","totalRows":1}}}})",
                        id));
}

TEST_F(ResourcesTest, R1AnEmptyListHasNoDetails) {
  EXPECT_EQ(Get("resources").body,
            R"({"operation":{"result":{"message":"Resources fetched successfully",)"
            R"("status":"Success","statusCode":20000},"name":"GET RESOURCES","totalRows":0}})");
}

TEST_F(ResourcesTest, R1PagesAndSearches) {
  desk_.AddAccount(1, "alpha", "root", "s1");
  desk_.AddAccount(1, "beta", "oracle", "s2");
  desk_.AddAccount(1, "gamma", "root", "s3");
  const auto names = [&](std::string_view details) {
    const http::Response list = Get("resources", details);
    std::string text;
    const json::value rows = DetailsOf(list);
    for (const auto& row : rows.is_null() ? json::array() : rows.as_array()) {
      text += std::string(row.at("RESOURCE NAME").as_string()) + " ";
    }
    return text + std::to_string(Parsed(list).at("operation").at("totalRows").as_int64());
  };
  EXPECT_EQ(names("{}"), "alpha beta gamma 3");
  EXPECT_EQ(names(R"({"STARTINDEX":1,"LIMIT":"1"})"), "beta 3");
  EXPECT_EQ(names(R"({"SEARCHTYPE":"RESOURCE","SEARCHCOLUMN":"RESOURCENAME","SEARCHVALUE":"ALP"})"),
            "alpha 1");
  EXPECT_EQ(names(R"({"SEARCHTYPE":"ACCOUNT","SEARCHCOLUMN":"ALL","SEARCHVALUE":"roo"})"),
            "alpha gamma 2");
  EXPECT_EQ(names(R"({"SEARCHCOLUMN":"LOGINNAME","SEARCHVALUE":"ORACLE"})"), "beta 1");
  EXPECT_EQ(names(R"({"SEARCHCOLUMN":"ALL","SEARCHVALUE":"linux","STARTINDEX":"2"})"), "gamma 3");
  EXPECT_EQ(names(R"({"VIEWTYPE":"LINUXSSHPASSWORD"})"), "alpha beta gamma 3");
  EXPECT_EQ(names(R"({"VIEWTYPE":"WINDOWSRDPPASSWORD"})"), "0");
  EXPECT_EQ(names(R"({"VIEWTYPE":"FAVOURITEPASSWORD"})"), "0");
}

TEST_F(ResourcesTest, R1ShowsAndCountsOnlyWhatTheCallerSees) {
  const vault::Planned made = desk_.AddAccount(1, "alpha", "root", "s1");
  desk_.AddAccount(1, "beta", "root", "s2");
  const uint64_t user = desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  v1::AccountRow second;
  second.set_name("second");
  *second.mutable_secret() = *desk_.Seal(1, v1::TABLE_ACCOUNT, SecretBytes::CopyOf("secret"));
  desk_.Do(vault::AddAccounts{made.id, {second}}, 1);
  desk_.Do(vault::SetShare{user, made.id, made.account_ids[0], v1::SHARE_LEVEL_VIEW}, 1);
  As("READER");
  const http::Response list = Get("resources");
  ASSERT_EQ(DetailsOf(list).as_array().size(), 1u) << list.body;
  EXPECT_THAT(list.body, HasSubstr(R"("RESOURCE NAME":"alpha","NOOFACCOUNTS":"1")"));
}

TEST_F(ResourcesTest, R1RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(MessageOf(Get("resources", R"({"VIEWTYPE":"MINE"})")),
              HasSubstr("parameter VIEWTYPE: expected"));
  EXPECT_THAT(MessageOf(Get("resources", R"({"SEARCHCOLUMN":"X"})")),
              HasSubstr("parameter SEARCHCOLUMN: expected"));
  EXPECT_THAT(MessageOf(Get("resources", R"({"LIMIT":"-1"})")),
              HasSubstr("parameter LIMIT: expected"));
}

TEST_F(ResourcesTest, R2KeepsEverythingThatItTakes) {
  const std::string id = TextOf(
      Post("resources",
           R"({"RESOURCENAME":"r","RESOURCEURL":"https://r","LOCATION":"Oslo","DNSNAME":"r.test",
               "DEPARTMENT":"IT","RESOURCEDESCRIPTION":"d","DOMAINNAME":"DOM","ACCOUNTNAME":"a",
               "NOTES":"n","PASSWORD":"x","RESOURCECUSTOMFIELD":[{"CUSTOMLABEL":"Rack",
               "CUSTOMVALUE":"7"}],"ENABLEPRIVATEKEY":"false","SAP_USER_TYPE":"B"})"),
      "RESOURCEID");
  const http::Response shown = Get("resources/" + id + "/accounts");
  EXPECT_EQ(TextOf(shown, "RESOURCE URL"), "https://r");
  EXPECT_EQ(TextOf(shown, "LOCATION"), "Oslo");
  EXPECT_EQ(TextOf(shown, "DNS NAME"), "r.test");
  EXPECT_EQ(TextOf(shown, "DEPARTMENT"), "IT");
  EXPECT_EQ(TextOf(shown, "DOMAIN NAME"), "DOM");
  EXPECT_EQ(TextOf(shown, "RESOURCE TYPE"), "Linux");
  EXPECT_THAT(shown.body, HasSubstr(R"("CUSTOM FIELD":[{"CUSTOMFIELDVALUE":"7",)"
                                    R"("CUSTOMFIELDTYPE":"Character","CUSTOMFIELDLABEL":"Rack",)"
                                    R"("CUSTOMFIELDCOLUMNNAME":"COLUMN_CHAR1"}])"));
}

TEST_F(ResourcesTest, R2Failures) {
  Post("resources", kBuildFarm);
  EXPECT_THAT(Post("resources", kBuildFarm), FailedWith("Resource srv-build-01 already exists"));
  EXPECT_THAT(Post("resources", R"({"RESOURCENAME":""})"),
              FailedWith("Mandatory parameter RESOURCENAME is missing."));
  EXPECT_THAT(Post("resources", R"({"RESOURCENAME":"x","RESOURCEPASSWORDPOLICY":"Medium"})"),
              FailedWith("No such password policy found."));
  EXPECT_THAT(Post("resources", R"({"RESOURCENAME":"x","ACCOUNTNAME":"a","PASSWORD":"weak",
                                    "ACCOUNTPASSWORDPOLICY":"Strong"})"),
              FailedWith("Password does not comply with the policy Strong"));
  EXPECT_EQ(StatusOf(Post("resources", R"({"RESOURCENAME":"x","OWNERNAME":"DOM\\bob"})")),
            "Failed");
  EXPECT_THAT(Post("resources", R"({"RESOURCENAME":"x","OWNERNAME":"DOM\\admin"})"), Succeeded());
  desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  As("READER");
  EXPECT_THAT(Post("resources", R"({"RESOURCENAME":"y"})"),
              FailedWith("You do not have permission to perform this operation."));
}

TEST_F(ResourcesTest, R2GeneratesAPasswordWhenNoneIsGiven) {
  const std::string rid = TextOf(
      Post("resources", R"({"RESOURCENAME":"r","ACCOUNTNAME":"a","PASSWORD":""})"), "RESOURCEID");
  const std::string ids = "resources/getResourceIdAccountId?RESOURCENAME=r&ACCOUNTNAME=a";
  const std::string aid = TextOf(Get(ids), "ACCOUNTID");
  EXPECT_EQ(desk_.SecretOf(std::stoull(aid)).size(), 16u) << rid;
}

// ---- Lookups.

TEST_F(ResourcesTest, R3FindsTheIdByName) {
  const vault::Planned made = desk_.AddAccount(1, "srv build/01", "root", "s");
  const http::Response found = Get("resources/resourcename/SRV%20build%2F01");
  EXPECT_EQ(found.body, fmt::format(R"({{"operation":{{"result":{{"message":)"
                                    R"("Resource ID fetched successfully","status":"Success",)"
                                    R"("statusCode":20000}},"Details":{{"RESOURCEID":"{}"}},)"
                                    R"("name":"GET_RESOURCEID"}}}})",
                                    made.id));
  EXPECT_THAT(Get("resources/resourcename/none"), FailedWith("No such resource found."));
}

TEST_F(ResourcesTest, R4AndR4bFindBothIds) {
  const vault::Planned made = desk_.AddAccount(1, "srv build", "the root", "s");
  const std::string expected =
      fmt::format(R"({{"operation":{{"result":{{"message":"Resource ID and account ID fetched )"
                  R"(successfully for the given resource name and account name.",)"
                  R"("status":"Success","statusCode":20000}},"Details":{{"ACCOUNTID":"{}",)"
                  R"("RESOURCEID":"{}"}},"name":"GET_RESOURCEACCOUNTID"}}}})",
                  made.account_ids[0], made.id);
  for (const std::string_view blank : {"%20", "+"}) {
    EXPECT_EQ(Get(fmt::format("resources/getResourceIdAccountId?RESOURCENAME=srv{0}build&"
                              "ACCOUNTNAME=THE{0}root",
                              blank))
                  .body,
              expected);
  }
  EXPECT_EQ(Get("resources/resourcename/srv%20build/accounts/accountname/the%20root").body,
            expected);
}

TEST_F(ResourcesTest, R4WithoutSuchNamesHasNoDetails) {
  desk_.AddAccount(1, "srv", "root", "s");
  const std::string path = "resources/getResourceIdAccountId?";
  EXPECT_THAT(Get(path + "RESOURCENAME=srv&ACCOUNTNAME=x"), FailedWith("No such account found."));
  EXPECT_THAT(Get(path + "RESOURCENAME=x&ACCOUNTNAME=root"), FailedWith("No such account found."));
  EXPECT_THAT(Get(path + "RESOURCENAME=srv"),
              FailedWith("Mandatory parameter ACCOUNTNAME is missing."));
  EXPECT_THAT(Get("resources/resourcename/srv/accounts/accountname/x"),
              FailedWith("No such account found."));
}

TEST_F(ResourcesTest, WhatMayNotBeSeenLooksLikeWhatIsNotThere) {
  const vault::Planned made = desk_.AddAccount(1, "srv", "root", "s");
  desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  As("READER");
  const std::string rid = std::to_string(made.id);
  const std::string aid = std::to_string(made.account_ids[0]);
  EXPECT_EQ(Get("resources/resourcename/srv").body, Get("resources/resourcename/none").body);
  EXPECT_EQ(Get("resources/" + rid + "/accounts").body, Get("resources/9999/accounts").body);
  EXPECT_EQ(Get("resources/" + rid + "/accounts/" + aid).body,
            Get("resources/9999/accounts/9999").body);
  EXPECT_EQ(Get("resources/" + rid + "/accounts/" + aid + "/password").body,
            Get("resources/9999/accounts/9999/password").body);
}

TEST_F(ResourcesTest, R7ListsTypesForAnybody) {
  desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  As("READER");
  const http::Response types = Get("resources/resourcetypes");
  EXPECT_THAT(types, Succeeded());
  EXPECT_EQ(NameOf(types), "GET RESOURCETYPES");
  EXPECT_THAT(types.body, HasSubstr(R"({"RESOURCETYPEID":"1","RESOURCETYPENAME":"Linux"})"));
  const http::Response some =
      Get("resources/resourcetypes", R"({"RESOURCETYPE_CONTAINING":["win","file"]})");
  EXPECT_EQ(DetailsOf(some).as_array().size(), 3u) << some.body;
  EXPECT_THAT(Get("resources/resourcetypes/"), Succeeded()) << "with a slash at the end";
}

}  // namespace
}  // namespace holdfast::pam360

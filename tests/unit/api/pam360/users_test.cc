#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/api/pam360/dialect_fixture.h"

namespace holdfast::pam360 {
namespace {

using ::testing::HasSubstr;

constexpr char kBadToken[] =
    "API key received is not associated to any user. Authentication failed.";

class UsersTest : public DialectTest {
 protected:
  v1::UserRow RowOf(std::string_view id) {
    v1::UserRow row;
    desk_.ReadState([&](const vault::StateReader& state) {
      row = *state.FindUser(std::stoull(std::string(id)));
    });
    return row;
  }
};

TEST_F(UsersTest, U1MakesAnApiUserThatCanLogIn) {
  const http::Response made =
      Post("user", R"({"USERNAME":"robot","FIRSTNAME":"Ro","LASTNAME":"Bot","EMAIL":"r@x.test",
                  "ROLE":"Password Administrator","ISAPIUSER":"true","HOSTNAME":"192.0.2.7",
                  "HOSTCHECK":true,"EXPIRYDATE":"NeverExpires","RESTAPIACCESS":"true",
                  "SDKACCESS":"false","DEPARTMENT":"IT","LOCATION":"Oslo","PASSWORD":"",
                  "POLICY":"","USERGROUPNAME":"","SECONDARYEMAILID":"","ISSUPERADMIN":"false"})");
  const std::string token = TextOf(made, "AUTHTOKEN");
  EXPECT_EQ(made.body,
            fmt::format(R"({{"operation":{{"result":{{"message":"User robot added successfully",)"
                        R"("status":"Success","statusCode":20000}},"Details":{{"USERID":"{}",)"
                        R"("AUTHTOKEN":"{}"}},"name":"CREATE USER"}}}})",
                        TextOf(made, "USERID"), token));
  EXPECT_TRUE(made.secret_body);
  const v1::UserRow row = RowOf(TextOf(made, "USERID"));
  EXPECT_EQ(row.full_name(), "Ro Bot");
  EXPECT_EQ(row.role(), v1::ROLE_PASSWORD_ADMINISTRATOR);
  EXPECT_TRUE(row.host_check());
  EXPECT_TRUE(row.ssh_enabled());
  As(token);
  EXPECT_THAT(Post("resources", R"({"RESOURCENAME":"mine"})"), Succeeded());
}

TEST_F(UsersTest, U1AUserWhoIsNoApiUserGetsNoToken) {
  const http::Response made = Post("user", R"({"USERNAME":"ann"})");
  EXPECT_EQ(DetailsOf(made).as_object().size(), 1u) << made.body;
  const v1::UserRow row = RowOf(TextOf(made, "USERID"));
  EXPECT_EQ(row.role(), v1::ROLE_PASSWORD_USER);
  EXPECT_FALSE(row.rest_enabled());
  EXPECT_FALSE(row.ssh_enabled());
}

TEST_F(UsersTest, U1TheTokenEndsWhenAsked) {
  const std::string days = TextOf(
      Post("user", R"({"USERNAME":"d","ISAPIUSER":true,"TOKENVALIDITYDAYS":"2"})"), "AUTHTOKEN");
  const std::string date = TextOf(
      Post("user", R"({"USERNAME":"e","ISAPIUSER":true,"EXPIRYDATE":"2023-11-15"})"), "AUTHTOKEN");
  desk_.SetNow(StateDesk::kStartMs + 24 * 3'600'000);  // Nov 15, 22:13
  As(days);
  EXPECT_THAT(Get("resources"), Succeeded());
  As(date);
  EXPECT_THAT(Get("resources"), Succeeded());
  desk_.SetNow(StateDesk::kStartMs + 26 * 3'600'000);  // Nov 16, 00:13
  EXPECT_THAT(Get("resources"), FailedWith("API key has expired. Authentication failed."));
  desk_.SetNow(StateDesk::kStartMs + 49 * 3'600'000);
  As(days);
  EXPECT_THAT(Get("resources"), FailedWith("API key has expired. Authentication failed."));
}

TEST_F(UsersTest, U1Failures) {
  Post("user", R"({"USERNAME":"ann"})");
  EXPECT_THAT(Post("user", R"({"USERNAME":"ann"})"), FailedWith("User ann already exists"));
  EXPECT_THAT(Post("user", "{}"), FailedWith("Mandatory parameter USERNAME is missing."));
  for (const std::string_view bad :
       {R"("ROLE":"Emperor")", R"("ROLEID":"4")", R"("EXPIRYDATE":"2001-01-01")",
        R"("EXPIRYDATE":"soon")", R"("TOKENVALIDITYDAYS":"0")", R"("ISAPIUSER":"maybe")"}) {
    EXPECT_THAT(MessageOf(Post("user", fmt::format(R"({{"USERNAME":"x",{}}})", bad))),
                HasSubstr("expected"))
        << bad;
  }
  desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  As("READER");
  EXPECT_THAT(Post("user", R"({"USERNAME":"y"})"),
              FailedWith("You do not have permission to perform this operation."));
}

TEST_F(UsersTest, U2FindsAUserAlsoWithADomain) {
  const uint64_t id = desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  for (const std::string_view name : {"reader", "DOM%5Creader"}) {
    const http::Response found = Get(fmt::format("user/getUserId?USERNAME={}", name));
    EXPECT_EQ(found.body, fmt::format(R"({{"operation":{{"result":{{"message":"User ID fetched )"
                                      R"(successfully","status":"Success","statusCode":20000}},)"
                                      R"("Details":{{"USERID":"{}"}},"name":"GET_USERID"}}}})",
                                      id));
  }
  EXPECT_THAT(Get("user/getUserId?USERNAME=none"), FailedWith("No such user found."));
  EXPECT_THAT(Get("user/getUserId"), FailedWith("Mandatory parameter USERNAME is missing."));
}

TEST_F(UsersTest, U2APasswordUserFindsOnlyItself) {
  desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  As("READER");
  EXPECT_THAT(Get("user/getUserId?USERNAME=reader"), Succeeded());
  EXPECT_THAT(Get("user/getUserId?USERNAME=admin"), FailedWith("No such user found."));
}

TEST_F(UsersTest, U5IsTheExampleAndTheOldTokenEnds) {
  desk_.AddUser("reader", v1::ROLE_PASSWORD_USER, "READER");
  As("READER");
  const http::Response renewed = Put("user/regenerateAuthtoken");
  const std::string token = TextOf(renewed, "AUTHTOKEN");
  EXPECT_EQ(renewed.body,
            fmt::format(R"({{"operation":{{"result":{{"message":"Authtoken regenerated )"
                        R"(successfully.","status":"true","statusCode":20000}},)"
                        R"("Details":{{"AUTHTOKEN":"{}"}},"name":"REGENERATE_AUTHTOKEN"}}}})",
                        token));
  EXPECT_TRUE(renewed.secret_body);
  EXPECT_EQ(token.size(), 36u);
  EXPECT_THAT(Get("resources"), FailedWith(kBadToken));
  As(token);
  EXPECT_THAT(Get("resources"), Succeeded());
}

TEST_F(UsersTest, U5KeepsTheTimeThatATokenIsGoodFor) {
  v1::UserRow user;
  user.set_name("short");
  user.set_role(v1::ROLE_PASSWORD_USER);
  user.set_rest_enabled(true);
  desk_.AddUser(user, "SHORT", StateDesk::kStartMs + 1000);
  desk_.SetNow(StateDesk::kStartMs + 900);
  As("SHORT");
  As(TextOf(Put("user/regenerateAuthtoken"), "AUTHTOKEN"));
  desk_.SetNow(StateDesk::kStartMs + 1800);
  EXPECT_THAT(Get("resources"), Succeeded());
  desk_.SetNow(StateDesk::kStartMs + 2000);
  EXPECT_THAT(Get("resources"), FailedWith("API key has expired. Authentication failed."));
}

}  // namespace
}  // namespace holdfast::pam360

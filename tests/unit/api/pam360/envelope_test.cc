#include "api/pam360/envelope.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <string>

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

TEST(EnvelopeTest, IsCompactAndKeepsTheOrderOfKeys) {
  const http::Response response =
      Render({.name = "GET RESOURCES",
              .message = "Resources fetched successfully",
              .details = json::value(json::array{json::object{{"RESOURCE ID", "4"}}}),
              .total_rows = 1});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json;charset=UTF-8");
  EXPECT_FALSE(response.secret_body);
  EXPECT_EQ(response.body,
            R"({"operation":{"result":{"message":"Resources fetched successfully",)"
            R"("status":"Success","statusCode":20000},"Details":[{"RESOURCE ID":"4"}],)"
            R"("name":"GET RESOURCES","totalRows":1}})");
}

TEST(EnvelopeTest, LeavesOutWhatThereIsNothingToSayAbout) {
  const http::Response response = Render(Failed("GET PASSWORD", "No such account found."));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body,
            R"({"operation":{"result":{"message":"No such account found.","status":"Failed",)"
            R"("statusCode":40000},"name":"GET PASSWORD"}})");
}

TEST(EnvelopeTest, AnEmptyListHasTotalRowsZeroAndNoDetails) {
  const http::Response response =
      Render({.name = "GET RESOURCES", .message = "m", .total_rows = 0});
  EXPECT_NE(response.body.find(R"("totalRows":0)"), std::string::npos);
  EXPECT_EQ(response.body.find("Details"), std::string::npos);
}

TEST(EnvelopeTest, AnInternalErrorIsHttp500) {
  EXPECT_EQ(Render(Failed("X", "m", kCodeInternal)).status, 500);
  EXPECT_EQ(Render(Failed("X", kReadOnlyMessage, kCodeReadOnly)).status, 200);
}

TEST(EnvelopeTest, ASecretIsEscapedAsJsonRequiresAndMarked) {
  json::object details = WipedObject();
  ASSERT_TRUE(PutSecret(details, "PASSWORD", SecretBytes::CopyOf("pL7#\"q\\\n\xc3\xa9")));
  const http::Response response = Render({.name = "GET PASSWORD",
                                          .message = "Password fetched successfully",
                                          .details = json::value(std::move(details)),
                                          .secret = true});
  EXPECT_TRUE(response.secret_body);
  EXPECT_NE(response.body.find(R"("Details":{"PASSWORD":"pL7#\"q\\\n)"
                               "\xc3\xa9\"}"),
            std::string::npos)
      << response.body;
}

TEST(EnvelopeTest, ASecretThatIsNotTextIsNotPut) {
  json::object details = WipedObject();
  EXPECT_FALSE(PutSecret(details, "PASSWORD", SecretBytes::CopyOf("\xff\xfe")));
  EXPECT_TRUE(details.empty());
}

TEST(EnvelopeTest, ALargeSecretComesWhole) {
  const std::string secret(64 * 1024, '"');
  json::object details = WipedObject();
  ASSERT_TRUE(PutSecret(details, "PASSWORD", SecretBytes::CopyOf(secret)));
  const http::Response response =
      Render({.name = "n", .message = "m", .details = json::value(std::move(details))});
  EXPECT_EQ(response.body.size(), Render({.name = "n", .message = "m"}).body.size() +
                                      std::string(R"("Details":{"PASSWORD":""},)").size() +
                                      2 * secret.size());
}

}  // namespace
}  // namespace holdfast::pam360

#include "api/pam360/token_places.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::pam360 {
namespace {

struct Sent {
  http::Headers headers = {};
  std::string query = "";
};

std::string TokenOf(const Sent& sent, bool query_allowed = true) {
  http::Request request;
  request.headers = sent.headers;
  request.target = *http::ParseTarget("/restapi/json/v1/resources?" + sent.query);
  const auto token = FindToken(request, query_allowed);
  return token.has_value() ? std::string(*token) : "none";
}

TEST(TokenPlacesTest, EveryPlaceIsRead) {
  EXPECT_EQ(TokenOf({.headers = {{"AuthToken", "A"}}}), "A");
  EXPECT_EQ(TokenOf({.headers = {{"APP_AUTHTOKEN", "B"}, {"APP_TYPE", "17"}}}), "B");
  EXPECT_EQ(TokenOf({.query = "AUTHTOKEN=C"}), "C");
  EXPECT_EQ(TokenOf({.query = "APP_AUTHTOKEN=D&APP_NAME=Ansible"}), "D");
  EXPECT_EQ(TokenOf({.headers = {{"Authorization", "bearer E"}}}), "E");
}

TEST(TokenPlacesTest, ThePrecedenceIsTheOneOfTheSpecification) {
  Sent sent{.headers = {{"Authorization", "Bearer 5"}, {"APP_AUTHTOKEN", "2"}, {"AUTHTOKEN", "1"}},
            .query = "APP_AUTHTOKEN=4&AUTHTOKEN=3"};
  EXPECT_EQ(TokenOf(sent), "1");
  sent.headers = {{"Authorization", "Bearer 5"}, {"APP_AUTHTOKEN", "2"}};
  EXPECT_EQ(TokenOf(sent), "2");
  sent.headers = {{"Authorization", "Bearer 5"}};
  EXPECT_EQ(TokenOf(sent), "3");
  sent.query = "APP_AUTHTOKEN=4";
  EXPECT_EQ(TokenOf(sent), "4");
  sent.query = "";
  EXPECT_EQ(TokenOf(sent), "5");
}

TEST(TokenPlacesTest, AnEmptyPlaceIsPassedOver) {
  EXPECT_EQ(TokenOf({.headers = {{"AUTHTOKEN", ""}}, .query = "AUTHTOKEN=C"}), "C");
}

TEST(TokenPlacesTest, TheQueryCanBeSwitchedOff) {
  EXPECT_EQ(TokenOf({.query = "AUTHTOKEN=C&APP_AUTHTOKEN=D"}, /*query_allowed=*/false), "none");
}

TEST(TokenPlacesTest, NothingThatOnlyLooksAlikeCounts) {
  EXPECT_EQ(TokenOf({}), "none");
  EXPECT_EQ(TokenOf({.query = "authtoken=C"}), "none");
  EXPECT_EQ(TokenOf({.headers = {{"Authorization", "Basic QTpC"}}}), "none");
  EXPECT_EQ(TokenOf({.headers = {{"Authorization", "Bearer "}}}), "none");
  EXPECT_EQ(TokenOf({.headers = {{"Authorization", "Bearer"}}}), "none");
}

}  // namespace
}  // namespace holdfast::pam360

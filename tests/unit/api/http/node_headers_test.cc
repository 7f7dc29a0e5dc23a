#include "api/http/node_headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/vault/refusal.h"

namespace holdfast::http {
namespace {

using std::chrono::milliseconds;

absl::StatusOr<desk::ReadDemand> DemandOf(Headers headers) {
  Request request;
  request.headers = std::move(headers);
  return ReadDemandOf(request);
}

TEST(ReadDemandTest, IsEmptyWithoutHeaders) {
  const auto demand = DemandOf({});
  ASSERT_TRUE(demand.ok());
  EXPECT_FALSE(demand->position.has_value());
  EXPECT_FALSE(demand->age_max.has_value());
  EXPECT_EQ(demand->wait, milliseconds(1000));
}

TEST(ReadDemandTest, ReadsEveryHeader) {
  const auto demand = DemandOf({{"x-holdfast-position", "3.1207"},
                                {"X-Holdfast-Wait-Ms", "250"},
                                {"X-Holdfast-Max-Age", "5"}});
  ASSERT_TRUE(demand.ok()) << demand.status();
  EXPECT_EQ(demand->position, (Position{.epoch = 3, .seq = 1207}));
  EXPECT_EQ(demand->wait, milliseconds(250));
  EXPECT_EQ(demand->age_max, milliseconds(5000));
}

TEST(ReadDemandTest, WaitsFiveSecondsAtMost) {
  EXPECT_EQ(DemandOf({{"X-Holdfast-Wait-Ms", "60000"}})->wait, milliseconds(5000));
}

TEST(ReadDemandTest, RefusesWhatItCannotRead) {
  const Headers::Field bad[] = {{"X-Holdfast-Position", "12"},        {"X-Holdfast-Position", ""},
                                {"X-Holdfast-Wait-Ms", "-1"},         {"X-Holdfast-Wait-Ms", "1s"},
                                {"X-Holdfast-Max-Age", "1.5"},        {"X-Holdfast-Max-Age", ""},
                                {"X-Holdfast-Max-Age", "99999999999"}};
  for (const auto& [name, value] : bad) {
    const auto demand = DemandOf({{name, value}});
    EXPECT_EQ(vault::RefusalOf(demand.status()), vault::Refusal::kInvalidInput) << name << value;
    EXPECT_THAT(std::string(demand.status().message()), ::testing::HasSubstr(name));
  }
}

TEST(NodeHeadersTest, SayNodeRolePositionAndAge) {
  Response response;
  AddNodeHeaders({.node_id = "b", .position = {3, 12}, .age = milliseconds(40)}, response);
  EXPECT_EQ(*response.headers.Find("X-Holdfast-Node"), "b");
  EXPECT_EQ(*response.headers.Find("X-Holdfast-Role"), "secondary");
  EXPECT_EQ(*response.headers.Find("X-Holdfast-Position"), "3.12");
  EXPECT_EQ(*response.headers.Find("X-Holdfast-Age-Ms"), "40");
}

TEST(NodeHeadersTest, AnUnknownAgeIsNotZero) {
  Response response;
  AddNodeHeaders({.node_id = "b"}, response);
  EXPECT_FALSE(response.headers.Has("X-Holdfast-Age-Ms"));
}

TEST(NodeHeadersTest, ThePositionOfAWriteStays) {
  Response response;
  SetPosition({3, 99}, response);
  AddNodeHeaders({.node_id = "a", .primary = true, .position = {3, 98}}, response);
  EXPECT_EQ(*response.headers.Find("X-Holdfast-Position"), "3.99");
  EXPECT_EQ(*response.headers.Find("X-Holdfast-Role"), "primary");
}

TEST(NodeHeadersTest, NameThePrimaryAndSayWhenItIsDown) {
  Response up;
  desk::NodeFacts known;
  known.primary_up = true;
  known.primary_rest_url = "https://a:8282";
  AddPrimaryHeaders(known, up);
  EXPECT_EQ(*up.headers.Find("X-Holdfast-Primary"), "https://a:8282");
  EXPECT_FALSE(up.headers.Has("Retry-After"));
  Response unknown;
  // Named: g++ 12 takes the epoch of an unnamed one for uninitialized in a release build.
  const desk::NodeFacts none;
  AddPrimaryHeaders(none, unknown);
  EXPECT_EQ(*unknown.headers.Find("X-Holdfast-Primary"), "unknown");
  EXPECT_EQ(*unknown.headers.Find("Retry-After"), "1");
}

}  // namespace
}  // namespace holdfast::http

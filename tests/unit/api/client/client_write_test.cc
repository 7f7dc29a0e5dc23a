#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "api/client/client.h"
#include "tests/unit/api/client/nodes.h"

namespace holdfast::client {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class ClientWriteTest : public ::testing::Test {
 protected:
  Client ClientOf(std::vector<Address> addresses, Limits limits = {.connect = 500ms}) {
    Options options;
    options.addresses = std::move(addresses);
    options.tls = cluster_.ClientTls();
    options.limits = limits;
    return Client(std::move(options));
  }
  absl::StatusOr<Response> Write(std::vector<Address> addresses) {
    return ClientOf(std::move(addresses)).Call(Post(), Mode::kWrite);
  }
  static http::Headers Primary(const std::string& url) { return {{"X-Holdfast-Primary", url}}; }

  Cluster cluster_;
  Cluster foreign_;
};

TEST_F(ClientWriteTest, ThePrimaryIsLookedForBehindTheDeadAndTheUnwilling) {
  SilentNode silent;
  TestNode stranger(foreign_.ServerTls(), Says(200, "stranger"));
  TestNode secondary(cluster_.ServerTls(), Refuses(503));
  TestNode primary(cluster_.ServerTls(), [](const http::Request& request, http::Respond respond) {
    respond({.status = 201, .body = request.body});
  });
  const auto response = ClientOf({ClosedAddress(), silent.address(), stranger.address(),
                                  secondary.address(), primary.address()})
                            .Call(Post(R"({"a":1})"), Mode::kWrite);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(BodyOf(*response), R"({"a":1})");
  EXPECT_EQ(stranger.asked(), 0);
  EXPECT_EQ(secondary.asked(), 1);
  EXPECT_EQ(primary.asked(), 1);
}

TEST_F(ClientWriteTest, ANamedPrimaryComesNextAlsoWhenItIsNotInTheList) {
  TestNode primary(cluster_.ServerTls(), Says(200, "primary"));
  TestNode other(cluster_.ServerTls(), Refuses(503));
  TestNode by_header(cluster_.ServerTls(), Refuses(421, Primary(primary.url())));
  const auto response = Write({by_header.address(), other.address()});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->address, primary.address());

  TestNode by_location(
      cluster_.ServerTls(),
      Refuses(421, {{"X-Holdfast-Primary", "unknown"}, {"Location", primary.url() + "/x?a=b"}}));
  ASSERT_TRUE(Write({by_location.address(), other.address()}).ok());
  EXPECT_EQ(other.asked(), 0);
}

TEST_F(ClientWriteTest, ANamedPrimaryWithoutTheClustersCertificateGetsNothing) {
  TestNode trap(foreign_.ServerTls(), Says(200, "trap"));
  TestNode node(cluster_.ServerTls(), Refuses(421, Primary(trap.url())));
  const auto response = Write({node.address()});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(response.status().message()),
              HasSubstr(trap.url() + ": its certificate is not accepted"));
  EXPECT_EQ(trap.asked(), 0);
}

TEST_F(ClientWriteTest, AHintToPlainHttpIsNotFollowed) {
  TestNode node(cluster_.ServerTls(), Refuses(421, Primary("http://127.0.0.1:1")));
  const auto response = Write({node.address()});
  EXPECT_THAT(std::string(response.status().message()), Not(HasSubstr(":1:")));
}

TEST_F(ClientWriteTest, NodesThatNameEachOtherAreAskedAFewTimesOnly) {
  std::string url_of_b;
  TestNode a(cluster_.ServerTls(), [&](const http::Request& request, http::Respond respond) {
    Refuses(421, Primary(url_of_b))(request, std::move(respond));
  });
  TestNode b(cluster_.ServerTls(), Refuses(421, Primary(a.url())));
  url_of_b = b.url();
  const auto response = Write({a.address(), b.address()});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(a.asked() + b.asked(), 4);
}

TEST_F(ClientWriteTest, ANodeThatHasBecomePrimaryMeanwhileIsAskedAgain) {
  std::atomic<bool> promoted{false};
  TestNode a(cluster_.ServerTls(), [&](const http::Request& request, http::Respond respond) {
    (promoted ? Says(200, "now") : Refuses(503))(request, std::move(respond));
  });
  TestNode b(cluster_.ServerTls(), [&](const http::Request& request, http::Respond respond) {
    promoted = true;
    Refuses(421, Primary(a.url()))(request, std::move(respond));
  });
  const auto response = Write({a.address(), b.address()});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(BodyOf(*response), "now");
}

TEST_F(ClientWriteTest, AWriteThatWasSentIsNotSentAgainWhenTheConnectionIsLost) {
  for (const char* bytes : {"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
                            "nonsense\r\n\r\n"}) {
    ScriptedNode losing(cluster_.ServerTls(), bytes);
    TestNode other(cluster_.ServerTls(), Says(200, "other"));
    const auto response = Write({losing.address(), other.address()});
    EXPECT_EQ(response.status().code(), absl::StatusCode::kUnknown) << bytes;
    EXPECT_THAT(std::string(response.status().message()), HasSubstr(losing.url()));
    EXPECT_EQ(losing.asked(), 1);
    EXPECT_EQ(other.asked(), 0);
  }
}

TEST_F(ClientWriteTest, APrimaryThatIsKilledWhileItWorksLeavesTheOutcomeUnknown) {
  Owed owed;
  TestNode primary(cluster_.ServerTls(), owed.Take());
  TestNode other(cluster_.ServerTls(), Says(200, "other"));
  http::Respond late;
  std::thread killer([&] {
    late = owed.Next();
    primary.Stop();
  });
  const auto response = Write({primary.address(), other.address()});
  killer.join();
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnknown) << response.status();
  EXPECT_EQ(other.asked(), 0);
}

TEST_F(ClientWriteTest, ASentWriteThatIsNotAnsweredInTimeHasAnUnknownOutcome) {
  for (const Limits& limits : {Limits{.write_answer = 200ms}, Limits{.total = 300ms}}) {
    Owed owed;
    TestNode primary(cluster_.ServerTls(), owed.Take());
    TestNode other(cluster_.ServerTls(), Says(200, "other"));
    const auto response =
        ClientOf({primary.address(), other.address()}, limits).Call(Post(), Mode::kWrite);
    EXPECT_EQ(response.status().code(), absl::StatusCode::kUnknown) << response.status();
    EXPECT_EQ(other.asked(), 0);
    owed.Next()({});
  }
}

TEST_F(ClientWriteTest, TimeThatEndsBeforeAnythingWasSentLeavesNothingDone) {
  SilentNode silent;
  const auto response = ClientOf({silent.address()}, {.total = 200ms}).Call(Post(), Mode::kWrite);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("nothing was done"));
}

TEST_F(ClientWriteTest, OnlyRefusalsThatSayNothingWasDoneLeadOn) {
  for (const int status : {400, 401, 403, 404, 409, 412, 500, 504, 507}) {
    TestNode node(cluster_.ServerTls(), Says(status, "no"));
    TestNode other(cluster_.ServerTls(), Says(200, "other"));
    const auto response = Write({node.address(), other.address()});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, status);
    EXPECT_EQ(other.asked(), 0);
  }
}

TEST_F(ClientWriteTest, StartsWithThePrimaryOfTheLastWrite) {
  TestNode primary(cluster_.ServerTls(), Says(200, "primary"));
  TestNode secondary(cluster_.ServerTls(), Refuses(421, Primary(primary.url())));
  Client client = ClientOf({secondary.address(), primary.address()});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.Call(Post(), Mode::kWrite).ok());
  EXPECT_EQ(secondary.asked(), 1);
  EXPECT_EQ(primary.asked(), 3);
}

TEST_F(ClientWriteTest, AnErrorNamesEveryAddress) {
  TestNode secondary(cluster_.ServerTls(), Refuses(503));
  const Address closed = ClosedAddress();
  const auto response = Write({closed, secondary.address()});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(response.status().message()),
              testing::AllOf(HasSubstr(closed.Url() + ": Connection refused"),
                             HasSubstr(secondary.url() + ": answered 503 NOT_PRIMARY")));
}

}  // namespace
}  // namespace holdfast::client

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "api/client/client.h"
#include "tests/unit/api/client/nodes.h"

namespace holdfast::client {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ClientReadTest : public ::testing::Test {
 protected:
  Options To(std::vector<Address> addresses) {
    Options options;
    options.addresses = std::move(addresses);
    options.tls = cluster_.ClientTls();
    options.token = SecretBytes::CopyOf("the-token");
    options.limits.hedge = 200ms;
    return options;
  }
  absl::StatusOr<Response> Read(std::vector<Address> addresses) {
    return Client(To(std::move(addresses))).Call(Get(), Mode::kRead);
  }
  // Reads through a bad address first and a good one behind it; the good one must answer.
  void ExpectFailover(const Address& bad) {
    TestNode good(cluster_.ServerTls(), Says(200, "good"));
    const MonoTime start = clock_.Mono();
    const auto response = Read({bad, good.address()});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(BodyOf(*response), "good");
    EXPECT_EQ(response->address, good.address());
    EXPECT_LT(clock_.Mono() - start, 2s);
  }
  std::string MessageOf(std::vector<Address> addresses) {
    const auto response = Read(std::move(addresses));
    EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
    return std::string(response.status().message());
  }

  Cluster cluster_;
  Cluster foreign_;
  RealClock clock_;
};

TEST_F(ClientReadTest, SendsTheTokenAndTheHeadersAndTakesTheAnswer) {
  TestNode node(cluster_.ServerTls(), [](const http::Request& request, http::Respond respond) {
    http::Response response;
    response.status = 201;
    response.headers = {{"X-Holdfast-Node", "n7"}};
    response.body = *request.Header("Authorization") + "|" + *request.Header("Host") + "|" +
                    *request.Header("X-Mine");
    respond(std::move(response));
  });
  Request request = Get();
  request.headers = {{"X-Mine", "1"}};
  Client client(To({node.address()}));
  const auto response = client.Call(request, Mode::kRead);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->node(), "n7");
  EXPECT_EQ(BodyOf(*response), "Bearer the-token|" + node.address().Authority() + "|1");
}

TEST_F(ClientReadTest, AnIpv6AddressIsDialledAndVerified) {
  TestNode node(cluster_.ServerTls(), Says(200, "six"), "::1");
  if (!node.started()) GTEST_SKIP() << "no IPv6 here";
  const auto response = Read({{"::1", node.port()}});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(BodyOf(*response), "six");
}

TEST_F(ClientReadTest, ANameIsResolved) {
  TestNode node(cluster_.ServerTls(), Says(200, "named"));
  const auto response = Read({{"localhost", node.port()}});
  ASSERT_TRUE(response.ok()) << response.status();
}

TEST_F(ClientReadTest, AJoiningNodeKnowsTheAuthorityByFingerprint) {
  TestNode node(cluster_.ServerTls(), Says(200, "pinned"));
  Options options = To({node.address()});
  options.tls = cluster_.PinnedTls();
  EXPECT_TRUE(Client(std::move(options)).Call(Get(), Mode::kRead).ok());
  Options foreign = To({node.address()});
  foreign.tls = foreign_.PinnedTls();
  EXPECT_FALSE(Client(std::move(foreign)).Call(Get(), Mode::kRead).ok());
  EXPECT_EQ(node.asked(), 1);
}

TEST_F(ClientReadTest, GoesOnFromAPortWhereNothingListens) { ExpectFailover(ClosedAddress()); }

TEST_F(ClientReadTest, GoesOnFromAnAddressThatAcceptsAndIsSilent) {
  SilentNode silent;
  ExpectFailover(silent.address());
}

TEST_F(ClientReadTest, GoesOnFromAWrongCertificateWithoutSendingAnything) {
  TestNode stranger(foreign_.ServerTls(), Says(200, "stranger"));
  ExpectFailover(stranger.address());
  TestNode other_name(cluster_.ServerTls({"127.0.0.2"}), Says(200, "other name"));
  ExpectFailover(other_name.address());
  EXPECT_EQ(stranger.asked() + other_name.asked(), 0);
}

TEST_F(ClientReadTest, GoesOnFromANodeThatCannotServeNow) {
  for (const int status : {412, 421, 500, 503, 504, 507}) {
    TestNode node(cluster_.ServerTls(), Refuses(status));
    ExpectFailover(node.address());
    EXPECT_EQ(node.asked(), 1) << status;
  }
}

TEST_F(ClientReadTest, GoesOnFromOneThatTookTheRequestAndIsSilent) {
  Owed owed;
  TestNode node(cluster_.ServerTls(), owed.Take());
  ExpectFailover(node.address());
  owed.Next()({});
}

TEST_F(ClientReadTest, GoesOnFromAnswersThatAreNone) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const std::string& bytes :
       {std::string(), std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("HTTP/1.1 2"),
        head + "Content-Length: 10\r\n\r\nhalf", head + "Content-Length: 9999999999\r\n\r\n",
        head + "Content-Length: 8388609\r\n\r\n" + std::string(8388609, 'x'),
        head + "Transfer-Encoding: chunked\r\n\r\n900000\r\n" + std::string(0x900000, 'x'),
        head + "X-Long: " + std::string(40'000, 'x') + "\r\n\r\n",
        std::string("HTTP/1.1 100 Continue\r\n\r\n"),
        // Without a length only the end of TLS ends it, and here is none.
        head + "\r\ncut short"}) {
    ScriptedNode node(cluster_.ServerTls(), bytes);
    ExpectFailover(node.address());
    EXPECT_EQ(node.asked(), 1);
  }
}

TEST_F(ClientReadTest, TakesAChunkedAnswerAndABigOne) {
  ScriptedNode chunked(cluster_.ServerTls(),
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde"
                       "\r\n0\r\n\r\n");
  EXPECT_EQ(BodyOf(*Read({chunked.address()})), "abcde");
  const std::string big(4'000'000, 'b');
  TestNode node(cluster_.ServerTls(), Says(200, big));
  const auto response = Read({node.address()});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(BodyOf(*response), big);
}

TEST_F(ClientReadTest, HeadHasNoBody) {
  TestNode node(cluster_.ServerTls(), Says(200, "body"));
  Request request = Get();
  request.method = "HEAD";
  const auto response = Client(To({node.address()})).Call(request, Mode::kRead);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->body.empty());
}

TEST_F(ClientReadTest, AnAnswerAboutTheRequestIsFinal) {
  for (const int status : {400, 401, 403, 404, 409, 429, 501}) {
    TestNode node(cluster_.ServerTls(), Says(status, "no"));
    TestNode other(cluster_.ServerTls(), Says(200, "good"));
    const auto response = Read({node.address(), other.address()});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, status);
    EXPECT_EQ(other.asked(), 0);
  }
}

TEST_F(ClientReadTest, ASlowNodeMayStillBeTheOneThatAnswers) {
  Owed owed;
  TestNode slow(cluster_.ServerTls(), owed.Take());
  TestNode refusing(cluster_.ServerTls(), [&](const http::Request&, http::Respond respond) {
    respond({.status = 503});
    owed.Next()({.status = 200, .body = "slow"});
  });
  const auto response = Read({slow.address(), refusing.address()});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(BodyOf(*response), "slow");
}

TEST_F(ClientReadTest, StartsWithWhoAnsweredLast) {
  auto first = std::make_unique<TestNode>(cluster_.ServerTls(), Refuses(503));
  TestNode second(cluster_.ServerTls(), Says(200, "second"));
  Client client(To({first->address(), second.address()}));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.Call(Get(), Mode::kRead).ok());
  EXPECT_EQ(first->asked(), 1);
  EXPECT_EQ(second.asked(), 3);
}

TEST_F(ClientReadTest, AnErrorNamesEveryAddressAndWhatHappenedThere) {
  SilentNode silent;
  TestNode stranger(foreign_.ServerTls(), Says(200, ""));
  TestNode sealed(cluster_.ServerTls(), Refuses(503));
  ScriptedNode closing(cluster_.ServerTls(), "");
  const Address closed = ClosedAddress();
  const std::string message = MessageOf({closed,
                                         silent.address(),
                                         stranger.address(),
                                         sealed.address(),
                                         closing.address(),
                                         {"no.invalid", 1}});
  EXPECT_THAT(message, HasSubstr(closed.Url() + ": Connection refused"));
  EXPECT_THAT(message, HasSubstr(silent.url() + ": accepts connections but is silent for 2 s"));
  EXPECT_THAT(message, HasSubstr(stranger.url() + ": its certificate is not accepted: "));
  EXPECT_THAT(message, HasSubstr(sealed.url() + ": answered 503 NOT_PRIMARY: not here"));
  EXPECT_THAT(message, HasSubstr(closing.url() + ": the connection ended before the answer"));
  EXPECT_THAT(message, HasSubstr("https://no.invalid:1: the name does not resolve"));
}

TEST_F(ClientReadTest, TheWholeCallHasALimit) {
  SilentNode silent;
  Options options = To({silent.address()});
  options.limits.total = 300ms;
  const MonoTime start = clock_.Mono();
  const auto response = Client(std::move(options)).Call(Get(), Mode::kRead);
  EXPECT_LT(clock_.Mono() - start, 2s);
  EXPECT_THAT(std::string(response.status().message()),
              HasSubstr("no answer in the time for the whole call"));
}

TEST_F(ClientReadTest, AnAnswerThatTricklesIsCutOff) {
  Owed owed;
  TestNode node(cluster_.ServerTls(), owed.Take());
  Options options = To({node.address()});
  options.limits.read_answer = 200ms;
  const auto response = Client(std::move(options)).Call(Get(), Mode::kRead);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("no whole answer within 0.2 s"));
  owed.Next()({});
}

TEST_F(ClientReadTest, WhatCannotBeSentIsRefusedBeforeAnythingIsDialled) {
  TestNode node(cluster_.ServerTls(), Says(200, ""));
  const auto code = [&](Options options, const Request& request) {
    return Client(std::move(options)).Call(request, Mode::kRead).status().code();
  };
  Request bad = Get();
  bad.target = "/x HTTP/1.1\r\n";
  EXPECT_EQ(code(To({node.address()}), bad), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(To({}), Get()), absl::StatusCode::kInvalidArgument);
  Options no_tls = To({node.address()});
  no_tls.tls = nullptr;
  EXPECT_EQ(code(std::move(no_tls), Get()), absl::StatusCode::kInvalidArgument);
  Options bad_token = To({node.address()});
  bad_token.token = SecretBytes::CopyOf("a\nb");
  EXPECT_EQ(code(std::move(bad_token), Get()), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(node.asked(), 0);
}

}  // namespace
}  // namespace holdfast::client

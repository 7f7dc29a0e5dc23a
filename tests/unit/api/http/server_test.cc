#include "api/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "server/base/mutex.h"
#include "tests/support/real_clock.h"
#include "tests/unit/api/http/loopback.h"

namespace holdfast::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kGet[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

// Keeps Responds that a handler did not call, until the test does.
class Held {
 public:
  void Put(Respond respond) {
    MutexLock lock(mu_);
    held_.push_back(std::move(respond));
    changed_.NotifyAll();
  }
  Respond Take() {
    MutexLock lock(mu_);
    while (held_.empty()) changed_.Wait(mu_);
    Respond respond = std::move(held_.front());
    held_.pop_front();
    return respond;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::deque<Respond> held_ ABSL_GUARDED_BY(mu_);
};

class ServerTest : public ::testing::Test {
 protected:
  using Handle = std::function<void(std::shared_ptr<Request>, Respond)>;

  ServerTest() {
    options_.name = "test";
    options_.address = "127.0.0.1";
    Add(Method::kGet, "/hello", [](auto, Respond respond) { respond(Text("hello")); });
    Add(Method::kPost, "/echo",
        [](auto request, Respond respond) { respond(Text(request->body)); });
    Add(Method::kGet, "/login", [](auto, Respond respond) {
      Response response = Text("in");
      response.authenticated = true;
      respond(std::move(response));
    });
    Add(Method::kGet, "/held", [this](auto, Respond respond) { held_.Put(std::move(respond)); });
    Add(Method::kGet, "/drop", [](auto, Respond) {});
    Add(Method::kGet, "/throw", [](auto, Respond) { throw std::runtime_error("secret"); });
  }
  ~ServerTest() override { server_.reset(); }

  static Response Text(std::string text) {
    Response response;
    response.content_type = "text/plain";
    response.body = std::move(text);
    return response;
  }
  void Add(Method method, std::string path, Handle handler) {
    const std::string name = path;
    router_->Add({.method = method,
                  .pattern = std::move(path),
                  .op_class = OperationClass::kNode,
                  .api = "test",
                  .name = name,
                  .handler = std::move(handler)});
  }
  void Start() {
    server_ = std::make_unique<HttpServer>(options_, router_, clock_);
    const absl::Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  WireResponse Send(const std::string& bytes) {
    RawClient client(server_->port());
    client.Send(bytes);
    return client.Read();
  }

  RealClock clock_;
  Held held_;
  ServerOptions options_;
  std::shared_ptr<Router> router_ = std::make_shared<Router>();
  std::unique_ptr<HttpServer> server_;
};

TEST_F(ServerTest, AnswersOverOneConnectionAgainAndAgain) {
  Start();
  RawClient client(server_->port());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.Send(kGet));
    const WireResponse response = client.Read();
    ASSERT_EQ(response.status, 200);
    ASSERT_EQ(response.body, "hello");
  }
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(ServerTest, AnswersCarryTheHeadersThatKeepThemOutOfCaches) {
  Start();
  const WireResponse response = Send(kGet);
  EXPECT_EQ(response.headers.at("cache-control"), "no-store");
  EXPECT_EQ(response.headers.at("content-type"), "text/plain");
  EXPECT_THAT(response.headers.at("date"), HasSubstr(" GMT"));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  RawClient client(server_->port());
  std::string many;
  for (int i = 0; i < 50; ++i) {
    const std::string body(static_cast<size_t>(i + 1), static_cast<char>('a' + i % 26));
    many += "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\n\r\n" + body;
  }
  ASSERT_TRUE(client.Send(many));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.Read().body,
              std::string(static_cast<size_t>(i + 1), static_cast<char>('a' + i % 26)));
  }
}

TEST_F(ServerTest, APipelinedRequestWaitsForTheOneBeforeIt) {
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(kGet)));
  held_.Take()(Text("first"));
  EXPECT_EQ(client.Read().body, "first");
  EXPECT_EQ(client.Read().body, "hello");
}

TEST_F(ServerTest, AHandlerMayAnswerFromAnyThread) {
  Start();
  RawClient client(server_->port());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(client.Send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n"));
    std::thread([this] { held_.Take()(Text("late")); }).join();
    ASSERT_EQ(client.Read().body, "late");
  }
}

TEST_F(ServerTest, OnlyTheFirstAnswerCounts) {
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n"));
  Respond respond = held_.Take();
  respond(Text("one"));
  respond(Text("two"));
  EXPECT_EQ(client.Read().body, "one");
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read().body, "hello");
}

TEST_F(ServerTest, AHandlerThatDropsItsRespondIsAnswered500) {
  Start();
  EXPECT_EQ(Send("GET /drop HTTP/1.1\r\nHost: a\r\n\r\n").status, 500);
}

TEST_F(ServerTest, AHandlerThatThrowsIsAnswered500WithoutItsText) {
  Start();
  const WireResponse response = Send("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body, Not(HasSubstr("secret")));
}

TEST_F(ServerTest, AHandlerThatTakesTooLongIsAnswered504) {
  options_.handler_timeout = 100ms;
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n"));
  const WireResponse response = client.Read();
  EXPECT_EQ(response.status, 504);
  EXPECT_THAT(response.body, HasSubstr("unknown"));
  EXPECT_TRUE(client.AtEnd());
  held_.Take()(Text("too late"));  // Nobody hears it.
}

TEST_F(ServerTest, HeadGetsTheLengthWithoutTheBody) {
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("HEAD /hello/ HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(kGet)));
  const WireResponse head = client.Read(/*head_only=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "5");
  EXPECT_EQ(client.Read().body, "hello");
}

TEST_F(ServerTest, ChunkedBodiesArePutTogether) {
  Start();
  EXPECT_EQ(Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n")
                .body,
            "hello world");
}

TEST_F(ServerTest, AClientThatWaitsFor100IsTold) {
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 100);
  ASSERT_TRUE(client.Send("ok"));
  EXPECT_EQ(client.Read().body, "ok");
}

TEST_F(ServerTest, AnOldClientIsClosedAfterItsAnswer) {
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("GET /hello HTTP/1.0\r\n\r\n"));
  const WireResponse response = client.Read();
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, ALargeBodyComesWhole) {
  Start();
  const std::string body(900'000, 'x');
  EXPECT_EQ(Send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + body).body,
            body);
}

struct BadRequest {
  const char* what;
  int status;
  std::string bytes;
};
void PrintTo(const BadRequest& request, std::ostream* out) { *out << request.what; }
class BadRequestTest : public ServerTest, public ::testing::WithParamInterface<BadRequest> {};
TEST_P(BadRequestTest, IsRefusedAndTheConnectionEnds) {
  Start();
  RawClient client(server_->port());
  client.Send(GetParam().bytes);
  EXPECT_EQ(client.Read().status, GetParam().status) << GetParam().what;
  EXPECT_TRUE(client.AtEnd()) << GetParam().what;
}

std::string WithHeaders(const std::string& headers) {
  return "POST /echo HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}
std::string ManyHeaders(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "X-" + std::to_string(i) + ": 1\r\n";
  return text;
}
INSTANTIATE_TEST_SUITE_P(
    Requests, BadRequestTest,
    ::testing::Values(
        BadRequest{"garbage", 400, std::string("\x16\x03\x01\x02\x00\x01\x00\xff\r\n\r\n", 13)},
        BadRequest{"an empty line of request", 400, " \r\n\r\n"},
        BadRequest{"no host", 400, "GET /hello HTTP/1.1\r\n\r\n"},
        BadRequest{"two hosts", 400, WithHeaders("host: b\r\n")},
        BadRequest{"dot segments", 400, "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadRequest{"not a path", 400, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadRequest{"version 2", 505, "GET /hello HTTP/2.0\r\nHost: a\r\n\r\n"},
        BadRequest{"a long header", 431, WithHeaders("X: " + std::string(40000, 'x') + "\r\n")},
        BadRequest{"a long header without end", 431,
                   "GET / HTTP/1.1\r\nX: " + std::string(60000, 'x')},
        BadRequest{"many headers", 431, WithHeaders(ManyHeaders(70))},
        BadRequest{"a long line", 414, "GET /" + std::string(60000, 'x')},
        BadRequest{"a long body", 413, WithHeaders("Content-Length: 1048577\r\n")},
        BadRequest{"a body of absurd length", 413,
                   WithHeaders("Content-Length: 18446744073709551615\r\n")},
        BadRequest{"a negative length", 400, WithHeaders("Content-Length: -1\r\n")},
        BadRequest{"two lengths", 400, WithHeaders("Content-Length: 1\r\nContent-Length: 2\r\n")},
        BadRequest{"length and coding", 400,
                   WithHeaders("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")},
        BadRequest{"coding and length", 400,
                   WithHeaders("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n")},
        BadRequest{"a coding that hides chunks", 501,
                   WithHeaders("Transfer-Encoding: xchunked\r\n")},
        BadRequest{"gzip", 501, WithHeaders("Transfer-Encoding: gzip, chunked\r\n")},
        BadRequest{"a bad chunk", 400, WithHeaders("Transfer-Encoding: chunked\r\n") + "zz\r\n"},
        BadRequest{"a huge chunk", 413,
                   WithHeaders("Transfer-Encoding: chunked\r\n") + "7fffffff\r\nxx"},
        BadRequest{"a space before the colon", 400, WithHeaders("X : 1\r\n")},
        BadRequest{"a bare CR in a value", 400, WithHeaders("X: a\rb\r\n")}));

TEST_F(ServerTest, ARefusalIsReadEvenByAClientThatStillSends) {
  Start();
  RawClient client(server_->port());
  client.Send(WithHeaders("Content-Length: 2000000\r\n") + std::string(200'000, 'x'));
  EXPECT_EQ(client.Read().status, 413);
}

TEST_F(ServerTest, ASlowHeaderIsAnswered408) {
  options_.header_timeout = 100ms;
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("GET /hello HTTP/1.1\r\nHo"));
  EXPECT_EQ(client.Read().status, 408);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, TricklingBytesDoNotExtendTheTimeForAHeader) {
  options_.header_timeout = 100ms;
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("GET /hello HTTP/1.1\r\n"));
  while (!client.HasAnswer(20ms)) client.Send("X");
  EXPECT_EQ(client.Read().status, 408);
}

TEST_F(ServerTest, ASlowBodyIsAnswered408) {
  options_.body_timeout = 100ms;
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send(WithHeaders("Content-Length: 10\r\n") + "abc"));
  EXPECT_EQ(client.Read().status, 408);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, AStrangerThatSaysNothingIsClosed) {
  options_.header_timeout = 100ms;
  options_.idle_timeout = 60s;
  Start();
  RawClient client(server_->port());
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, AKnownCallerMayIdleLonger) {
  options_.header_timeout = 100ms;
  options_.idle_timeout = 1500ms;
  Start();
  RawClient known(server_->port());
  ASSERT_TRUE(known.Send("GET /login HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_EQ(known.Read().status, 200);
  RawClient stranger(server_->port());
  ASSERT_TRUE(stranger.AtEnd());
  ASSERT_TRUE(known.Send(kGet));
  EXPECT_EQ(known.Read().status, 200);
  EXPECT_TRUE(known.AtEnd());
}

TEST_F(ServerTest, AClientThatDoesNotReadIsGivenUp) {
  options_.write_timeout = 200ms;
  Add(Method::kGet, "/huge",
      [](auto, Respond respond) { respond(Text(std::string(64 << 20, 'x'))); });
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send("GET /huge HTTP/1.1\r\nHost: a\r\n\r\n"));
  RawClient other(server_->port());
  while (server_->connections() > 1) {  // Ends when only `other` is left.
    ASSERT_TRUE(other.Send(kGet));
    ASSERT_EQ(other.Read().status, 200);
  }
}

TEST_F(ServerTest, OneSourceGetsOnlySoManyStrangers) {
  options_.connections.strangers_per_source_max = 2;
  Start();
  RawClient one(server_->port());
  RawClient two(server_->port());
  ASSERT_TRUE(one.Send("GET /login HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_EQ(one.Read().status, 200);
  ASSERT_TRUE(two.Send(kGet));
  ASSERT_EQ(two.Read().status, 200);
  RawClient three(server_->port());
  ASSERT_TRUE(three.Send(kGet));
  EXPECT_EQ(three.Read().status, 200);  // `one` proved who it is and no longer counts.
  RawClient four(server_->port());
  four.Send(kGet);
  EXPECT_EQ(four.Read().status, 0);
}

TEST_F(ServerTest, SpeaksTls) {
  options_.tls = MakeTestTls("127.0.0.1").context;
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.StartTls());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(kGet));
    EXPECT_EQ(client.Read().body, "hello");
  }
  const std::string body(300'000, 'y');
  ASSERT_TRUE(
      client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                  "Content-Length: 300000\r\n\r\n" +
                  body));
  EXPECT_EQ(client.Read().body, body);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, PlainHttpToATlsPortGetsNoAnswer) {
  options_.tls = MakeTestTls("127.0.0.1").context;
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read().status, 0);
}

TEST_F(ServerTest, AStalledHandshakeIsGivenUp) {
  options_.tls = MakeTestTls("127.0.0.1").context;
  options_.header_timeout = 100ms;
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send(std::string("\x16\x03\x01\x02\x00", 5)));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, ARenewedCertificateServesNewConnections) {
  options_.tls = MakeTestTls("127.0.0.1").context;
  Start();
  server_->SetTls(MakeTestTls("127.0.0.1").context);
  options_.tls = nullptr;
  RawClient client(server_->port());
  ASSERT_TRUE(client.StartTls());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(ServerTest, APortInUseIsNamed) {
  Start();
  ServerOptions second = options_;
  second.port = server_->port();
  HttpServer other(second, router_, clock_);
  const absl::Status status = other.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("127.0.0.1 port " + std::to_string(second.port)));
}

TEST_F(ServerTest, AnAddressThatIsNoneIsNamed) {
  options_.address = "localhost.invalid";
  HttpServer server(options_, router_, clock_);
  EXPECT_THAT(std::string(server.Start().message()), HasSubstr("localhost.invalid"));
}

TEST_F(ServerTest, StopEndsIdleConnectionsAndLetsTheBusyOnesFinish) {
  Start();
  RawClient idle(server_->port());
  ASSERT_TRUE(idle.Send(kGet));
  ASSERT_EQ(idle.Read().status, 200);
  RawClient busy(server_->port());
  ASSERT_TRUE(busy.Send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n"));
  Respond respond = held_.Take();
  std::thread stop([this] { server_->Stop(10s); });
  EXPECT_TRUE(idle.AtEnd());
  respond(Text("finished"));
  const WireResponse response = busy.Read();
  EXPECT_EQ(response.body, "finished");
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(busy.AtEnd());
  stop.join();
  RawClient late(server_->port());
  EXPECT_FALSE(late.connected());
}

TEST_F(ServerTest, StopEndsWhatDoesNotFinish) {
  Start();
  RawClient busy(server_->port());
  ASSERT_TRUE(busy.Send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n"));
  Respond respond = held_.Take();
  server_->Stop(0ms);
  EXPECT_EQ(busy.Read().status, 0);
  server_.reset();
  respond(Text("nobody hears it"));
}

TEST_F(ServerTest, EveryExchangeIsReported) {
  Mutex mu;
  std::vector<std::string> seen;
  options_.observe = [&](const Exchange& exchange) {
    MutexLock lock(mu);
    seen.push_back((exchange.route == nullptr ? "-" : exchange.route->name) + " " +
                   std::to_string(exchange.status));
  };
  Start();
  Send(kGet);
  Send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
  Send("nonsense\r\n\r\n");
  server_->Stop(1s);
  EXPECT_THAT(seen, ::testing::ElementsAre("/hello 200", "- 404", "- 400"));
}

}  // namespace
}  // namespace holdfast::http

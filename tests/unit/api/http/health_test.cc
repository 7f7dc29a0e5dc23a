#include "api/http/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <memory>
#include <string>

#include "api/http/json.h"
#include "api/http/server.h"
#include "server/base/mutex.h"
#include "tests/support/real_clock.h"
#include "tests/unit/api/http/loopback.h"

namespace holdfast::http {
namespace {

using ::testing::HasSubstr;

// The health port on a socket, over a node that is what the test says.
class HealthTest : public ::testing::Test {
 protected:
  HealthTest() {
    const auto router = MakeHealthRouter(
        {.view = [this] { return View(); }, .metrics = [] { return "holdfast_ready 1\n"; }});
    ServerOptions options;
    options.name = "health";
    options.address = "127.0.0.1";
    server_ = std::make_unique<HttpServer>(options, router, clock_);
    const absl::Status started = server_->Start();
    EXPECT_TRUE(started.ok()) << started;
  }
  ~HealthTest() override { server_.reset(); }

  HealthView View() {
    MutexLock lock(mu_);
    return view_;
  }
  void Be(HealthView view) {
    MutexLock lock(mu_);
    view_ = std::move(view);
  }
  static HealthView APrimary() {
    return {.ready = true, .primary = true, .node = "n1", .role = "primary", .epoch = 3};
  }
  static HealthView ASecondary(uint64_t lag) {
    return {.ready = true,
            .secondary = true,
            .streaming = true,
            .node = "n2",
            .role = "secondary",
            .epoch = 3,
            .lag_records = lag,
            .lag_seconds = 0.5};
  }
  WireResponse Get(const std::string& target) { return Ask("GET", target); }
  WireResponse Ask(const std::string& method, const std::string& target) {
    RawClient client(server_->port());
    client.Send(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    return client.Read(method == "HEAD");
  }
  int StatusOf(const std::string& target) { return Get(target).status; }

  RealClock clock_;
  Mutex mu_;
  HealthView view_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HealthTest, APrimaryIsLiveReadyPrimaryAndReadOnlyAndNoSecondary) {
  Be(APrimary());
  EXPECT_EQ(StatusOf("/livez"), 200);
  EXPECT_EQ(StatusOf("/readyz"), 200);
  EXPECT_EQ(StatusOf("/primary"), 200);
  EXPECT_EQ(StatusOf("/secondary"), 503);
  EXPECT_EQ(StatusOf("/read-only"), 200);
  EXPECT_EQ(StatusOf("/read-only?lag=0&age=0"), 200);
}

TEST_F(HealthTest, ASecondaryIsEverythingButPrimary) {
  Be(ASecondary(0));
  EXPECT_EQ(StatusOf("/livez"), 200);
  EXPECT_EQ(StatusOf("/readyz"), 200);
  EXPECT_EQ(StatusOf("/primary"), 503);
  EXPECT_EQ(StatusOf("/secondary"), 200);
  EXPECT_EQ(StatusOf("/read-only"), 200);
}

TEST_F(HealthTest, WhoIsNotReadyIsOnlyLiveAndSaysWhy) {
  Be({.ready = false, .role = "sealed", .why_not = "the seal key is not available"});
  EXPECT_EQ(StatusOf("/livez"), 200);
  for (const char* path : {"/readyz", "/primary", "/secondary", "/read-only"}) {
    EXPECT_EQ(StatusOf(path), 503) << path;
  }
  EXPECT_THAT(Get("/readyz").body, HasSubstr("the seal key is not available"));
}

TEST_F(HealthTest, APrimaryThatCannotAnswerReadsIsInNoReadPool) {
  HealthView view = APrimary();
  view.ready = false;
  Be(view);
  EXPECT_EQ(StatusOf("/read-only"), 503);
  view = ASecondary(0);
  view.ready = false;
  Be(view);
  EXPECT_EQ(StatusOf("/secondary"), 503);
  EXPECT_EQ(StatusOf("/secondary?lag=10"), 503);
}

TEST_F(HealthTest, ABoundedCheckWantsAStreamInsideTheBounds) {
  Be(ASecondary(7));
  EXPECT_EQ(StatusOf("/secondary?lag=7"), 200);
  EXPECT_EQ(StatusOf("/secondary?lag=6"), 503);
  EXPECT_EQ(StatusOf("/secondary?age=1"), 200);
  EXPECT_EQ(StatusOf("/secondary?age=0"), 503);
  EXPECT_EQ(StatusOf("/read-only?lag=6&age=9"), 503);
  EXPECT_EQ(StatusOf("/secondary"), 200);
}

TEST_F(HealthTest, WithoutAStreamTheLagIsUnknownAndOnlyTheUnboundedCheckHolds) {
  HealthView view = ASecondary(0);
  view.streaming = false;
  Be(view);
  EXPECT_EQ(StatusOf("/secondary?lag=1000000"), 503);
  EXPECT_EQ(StatusOf("/secondary"), 200);
  EXPECT_EQ(StatusOf("/readyz"), 200);
}

TEST_F(HealthTest, ABoundThatIsNoNumberIsABadRequest) {
  Be(ASecondary(0));
  for (const char* bad : {"", "-1", "x", "1.5", "99999999999999999999", "1%20"}) {
    EXPECT_EQ(StatusOf(std::string("/secondary?lag=") + bad), 400) << bad;
    EXPECT_EQ(StatusOf(std::string("/read-only?age=") + bad), 400) << bad;
  }
}

TEST_F(HealthTest, TheBodySaysRoleEpochLagAndChecks) {
  HealthView view = ASecondary(7);
  view.degraded = true;
  view.checks = {{.name = "stream", .ok = false, .detail = "quote \" inside"}};
  Be(view);
  const WireResponse response = Get("/readyz");
  EXPECT_EQ(response.headers.at("content-type"), "application/json");
  EXPECT_EQ(response.headers.at("cache-control"), "no-store");
  const auto body = ParseJson(response.body);
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(*body, *ParseJson(R"({"status":"degraded","node":"n2","role":"secondary","epoch":3,
      "lag_records":7,"lag_seconds":0.5,
      "checks":[{"name":"stream","ok":false,"detail":"quote \" inside"}]})"));
  Be(APrimary());
  EXPECT_THAT(Get("/readyz").body, HasSubstr(R"("lag_records":null,"lag_seconds":null)"));
}

TEST_F(HealthTest, HeadIsAnsweredWithoutABody) {
  Be(ASecondary(0));
  const WireResponse yes = Ask("HEAD", "/readyz");
  EXPECT_EQ(yes.status, 200);
  EXPECT_TRUE(yes.body.empty());
  EXPECT_EQ(Ask("HEAD", "/primary").status, 503);
  EXPECT_EQ(Ask("HEAD", "/metrics").status, 200);
}

TEST_F(HealthTest, MetricsAreTextForPrometheus) {
  const WireResponse response = Get("/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "holdfast_ready 1\n");
  EXPECT_EQ(response.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(HealthTest, NothingElseIsThere) {
  Be(APrimary());
  for (const char* path : {"/", "/v1/status", "/readyz/x", "/restapi/json/v1/resources"}) {
    EXPECT_EQ(StatusOf(path), 404) << path;
  }
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
    const WireResponse refused = Ask(method, "/readyz");
    EXPECT_EQ(refused.status, 405) << method;
    EXPECT_EQ(refused.headers.at("allow"), "GET, HEAD");
  }
}

}  // namespace
}  // namespace holdfast::http

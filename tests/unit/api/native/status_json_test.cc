#include "api/native/status_json.h"

#include <gtest/gtest.h>

#include "api/http/json.h"

namespace holdfast::native {
namespace {

v1::NodeReport Report(const std::string& id, const std::string& role, const std::string& state) {
  v1::NodeReport report;
  report.set_node_id(id);
  report.set_role(role);
  report.set_state(state);
  report.set_serving(true);
  report.mutable_epoch()->set_number(3);
  report.set_head_seq(12);
  report.set_durable_seq(11);
  report.set_committed_seq(10);
  report.set_applied_seq(9);
  report.set_version("0.1.0");
  return report;
}

TEST(StatusJsonTest, IsTheSchemaToTheByte) {
  ClusterView view;
  view.cluster_id = "c1";
  view.rest_urls = {{"a", "https://127.0.0.1:8282"}, {"b", "https://127.0.0.1:8382"}};
  v1::NodeReport a = Report("a", "primary", "streaming");
  a.set_lag_records(0);
  a.set_lag_seconds(0);
  v1::NodeReport b = Report("b", "secondary", "stale");
  b.set_link_age_seconds(3.5);
  view.reports = {b, a};
  EXPECT_EQ(http::JsonText(RenderStatus(view)),
            R"({"schema":"holdfast.status/1","cluster_id":"c1","nodes":[)"
            R"({"id":"a","role":"primary","state":"streaming","serving":true,"epoch":3,)"
            R"("head_seq":12,"durable_seq":11,"committed_seq":10,"applied_seq":9,)"
            R"("lag_records":0,"lag_seconds":0E0,"link_age_seconds":null,)"
            R"("snapshot":null,"lost_writes":0,)"
            R"("url":"https://127.0.0.1:8282",)"
            R"("version":"0.1.0","waiting":null,"degraded":false,"split":false},)"
            R"({"id":"b","role":"secondary","state":"stale","serving":true,"epoch":3,)"
            R"("head_seq":12,"durable_seq":11,"committed_seq":10,"applied_seq":9,)"
            R"("lag_records":null,"lag_seconds":null,"link_age_seconds":3.5E0,)"
            R"("snapshot":null,"lost_writes":0,)"
            R"("url":"https://127.0.0.1:8382",)"
            R"("version":"0.1.0","waiting":null,"degraded":false,"split":false}]})");
}

TEST(StatusJsonTest, ADeadNodeKeepsItsRowAndClaimsNothing) {
  ClusterView view;
  view.rest_urls = {{"a", "https://a:1"}, {"b", ""}};
  v1::NodeReport dead = Report("a", "primary", "down");
  dead.set_link_age_seconds(12);
  dead.set_lag_records(1);
  view.reports = {dead};
  EXPECT_EQ(http::JsonText(RenderStatus(view)),
            R"({"schema":"holdfast.status/1","cluster_id":null,"nodes":[)"
            R"({"id":"a","role":null,"state":"down","serving":false,"epoch":null,)"
            R"("head_seq":null,"durable_seq":null,"committed_seq":null,"applied_seq":null,)"
            R"("lag_records":null,"lag_seconds":null,"link_age_seconds":1.2E1,)"
            R"("snapshot":null,"lost_writes":null,)"
            R"("url":"https://a:1",)"
            R"("version":"0.1.0","waiting":null,"degraded":false,"split":false},)"
            R"({"id":"b","role":null,"state":"down","serving":false,"epoch":null,)"
            R"("head_seq":null,"durable_seq":null,"committed_seq":null,"applied_seq":null,)"
            R"("lag_records":null,"lag_seconds":null,"link_age_seconds":null,)"
            R"("snapshot":null,"lost_writes":null,)"
            R"("url":null,"version":null,"waiting":null,"degraded":false,"split":false}]})");
}

TEST(StatusJsonTest, ANodeThatIsNoMemberIsShownToo) {
  ClusterView view;
  view.reports = {Report("z", "secondary", "catchup")};
  EXPECT_NE(http::JsonText(RenderStatus(view)).find(R"({"id":"z","role":"secondary")"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::native

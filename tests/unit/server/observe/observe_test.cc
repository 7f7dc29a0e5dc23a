#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "server/base/file.h"
#include "server/observe/log.h"
#include "server/observe/metrics.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(LogTest, TextFromOutsideCannotForgeALine) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("holdfast-log-" + std::to_string(getpid())))
          .string();
  ASSERT_TRUE(StartLogging(path, LogLevel::kInfo).ok());
  LogInfo("user {} logged in", "eve\n2026-01-01T00:00:00.000Z info root logged in\x1b[2J");
  const std::string log = *ReadFile(path, 10000);
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
  EXPECT_THAT(log, HasSubstr("eve\\n2026"));
  EXPECT_THAT(log, Not(HasSubstr("\x1b")));
  std::filesystem::remove(path);
}

TEST(MetricsTest, RendersTheTextFormat) {
  Metrics metrics;
  Counter good = metrics.AddCounter("holdfast_requests_total", "Requests.", {{"code", "200"}});
  Counter bad = metrics.AddCounter("holdfast_requests_total", "Requests.", {{"code", "500"}});
  good.Add();
  good.Add();
  bad.Add();
  metrics.AddGauge("holdfast_ready", "Ready.").Set(1);
  const std::string text = metrics.Render();
  EXPECT_THAT(text, HasSubstr("holdfast_requests_total{code=\"200\"} 2"));
  EXPECT_THAT(text, HasSubstr("holdfast_requests_total{code=\"500\"} 1"));
  EXPECT_THAT(text, HasSubstr("holdfast_ready 1"));
}

}  // namespace
}  // namespace holdfast

#include "api/cli/print.h"

#include <gmock/gmock.h>

#include "tests/unit/api/cli/capture.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

TEST(PrintTest, ColumnsLineUpAndLinesEndWithoutBlanks) {
  const json::array rows = {{{"name", "größer"}, {"on", true}}, {{"name", "b"}, {"on", nullptr}}};
  EXPECT_EQ(RenderTable(rows, {{"NAME", "name"}, {"ON", "on"}}),
            "NAME    ON\n"
            "größer  yes\n"
            "b       -\n");
}

TEST(PrintTest, ATerminalGetsNoControlCharacters) {
  const json::value text = "a\x1b[31m\n\x7f";
  EXPECT_EQ(CellText(&text), "a?[31m??");
  const json::value empty = "";
  EXPECT_EQ(CellText(&empty), "-");
  EXPECT_EQ(CellText(nullptr), "-");
}

TEST(PrintTest, JsonNamesItsSchema) {
  ManualClock clock;
  CapturedFile out;
  Context context{.clock = clock, .out_fd = out.fd()};
  context.globals.output = "json";
  ASSERT_TRUE(PrintList(context, "users", {{{"name", "a"}}}, {{"NAME", "name"}}).ok());
  EXPECT_EQ(out.text(), "{\"schema\":\"holdfast.users/1\",\"users\":[{\"name\":\"a\"}]}\n");
}

TEST(PrintTest, AFullDiskIsAnError) {
  ManualClock clock;
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const Context context{.clock = clock, .out_fd = full};
  EXPECT_FALSE(WriteOut(context, "text").ok());
  close(full);
}

}  // namespace
}  // namespace holdfast::cli

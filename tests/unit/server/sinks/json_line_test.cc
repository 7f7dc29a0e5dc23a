#include "server/sinks/json_line.h"

#include <gtest/gtest.h>

#include "server/sinks/syslog_outlet.h"

namespace holdfast::sinks {
namespace {

v1::AuditRecord Record() {
  v1::AuditRecord record;
  record.set_node_id("a");
  record.set_number(7);
  record.set_wall_ms(1'700'000'000'123);
  record.set_operation("account.retrieve");
  record.set_result(v1::AUDIT_RESULT_OK);
  record.set_age_ms(-1);
  return record;
}

TEST(JsonLineTest, ALineHoldsWhatTheRecordHolds) {
  EXPECT_EQ(JsonLine(Record()), R"({"node_id":"a","number":7,"time":"2023-11-14T22:13:20.123Z",)"
                                R"("operation":"account.retrieve","result":"ok"})");
}

TEST(JsonLineTest, NoTextBreaksOutOfItsLineOrItsQuotes) {
  v1::AuditRecord record = Record();
  record.set_reason("a\"b\\c\nd\x01\x7f\xc3\xa4");
  const std::string line = JsonLine(record);
  EXPECT_NE(line.find(R"("reason":"a\"b\\c\u000ad\u0001\u007f)"
                      "\xc3\xa4\""),
            std::string::npos)
      << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(JsonLineTest, ASyslogDatagramHasTheHeaderOfRfc5424) {
  v1::AuditRecord record = Record();
  EXPECT_EQ(SyslogDatagram(record, "host", 42),
            "<86>1 2023-11-14T22:13:20.123Z host holdfastd 42 audit - " + JsonLine(record));
  record.set_result(v1::AUDIT_RESULT_REFUSED);
  EXPECT_EQ(SyslogDatagram(record, "host", 42).substr(0, 5), "<84>1");
}

}  // namespace
}  // namespace holdfast::sinks

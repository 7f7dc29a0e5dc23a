#include "server/sinks/json_line.h"

#include <fmt/format.h>
#include <time.h>

#include <string_view>

namespace holdfast::sinks {
namespace {

constexpr int64_t kSecond = 1000;

// The journal holds UTF-8 only, so bytes above 0x7f go as they are.
void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

class Object {
 public:
  void Text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    Key(key);
    AppendQuoted(value, text_);
  }
  void Number(std::string_view key, uint64_t value) {
    if (value == 0) return;
    Key(key);
    text_ += fmt::format("{}", value);
  }
  void Raw(std::string_view key, std::string_view value) {
    Key(key);
    text_ += value;
  }
  std::string Take() && { return std::move(text_) + "}"; }

 private:
  void Key(std::string_view key) {
    text_ += fmt::format("{}\"{}\":", text_.size() > 1 ? "," : "", key);
  }
  std::string text_ = "{";
};

}  // namespace

std::string UtcText(int64_t wall_ms) {
  const time_t seconds = static_cast<time_t>(wall_ms / kSecond);
  struct tm parts {};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     wall_ms % kSecond);
}

std::string JsonLine(const v1::AuditRecord& record) {
  Object object;
  object.Text("node_id", record.node_id());
  object.Number("number", record.number());
  object.Text("time", UtcText(record.wall_ms()));
  object.Text("operation", record.operation());
  object.Text("result", record.result() == v1::AUDIT_RESULT_OK ? "ok" : "refused");
  object.Text("refusal", record.refusal());
  object.Number("user_id", record.user_id());
  object.Text("user_name", record.user_name());
  object.Text("source", record.source());
  object.Text("via", record.via());
  object.Text("credential", record.credential());
  object.Number("resource_id", record.resource_id());
  object.Text("resource_name", record.resource_name());
  object.Number("account_id", record.account_id());
  object.Text("account_name", record.account_name());
  object.Text("reason", record.reason());
  object.Text("ticket", record.ticket());
  object.Number("position_epoch", record.position_epoch());
  object.Number("position_seq", record.position_seq());
  if (record.age_ms() >= 0) object.Raw("age_ms", fmt::format("{}", record.age_ms()));
  object.Number("repeated", record.repeated());
  return std::move(object).Take();
}

std::string JsonGap(const std::string& node_id, uint64_t first, uint64_t last) {
  Object object;
  object.Text("node_id", node_id);
  object.Raw("gap", fmt::format("{{\"first\":{},\"last\":{}}}", first, last));
  return std::move(object).Take();
}

}  // namespace holdfast::sinks

#include "server/storage/postgres/connection_string.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/status_macros.h"

namespace holdfast::storage::postgres {
namespace {

using Pairs = std::map<std::string, std::string>;

constexpr size_t kBytesMax = 4096;
constexpr std::string_view kKnown[] = {"channel_binding",
                                       "connect_timeout",
                                       "dbname",
                                       "gssencmode",
                                       "host",
                                       "hostaddr",
                                       "keepalives",
                                       "keepalives_count",
                                       "keepalives_idle",
                                       "keepalives_interval",
                                       "krbsrvname",
                                       "passfile",
                                       "port",
                                       "requirepeer",
                                       "service",
                                       "ssl_min_protocol_version",
                                       "sslcert",
                                       "sslcrl",
                                       "sslcrldir",
                                       "sslkey",
                                       "sslmode",
                                       "sslrootcert",
                                       "sslsni",
                                       "target_session_attrs",
                                       "tcp_user_timeout",
                                       "user"};

absl::Status Wrong(size_t at, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("connection: byte {}: {}", at + 1, what));
}

absl::Status CheckKeyword(size_t at, const std::string& name) {
  if (name == "password" || name == "sslpassword") {
    return Wrong(at, fmt::format("{} is not taken here: use passfile, service or a client "
                                 "certificate whose key has no password",
                                 name));
  }
  if (std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown)) {
    return absl::OkStatus();
  }
  return Wrong(at, fmt::format("unknown keyword, expected one of {}", fmt::join(kKnown, ", ")));
}

// libpq's own syntax: https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Pairs> Parse() {
    Pairs pairs;
    for (SkipSpaces(); at_ < text_.size(); SkipSpaces()) {
      const size_t start = at_;
      const std::string name = Keyword();
      SkipSpaces();
      if (name.empty() || at_ == text_.size() || text_[at_] != '=') {
        return Wrong(start, "expected keyword=value pairs (a URI is not taken)");
      }
      HOLDFAST_RETURN_IF_ERROR(CheckKeyword(start, name));
      ++at_;
      SkipSpaces();
      HOLDFAST_ASSIGN_OR_RETURN(std::string value, Value());
      if (!pairs.emplace(name, std::move(value)).second) return Wrong(start, name + " twice");
    }
    return pairs;
  }

 private:
  static bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  void SkipSpaces() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  std::string Keyword() {
    const size_t start = at_;
    while (at_ < text_.size() && ((text_[at_] >= 'a' && text_[at_] <= 'z') || text_[at_] == '_')) {
      ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }
  absl::StatusOr<std::string> Value() {
    const size_t start = at_;
    const bool quoted = at_ < text_.size() && text_[at_] == '\'';
    if (quoted) ++at_;
    std::string value;
    for (; at_ < text_.size(); ++at_) {
      if (quoted ? text_[at_] == '\'' : IsSpace(text_[at_])) break;
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      value += text_[at_];
    }
    if (quoted && at_ == text_.size()) return Wrong(start, "a quote is not closed");
    if (quoted) ++at_;
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string Render(const Pairs& pairs) {
  std::string text;
  for (const auto& [name, value] : pairs) {
    text += fmt::format("{}{}='", text.empty() ? "" : " ", name);
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += '\'';
  }
  return text;
}

bool IsLocal(std::string_view host) {
  return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" ||
         host == "::1" || host.starts_with("127.");
}

bool AllLocal(const Pairs& pairs) {
  if (pairs.contains("service")) return false;  // It may name any host.
  for (const char* key : {"host", "hostaddr"}) {
    const auto found = pairs.find(key);
    if (found == pairs.end()) continue;
    std::string_view rest = found->second;
    while (true) {
      const size_t comma = rest.find(',');
      if (!IsLocal(rest.substr(0, comma))) return false;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return true;
}

absl::Status CheckTls(const Pairs& pairs) {
  const auto mode = pairs.find("sslmode");
  if (mode == pairs.end() || mode->second == "verify-full" || AllLocal(pairs)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "connection: sslmode must be verify-full for a server that is not on this machine");
}

}  // namespace

absl::StatusOr<ConnectionString> CompleteConnectionString(const std::string& given) {
  if (given.size() > kBytesMax || given.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("connection: expected at most {} bytes without NUL", kBytesMax));
  }
  HOLDFAST_ASSIGN_OR_RETURN(Pairs pairs, Parser(given).Parse());
  if (!pairs.contains("dbname") && !pairs.contains("service")) {
    return absl::InvalidArgumentError("connection: expected dbname or service");
  }
  HOLDFAST_RETURN_IF_ERROR(CheckTls(pairs));
  const std::pair<const char*, const char*> kDefaults[] = {
      {"sslmode", "verify-full"},    {"gssencmode", "disable"},        {"connect_timeout", "5"},
      {"keepalives_idle", "10"},     {"keepalives_interval", "5"},     {"keepalives_count", "3"},
      {"tcp_user_timeout", "20000"}, {"application_name", "holdfast"}, {"client_encoding", "UTF8"}};
  for (const auto& [name, value] : kDefaults) pairs.emplace(name, value);
  const auto or_else = [&pairs](const char* name, const char* fallback) -> std::string {
    const auto found = pairs.find(name);
    return found == pairs.end() || found->second.empty() ? fallback : found->second;
  };
  ConnectionString complete{.text = Render(pairs)};
  complete.where = pairs.contains("service")
                       ? fmt::format("PostgreSQL service {}", pairs.at("service"))
                       : fmt::format("PostgreSQL database {} on {}", pairs.at("dbname"),
                                     or_else("host", or_else("hostaddr", "this machine").c_str()));
  return complete;
}

}  // namespace holdfast::storage::postgres

#include "server/setup/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <vector>

#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/storage/postgres/connection_string.h"

namespace holdfast::setup {
namespace {

constexpr size_t kConfigBytesMax = 64 * 1024;
constexpr size_t kNodeIdCharsMax = 63;
constexpr size_t kProgramWordsMax = 16;

struct Key {
  std::string_view section;
  std::string_view name;
  std::function<absl::Status(const toml::node&, Config&)> set;
};

absl::Status Wrong(std::string_view expected, const toml::node& value) {
  std::string got = "a table or list";
  if (const auto text = value.value<std::string>(); text.has_value() && value.is_string()) {
    got = fmt::format("\"{}\"", *text);
  } else if (const auto number = value.value<int64_t>(); number.has_value()) {
    got = fmt::format("{}", *number);
  }
  return absl::InvalidArgumentError(fmt::format("expected {}, got {}", expected, got));
}

absl::StatusOr<std::string> Text(const toml::node& value) {
  if (!value.is_string()) return Wrong("a text in quotes", value);
  return *value.value<std::string>();
}

absl::Status SetText(const toml::node& value, std::string& out) {
  HOLDFAST_ASSIGN_OR_RETURN(out, Text(value));
  return absl::OkStatus();
}

absl::Status SetNumber(const toml::node& value, int low, int high, int& out) {
  const std::optional<int64_t> number = value.value<int64_t>();
  if (!value.is_integer() || *number < low || *number > high) {
    return Wrong(fmt::format("a number from {} to {}", low, high), value);
  }
  out = static_cast<int>(*number);
  return absl::OkStatus();
}

absl::Status SetYesNo(const toml::node& value, bool& out) {
  if (!value.is_boolean()) return Wrong("true or false", value);
  out = *value.value<bool>();
  return absl::OkStatus();
}

absl::Status SetChoice(const toml::node& value, const std::vector<std::string>& choices,
                       std::string& out) {
  const std::optional<std::string> text = value.value<std::string>();
  if (!value.is_string() || std::find(choices.begin(), choices.end(), *text) == choices.end()) {
    return Wrong(fmt::format("one of {}", fmt::join(choices, ", ")), value);
  }
  out = *text;
  return absl::OkStatus();
}

absl::Status SetAddress(const toml::node& value, Address& out) {
  const std::optional<std::string> text = value.value<std::string>();
  const size_t colon = text.has_value() ? text->rfind(':') : std::string::npos;
  if (!value.is_string() || colon == std::string::npos || colon == 0) {
    return Wrong("host:port", value);
  }
  int port = -1;
  const char* const end = text->data() + text->size();
  const auto [last, error] = std::from_chars(text->data() + colon + 1, end, port);
  if (error != std::errc() || last != end || port < 0 || port > 65535) {
    return Wrong("host:port with a port from 0 to 65535", value);
  }
  std::string host = text->substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  out = {.host = std::move(host), .port = port};
  return absl::OkStatus();
}

absl::Status SetNodeId(const toml::node& value, std::string& out) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string id, Text(value));
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (id.empty() || id.size() > kNodeIdCharsMax || id.front() == '-' || id.back() == '-' ||
      !std::all_of(id.begin(), id.end(), fits)) {
    return Wrong(fmt::format("1 to {} of a-z, 0-9 and inner '-'", kNodeIdCharsMax), value);
  }
  out = id;
  return absl::OkStatus();
}

absl::Status SetFolder(const toml::node& value, std::string& out) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string path, Text(value));
  if (path.empty() || path.front() != '/') return Wrong("an absolute path", value);
  out = path;
  return absl::OkStatus();
}

absl::Status SetProgram(const toml::node& value, std::vector<std::string>& out) {
  const toml::array* list = value.as_array();
  if (list == nullptr) return Wrong("a list of texts: a program and its arguments", value);
  if (list->size() > kProgramWordsMax) {
    return absl::InvalidArgumentError(
        fmt::format("expected at most {} words, got {}", kProgramWordsMax, list->size()));
  }
  std::vector<std::string> words;
  for (const toml::node& each : *list) {
    HOLDFAST_ASSIGN_OR_RETURN(std::string word, Text(each));
    if (word.find('\0') != std::string::npos) return Wrong("a text without NUL", each);
    words.push_back(std::move(word));
  }
  if (!words.empty() && !words[0].starts_with('/')) {
    return Wrong("an absolute path of a program as the first word", *list->get(0));
  }
  out = std::move(words);
  return absl::OkStatus();
}

absl::Status SetLevel(const toml::node& value, LogLevel& out) {
  static const std::vector<std::string> kNames = {"debug", "info", "warning", "error"};
  std::string name;
  HOLDFAST_RETURN_IF_ERROR(SetChoice(value, kNames, name));
  out = static_cast<LogLevel>(std::find(kNames.begin(), kNames.end(), name) - kNames.begin());
  return absl::OkStatus();
}

// The value is never repeated in an error: who puts a password there gets to know that it is wrong.
absl::Status SetConnection(const toml::node& value, std::string& out) {
  if (!value.is_string()) return absl::InvalidArgumentError("expected a text in quotes");
  out = *value.value<std::string>();
  return storage::postgres::CompleteConnectionString(out).status();
}

void AddListener(std::vector<Key>& keys, std::string_view section,
                 Config::Listener Config::*listener) {
  keys.push_back({section, "listen", [listener](const toml::node& v, Config& c) {
                    return SetAddress(v, (c.*listener).listen);
                  }});
  keys.push_back({section, "advertise", [listener](const toml::node& v, Config& c) {
                    return SetText(v, (c.*listener).advertise);
                  }});
  keys.push_back({section, "threads", [listener](const toml::node& v, Config& c) {
                    return SetNumber(v, 1, 64, (c.*listener).threads);
                  }});
}

void AddAudit(std::vector<Key>& keys) {
  keys.push_back({"audit", "when_full", [](const toml::node& v, Config& c) {
                    return SetChoice(v, {"refuse", "serve-and-mark"}, c.audit.when_full);
                  }});
  keys.push_back(
      {"audit", "file", [](const toml::node& v, Config& c) { return SetFolder(v, c.audit.file); }});
  keys.push_back({"audit", "syslog",
                  [](const toml::node& v, Config& c) { return SetYesNo(v, c.audit.syslog); }});
  keys.push_back({"audit", "syslog_socket", [](const toml::node& v, Config& c) {
                    return SetFolder(v, c.audit.syslog_socket);
                  }});
}

std::vector<Key> MakeKeys() {
  std::vector<Key> keys = {
      {"node", "id", [](const toml::node& v, Config& c) { return SetNodeId(v, c.node.id); }},
      {"node", "data", [](const toml::node& v, Config& c) { return SetFolder(v, c.node.data); }},
      {"node", "on_role_change",
       [](const toml::node& v, Config& c) { return SetProgram(v, c.node.on_role_change); }},
      {"seal", "kind",
       [](const toml::node& v, Config& c) { return SetChoice(v, {"file"}, c.seal.kind); }},
      {"seal", "key_file",
       [](const toml::node& v, Config& c) { return SetFolder(v, c.seal.key_file); }},
      {"store", "kind",
       [](const toml::node& v, Config& c) {
         return SetChoice(v, {"sqlite", "postgres"}, c.store.kind);
       }},
      {"store", "connection",
       [](const toml::node& v, Config& c) { return SetConnection(v, c.store.connection); }},
      {"store", "migrate_connection",
       [](const toml::node& v, Config& c) { return SetConnection(v, c.store.migrate_connection); }},
      {"store", "wait_seconds",
       [](const toml::node& v, Config& c) { return SetNumber(v, 1, 600, c.store.wait_seconds); }},
      {"limits", "unauthenticated_per_source",
       [](const toml::node& v, Config& c) {
         return SetNumber(v, 1, 100000, c.limits.unauthenticated_per_source);
       }},
      {"limits", "connections",
       [](const toml::node& v, Config& c) {
         return SetNumber(v, 16, 100000, c.limits.connections);
       }},
      {"limits", "journal_megabytes",
       [](const toml::node& v, Config& c) {
         return SetNumber(v, 8, 1 << 20, c.limits.journal_megabytes);
       }},
      {"limits", "journal_days",
       [](const toml::node& v, Config& c) {
         return SetNumber(v, 0, 36500, c.limits.journal_days);
       }},
      {"limits", "log_megabytes",
       [](const toml::node& v, Config& c) {
         return SetNumber(v, 8, 1 << 20, c.limits.log_megabytes);
       }},
      {"limits", "log_hours",
       [](const toml::node& v, Config& c) { return SetNumber(v, 1, 87600, c.limits.log_hours); }},
      {"log", "file", [](const toml::node& v, Config& c) { return SetFolder(v, c.log.file); }},
      {"log", "level", [](const toml::node& v, Config& c) { return SetLevel(v, c.log.level); }},
  };
  AddAudit(keys);
  AddListener(keys, "rest", &Config::rest);
  AddListener(keys, "ssh", &Config::ssh);
  AddListener(keys, "peer", &Config::peer);
  AddListener(keys, "health", &Config::health);
  return keys;
}

const std::vector<Key>& Keys() {
  static const std::vector<Key> keys = MakeKeys();
  return keys;
}

// Levenshtein distance, for "did you mean".
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string Nearest(const std::string& full_name) {
  std::string best;
  size_t best_distance = SIZE_MAX;
  for (const Key& key : Keys()) {
    const std::string name = fmt::format("{}.{}", key.section, key.name);
    const size_t distance = Distance(full_name.substr(0, 128), name);
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

absl::Status SetKey(const std::string& section, const std::string& name, const toml::node& value,
                    Config& config) {
  for (const Key& key : Keys()) {
    if (key.section == section && key.name == name) return key.set(value, config);
  }
  const std::string full_name = section.empty() ? name : fmt::format("{}.{}", section, name);
  return absl::InvalidArgumentError(
      fmt::format("unknown key; the nearest known one is {}", Nearest(full_name)));
}

absl::Status CheckWhole(const Config& config, const std::string& file_name) {
  for (const auto& [name, value] :
       {std::pair("node.id", config.node.id), std::pair("node.data", config.node.data)}) {
    if (value.empty()) {
      return absl::InvalidArgumentError(fmt::format("{}: {} is missing", file_name, name));
    }
  }
  const Config::Store& store = config.store;
  if (store.kind == "postgres" && store.connection.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: store.connection is missing: store.kind is postgres", file_name));
  }
  if (store.kind != "postgres" && !(store.connection + store.migrate_connection).empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: store.connection is there, but store.kind is {}", file_name, store.kind));
  }
  return absl::OkStatus();
}

absl::Status At(const absl::Status& status, const std::string& file_name, uint32_t line,
                std::string_view key) {
  return absl::InvalidArgumentError(
      fmt::format("{}:{}: {}: {}", file_name, line, key, std::string(status.message())));
}

}  // namespace

std::string Address::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

absl::StatusOr<Config> ParseConfig(std::string_view text, const std::string& file_name) {
  toml::table root;
  try {
    root = toml::parse(text, file_name);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        fmt::format("{}:{}: {}", file_name, error.source().begin.line, error.description()));
  }
  Config config;
  for (const auto& [section_name, section] : root) {
    const std::string section_text(section_name.str());
    if (!section.is_table()) {
      return At(SetKey("", section_text, section, config), file_name,
                section_name.source().begin.line, section_text);
    }
    for (const auto& [name, value] : *section.as_table()) {
      const absl::Status set = SetKey(section_text, std::string(name.str()), value, config);
      if (!set.ok()) {
        return At(set, file_name, name.source().begin.line,
                  fmt::format("{}.{}", section_text, name.str()));
      }
    }
  }
  HOLDFAST_RETURN_IF_ERROR(CheckWhole(config, file_name));
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kConfigBytesMax));
  return ParseConfig(text, path);
}

std::string AdvertisedAddress(const Config::Listener& listener) {
  if (listener.advertise.empty()) return listener.listen.text();
  const bool has_port =
      listener.advertise.rfind(':') != std::string::npos && listener.advertise.back() != ']';
  return has_port ? listener.advertise
                  : fmt::format("{}:{}", listener.advertise, listener.listen.port);
}

std::string RenderConfig(const Config& config) {
  return fmt::format(
      "# A node of Holdfast. Every key: docs/reference/configuration.md.\n"
      "[node]\nid = \"{}\"\ndata = \"{}\"\n\n"
      "[rest]\nlisten = \"{}\"\n\n[ssh]\nlisten = \"{}\"\n\n"
      "[peer]\nlisten = \"{}\"\n\n[health]\nlisten = \"{}\"\n\n"
      "[log]\nfile = \"{}\"\n",
      config.node.id, config.node.data, config.rest.listen.text(), config.ssh.listen.text(),
      config.peer.listen.text(), config.health.listen.text(),
      config.log.file.empty() ? config.node.data + "/holdfastd.log" : config.log.file);
}

}  // namespace holdfast::setup

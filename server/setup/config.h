#ifndef HOLDFAST_SERVER_SETUP_CONFIG_H_
#define HOLDFAST_SERVER_SETUP_CONFIG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/observe/log.h"

namespace holdfast::setup {

// host and port of a listener; port 0 takes a free one (tests).
struct Address {
  std::string host = "127.0.0.1";
  int port = 0;
  std::string text() const;  // "host:port", [] around an IPv6 address
};

// What one node is told by its operator; what the cluster must agree on is rows, not configuration.
// docs/reference/configuration.md lists the keys; every key of the file is one of them.
struct Config {
  struct Node {
    std::string id;                           // [a-z0-9-], at most 63 characters
    std::string data;                         // absolute path of the node's folder
    std::vector<std::string> on_role_change;  // program and first arguments; empty: none
  } node;
  struct Listener {
    Address listen;
    std::string advertise;  // host[:port] that others use; empty: as `listen`
    int threads = 2;
  };
  Listener rest{.listen = {.port = 8282}};
  Listener ssh{.listen = {.port = 6622}};
  Listener peer{.listen = {.port = 6630}};
  Listener health{.listen = {.port = 8280}};
  struct Seal {
    std::string kind = "file";
    std::string key_file;  // empty: <data>/seal.key
  } seal;
  struct Store {
    std::string kind = "sqlite";
    std::string connection;          // of the database of this node, when kind is "postgres"
    std::string migrate_connection;  // of the role that owns the schema; empty: `connection`
    int wait_seconds = 3;            // for a database server that went away
  } store;
  struct Limits {
    int unauthenticated_per_source = 64;
    int connections = 8192;
    int journal_megabytes = 1024;
    int log_megabytes = 512;  // retained change log, as are these hours
    int log_hours = 168;
    int journal_days = 365;  // 0: the journal is bounded by its size alone
  } limits;
  struct Audit {
    std::string when_full = "refuse";  // or "serve-and-mark"
    std::string file;                  // a copy of each record, a line of JSON; empty: none
    bool syslog = false;               // the same to the system's log
    std::string syslog_socket = "/dev/log";
  } audit;
  struct Log {
    std::string file;  // empty: stderr
    LogLevel level = LogLevel::kInfo;
  } log;
};

// Parses the text of a configuration file. INVALID_ARGUMENT names the line, the key, what was
// expected and what came; an unknown key names the nearest known one.
absl::StatusOr<Config> ParseConfig(std::string_view text, const std::string& file_name);
absl::StatusOr<Config> LoadConfig(const std::string& path);

// What others dial: `advertise`, with the port of `listen` when it names none.
std::string AdvertisedAddress(const Config::Listener& listener);

// A fresh configuration file for a node, with every key that differs from its default.
std::string RenderConfig(const Config& config);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_CONFIG_H_

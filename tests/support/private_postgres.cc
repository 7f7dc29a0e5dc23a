#include "tests/support/private_postgres.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

// libpqxx 6.4 asks a connection for its encoding before it takes hold of an answer: when the
// connection is lost in that moment it throws, and the answer (2 KiB) is nobody's any more.
extern "C" const char* __lsan_default_suppressions() { return "leak:PQmakeEmptyPGresult\n"; }

namespace holdfast {
namespace {

constexpr char kScript[] = HOLDFAST_CHECKOUT "/deploy/dev/private-postgres";
constexpr char kRoles[] = HOLDFAST_CHECKOUT "/deploy/postgres/roles.sql";
constexpr char kRolePassword[] = "for-tests-only";

void Must(bool good, const std::string& what) {
  if (good) return;
  fprintf(stderr, "%s\n", what.c_str());
  abort();
}

}  // namespace

PrivatePostgres& PrivatePostgres::Get() {
  static PrivatePostgres& server = *new PrivatePostgres();
  return server;
}

PrivatePostgres::PrivatePostgres() {
  std::string name = testing::TempDir() + "holdfast-pg-XXXXXX";
  Must(mkdtemp(name.data()) != nullptr, "mkdtemp");
  folder_ = name;
  Must(chmod(folder_.c_str(), 0711) == 0, "chmod");  // The server runs as another user for root.
  cleaner_ = popen(fmt::format("trap '' INT TERM; cat >/dev/null; '{0}' crash '{1}'; rm -rf '{1}'",
                               kScript, folder_)
                       .c_str(),
                   "we");
  Must(cleaner_ != nullptr, "popen");
  Do("start");
}

void PrivatePostgres::Do(const std::string& verb, const std::string& more) const {
  const std::string command = fmt::format("'{}' {} '{}' {}", kScript, verb, folder_, more);
  Must(system(command.c_str()) == 0, command + " failed");
}

std::string PrivatePostgres::NewDatabase() {
  const std::string name = fmt::format("t{}", ++databases_);
  Sql("postgres", "CREATE DATABASE " + name);
  Psql(name, fmt::format("-v owner=hf_owner -v runtime=hf_runtime -f '{}'", kRoles));
  if (databases_ == 1) {
    Sql(name,
        fmt::format("ALTER ROLE hf_owner PASSWORD '{0}'; ALTER ROLE hf_runtime PASSWORD '{0}'",
                    kRolePassword));
    std::ofstream(folder_ + "/roles.pgpass") << "*:*:*:*:" << kRolePassword << "\n";
    chmod((folder_ + "/roles.pgpass").c_str(), 0600);
  }
  return name;
}

// Every file of every database is synced at the start after a crash.
void PrivatePostgres::DropDatabase(const std::string& name) {
  Sql("postgres", "DROP DATABASE " + name + " WITH (FORCE)");
}

std::string PrivatePostgres::ConnectionOf(const std::string& role, const std::string& database,
                                          const std::string& host) const {
  return fmt::format("host='{}' dbname={} user={} passfile='{}/{}.pgpass'",
                     host.empty() ? socket_folder() : host, database, role, folder_,
                     role == "admin" ? "admin" : "roles");
}

std::string PrivatePostgres::Connection(const std::string& database,
                                        const std::string& host) const {
  return ConnectionOf("admin", database, host);
}

std::string PrivatePostgres::OwnerConnection(const std::string& database,
                                             const std::string& host) const {
  return ConnectionOf("hf_owner", database, host);
}

std::string PrivatePostgres::RuntimeConnection(const std::string& database,
                                               const std::string& host) const {
  return ConnectionOf("hf_runtime", database, host);
}

std::string PrivatePostgres::Sql(const std::string& database, const std::string& sql) const {
  const std::string file = folder_ + "/statement.sql";
  std::ofstream(file) << sql << ";\n";
  return Psql(database, fmt::format("-f '{}'", file));
}

std::string PrivatePostgres::Psql(const std::string& database, const std::string& more) const {
  const std::string command = fmt::format("psql -X -q -A -t -v ON_ERROR_STOP=1 -d \"{}\" {} 2>&1",
                                          Connection(database), more);
  FILE* const psql = popen(command.c_str(), "re");
  Must(psql != nullptr, "popen");
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t got = fread(buffer.data(), 1, buffer.size(), psql)) {
    text.append(buffer.data(), got);
  }
  EXPECT_EQ(pclose(psql), 0) << command << ": " << text;
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace holdfast

#ifndef HOLDFAST_TESTS_SUPPORT_PRIVATE_POSTGRES_H_
#define HOLDFAST_TESTS_SUPPORT_PRIVATE_POSTGRES_H_

#include <cstdio>
#include <string>

#include "absl/status/statusor.h"

namespace holdfast {

// A PostgreSQL server for one test program: made by deploy/dev/private-postgres in a folder of its
// own, ended and removed when the program ends, however it ends.
class PrivatePostgres {
 public:
  // The program's server; started by the first call.
  static PrivatePostgres& Get();

  const std::string& folder() const { return folder_; }
  std::string socket_folder() const { return folder_ + "/socket"; }

  // An empty database with its roles; its name.
  std::string NewDatabase();
  void DropDatabase(const std::string& name);
  // keyword=value pairs for the superuser; `host`: another folder with a socket, a proxy's.
  std::string Connection(const std::string& database, const std::string& host = "") const;
  // The same for the roles that deploy/postgres/roles.sql gives a database.
  std::string OwnerConnection(const std::string& database, const std::string& host = "") const;
  std::string RuntimeConnection(const std::string& database, const std::string& host = "") const;
  // By psql; the result's text, columns separated by '|'. Fails the test when it fails.
  std::string Sql(const std::string& database, const std::string& sql) const;
  // Ends every backend as a crash would, and starts again.
  void Restart() { Do("restart"); }
  void Stop() { Do("stop"); }
  void Start(const std::string& settings = "") { Do("start", settings); }

 private:
  PrivatePostgres();
  std::string ConnectionOf(const std::string& role, const std::string& database,
                           const std::string& host) const;
  std::string Psql(const std::string& database, const std::string& more) const;
  void Do(const std::string& verb, const std::string& more = "") const;

  std::string folder_;
  FILE* cleaner_ = nullptr;  // a process that waits for our end
  int databases_ = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_TESTS_SUPPORT_PRIVATE_POSTGRES_H_

#include <fmt/format.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/server/storage/postgres/postgres_fixture.h"

namespace holdfast::storage::postgres {
namespace {

using testing::HasSubstr;

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

// The same server with ssl = on and a network port, for one test.
class TlsTest : public PostgresFixture {
 protected:
  TlsTest() {
    Make("ca", "");
    Make("other-ca", "");
    Make("server", "localhost");
    Make("client", "hf_runtime");
    Run(fmt::format("chown --reference='{0}/data' '{0}/server.key'", server_.folder()));
    const std::string hba = server_.folder() + "/data/pg_hba.conf";
    Run(fmt::format(
        "cp -p '{0}' '{0}.before' && sed -i '1i hostssl all hf_runtime 127.0.0.1/32 cert' "
        "'{0}'",
        hba));
    server_.Stop();
    server_.Start(
        fmt::format("listen_addresses=127.0.0.1 port={1} ssl=on ssl_cert_file='{0}/server.pem'"
                    " ssl_key_file='{0}/server.key' ssl_ca_file='{0}/ca.pem'",
                    server_.folder(), port_));
  }
  ~TlsTest() override {
    server_.Stop();
    Run(fmt::format("mv '{0}.before' '{0}'", server_.folder() + "/data/pg_hba.conf"));
    server_.Start("listen_addresses= port=5432 ssl=off");
  }
  static void Run(const std::string& command) {
    ASSERT_EQ(system((command + " 2>/dev/null").c_str()), 0) << command;
  }
  // A certificate NAME.pem, signed by ca.pem, or by itself when it has no subject.
  void Make(const std::string& name, const std::string& subject) {
    const std::string base = server_.folder() + "/" + name;
    std::string command = fmt::format(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "
        "'{0}.key' "
        "-out '{0}.pem' -subj '/CN={1}'",
        base, subject.empty() ? name : subject);
    if (!subject.empty()) {
      command += fmt::format(
          " -CA '{0}/ca.pem' -CAkey '{0}/ca.key' -addext subjectAltName=DNS:{1} "
          "-addext basicConstraints=critical,CA:FALSE",
          server_.folder(), subject);
    }
    Run(command);
    Run(fmt::format("chmod 0644 '{0}.pem'; chmod 0600 '{0}.key'", base));
  }
  absl::Status Try(const std::string& host, const std::string& authority, bool with_certificate) {
    std::string connection = fmt::format(
        "host={} hostaddr=127.0.0.1 port={} dbname={} user=hf_runtime sslrootcert='{}/{}'", host,
        port_, database_, server_.folder(), authority);
    if (with_certificate) {
      connection +=
          fmt::format(" sslcert='{0}/client.pem' sslkey='{0}/client.key'", server_.folder());
    }
    return PostgresStore::Open({.connection = connection}, clock_).status();
  }

  const int port_ = FreePort();
};

TEST_F(TlsTest, OnlyTheServerThatItsAuthorityVouchesForIsSpokenTo) {
  // The schema is not there, and this role may not make it: how far one comes with TLS.
  const absl::Status good = Try("localhost", "ca.pem", true);
  EXPECT_THAT(std::string(good.message()), HasSubstr("store.migrate_connection"));
  EXPECT_THAT(std::string(Try("elsewhere", "ca.pem", true).message()),
              HasSubstr("does not match host name"));
  EXPECT_THAT(std::string(Try("localhost", "other-ca.pem", true).message()),
              HasSubstr("certificate verify failed"));
  EXPECT_THAT(std::string(Try("localhost", "nowhere.pem", true).message()),
              HasSubstr("root certificate file"));
  EXPECT_THAT(std::string(Try("localhost", "ca.pem", false).message()),
              HasSubstr("requires a valid client certificate"));
}

TEST_F(TlsTest, AServerWithoutTlsIsRefused) {
  server_.Stop();
  server_.Start("ssl=off");
  EXPECT_THAT(std::string(Try("localhost", "ca.pem", true).message()),
              HasSubstr("does not support SSL"));
}

}  // namespace
}  // namespace holdfast::storage::postgres

#include "server/storage/postgres/connection_string.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::storage::postgres {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string ErrorOf(const std::string& given) {
  const auto complete = CompleteConnectionString(given);
  EXPECT_EQ(complete.status().code(), absl::StatusCode::kInvalidArgument) << given;
  return std::string(complete.status().message());
}

TEST(ConnectionStringTest, AddsVerifiedTlsAndTimeLimits) {
  const auto complete = CompleteConnectionString("host=db.example.com dbname=vault user=node1");
  ASSERT_TRUE(complete.ok()) << complete.status();
  EXPECT_THAT(complete->text,
              AllOf(HasSubstr("sslmode='verify-full'"), HasSubstr("user='node1'"),
                    HasSubstr("connect_timeout='5'"), HasSubstr("tcp_user_timeout='20000'")));
  EXPECT_EQ(complete->where, "PostgreSQL database vault on db.example.com");
}

TEST(ConnectionStringTest, WhatIsSaidStays) {
  const auto complete =
      CompleteConnectionString(" dbname = vault connect_timeout=2 sslmode=disable host=/run/pg ");
  ASSERT_TRUE(complete.ok()) << complete.status();
  EXPECT_THAT(complete->text,
              AllOf(HasSubstr("connect_timeout='2'"), HasSubstr("sslmode='disable'")));
}

TEST(ConnectionStringTest, QuotesAndEscapesAreThoseOfLibpq) {
  const auto complete = CompleteConnectionString("dbname='it\\'s \\\\ one' user=a\\ b host=''");
  ASSERT_TRUE(complete.ok()) << complete.status();
  EXPECT_THAT(complete->text, HasSubstr("dbname='it\\'s \\\\ one'"));
  EXPECT_THAT(complete->text, HasSubstr("user='a b'"));
}

TEST(ConnectionStringTest, APasswordIsRefusedAndNeverRepeated) {
  for (const std::string given :
       {"dbname=v password=s3cret", "dbname=v password = 's3cret x'", "dbname=v sslpassword=s3cret",
        "postgresql://node1:s3cret@db/vault", "dbname=v s3cret", "dbname=v passw0rd=s3cret",
        "dbname=v pasword=s3cret", "dbname=v user='s3cret", "options=s3cret dbname=v"}) {
    EXPECT_THAT(ErrorOf(given), Not(HasSubstr("s3cret"))) << given;
  }
  EXPECT_THAT(ErrorOf("dbname=v password=x"), HasSubstr("use passfile"));
}

TEST(ConnectionStringTest, OnlyThisMachineIsReachedWithoutVerifiedTls) {
  for (const std::string host : {"host=db.example.com", "hostaddr=192.0.2.1", "service=vault",
                                 "host=localhost,db2", "host=127.0.0.1 hostaddr=192.0.2.1"}) {
    for (const std::string mode : {"disable", "allow", "prefer", "require", "verify-ca"}) {
      EXPECT_THAT(ErrorOf("dbname=v sslmode=" + mode + " " + host),
                  HasSubstr("sslmode must be verify-full"));
    }
  }
  for (const std::string host :
       {"", "host=/run/postgresql", "host=localhost", "host=127.0.0.1,::1", "hostaddr=127.0.0.1"}) {
    EXPECT_TRUE(CompleteConnectionString("dbname=v sslmode=disable " + host).ok()) << host;
  }
}

TEST(ConnectionStringTest, RefusesWhatItCannotBe) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("expected dbname or service"));
  EXPECT_THAT(ErrorOf("user=a"), HasSubstr("expected dbname or service"));
  EXPECT_THAT(ErrorOf("dbname=a dbname=b"), HasSubstr("dbname twice"));
  EXPECT_THAT(ErrorOf("dbname=a Host=b"), HasSubstr("expected keyword=value"));
  EXPECT_THAT(ErrorOf("dbname=a replication=on"), HasSubstr("expected one of"));
  EXPECT_THAT(ErrorOf(std::string("dbname=a\0", 9)), HasSubstr("without NUL"));
  EXPECT_THAT(ErrorOf("dbname=" + std::string(5000, 'a')), HasSubstr("at most 4096"));
}

}  // namespace
}  // namespace holdfast::storage::postgres

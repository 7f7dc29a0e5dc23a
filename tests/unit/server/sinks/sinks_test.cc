// Real journal, real files and sockets; the store alone is in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/base/secret_bytes.h"
#include "server/sinks/file_outlet.h"
#include "server/sinks/journal_sink.h"
#include "server/sinks/syslog_outlet.h"
#include "server/storage/memory_store.h"
#include "tests/support/real_clock.h"

namespace holdfast::sinks {
namespace {

using testing::HasSubstr;

bool Eventually(const std::function<bool()>& condition) {
  const RealClock clock;
  for (const MonoTime end = clock.Mono() + std::chrono::seconds(20); clock.Mono() < end;) {
    if (condition()) return true;
    std::this_thread::yield();
  }
  return false;
}

// Somebody who listens at a socket path, as the system's log does.
class Listener {
 public:
  explicit Listener(const std::string& path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    unlink(path.c_str());
    struct sockaddr_un address {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Listener() { close(fd_); }
  // What has come since the last call.
  size_t Take() {
    size_t count = 0;
    std::string buffer(64 * 1024, '\0');
    while (recv(fd_, buffer.data(), buffer.size(), 0) > 0) ++count;
    return count;
  }

 private:
  const int fd_;
};

class SinksTest : public testing::Test {
 protected:
  SinksTest() {
    std::string name = testing::TempDir() + "holdfast-sinks-XXXXXX";
    root_ = mkdtemp(name.data());
    store_ = *storage::MemoryStore::Open(disk_);
    journal_ = *audit::Journal::Open(
        {.path = root_ + "/journal", .node_id = "a", .segment_bytes = audit::kSegmentBytesMin},
        crypto::Mac(SecretBytes::CopyOf(std::string(32, 'j'))), clock_);
  }
  ~SinksTest() override {
    sink_.reset();
    std::filesystem::remove_all(root_);
  }

  void Add(int count, size_t bytes = 10) {
    for (int i = 0; i < count; ++i) {
      v1::AuditRecord record;
      record.set_reason(std::string(bytes, 'x'));
      ASSERT_TRUE(journal_->AppendAndWait(record).ok());
    }
  }
  void Start(std::unique_ptr<Outlet> outlet) {
    auto started = JournalSink::Start(
        {.journal = *journal_, .store = *store_, .clock = clock_, .node_id = "a", .name = "test"},
        std::move(outlet));
    ASSERT_TRUE(started.ok()) << started.status();
    sink_ = *std::move(started);
  }
  void StartFile() { Start(std::make_unique<FileOutlet>(file())); }
  bool CaughtUp() const {
    return Eventually([this] { return sink_->View().position == journal_->head(); });
  }
  std::string file() const { return root_ + "/audit.log"; }
  static std::string TextOf(const std::string& path) {
    return ReadFile(path, 64 << 20).value_or("");
  }
  // The numbers of the whole lines of the file, in order.
  static std::vector<uint64_t> NumbersIn(const std::string& path) {
    std::vector<uint64_t> numbers;
    const std::string text = TextOf(path);
    constexpr std::string_view kBegin = R"({"node_id":"a","number":)";
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      const std::string line = text.substr(at, end - at);
      if (line.starts_with(kBegin) && line.ends_with('}')) {
        numbers.push_back(strtoull(line.c_str() + kBegin.size(), nullptr, 10));
      }
      if (end == std::string::npos) break;
      at = end + 1;
    }
    return numbers;
  }
  static std::vector<uint64_t> UpTo(uint64_t last, uint64_t first = 1) {
    std::vector<uint64_t> numbers;
    for (uint64_t number = first; number <= last; ++number) numbers.push_back(number);
    return numbers;
  }

  const RealClock clock_;
  std::string root_;
  std::shared_ptr<storage::MemoryDisk> disk_ = std::make_shared<storage::MemoryDisk>();
  std::unique_ptr<storage::MemoryStore> store_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<JournalSink> sink_;
};

TEST_F(SinksTest, GoesOnAfterARestartWithoutSkippingOrRepeating) {
  Add(3);
  StartFile();
  ASSERT_TRUE(CaughtUp());
  sink_.reset();
  Add(4);
  StartFile();
  Add(2);
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(NumbersIn(file()), UpTo(9));
  struct stat info {};
  ASSERT_EQ(stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SinksTest, AFileThatWasRenamedAwayIsMadeAnew) {
  Add(2);
  StartFile();
  ASSERT_TRUE(CaughtUp());
  std::filesystem::rename(file(), file() + ".1");
  Add(2);
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(NumbersIn(file() + ".1"), UpTo(2));
  EXPECT_EQ(NumbersIn(file()), UpTo(4, 3));
}

TEST_F(SinksTest, ALineThatACrashHasCutComesAgainWhole) {
  ASSERT_TRUE(WriteFileAtomic(file(), R"({"node_id":"a","num)", 0600).ok());
  Add(2);
  StartFile();
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(NumbersIn(file()), UpTo(2));
}

TEST_F(SinksTest, ADeadSinkDelaysNobodyAndLosesNothing) {
  StartFile();
  sink_.reset();
  const std::string folder = root_ + "/later";
  Start(std::make_unique<FileOutlet>(folder + "/audit.log"));
  Add(50);  // Each is durable here while the sink cannot be written.
  ASSERT_TRUE(Eventually([this] { return !sink_->View().fault.empty(); }));
  EXPECT_EQ(sink_->View().position, 0u);
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(CaughtUp());
  EXPECT_TRUE(Eventually([this] { return sink_->View().fault.empty(); }));
  EXPECT_EQ(NumbersIn(folder + "/audit.log"), UpTo(50));
}

TEST_F(SinksTest, APipeThatNobodyReadsTakesWhatFitsAndNoMore) {
  ASSERT_EQ(mkfifo(file().c_str(), 0600), 0);
  StartFile();
  Add(200, 1000);
  EXPECT_LT(sink_->View().position, 200u);
  sink_.reset();  // It does not hang in the write.
}

TEST_F(SinksTest, WhatRetentionTookIsSaidInItsPlace) {
  Add(3);
  StartFile();
  ASSERT_TRUE(CaughtUp());
  sink_.reset();
  Add(300, 1000);
  ASSERT_TRUE(journal_->TrimOlderThan(clock_.Wall() + std::chrono::hours(1)).ok());
  const uint64_t oldest = journal_->oldest();
  ASSERT_GT(oldest, 4u);
  StartFile();
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(sink_->View().skipped, oldest - 4);
  EXPECT_THAT(TextOf(file()),
              HasSubstr(R"({"node_id":"a","gap":{"first":4,"last":)" + std::to_string(oldest - 1)));
  EXPECT_EQ(NumbersIn(file()).back(), journal_->head());
}

TEST_F(SinksTest, AJournalThatWasReplacedIsSentFromItsOldestRecord) {
  ASSERT_TRUE(store_->PutFact("audit_sink.test", "50").ok());
  Add(2);
  StartFile();
  Add(1);
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(NumbersIn(file()), UpTo(3));
}

TEST_F(SinksTest, TheSystemsLogMayComeGoAndComeBack) {
  const std::string path = root_ + "/log";
  Add(1);
  Start(std::make_unique<SyslogOutlet>(path));
  ASSERT_TRUE(Eventually([this] { return !sink_->View().fault.empty(); }));
  size_t got = 0;
  {
    Listener log(path);
    ASSERT_TRUE(Eventually([&] { return (got += log.Take()) == 1; }));
  }
  Add(2);
  ASSERT_TRUE(Eventually([this] { return !sink_->View().fault.empty(); }));
  Listener again(path);
  ASSERT_TRUE(Eventually([&] { return (got += again.Take()) == 3; }));
  ASSERT_TRUE(CaughtUp());
}

TEST_F(SinksTest, ASlowLogIsWaitedForByTheSinkAlone) {
  const std::string path = root_ + "/log";
  Listener log(path);
  Start(std::make_unique<SyslogOutlet>(path));
  Add(300);  // More than the socket holds: nobody takes them.
  EXPECT_LT(sink_->View().position, 300u);
  size_t got = 0;
  ASSERT_TRUE(Eventually([&] { return (got += log.Take()) == 300; })) << got;
}

}  // namespace
}  // namespace holdfast::sinks

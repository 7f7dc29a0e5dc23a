// A server whose disk is really full: its tables on a small mount, which takes root.
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "server/base/limits.h"
#include "tests/unit/server/storage/postgres/postgres_fixture.h"

namespace holdfast::storage::postgres {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// A small disk of its own, where the server may write.
class SmallDisk {
 public:
  explicit SmallDisk(const PrivatePostgres& server) {
    std::string name = server.folder() + "/disk-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    const std::string as_server =
        fmt::format("chown --reference='{}/data' '{}'", server.folder(), folder_);
    mounted_ = mount("small", folder_.c_str(), "tmpfs", 0, "size=2m") == 0 &&
               system(as_server.c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
    rmdir(folder_.c_str());
  }
  bool mounted() const { return mounted_; }
  const std::string& folder() const { return folder_; }
  void Fill() {
    std::ofstream file(folder_ + "/filler");
    const std::string block(4096, 'x');
    while (file << block << std::flush) {
    }
  }
  void Free() { EXPECT_EQ(unlink((folder_ + "/filler").c_str()), 0); }

 private:
  std::string folder_;
  bool mounted_ = false;
};

class FullServerTest : public PostgresFixture {
 protected:
  // Big records: a page that has room left for a small one does not grow.
  static absl::Status AppendBig(PostgresStore& store, uint64_t seq) {
    auto entry = std::make_shared<LogEntry>(*EntryAt(seq));
    for (unsigned i = 0; entry->record.size() < limits::kRecordBytesMax / 2; ++i) {
      entry->record += static_cast<char>(i * 2654435761U >> 11);  // does not compress away
    }
    const EntryPtr big = entry;
    return store.Append({.entries = {&big, 1}});
  }
};

TEST_F(FullServerTest, AFullDiskWritesNothingAndGoesOnOnceThereIsRoom) {
  SmallDisk disk(server_);
  if (!disk.mounted()) GTEST_SKIP() << "a file system cannot be mounted here";
  const auto store = MustOpen();
  ASSERT_TRUE(AppendOne(*store, 1).ok());
  Sql(fmt::format("CREATE TABLESPACE small LOCATION '{}'", disk.folder()));
  Sql("ALTER TABLE holdfast.log SET TABLESPACE small");
  disk.Fill();
  const absl::Status full = AppendBig(*store, 2);
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr("No space left on device"));
  EXPECT_EQ(AppendBig(*store, 2).code(), StatusCode::kResourceExhausted) << "and again";
  EXPECT_TRUE(store->failure().ok());
  EXPECT_EQ(Sql("SELECT max(seq) FROM holdfast.log"), "1");
  disk.Free();
  const absl::Status again = AppendBig(*store, 2);
  EXPECT_TRUE(again.ok()) << again;
  EXPECT_EQ(Sql("SELECT max(seq) FROM holdfast.log"), "2");
  Sql("ALTER TABLE holdfast.log SET TABLESPACE pg_default");
  Sql("DROP TABLESPACE small");
}

}  // namespace
}  // namespace holdfast::storage::postgres

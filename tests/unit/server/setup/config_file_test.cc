#include "server/setup/config_file.h"

#include <gmock/gmock.h>

#include "server/base/file.h"
#include "tests/unit/server/setup/temp_folder.h"

namespace holdfast::setup {
namespace {

using ::testing::HasSubstr;

class ConfigFileTest : public TempFolderTest {
 protected:
  void Write(const std::string& text) {
    ASSERT_TRUE(WriteFileAtomic(Path("node.toml"), text, 0600).ok());
  }
};

TEST_F(ConfigFileTest, AFreshFileIsWrittenAndReadBack) {
  const auto file = FindConfig(Path("node.toml"), Path("data"), "b");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(FileExists(Path("node.toml")));
  ASSERT_TRUE(WriteConfig(*file).ok());
  const auto again = FindConfig(Path("node.toml"), Path("data"), "b");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->fresh);
  EXPECT_EQ(again->config.node.id, "b");
}

TEST_F(ConfigFileTest, TheFileThatIsThereMustMeanThisNode) {
  Write("[node]\nid = \"a\"\ndata = \"/srv/a\"\n");
  EXPECT_TRUE(FindConfig(Path("node.toml"), "/srv/a", "").ok());
  EXPECT_THAT(std::string(FindConfig(Path("node.toml"), "/srv/b", "").status().message()),
              HasSubstr("node.data is \"/srv/a\", but --data is \"/srv/b\""));
  EXPECT_THAT(std::string(FindConfig(Path("node.toml"), "/srv/a", "b").status().message()),
              HasSubstr("node.id is \"a\""));
}

TEST_F(ConfigFileTest, ASealKeyElsewhereIsNotAvailableYet) {
  Write("[node]\nid = \"a\"\ndata = \"/srv/a\"\n[seal]\nkey_file = \"/etc/key\"\n");
  EXPECT_EQ(FindConfig(Path("node.toml"), "/srv/a", "").status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace holdfast::setup

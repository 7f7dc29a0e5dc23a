#ifndef HOLDFAST_TESTS_UNIT_SERVER_SETUP_TEMP_FOLDER_H_
#define HOLDFAST_TESTS_UNIT_SERVER_SETUP_TEMP_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

namespace holdfast::setup {

class TempFolderTest : public ::testing::Test {
 protected:
  TempFolderTest() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-setup-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~TempFolderTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  static unsigned ModeOf(const std::string& path) {
    struct stat info;
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }

  std::string folder_;
};

}  // namespace holdfast::setup

#endif  // HOLDFAST_TESTS_UNIT_SERVER_SETUP_TEMP_FOLDER_H_

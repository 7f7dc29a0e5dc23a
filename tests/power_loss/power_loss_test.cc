// The power goes at any moment of a node's life, and takes with it any part of what was not synced.
// HOLDFAST_SEED and HOLDFAST_IMAGES choose others; HOLDFAST_IMAGES=0 is every place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "server/crypto/random.h"
#include "tests/power_loss/replay.h"

namespace holdfast::power_loss {
namespace {

using testing::IsEmpty;
using testing::Not;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = getenv(name);
  return value == nullptr ? otherwise : strtoull(value, nullptr, 10);
}

// In memory where there is such a folder: the syncs of a check need not be real ones.
class Folder {
 public:
  Folder() {
    std::string name = access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : testing::TempDir();
    name += "holdfast-power-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Sub(const std::string& name) const {
    std::filesystem::create_directory(path_ + "/" + name);
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

class PowerLossTest : public testing::Test {
 protected:
  static const Life& Primary() {
    static const Life life = LiveAsPrimary(Folder().Sub("life"));
    return life;
  }
  static const Life& Secondary() {
    static const Life life = LiveAsSecondary(Folder().Sub("life"));
    return life;
  }
  std::vector<std::string> Faults(const Life& life, ReplayOptions options) {
    return Replay(life, folder_.Sub("image"), options);
  }
  void ExpectSurvives(const Life& life) {
    const ReplayOptions options{
        .seed = FromEnvironment("HOLDFAST_SEED", crypto::RandomBelow(1u << 30)),
        .images = FromEnvironment("HOLDFAST_IMAGES", 700)};
    printf("HOLDFAST_SEED=%lu HOLDFAST_IMAGES=%zu, %zu operations\n", options.seed, options.images,
           life.ops.size());
    EXPECT_THAT(Faults(life, options), IsEmpty()) << "HOLDFAST_SEED=" << options.seed;
  }
  // A planted fault is found within fewer power losses than that.
  void ExpectFound(const Life& life,
                   std::function<bool(const DiskOp& op, const std::string& last_note)> lies) {
    const std::vector<std::string> faults =
        Faults(life, {.seed = 1, .images = 2000, .faults_max = 1, .lies = std::move(lies)});
    EXPECT_THAT(faults, Not(IsEmpty()));
    for (const std::string& fault : faults) printf("found: %s\n", fault.c_str());
  }

  Folder folder_;
};

TEST_F(PowerLossTest, APrimaryComesBackWhole) { ExpectSurvives(Primary()); }

TEST_F(PowerLossTest, ASecondaryComesBackWhole) { ExpectSurvives(Secondary()); }

// ---- The checks see what they are for.

TEST_F(PowerLossTest, AStoreThatDoesNotSyncItsWalIsFound) {
  const auto lies = [](const DiskOp& op, const std::string&) { return op.path == "vault.db-wal"; };
  ExpectFound(Primary(), lies);
  ExpectFound(Secondary(), lies);
}

TEST_F(PowerLossTest, ACheckpointThatDoesNotSyncTheDatabaseIsFound) {
  const auto lies = [](const DiskOp& op, const std::string&) { return op.path == "vault.db"; };
  ExpectFound(Primary(), lies);
}

TEST_F(PowerLossTest, ACommittedPositionThatIsNotSyncedIsFound) {
  const auto lies = [](const DiskOp& op, const std::string&) { return op.path == "committed"; };
  ExpectFound(Primary(), lies);
  ExpectFound(Secondary(), lies);
}

TEST_F(PowerLossTest, APromiseThatIsNotSyncedIsFound) {
  const auto lies = [](const DiskOp& op, const std::string& last_note) {
    return last_note == "promise.begun" && op.path == "vault.db-wal";
  };
  ExpectFound(Primary(), lies);
}

TEST_F(PowerLossTest, AJournalThatDoesNotSyncIsFound) {
  const auto lies = [](const DiskOp& op, const std::string&) {
    return op.path.starts_with("journal/");
  };
  ExpectFound(Primary(), lies);
}

TEST_F(PowerLossTest, ANameThatIsNotSyncedIsFound) {
  const auto lies = [](const DiskOp& op, const std::string&) {
    return op.kind == DiskOp::Kind::kSyncFolder && op.path.empty();
  };
  ExpectFound(Primary(), lies);
}

}  // namespace
}  // namespace holdfast::power_loss

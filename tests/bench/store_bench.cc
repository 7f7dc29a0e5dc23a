// Durable writes a second of the two stores, in one run and in turn, so that both meet the same
// disk:
//   store_bench FOLDER CONNECTION [SECONDS]
// FOLDER is for the SQLite file; CONNECTION names an empty PostgreSQL database on the same disk
// (deploy/dev/private-postgres start DIR). A write is a log entry of 400 bytes and an account of
// 300 bytes with a random id; a group is one transaction, as the ledger makes of what waits.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <vector>

#include "server/storage/postgres/postgres_store.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/support/real_clock.h"

namespace holdfast::storage {
namespace {

constexpr int kRounds = 3;

class Load {
 public:
  Load(Store& store, const Clock& clock) : store_(store), clock_(clock) {}

  void Run(size_t group, std::chrono::milliseconds time) {
    const MonoTime end = clock_.Mono() + time;
    const MonoTime began = clock_.Mono();
    uint64_t writes = 0;
    while (clock_.Mono() < end) {
      const MonoTime asked = clock_.Mono();
      Group(group);
      waits_.push_back((clock_.Mono() - asked).count() / 1000);
      writes += group;
    }
    seconds_ += std::chrono::duration<double>(clock_.Mono() - began).count();
    writes_ += writes;
  }

  // Prints, forgets, and gives the writes a second.
  double Report(const char* name, size_t group) {
    std::sort(waits_.begin(), waits_.end());
    const auto at = [this](double share) {
      return waits_[static_cast<size_t>(share * static_cast<double>(waits_.size() - 1))];
    };
    const double rate = static_cast<double>(writes_) / seconds_;
    fmt::print("{:10} groups of {:3}: {:7.0f} writes/s, group p50 {} us, p99 {} us, max {} us\n",
               name, group, rate, at(0.5), at(0.99), at(1));
    waits_.clear();
    writes_ = 0;
    seconds_ = 0;
    return rate;
  }

 private:
  void Group(size_t size) {
    std::vector<EntryPtr> entries;
    std::vector<v1::RowChange> changes(size);
    std::vector<const v1::RowChange*> rows;
    for (v1::RowChange& change : changes) {
      auto entry = std::make_shared<LogEntry>();
      entry->seq = ++seq_;
      entry->epoch = {.number = 1, .node_id = "node1"};
      entry->record.assign(400, static_cast<char>(seq_));
      entries.push_back(std::move(entry));
      v1::AccountRow& account = *change.mutable_put()->mutable_account();
      account.set_id(random_() % 1'000'000);
      account.set_name("application");
      account.mutable_secret()->set_ciphertext(std::string(300, static_cast<char>(seq_)));
      rows.push_back(&change);
    }
    const absl::Status status =
        store_.Append({.entries = entries,
                       .rows = rows,
                       .applied = Applied{.position = {.epoch = 1, .seq = seq_},
                                          .digest = entries.back()->digest}});
    if (status.ok()) return;
    fmt::print(stderr, "{}\n", status.ToString());
    std::abort();
  }

  Store& store_;
  const Clock& clock_;
  std::mt19937_64 random_{7};
  uint64_t seq_ = 0;
  uint64_t writes_ = 0;
  double seconds_ = 0;
  std::vector<int64_t> waits_;
};

int Main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: store_bench FOLDER CONNECTION [SECONDS]\n");
    return 1;
  }
  const RealClock clock;
  const auto file = sqlite::SqliteStore::Open({.path = std::string(argv[1]) + "/bench.db"});
  const auto database = postgres::PostgresStore::Open({.connection = argv[2]}, clock);
  if (!file.ok() || !database.ok()) {
    fmt::print(stderr, "{}\n{}\n", file.status().ToString(), database.status().ToString());
    return 1;
  }
  Load in_file(**file, clock);
  Load in_database(**database, clock);
  const std::chrono::milliseconds time(1000 * (argc > 3 ? std::atoi(argv[3]) : 6) / kRounds);
  for (const size_t group : {size_t{1}, size_t{32}, size_t{128}}) {
    for (int round = 0; round < kRounds; ++round) {
      in_file.Run(group, time);
      in_database.Run(group, time);
    }
    const double sqlite_rate = in_file.Report("SQLite", group);
    const double postgres_rate = in_database.Report("PostgreSQL", group);
    fmt::print("PostgreSQL / SQLite, groups of {}: {:.2f}\n", group, postgres_rate / sqlite_rate);
  }
  return 0;
}

}  // namespace
}  // namespace holdfast::storage

int main(int argc, char** argv) { return holdfast::storage::Main(argc, argv); }

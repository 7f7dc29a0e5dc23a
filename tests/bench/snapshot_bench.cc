// How fast a snapshot comes, what it costs a primary that is written to, how fast a stopped
// secondary catches up by the log, and how far behind a running one is:
//   snapshot_bench FOLDER [ACCOUNTS [catch-up|lag|load ..]]
// FOLDER must be on the disk in question, and not be there yet. All nodes share this machine.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/bench_node.h"

namespace holdfast::replication {
namespace {

using namespace std::chrono_literals;

v1::SealedSecret Sealed(const v1::SealedSecret& like, uint64_t n) {
  v1::SealedSecret secret = like;
  secret.set_id(fmt::format("{:016}", n));
  secret.set_nonce(std::string(12, 'n'));
  secret.set_ciphertext(std::string(40, static_cast<char>('a' + n % 26)));
  return secret;
}

class Bench {
 public:
  Bench(const std::string& folder, uint64_t accounts)
      : accounts_(accounts),
        authority_(Must(crypto::CreateAuthority(kCluster, RealClock().Wall()))),
        a_("a", folder + "/a", authority_, root_),
        b_("b", folder + "/b", authority_, root_),
        c_("c", folder + "/c", authority_, root_) {}

  void Run(const std::vector<std::string>& parts) {
    const auto wanted = [&parts](const char* part) {
      return parts.empty() || std::find(parts.begin(), parts.end(), part) != parts.end();
    };
    a_.Found({&b_, &c_});
    Fill();
    a_.Start({});
    if (!Eventually([&] { return a_.Serves(); })) std::exit(1);
    FirstSnapshot();
    if (wanted("catch-up")) CatchUp();
    if (wanted("lag")) Lag();
    if (wanted("load")) SnapshotUnderLoad();
  }

 private:
  v1::AccountRow Account(uint64_t n) {
    v1::AccountRow row;
    row.set_name(fmt::format("account-{:08}", n));
    row.set_notes(std::string(120, 'n'));
    *row.mutable_secret() = Sealed(like_, n);
    return row;
  }
  void Fill() {
    a_.ledger().Read([&](const vault::StateReader& state, Position) {
      for (const v1::DataKeyRow* key : state.DataKeysOf(1)) like_.set_generation(key->generation());
    });
    const MonoTime began = clock_.Mono();
    std::vector<std::future<absl::StatusOr<WriteResult>>> waiting;
    for (uint64_t n = 0; n < accounts_;) {
      vault::AddResource add;
      add.resource.set_name(fmt::format("resource-{:08}", n));
      add.resource.set_type("Linux");
      for (int i = 0; i < 100 && n < accounts_; ++i, ++n) add.accounts.push_back(Account(n));
      auto done = std::make_shared<std::promise<absl::StatusOr<WriteResult>>>();
      waiting.push_back(done->get_future());
      a_.Submit(std::move(add), [done](auto result) { done->set_value(std::move(result)); });
      if (waiting.size() < 64) continue;
      TakeIds(waiting);
    }
    TakeIds(waiting);
    fmt::print("filled {} accounts in {:.1f} s\n", accounts_, Seconds(clock_.Mono() - began));
  }
  void TakeIds(std::vector<std::future<absl::StatusOr<WriteResult>>>& waiting) {
    for (auto& each : waiting) {
      const WriteResult result = Must(each.get());
      ids_.insert(ids_.end(), result.planned.account_ids.begin(), result.planned.account_ids.end());
    }
    waiting.clear();
  }
  void WaitFor(BenchNode& node, const char* what) {
    const auto same = [&] { return node.shown() >= a_.shown(); };
    if (Eventually(same, std::chrono::seconds(300))) return;
    fmt::print(stderr, "{}: at {} of {}: {}\n", what, node.shown(), a_.shown(), node.Fault());
    std::exit(1);
  }
  void FirstSnapshot() {
    const MonoTime began = clock_.Mono();
    b_.Start({a_.Row(), b_.Row(), c_.Row()});
    WaitFor(b_, "snapshot");
    const double took = Seconds(clock_.Mono() - began);
    const auto rows = static_cast<double>(a_.ledger().rows());
    fmt::print("snapshot on an idle primary: {:.0f} rows in {:.2f} s, {:.0f} rows/s\n", rows, took,
               rows / took);
  }

  // 32 writers, each with one write under way.
  struct Load {
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> written{0};
    std::vector<std::thread> threads;
  };
  void Begin(Load& load) {
    for (int t = 0; t < 32; ++t) {
      load.threads.emplace_back([this, &load, t] {
        for (uint64_t n = 0; !load.stop; ++n) {
          vault::SetSecret set;
          set.account_id = ids_[(n * 7919 + static_cast<uint64_t>(t) * 104729) % ids_.size()];
          set.secret = Sealed(like_, (static_cast<uint64_t>(t) << 40) + ++unique_);
          a_.Write(std::move(set));
          ++load.written;
        }
      });
    }
  }
  static void End(Load& load) {
    load.stop = true;
    for (std::thread& thread : load.threads) thread.join();
  }
  double RateFor(Load& load, const std::function<bool()>& until) {
    const MonoTime began = clock_.Mono();
    const uint64_t before = load.written;
    if (!Eventually(until, std::chrono::seconds(300))) std::exit(1);
    return static_cast<double>(load.written - before) / Seconds(clock_.Mono() - began);
  }
  void CatchUp() {
    b_.Stop();
    Load load;
    Begin(load);
    const uint64_t wanted = std::min<uint64_t>(100'000, a_.ledger().rows() / 9);
    RateFor(load, [&] { return load.written >= wanted; });
    End(load);
    b_.Open();
    const uint64_t behind = a_.shown() - b_.shown();
    const MonoTime began = clock_.Mono();
    b_.Start({});
    WaitFor(b_, "catch-up");
    const double took = Seconds(clock_.Mono() - began);
    fmt::print("catch-up: {} writes in {:.2f} s, {:.0f} writes/s\n", behind, took,
               static_cast<double>(behind) / took);
  }
  void SnapshotUnderLoad() {
    b_.Stop();
    Load load;
    Begin(load);
    const MonoTime until = clock_.Mono() + 5s;
    const double alone = RateFor(load, [&] { return clock_.Mono() > until; });
    c_.Start({a_.Row(), b_.Row(), c_.Row()});
    const double beside = RateFor(load, [&] { return c_.shown() > 0; });
    End(load);
    fmt::print(
        "writes/s: {:.0f} alone, {:.0f} while a snapshot is made, sent and installed: "
        "{:.0f} %\n",
        alone, beside, 100 * beside / alone);
    WaitFor(c_, "after the snapshot");
  }
  void Until(MonoTime due) {
    MutexLock lock(pace_mu_);
    for (auto left = due - clock_.Mono(); left > 0ns; left = due - clock_.Mono()) {
      pace_.WaitFor(pace_mu_, left);
    }
  }
  // 5,000 writes/s for 20 s; from the moment the primary shows one until the secondary does. The
  // first 5 s are not counted: the stores still put away what the part before has written.
  void Lag() {
    constexpr uint64_t kWarmUp = 25'000;
    constexpr uint64_t kWrites = kWarmUp + 75'000;
    const uint64_t first = a_.shown() + 1;
    std::vector<std::atomic<int64_t>> primary(kWrites + 64);
    std::vector<std::atomic<int64_t>> secondary(kWrites + 64);
    const auto note = [&](BenchNode& node, std::vector<std::atomic<int64_t>>& at) {
      return node.ledger().Subscribe([&node, &at, this, first, next = first]() mutable {
        const int64_t now = clock_.Mono().time_since_epoch().count();
        for (const uint64_t shown = node.shown(); next <= shown; ++next) {
          if (next - first < at.size()) at[next - first] = now;
        }
      });
    };
    const uint64_t on_a = note(a_, primary);
    const uint64_t on_b = note(b_, secondary);
    std::atomic<uint64_t> done{0};
    const MonoTime began = clock_.Mono();
    for (uint64_t n = 0; n < kWrites; ++n) {
      const MonoTime due = began + std::chrono::microseconds(200 * n);
      Until(due);
      vault::SetSecret set{.account_id = ids_[n * 7919 % ids_.size()],
                           .secret = Sealed(like_, (1ULL << 50) + n)};
      a_.Submit(std::move(set), [&](auto result) {
        Must(result.status());
        ++done;
      });
    }
    Eventually([&] { return done == kWrites && b_.shown() >= a_.shown(); });
    const double rate = static_cast<double>(kWrites) / Seconds(clock_.Mono() - began);
    a_.ledger().Unsubscribe(on_a);
    b_.ledger().Unsubscribe(on_b);
    std::vector<int64_t> lags;
    for (size_t i = kWarmUp; i < kWrites; ++i) {
      if (primary[i] != 0 && secondary[i] != 0) {
        lags.push_back(std::max<int64_t>(0, secondary[i] - primary[i]) / 1000);
      }
    }
    std::sort(lags.begin(), lags.end());
    if (lags.empty()) std::exit(1);
    fmt::print("lag at {:.0f} writes/s: p50 {} us, p99 {} us, max {} us\n", rate,
               lags[lags.size() / 2], lags[lags.size() * 99 / 100], lags.back());
  }

  const uint64_t accounts_;
  const RealClock clock_;
  const std::shared_ptr<const SecretBytes> root_ = NewRoot();
  const crypto::CertificateAuthority authority_;
  BenchNode a_, b_, c_;
  v1::SealedSecret like_;
  std::vector<uint64_t> ids_;
  std::atomic<uint64_t> unique_{0};
  Mutex pace_mu_;
  CondVar pace_;
};

int Main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: snapshot_bench FOLDER [ACCOUNTS [catch-up|lag|load ..]]\n");
    return 1;
  }
  setvbuf(stdout, nullptr, _IOLBF, 0);
  mkdir(argv[1], 0700);
  Bench bench(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000);
  bench.Run({argv + std::min(argc, 3), argv + argc});
  return 0;
}

}  // namespace
}  // namespace holdfast::replication

int main(int argc, char** argv) { return holdfast::replication::Main(argc, argv); }

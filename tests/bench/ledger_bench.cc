// Durable writes of two real nodes in one process, over TLS on loopback, each on its own SQLite
// store:
//   ledger_bench FOLDER [SECONDS [CLIENTS..]]
// FOLDER must be on the disk in question, and not be there yet. Level durable:1. One line for each
// number of clients: without and with the audit record of each write (its own fsync).
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "tests/bench/bench_node.h"

namespace holdfast::replication {
namespace {

using std::chrono::seconds;

constexpr size_t kSecretBytes = 64;

v1::SealedSecret SealedLike() {
  v1::SealedSecret secret;
  secret.set_id(std::string(16, 'i'));
  secret.set_generation(1);
  secret.set_nonce(std::string(12, 'n'));
  secret.set_ciphertext(std::string(kSecretBytes + 16, 'c'));
  return secret;
}

v1::AuditRecord AuditOf(uint64_t account_id) {
  v1::AuditRecord record;
  record.set_operation("account.set_secret");
  record.set_result(v1::AUDIT_RESULT_OK);
  record.set_user_name("application-user");
  record.set_source("192.0.2.7");
  record.set_via("REST");
  record.set_credential("token:7f3a");
  record.set_resource_name("database-server-12.example.com");
  record.set_account_id(account_id);
  record.set_account_name("oracle");
  record.set_reason("nightly job");
  return record;
}

std::vector<uint64_t> MakeAccounts(BenchNode& node, size_t count) {
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < count; ++i) {
    vault::AddResource add;
    add.resource.set_name("server-" + std::to_string(i));
    v1::AccountRow& account = add.accounts.emplace_back();
    account.set_name("oracle");
    account.set_notes(std::string(64, 'x'));
    *account.mutable_secret() = SealedLike();
    ids.push_back(node.Write(std::move(add)).planned.account_ids.front());
  }
  return ids;
}

void Measure(BenchNode& node, size_t clients, seconds time, bool audited) {
  const std::vector<uint64_t> accounts = [&] {
    static std::vector<uint64_t> made = MakeAccounts(node, 64);
    return made;
  }();
  std::vector<std::vector<int64_t>> waits(clients);
  std::vector<std::thread> threads;
  const MonoTime start = node.clock().Mono();
  for (size_t i = 0; i < clients; ++i) {
    threads.emplace_back([&, i, own = &waits[i]] {
      while (node.clock().Mono() < start + time) {
        const MonoTime asked = node.clock().Mono();
        const uint64_t account = accounts[i % accounts.size()];
        node.Write(vault::SetSecret{.account_id = account, .secret = SealedLike()});
        if (audited) Must(node.journal().AppendAndWait(AuditOf(account)));
        own->push_back((node.clock().Mono() - asked).count() / 1000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double took = static_cast<double>((node.clock().Mono() - start).count()) / 1e9;
  std::vector<int64_t> all;
  for (const auto& own : waits) all.insert(all.end(), own.begin(), own.end());
  std::sort(all.begin(), all.end());
  const auto at = [&](double share) {
    return all[static_cast<size_t>(share * static_cast<double>(all.size() - 1))];
  };
  fmt::print("{} clients{}: {:.0f} writes/s, p50 {} us, p99 {} us, max {} us\n", clients,
             audited ? ", audited" : "", static_cast<double>(all.size()) / took, at(0.5), at(0.99),
             all.back());
  fflush(stdout);
}

int Main(const std::string& folder, seconds time, const std::vector<size_t>& clients) {
  HOLDFAST_CHECK(mkdir(folder.c_str(), 0700) == 0);
  const RealClock clock;
  const auto authority = Must(crypto::CreateAuthority(kCluster, clock.Wall()));
  const std::shared_ptr<const SecretBytes> root = NewRoot();
  BenchNode first("a", folder + "/a", authority, root);
  BenchNode second("b", folder + "/b", authority, root);
  first.Found({&second});
  first.Start({});
  second.Start({first.Row(), second.Row()});
  HOLDFAST_CHECK(Eventually([&] { return first.Serves(); }));
  HOLDFAST_CHECK(Eventually([&] {
    return second.ledger().progress().committed_seq == first.ledger().progress().committed_seq;
  }));
  first.Write(vault::SetSettings{.level = v1::LEVEL_DURABLE, .k = 1, .policy = v1::POLICY_BLOCK});
  for (const size_t n : clients) {
    for (const bool audited : {false, true}) Measure(first, n, time, audited);
  }
  return 0;
}

}  // namespace
}  // namespace holdfast::replication

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: ledger_bench FOLDER [SECONDS [CLIENTS ..]]\n");
    return 1;
  }
  const std::chrono::seconds time(argc > 2 ? std::atoi(argv[2]) : 5);
  std::vector<size_t> clients;
  for (int i = 3; i < argc; ++i) clients.push_back(static_cast<size_t>(std::atoi(argv[i])));
  if (clients.empty()) clients = {1, 32};
  return holdfast::replication::Main(argv[1], time, clients);
}

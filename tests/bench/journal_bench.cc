// How many records a second the audit journal makes durable, and how long the slowest wait:
//   journal_bench FOLDER [SECONDS]
// FOLDER must be on the disk in question, and not be there yet.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "server/audit/journal.h"
#include "server/base/secret_bytes.h"
#include "tests/support/real_clock.h"

namespace holdfast::audit {
namespace {

v1::AuditRecord Retrieval() {
  v1::AuditRecord record;
  record.set_operation("account.retrieve");
  record.set_result(v1::AUDIT_RESULT_OK);
  record.set_user_id(12);
  record.set_user_name("application-user");
  record.set_source("192.0.2.7");
  record.set_via("REST");
  record.set_credential("token:7f3a");
  record.set_resource_id(345);
  record.set_resource_name("database-server-12.example.com");
  record.set_account_id(6789);
  record.set_account_name("oracle");
  record.set_reason("nightly job");
  record.set_position_epoch(3);
  record.set_position_seq(123456);
  return record;
}

void Measure(Journal& journal, const Clock& clock, int threads_count, std::chrono::seconds time) {
  std::vector<std::vector<int64_t>> waits(static_cast<size_t>(threads_count));
  std::vector<std::thread> threads;
  const uint64_t before = journal.head();
  const MonoTime start = clock.Mono();
  for (std::vector<int64_t>& own : waits) {
    threads.emplace_back([&journal, &clock, &own, end = start + time] {
      while (clock.Mono() < end) {
        const MonoTime asked = clock.Mono();
        if (!journal.AppendAndWait(Retrieval()).ok()) std::abort();
        own.push_back((clock.Mono() - asked).count() / 1000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>((clock.Mono() - start).count()) / 1e9;
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& own : waits) all.insert(all.end(), own.begin(), own.end());
  std::sort(all.begin(), all.end());
  const auto at = [&all](double share) {
    return all[static_cast<size_t>(share * static_cast<double>(all.size() - 1))];
  };
  fmt::print("{:3} threads: {:7.0f} records/s, wait p50 {} us, p99 {} us, p99.9 {} us, max {} us\n",
             threads_count, static_cast<double>(journal.head() - before) / seconds, at(0.5),
             at(0.99), at(0.999), at(1));
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: journal_bench FOLDER [SECONDS]\n");
    return 1;
  }
  const RealClock clock;
  JournalOptions options{.path = argv[1], .node_id = "bench"};
  options.bytes_max = 8ull << 30;
  auto journal =
      Journal::Open(options, crypto::Mac(SecretBytes::CopyOf(std::string(32, 'b'))), clock);
  if (!journal.ok()) {
    fmt::print(stderr, "{}\n", journal.status().ToString());
    return 1;
  }
  const std::chrono::seconds time(argc > 2 ? std::atoi(argv[2]) : 5);
  for (const int threads : {1, 32, 128}) Measure(**journal, clock, threads, time);
  const MonoTime start = clock.Mono();
  const auto report = (*journal)->Verify();
  if (!report.ok() || report->first_break.has_value()) return 1;
  fmt::print("verified {} records in {} ms\n", report->last,
             (clock.Mono() - start).count() / 1'000'000);
  return 0;
}

}  // namespace
}  // namespace holdfast::audit

int main(int argc, char** argv) { return holdfast::audit::Main(argc, argv); }

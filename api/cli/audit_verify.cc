// `holdfast audit verify`: the journal in a node's folder, read without the node.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "api/cli/commands.h"
#include "api/cli/exit_code.h"
#include "api/cli/print.h"
#include "server/audit/journal_report.h"
#include "server/base/status_macros.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/seal.h"
#include "server/setup/node_folder.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

constexpr char kDefaultData[] = "/var/lib/holdfast";
constexpr int kTriesWhileTrimmed = 3;

struct Key {
  std::string node_id;
  crypto::Mac mac;
};

absl::StatusOr<Key> KeyOf(const std::string& data) {
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::SealIdentity seal, crypto::ReadSealIdentity(data));
  HOLDFAST_ASSIGN_OR_RETURN(SecretBytes root, crypto::Unseal(data, seal.cluster_id, seal.node_id));
  const crypto::KeyRing keys(std::move(root), seal.cluster_id);
  return Key{.node_id = seal.node_id, .mac = keys.JournalMac(seal.node_id)};
}

// One line that is written over, for people only.
class ProgressLine {
 public:
  explicit ProgressLine(const Context& context)
      : context_(context), shown_(!context.globals.quiet && isatty(context.err_fd) == 1) {}
  ~ProgressLine() { Write("\r\x1b[K"); }

  void Show(uint64_t done, uint64_t total) {
    Write(fmt::format("\r{:3} %  {} of {} MiB", total == 0 ? 100 : done * 100 / total, done >> 20,
                      total >> 20));
  }

 private:
  void Write(const std::string& text) const {
    if (!shown_) return;
    // A progress line that cannot be shown is no error.
    [[maybe_unused]] const ssize_t n = write(context_.err_fd, text.data(), text.size());
  }

  const Context& context_;
  const bool shown_;
};

absl::StatusOr<audit::JournalReport> Verify(const Context& context, const std::string& folder,
                                            const Key& key) {
  ProgressLine line(context);
  for (int tried = 1;; ++tried) {
    absl::StatusOr<audit::JournalReport> report =
        audit::VerifyJournal(folder, key.node_id, key.mac,
                             [&line](uint64_t done, uint64_t total) { line.Show(done, total); });
    // A node at work may remove its oldest segment meanwhile.
    if (!absl::IsNotFound(report.status()) || tried == kTriesWhileTrimmed) return report;
  }
}

json::object Rendered(const std::string& folder, const std::string& node_id,
                      const audit::JournalReport& report) {
  json::object object{{"node_id", node_id},
                      {"folder", folder},
                      {"whole", !report.first_break.has_value()},
                      {"first", report.first},
                      {"last", report.last},
                      {"records", report.last + 1 - report.first},
                      {"segments", report.segments},
                      {"torn_end", report.torn_end},
                      {"first_bad", nullptr},
                      {"what", nullptr}};
  if (report.first_break.has_value()) {
    object["first_bad"] = report.first_break->number;
    object["what"] = report.first_break->what;
  }
  return object;
}

absl::Status RunVerify(const Context& context, const std::string& data) {
  const std::string folder = setup::PathIn(data, setup::kJournalFile);
  const absl::StatusOr<Key> key_or = KeyOf(data);
  if (absl::IsNotFound(key_or.status())) {
    return absl::NotFoundError(
        fmt::format("{}: not the folder of a node; --data is what its configuration has as "
                    "[node] data ({})",
                    data, std::string(key_or.status().message())));
  }
  HOLDFAST_RETURN_IF_ERROR(key_or.status());
  const Key& key = *key_or;
  HOLDFAST_ASSIGN_OR_RETURN(const audit::JournalReport report, Verify(context, folder, key));
  HOLDFAST_RETURN_IF_ERROR(PrintOne(context, "audit_verify", Rendered(folder, key.node_id, report),
                                    {{"node", "node_id"},
                                     {"folder", "folder"},
                                     {"whole", "whole"},
                                     {"first record", "first"},
                                     {"last record", "last"},
                                     {"records", "records"},
                                     {"segments", "segments"},
                                     {"torn end", "torn_end"},
                                     {"first bad record", "first_bad"},
                                     {"what", "what"}}));
  if (!report.first_break.has_value()) return absl::OkStatus();
  return WithExit(
      absl::DataLossError(fmt::format("the journal of {} is whole up to record {}; record {} is "
                                      "not: {}\nkeep the folder as evidence; `holdfast audit list "
                                      "--node {}` on the other nodes has what they collected",
                                      key.node_id, report.last, report.first_break->number,
                                      report.first_break->what, key.node_id)),
      kExitRemote);
}

}  // namespace

void AddAuditVerify(CLI::App& audit, Context& context) {
  CLI::App* verify = AddCommand(
      audit, "verify",
      "whether the journal in a node's folder is what the node has written.\n"
      "Reads every record: its keyed chain, its number, its place. Needs the folder's seal, and no "
      "node;\n"
      "one at work is not disturbed. A torn end, as a crash leaves it, is told from damage.\n"
      "Records cut off at the very end are not seen here: compare the last record with what "
      "`holdfast\n"
      "audit gaps` calls the head.\n"
      "Exit status: 0 whole; 2 damaged, with the first bad record named; 1 it could not be read",
      "  holdfast audit verify --data /var/lib/holdfast\n"
      "  holdfast audit verify --data /var/lib/holdfast --output json");
  const auto data = std::make_shared<std::string>(kDefaultData);
  verify->add_option("--data", *data, "the node's folder")->capture_default_str()->type_name("DIR");
  OnRun(verify, context, [data, &context] { return RunVerify(context, *data); });
}

}  // namespace holdfast::cli

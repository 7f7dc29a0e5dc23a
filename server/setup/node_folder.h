#ifndef HOLDFAST_SERVER_SETUP_NODE_FOLDER_H_
#define HOLDFAST_SERVER_SETUP_NODE_FOLDER_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/file.h"

namespace holdfast::setup {

// What lies in a node's data folder (mode 0700): docs/formats/node.md. The seal's two files are
// named in crypto/seal.h.
inline constexpr char kAuthorityFile[] = "ca.pem";         // 0644
inline constexpr char kCertificateFile[] = "node.crt";     // 0644
inline constexpr char kCertificateKeyFile[] = "node.key";  // 0600
inline constexpr char kStoreFile[] = "vault.db";
inline constexpr char kCommittedFile[] = "committed";
inline constexpr char kJournalFile[] = "journal";
inline constexpr char kAuditStoreFile[] = "audit.db";
inline constexpr char kRecoveryFile[] = "recovery.sealed";  // the root key, by the recovery key
inline constexpr char kUnfinishedFile[] = "unfinished";     // there while init or join is at work

std::string PathIn(const std::string& folder, const std::string& name);

// A data folder in the making. It may be there already (a mount point) as long as it is empty.
//
// Invariants  The folder holds kUnfinishedFile from the first step to the last: what a crash leaves
//             is known as such, is never served, and is swept by the next init or join.
// Ownership   Removes everything that it made unless Finish was called.
// Threading   Thread-compatible.
class NewNodeFolder {
 public:
  // ALREADY_EXISTS when a node, or anything else, is in there. FAILED_PRECONDITION when another
  // process is making a node there.
  static absl::StatusOr<NewNodeFolder> Make(const std::string& path);
  NewNodeFolder(NewNodeFolder&& other) noexcept;
  NewNodeFolder& operator=(NewNodeFolder&&) = delete;
  ~NewNodeFolder();

  const std::string& path() const { return path_; }
  // All of it is durable; the folder is a node's from here on.
  absl::Status Finish();

 private:
  NewNodeFolder(std::string path, bool made, UniqueFd mark)
      : path_(std::move(path)), made_(made), mark_(std::move(mark)) {}

  std::string path_;  // empty: finished, or moved from
  bool made_;         // the folder itself is ours too
  UniqueFd mark_;     // kUnfinishedFile, locked
};

enum class StoreIs { kFile, kElsewhere };

// FAILED_PRECONDITION when the folder is no node's, or one that init or join never finished.
absl::Status CheckNodeFolder(const std::string& path, StoreIs store);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_NODE_FOLDER_H_

#include "server/crypto/seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/crypto/envelope.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"

namespace holdfast::crypto {
namespace {

constexpr size_t kSealKeyBytes = 32;
constexpr size_t kSealedRootBytesMax = 4096;
constexpr char kSealLabel[] = "holdfast seal 1";

std::string PathOf(const std::string& folder, const char* file) {
  return fmt::format("{}/{}", folder, file);
}

// Looks at the open file, not at the path: it could be exchanged in between.
absl::Status CheckKeyFile(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(fmt::format("stat {}", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("{}: expected a regular file", path));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        fmt::format("{}: expected mode 0400, got {:04o}: others than its owner may use it", path,
                    info.st_mode & 07777));
  }
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return absl::PermissionDeniedError(
        fmt::format("{}: expected owner {} or 0, got {}", path, geteuid(), info.st_uid));
  }
  if (static_cast<size_t>(info.st_size) != kSealKeyBytes) {
    return absl::DataLossError(
        fmt::format("{}: expected {} bytes, got {}", path, kSealKeyBytes, info.st_size));
  }
  return absl::OkStatus();
}

absl::StatusOr<SecretBytes> ReadKeyFile(const std::string& path) {
  // A symbolic link is refused: somebody else may own what it points to.
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(fmt::format("open {}", path));
  HOLDFAST_RETURN_IF_ERROR(CheckKeyFile(fd.get(), path));
  SecretBytes key = SecretBytes::OfSize(kSealKeyBytes);
  size_t got = 0;
  while (got < kSealKeyBytes) {
    const ssize_t n = read(fd.get(), key.Fill().data() + got, kSealKeyBytes - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(fmt::format("read {}", path));
    if (n == 0) {
      return absl::DataLossError(
          fmt::format("{}: expected {} bytes, got {}", path, kSealKeyBytes, got));
    }
    got += static_cast<size_t>(n);
  }
  return key;
}

absl::StatusOr<Envelope> ReadSealed(const std::string& folder) {
  const std::string path = PathOf(folder, kSealedRootFile);
  HOLDFAST_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kSealedRootBytesMax));
  return ParseEnvelope(bytes, kSealLabel, /*bound_to_count=*/2, path);
}

}  // namespace

absl::Status CreateSeal(const std::string& folder, const SecretBytes& root_key,
                        std::string_view cluster_id, std::string_view node_id) {
  HOLDFAST_CHECK(root_key.size() == kRootKeyBytes);
  const std::string sealed_path = PathOf(folder, kSealedRootFile);
  if (FileExists(sealed_path)) {
    return absl::AlreadyExistsError(fmt::format("{}: this folder has a seal already", sealed_path));
  }
  const SecretBytes seal_key = RandomSecret(kSealKeyBytes);
  HOLDFAST_RETURN_IF_ERROR(WriteFileOnce(PathOf(folder, kSealKeyFile),
                                         seal_key.RevealText(Purpose::kWriteOnceToFile), 0400));
  return WriteFileOnce(sealed_path,
                       SealEnvelope(seal_key, kSealLabel, {cluster_id, node_id}, root_key), 0400);
}

absl::StatusOr<SealIdentity> ReadSealIdentity(const std::string& folder) {
  HOLDFAST_ASSIGN_OR_RETURN(Envelope sealed, ReadSealed(folder));
  return SealIdentity{.cluster_id = std::move(sealed.bound_to[0]),
                      .node_id = std::move(sealed.bound_to[1])};
}

absl::StatusOr<SecretBytes> Unseal(const std::string& folder, std::string_view cluster_id,
                                   std::string_view node_id) {
  HOLDFAST_ASSIGN_OR_RETURN(const SecretBytes seal_key, ReadKeyFile(PathOf(folder, kSealKeyFile)));
  HOLDFAST_ASSIGN_OR_RETURN(const Envelope sealed, ReadSealed(folder));
  const std::string path = PathOf(folder, kSealedRootFile);
  auto root_key = OpenEnvelope(sealed, seal_key, kSealLabel);
  if (!root_key.ok() || root_key->size() != kRootKeyBytes) {
    return absl::DataLossError(
        fmt::format("{} does not open with {}: not its key, or changed bytes", path, kSealKeyFile));
  }
  if (sealed.bound_to[0] != cluster_id || sealed.bound_to[1] != node_id) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: expected the seal of node '{}' of cluster '{}', got that of node '{}' of cluster '{}'",
        path, node_id, cluster_id, sealed.bound_to[1], sealed.bound_to[0]));
  }
  return root_key;
}

}  // namespace holdfast::crypto

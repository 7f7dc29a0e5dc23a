#include "server/setup/identity.h"

#include <utility>

#include "fmt/format.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/crypto/seal.h"
#include "server/setup/node_folder.h"

namespace holdfast::setup {
namespace {

constexpr size_t kPemFileBytesMax = 64 * 1024;

absl::Status Mismatch(const std::string& file, std::string_view what, std::string_view expected,
                      std::string_view found) {
  return absl::FailedPreconditionError(
      fmt::format(R"({}: expected {} "{}", found "{}"; is this the folder of another node?)", file,
                  what, expected, found));
}

absl::Status CheckCertificate(const Identity& identity, const std::string& file, WallTime now) {
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::CertificateInfo info,
                            crypto::ParseCertificate(identity.certificate_pem));
  if (info.cluster_id != identity.cluster_id) {
    return Mismatch(file, "a certificate of cluster", identity.cluster_id, info.cluster_id);
  }
  if (info.node_id != identity.node_id) {
    return Mismatch(file, "a certificate of node", identity.node_id, info.node_id);
  }
  HOLDFAST_RETURN_IF_ERROR(
      crypto::VerifyChain(identity.certificate_pem, identity.authority_pem, now));
  return crypto::CheckKeyFits(identity.certificate_pem, identity.certificate_key_pem);
}

}  // namespace

absl::StatusOr<Identity> LoadIdentity(const Config& config, WallTime now) {
  const std::string& folder = config.node.data;
  HOLDFAST_RETURN_IF_ERROR(CheckNodeFolder(
      folder, config.store.kind == "postgres" ? StoreIs::kElsewhere : StoreIs::kFile));
  HOLDFAST_ASSIGN_OR_RETURN(crypto::SealIdentity seal, crypto::ReadSealIdentity(folder));
  if (seal.node_id != config.node.id) {
    return Mismatch(PathIn(folder, crypto::kSealedRootFile), "the seal of node", config.node.id,
                    seal.node_id);
  }
  Identity identity;
  HOLDFAST_ASSIGN_OR_RETURN(identity.root_key,
                            crypto::Unseal(folder, seal.cluster_id, seal.node_id));
  identity.cluster_id = std::move(seal.cluster_id);
  identity.node_id = std::move(seal.node_id);
  HOLDFAST_ASSIGN_OR_RETURN(identity.authority_pem,
                            ReadFile(PathIn(folder, kAuthorityFile), kPemFileBytesMax));
  const std::string certificate_file = PathIn(folder, kCertificateFile);
  HOLDFAST_ASSIGN_OR_RETURN(identity.certificate_pem, ReadFile(certificate_file, kPemFileBytesMax));
  HOLDFAST_ASSIGN_OR_RETURN(std::string key,
                            ReadFile(PathIn(folder, kCertificateKeyFile), kPemFileBytesMax));
  identity.certificate_key_pem = SecretBytes::TakeFrom(key);
  HOLDFAST_RETURN_IF_ERROR(CheckCertificate(identity, certificate_file, now));
  return identity;
}

}  // namespace holdfast::setup

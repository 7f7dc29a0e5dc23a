#include "server/setup/init.h"

#include <fmt/format.h>

#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "replication/ledger/ledger.h"
#include "replication/node/epoch_book.h"
#include "server/base/encoding.h"
#include "server/base/file.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/utf8.h"
#include "server/crypto/certificate.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"
#include "server/crypto/seal.h"
#include "server/desk/caller.h"
#include "server/desk/new_token.h"
#include "server/setup/bootstrap.h"
#include "server/setup/made_files.h"
#include "server/setup/node_addresses.h"
#include "server/setup/node_folder.h"
#include "server/setup/open_stores.h"

namespace holdfast::setup {
namespace {

constexpr size_t kClusterIdRandomBytes = 8;

// A DNS label that no other cluster has.
std::string NewClusterId() { return "hf" + HexEncode(crypto::RandomBytes(kClusterIdRandomBytes)); }

// Everything that is made before there is a log.
struct NewCluster {
  SecretBytes root_key;
  crypto::CertificateAuthority authority;
  std::string authority_fingerprint;
  crypto::CertificateRequest node_key;
  std::string certificate_pem;
  v1::MemberRow member;
};

absl::StatusOr<NewCluster> MakeKeys(const std::string& cluster_id, v1::MemberRow member,
                                    WallTime now) {
  NewCluster made;
  made.root_key = crypto::RandomSecret(crypto::kRootKeyBytes);
  HOLDFAST_ASSIGN_OR_RETURN(made.authority, crypto::CreateAuthority(cluster_id, now));
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::CertificateInfo authority,
                            crypto::ParseCertificate(made.authority.certificate_pem));
  made.authority_fingerprint = authority.fingerprint;
  HOLDFAST_ASSIGN_OR_RETURN(made.node_key, crypto::CreateRequest(cluster_id, member.node_id()));
  const crypto::CertificateTerms terms{.cluster_id = cluster_id,
                                       .node_id = member.node_id(),
                                       .addresses = CertificateAddresses(member),
                                       .days = crypto::kMemberDaysMax,
                                       .now = now};
  HOLDFAST_ASSIGN_OR_RETURN(
      made.certificate_pem,
      crypto::SignCertificate(made.authority, made.node_key.request_pem, terms));
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::CertificateInfo certificate,
                            crypto::ParseCertificate(made.certificate_pem));
  member.set_fingerprint(certificate.fingerprint);
  made.member = std::move(member);
  return made;
}

absl::Status WriteKeys(const std::string& folder, const std::string& cluster_id,
                       const NewCluster& made) {
  HOLDFAST_RETURN_IF_ERROR(
      crypto::CreateSeal(folder, made.root_key, cluster_id, made.member.node_id()));
  HOLDFAST_RETURN_IF_ERROR(
      WriteFileOnce(PathIn(folder, kAuthorityFile), made.authority.certificate_pem, 0644));
  HOLDFAST_RETURN_IF_ERROR(
      WriteFileOnce(PathIn(folder, kCertificateFile), made.certificate_pem, 0644));
  return WriteFileOnce(PathIn(folder, kCertificateKeyFile),
                       made.node_key.key_pem.RevealText(Purpose::kWriteOnceToFile), 0600);
}

// The epoch is claimed on disk before it is used, by the same book as at every later start.
absl::Status ClaimEpoch(const Epoch& epoch, storage::Store& store) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<replication::EpochBook> book,
                            replication::EpochBook::Open(store, epoch.node_id));
  return book->Claim(epoch, Epoch{});
}

absl::Status Commit(replication::Ledger& ledger, vault::Command command) {
  std::promise<absl::Status> answered;
  ledger.Submit(std::move(command), [&](absl::StatusOr<replication::WriteResult> result) {
    answered.set_value(result.status());
  });
  return answered.get_future().get();
}

absl::Status WriteLog(const std::string& folder, const Config& config, vault::Command command,
                      crypto::KeyRing& keys, const Clock& clock) {
  HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store,
                            MakeStore(config, folder, clock));
  const std::string& node_id = config.node.id;
  const Epoch epoch{.number = 1, .node_id = node_id};
  HOLDFAST_RETURN_IF_ERROR(ClaimEpoch(epoch, *store));
  HOLDFAST_ASSIGN_OR_RETURN(
      const std::unique_ptr<replication::Ledger> ledger,
      replication::Ledger::Open(
          {.node_id = node_id, .committed_path = PathIn(folder, kCommittedFile)}, *store, keys,
          clock));
  HOLDFAST_RETURN_IF_ERROR(ledger->StartEpoch(epoch));
  HOLDFAST_RETURN_IF_ERROR(Commit(*ledger, std::move(command)));
  ledger->Close();  // Rows that it still owes go into the store.
  return store->failure();
}

absl::Status CheckOptions(const InitOptions& options) {
  const size_t chars = Utf8Chars(options.cluster_name).value_or(0);
  if (chars == 0 || chars > limits::kNameCharsMax) {
    return absl::InvalidArgumentError(
        fmt::format("cluster name: expected text of 1 to {} characters", limits::kNameCharsMax));
  }
  HOLDFAST_RETURN_IF_ERROR(CheckAbsent(options.admin_token_file, "administrator's token"));
  if (options.recovery_key_file.empty()) return absl::OkStatus();
  return CheckAbsent(options.recovery_key_file, "recovery key");
}

}  // namespace

absl::StatusOr<InitResult> Init(const InitOptions& options, const Clock& clock) {
  HOLDFAST_RETURN_IF_ERROR(CheckOptions(options));
  const Config& config = options.config.config;
  HOLDFAST_ASSIGN_OR_RETURN(v1::MemberRow member, MemberRowOf(config));
  HOLDFAST_ASSIGN_OR_RETURN(NewNodeFolder folder, NewNodeFolder::Make(config.node.data));
  MadeFiles files;

  const WallTime now = clock.Wall();
  InitResult result{.cluster_id = NewClusterId()};
  HOLDFAST_ASSIGN_OR_RETURN(const NewCluster made,
                            MakeKeys(result.cluster_id, std::move(member), now));
  result.authority_fingerprint = made.authority_fingerprint;
  HOLDFAST_RETURN_IF_ERROR(WriteKeys(folder.path(), result.cluster_id, made));

  crypto::KeyRing keys(made.root_key.Clone(), result.cluster_id);
  const SecretBytes token = desk::NewToken();
  vault::Command command{.actor = desk::NodeActor(""), .now_ms = ToMillis(now)};
  HOLDFAST_ASSIGN_OR_RETURN(command.body, MakeBootstrap({.cluster_name = options.cluster_name,
                                                         .authority = made.authority,
                                                         .member = made.member,
                                                         .admin_token = token,
                                                         .now_ms = ToMillis(now)},
                                                        keys));
  HOLDFAST_RETURN_IF_ERROR(WriteLog(folder.path(), config, std::move(command), keys, clock));

  SecretBytes recovery_key = crypto::NewRecoveryKey();
  HOLDFAST_ASSIGN_OR_RETURN(const std::string wrapped,
                            crypto::RecoveryWrap(recovery_key, made.root_key, result.cluster_id));
  HOLDFAST_RETURN_IF_ERROR(WriteFileOnce(PathIn(folder.path(), kRecoveryFile), wrapped, 0600));
  HOLDFAST_RETURN_IF_ERROR(files.WriteSecret(options.admin_token_file, token));
  if (options.recovery_key_file.empty()) {
    result.recovery_key = std::move(recovery_key);
  } else {
    HOLDFAST_RETURN_IF_ERROR(files.WriteSecret(options.recovery_key_file, recovery_key));
  }
  HOLDFAST_RETURN_IF_ERROR(WriteConfig(options.config));
  if (options.config.fresh) files.Add(options.config.path);
  HOLDFAST_RETURN_IF_ERROR(folder.Finish());
  files.Keep();
  return result;
}

}  // namespace holdfast::setup

#include "server/setup/join.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "api/client/client.h"
#include "replication/node/known_members.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/crypto/seal.h"
#include "server/crypto/tls_context.h"
#include "server/crypto/wrap.h"
#include "server/setup/join_messages.h"
#include "server/setup/made_files.h"
#include "server/setup/node_addresses.h"
#include "server/setup/node_folder.h"
#include "server/setup/open_stores.h"

namespace holdfast::setup {
namespace {

// What the cluster said no with, as a status that tells what to do next.
absl::Status Refused(const client::Response& response) {
  const client::ServerError error = client::ErrorOf(response);
  const std::string text =
      fmt::format("{}: {} {}: {}", response.address.Url(), response.status,
                  error.code.empty() ? "no reason given" : error.code, error.message);
  if (error.code.starts_with("INVITE_")) {
    return absl::PermissionDeniedError(
        text + "; `holdfast node invite` on the cluster makes a new invitation");
  }
  if (response.status >= 500) return absl::UnavailableError(text);
  return absl::FailedPreconditionError(text);
}

struct Answered {
  JoinAnswer answer;
  std::string url;
};

absl::StatusOr<Answered> Ask(const InviteToken& token, const JoinRequest& request) {
  client::Options options;
  for (const std::string& url : token.urls) {
    HOLDFAST_ASSIGN_OR_RETURN(client::Address address, client::ParseAddress(url));
    options.addresses.push_back(std::move(address));
  }
  HOLDFAST_ASSIGN_OR_RETURN(options.tls, crypto::MakePinnedClientTls(token.authority_fingerprint));
  client::Client cluster(std::move(options));
  client::Request call{.method = "POST", .target = "/v1/join"};
  call.body = EncodeJoinRequest(request);
  absl::StatusOr<client::Response> response = cluster.Call(call, client::Mode::kWrite);
  if (absl::IsUnknown(response.status())) {
    return absl::UnavailableError(fmt::format(
        "{}; the invitation may be used up: make a new one with `holdfast node invite {}`",
        std::string(response.status().message()), token.node_id));
  }
  if (!response.ok()) return response.status();
  if (response->status != 200) return Refused(*response);
  Answered answered{.url = response->address.Url()};
  HOLDFAST_ASSIGN_OR_RETURN(answered.answer,
                            DecodeJoinAnswer(response->body.RevealText(Purpose::kSendToMember)));
  return answered;
}

// The answer came from who the invitation vouches for; this finds mistakes, not attacks.
absl::Status CheckAnswer(const JoinAnswer& answer, const InviteToken& token,
                         const SecretBytes& key_pem, WallTime now) {
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::CertificateInfo authority,
                            crypto::ParseCertificate(answer.authority_pem));
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::CertificateInfo certificate,
                            crypto::ParseCertificate(answer.certificate_pem));
  if (answer.cluster_id != token.cluster_id || certificate.cluster_id != token.cluster_id ||
      certificate.node_id != token.node_id ||
      authority.fingerprint != token.authority_fingerprint) {
    return absl::FailedPreconditionError(fmt::format(
        "the answer is not for node \"{}\" of cluster \"{}\"", token.node_id, token.cluster_id));
  }
  HOLDFAST_RETURN_IF_ERROR(crypto::VerifyChain(answer.certificate_pem, answer.authority_pem, now));
  return crypto::CheckKeyFits(answer.certificate_pem, key_pem);
}

absl::Status WriteNode(const std::string& folder, const JoinAnswer& answer, const Config& config,
                       const SecretBytes& key_pem, const Clock& clock) {
  const std::string& node_id = config.node.id;
  HOLDFAST_ASSIGN_OR_RETURN(
      const SecretBytes root_key,
      crypto::Unwrap(key_pem, answer.wrapped_root_key, JoinContext(answer.cluster_id, node_id)));
  HOLDFAST_RETURN_IF_ERROR(crypto::CreateSeal(folder, root_key, answer.cluster_id, node_id));
  HOLDFAST_RETURN_IF_ERROR(
      WriteFileOnce(PathIn(folder, kAuthorityFile), answer.authority_pem, 0644));
  HOLDFAST_RETURN_IF_ERROR(
      WriteFileOnce(PathIn(folder, kCertificateFile), answer.certificate_pem, 0644));
  HOLDFAST_RETURN_IF_ERROR(WriteFileOnce(PathIn(folder, kCertificateKeyFile),
                                         key_pem.RevealText(Purpose::kWriteOnceToFile), 0600));
  HOLDFAST_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Store> store,
                            MakeStore(config, folder, clock));
  return replication::PutKnownMembers(*store, answer.members);
}

absl::Status CheckOptions(const JoinOptions& options) {
  const std::string& node_id = options.config.config.node.id;
  if (node_id == options.token.node_id) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "the invitation is for node \"{}\", but this is \"{}\"; set node.id in {}, or ask "
      "for another one with `holdfast node invite {}`",
      options.token.node_id, node_id, options.config.path, node_id));
}

}  // namespace

absl::StatusOr<JoinResult> Join(JoinOptions options, const Clock& clock) {
  HOLDFAST_RETURN_IF_ERROR(CheckOptions(options));
  const Config& config = options.config.config;
  JoinRequest request{.cluster_id = options.token.cluster_id,
                      .secret = options.token.secret.Clone()};
  HOLDFAST_ASSIGN_OR_RETURN(request.member, MemberRowOf(config));
  HOLDFAST_ASSIGN_OR_RETURN(NewNodeFolder folder, NewNodeFolder::Make(config.node.data));
  MadeFiles files;

  // A store that cannot be had is found before the invitation is used up.
  HOLDFAST_RETURN_IF_ERROR(MakeStore(config, folder.path(), clock).status());
  options.progress(fmt::format("making a key for node {}", config.node.id));
  HOLDFAST_ASSIGN_OR_RETURN(const crypto::CertificateRequest key,
                            crypto::CreateRequest(options.token.cluster_id, options.token.node_id));
  request.request_pem = key.request_pem;
  options.progress(fmt::format("asking cluster {} at {}", options.token.cluster_id,
                               fmt::join(options.token.urls, ", ")));
  HOLDFAST_ASSIGN_OR_RETURN(const Answered answered, Ask(options.token, request));
  HOLDFAST_RETURN_IF_ERROR(CheckAnswer(answered.answer, options.token, key.key_pem, clock.Wall()));
  options.progress(fmt::format("admitted by {}; writing {}", answered.url, config.node.data));
  HOLDFAST_RETURN_IF_ERROR(WriteNode(folder.path(), answered.answer, config, key.key_pem, clock));
  HOLDFAST_RETURN_IF_ERROR(WriteConfig(options.config));
  if (options.config.fresh) files.Add(options.config.path);
  HOLDFAST_RETURN_IF_ERROR(folder.Finish());
  files.Keep();
  return JoinResult{.cluster_id = answered.answer.cluster_id,
                    .cluster_name = answered.answer.cluster_name,
                    .answered_by = answered.url};
}

}  // namespace holdfast::setup

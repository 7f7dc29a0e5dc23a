#include "server/setup/answer_join.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/crypto/wrap.h"
#include "server/setup/join_messages.h"
#include "server/setup/node_addresses.h"
#include "server/vault/refusal.h"

namespace holdfast::setup {
namespace {

absl::Status InvalidInput(const absl::Status& status) {
  return vault::Refuse(vault::Refusal::kInvalidInput, std::string(status.message()));
}

// What the rows say, copied under the reader lock.
struct ClusterFacts {
  v1::ClusterRow cluster;
  bool invited = false;
  std::vector<v1::MemberRow> members;
};

ClusterFacts ReadCluster(desk::Desk& desk, const std::string& invite_hash) {
  ClusterFacts facts;
  desk.ReadState([&](const vault::StateReader& state) {
    facts.invited = state.FindInviteByHash(invite_hash) != nullptr;
    if (const v1::ClusterRow* cluster = state.Cluster()) facts.cluster = *cluster;
    for (const v1::MemberRow* member : state.Members()) facts.members.push_back(*member);
  });
  return facts;
}

// Before any signature is made: strangers must not keep this node busy. Whether the invitation is
// used up, expired or another node's is for the vault to say, in the order of the log.
absl::Status CheckInvited(const ClusterFacts& facts, const JoinRequest& request) {
  if (request.cluster_id != facts.cluster.cluster_id()) {
    return vault::Refuse(
        vault::Refusal::kInviteUnknown,
        fmt::format("the invitation is of cluster \"{}\", this is \"{}\"; ask here for a new one "
                    "with `holdfast node invite`",
                    request.cluster_id, facts.cluster.cluster_id()));
  }
  if (facts.invited) return absl::OkStatus();
  return vault::Refuse(
      vault::Refusal::kInviteUnknown,
      "this cluster knows no such invitation; make one with `holdfast node invite`");
}

absl::StatusOr<std::string> Sign(const ClusterFacts& facts, const JoinRequest& request,
                                 const crypto::KeyRing& keys, WallTime now) {
  crypto::CertificateAuthority authority{.certificate_pem = facts.cluster.ca_certificate()};
  HOLDFAST_ASSIGN_OR_RETURN(
      authority.key_pem,
      keys.Open(vault::kClusterOrganization, v1::TABLE_CLUSTER, facts.cluster.ca_key()));
  const crypto::CertificateTerms terms{.cluster_id = facts.cluster.cluster_id(),
                                       .node_id = request.member.node_id(),
                                       .addresses = CertificateAddresses(request.member),
                                       .days = crypto::kMemberDaysMax,
                                       .now = now};
  return crypto::SignCertificate(authority, request.request_pem, terms);
}

// Everything of the answer. Nothing of it is sent before the member is committed.
absl::StatusOr<JoinAnswer> Prepare(const ClusterFacts& facts, const JoinRequest& request,
                                   const crypto::KeyRing& keys, WallTime now) {
  JoinAnswer answer{.cluster_id = facts.cluster.cluster_id(),
                    .cluster_name = facts.cluster.name(),
                    .authority_pem = facts.cluster.ca_certificate(),
                    .members = facts.members};
  HOLDFAST_ASSIGN_OR_RETURN(const std::string key, crypto::PublicKeyOfRequest(request.request_pem));
  HOLDFAST_ASSIGN_OR_RETURN(answer.certificate_pem, Sign(facts, request, keys, now));
  HOLDFAST_ASSIGN_OR_RETURN(
      answer.wrapped_root_key,
      crypto::WrapFor(key, keys.root_key(),
                      JoinContext(answer.cluster_id, request.member.node_id())));
  return answer;
}

}  // namespace

JoinDesk::JoinDesk(desk::Desk& desk, crypto::KeyRing& keys, const Clock& clock)
    : desk_(desk), keys_(keys), clock_(clock) {}

void JoinDesk::Answer(const std::string& source, std::string body,
                      std::function<void(absl::StatusOr<std::string>)> done) {
  TextWiper wiper(body);
  absl::StatusOr<JoinRequest> request = DecodeJoinRequest(body);
  if (!request.ok()) return done(InvalidInput(request.status()));
  std::string invite_hash = desk_.HashOf(request->secret);
  const ClusterFacts facts = ReadCluster(desk_, invite_hash);
  if (const absl::Status known = CheckInvited(facts, *request); !known.ok()) return done(known);
  absl::StatusOr<JoinAnswer> answer = Prepare(facts, *request, keys_, clock_.Wall());
  if (absl::IsInvalidArgument(answer.status())) return done(InvalidInput(answer.status()));
  if (!answer.ok()) return done(answer.status());
  const auto certificate = crypto::ParseCertificate(answer->certificate_pem);
  if (!certificate.ok()) return done(certificate.status());
  vault::JoinMember join{.invite_hash = std::move(invite_hash), .member = request->member};
  join.member.set_fingerprint(certificate->fingerprint);
  std::string text = EncodeJoinAnswer(*answer);
  desk_.SubmitAsNode(source, std::move(join),
                     [text = std::move(text), done = std::move(done)](
                         const absl::StatusOr<desk::Written>& written) mutable {
                       if (!written.ok()) return done(written.status());
                       done(std::move(text));
                     });
}

}  // namespace holdfast::setup

#include "api/native/render.h"

#include "api/http/json.h"
#include "api/native/words.h"
#include "server/base/encoding.h"
#include "server/base/limits.h"
#include "server/base/utf8.h"

namespace holdfast::native {

namespace json = boost::json;

namespace {

json::string_view Word(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

json::object RenderUser(const v1::UserRow& user) {
  return {
      {"id", user.id()},
      {"name", user.name()},
      {"full_name", user.full_name()},
      {"email", user.email()},
      {"role", Word(ToWord(user.role()))},
      {"super_administrator", user.super_administrator()},
      {"operate_cluster", user.operate_cluster()},
      {"host_name", user.host_name()},
      {"host_check", user.host_check()},
      {"rest_enabled", user.rest_enabled()},
      {"ssh_enabled", user.ssh_enabled()},
      {"department", user.department()},
      {"location", user.location()},
      {"locked", user.locked()},
      {"created_at", TimeOrNull(user.created_ms())},
  };
}

json::object RenderKey(const v1::SshKeyRow& key) {
  return {
      {"id", key.id()},           {"user_id", key.user_id()},
      {"type", key.type()},       {"fingerprint", key.fingerprint()},
      {"comment", key.comment()}, {"created_at", TimeOrNull(key.created_ms())},
  };
}

json::object RenderToken(const v1::TokenRow& token) {
  return {
      {"id", token.id()},
      {"user_id", token.user_id()},
      {"created_at", TimeOrNull(token.created_ms())},
      {"expires_at", TimeOrNull(token.expires_ms())},
  };
}

json::object RenderNewToken(const v1::TokenRow& row, const SecretBytes& token) {
  json::object object = http::WipedJsonObject();
  object["id"] = row.id();
  object["user_id"] = row.user_id();
  object["token"] = Word(token.RevealText(Purpose::kAnswerClient));
  object["created_at"] = TimeOrNull(row.created_ms());
  object["expires_at"] = TimeOrNull(row.expires_ms());
  return object;
}

json::object RenderResource(const v1::ResourceRow& resource, size_t accounts) {
  return {
      {"id", resource.id()},
      {"owner_id", resource.owner_id()},
      {"name", resource.name()},
      {"type", resource.type()},
      {"description", resource.description()},
      {"url", resource.url()},
      {"dns_name", resource.dns_name()},
      {"domain_name", resource.domain_name()},
      {"department", resource.department()},
      {"location", resource.location()},
      {"password_policy", resource.password_policy()},
      {"accounts", accounts},
      {"created_at", TimeOrNull(resource.created_ms())},
      {"modified_at", TimeOrNull(resource.modified_ms())},
  };
}

json::object RenderAccount(const v1::AccountRow& account) {
  return {
      {"id", account.id()},
      {"resource_id", account.resource_id()},
      {"owner_id", account.owner_id()},
      {"name", account.name()},
      {"notes", account.notes()},
      {"password_policy", account.password_policy()},
      {"created_at", TimeOrNull(account.created_ms())},
      {"modified_at", TimeOrNull(account.modified_ms())},
      {"secret_changed_at", TimeOrNull(account.secret_changed_ms())},
  };
}

json::object RenderShare(const v1::ShareRow& share) {
  return {
      {"id", share.id()},
      {"user_id", share.user_id()},
      {"resource_id", share.resource_id()},
      {"account_id", share.account_id()},
      {"level", Word(ToWord(share.level()))},
      {"created_at", TimeOrNull(share.created_ms())},
  };
}

json::object RenderMember(const v1::MemberRow& member) {
  return {
      {"id", member.node_id()},
      {"rest_url", member.rest_url()},
      {"ssh_address", member.ssh_address()},
      {"peer_address", member.peer_address()},
      {"health_url", member.health_url()},
      {"fingerprint", member.fingerprint()},
      {"never_primary", member.never_primary()},
      {"joined_at", TimeOrNull(member.joined_ms())},
  };
}

json::object RenderSshd(const v1::SshdRow& sshd) {
  return {{"node_id", sshd.node_id()}, {"port", sshd.port()}, {"enabled", sshd.enabled()}};
}

json::object RenderSettings(const v1::ClusterRow& cluster) {
  return {
      {"cluster_id", cluster.cluster_id()},
      {"name", cluster.name()},
      {"level", Word(ToWord(cluster.level()))},
      {"k", cluster.k()},
      {"policy", Word(ToWord(cluster.policy()))},
      {"wait_ms", cluster.wait_ms() == 0 ? std::chrono::milliseconds(limits::kCommitWaitMax).count()
                                         : int64_t{cluster.wait_ms()}},
  };
}

json::object RenderAudit(const v1::AuditRecord& record) {
  json::value age;
  if (record.age_ms() >= 0) age = record.age_ms();
  return {
      {"node_id", record.node_id()},
      {"number", record.number()},
      {"time", TimeOrNull(record.wall_ms())},
      {"operation", record.operation()},
      {"result", record.result() == v1::AUDIT_RESULT_OK ? "ok" : "refused"},
      {"refusal", record.refusal()},
      {"user_id", record.user_id()},
      {"user_name", record.user_name()},
      {"source", record.source()},
      {"via", record.via()},
      {"credential", record.credential()},
      {"resource_id", record.resource_id()},
      {"resource_name", record.resource_name()},
      {"account_id", record.account_id()},
      {"account_name", record.account_name()},
      {"reason", record.reason()},
      {"ticket", record.ticket()},
      {"position_epoch", record.position_epoch()},
      {"position_seq", record.position_seq()},
      {"age_ms", age},
      {"repeated", record.repeated()},
  };
}

namespace {

json::object RenderJournal(const desk::JournalCoverage& journal) {
  json::array gaps;
  for (const storage::AuditCoverage::Gap& gap : journal.gaps) {
    gaps.push_back(json::object{{"first", gap.first}, {"last", gap.last}, {"why", "retention"}});
  }
  return {
      {"node_id", journal.node_id},
      {"begins", journal.begins},
      {"contiguous", journal.contiguous},
      {"highest", journal.highest},
      {"head", journal.head},
      {"head_is_current", journal.head_is_current},
      {"complete_until", TimeOrNull(journal.highest_ms)},
      {"gaps", std::move(gaps)},
  };
}

}  // namespace

json::object RenderAuditGaps(const desk::AuditGaps& gaps) {
  json::array journals;
  for (const desk::JournalCoverage& journal : gaps.journals) {
    journals.push_back(RenderJournal(journal));
  }
  json::array collected_by;
  for (const auto& [name, number] : gaps.collected_by) {
    collected_by.push_back(json::object{{"by", name}, {"up_to", number}});
  }
  return {
      {"node_id", gaps.node_id},
      {"whole", gaps.whole()},
      {"journals", std::move(journals)},
      {"collected_by", std::move(collected_by)},
      {"oldest_uncollected_at", TimeOrNull(gaps.oldest_uncollected_ms)},
      {"trimmed_uncollected", gaps.trimmed_uncollected},
      {"unrecorded", gaps.unrecorded},
  };
}

json::object RenderSecret(uint64_t resource_id, uint64_t account_id, const SecretBytes& secret) {
  json::object object = http::WipedJsonObject();
  object["resource_id"] = resource_id;
  object["account_id"] = account_id;
  const std::string_view bytes = secret.RevealText(Purpose::kAnswerClient);
  if (Utf8Chars(bytes).has_value()) {
    object["secret"] = Word(bytes);
    object["encoding"] = "utf-8";
    return object;
  }
  std::string text = Base64Encode(bytes);
  const TextWiper wiper(text);
  object["secret"] = Word(text);
  object["encoding"] = "base64";
  return object;
}

}  // namespace holdfast::native

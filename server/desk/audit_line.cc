#include "server/desk/audit_line.h"

#include <optional>
#include <type_traits>
#include <variant>

#include "server/base/utf8.h"
#include "server/vault/refusal.h"

namespace holdfast::desk {
namespace {

constexpr size_t kNameBytesMax = 1024;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string AuditText(std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    size_t end = bytes_max;
    while (end > 0 && IsContinuation(text[end])) --end;
    text = text.substr(0, end);
  }
  const bool utf8 = Utf8Chars(text).has_value();
  std::string safe(text);
  for (char& c : safe) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !utf8)) c = '?';
  }
  return safe;
}

v1::AuditRecord AuditLine(std::string_view operation, const v1::Actor& actor,
                          const std::string& credential, const Served& served) {
  v1::AuditRecord line;
  line.set_operation(std::string(operation));
  line.set_user_id(actor.user_id());
  line.set_user_name(AuditText(actor.user_name(), kNameBytesMax));
  line.set_source(AuditText(actor.source(), kNameBytesMax));
  line.set_via(actor.via());
  line.set_credential(AuditText(credential, kNameBytesMax));
  line.set_position_epoch(served.position.epoch);
  line.set_position_seq(served.position.seq);
  line.set_age_ms(served.age_ms);
  return line;
}

void SetReason(v1::AuditRecord& line, std::string_view reason, std::string_view ticket) {
  line.set_reason(AuditText(reason, kAuditReasonBytesMax));
  line.set_ticket(AuditText(ticket, kAuditNameBytesMax));
}

void SetResult(v1::AuditRecord& line, const absl::Status& status) {
  if (status.ok()) {
    line.set_result(v1::AUDIT_RESULT_OK);
    line.clear_refusal();
    return;
  }
  line.set_result(v1::AUDIT_RESULT_REFUSED);
  const std::optional<vault::Refusal> refusal = vault::RefusalOf(status);
  line.set_refusal(refusal.has_value() ? std::string(vault::RefusalName(*refusal)) : "INTERNAL");
}

void SetResource(v1::AuditRecord& line, const v1::ResourceRow& resource) {
  line.set_resource_id(resource.id());
  line.set_resource_name(resource.name());
}

void SetAccount(v1::AuditRecord& line, const vault::StateReader& state,
                const v1::AccountRow& account) {
  line.set_account_id(account.id());
  line.set_account_name(account.name());
  if (const auto* const resource = state.FindResource(account.resource_id()); resource != nullptr) {
    SetResource(line, *resource);
  }
}

void SetSubject(v1::AuditRecord& line, const vault::StateReader& state,
                const vault::CommandBody& body) {
  uint64_t resource_id = 0;
  uint64_t account_id = 0;
  std::visit(
      [&](const auto& command) {
        using Kind = std::decay_t<decltype(command)>;
        if constexpr (requires { command.resource_id; }) resource_id = command.resource_id;
        if constexpr (requires { command.account_id; }) account_id = command.account_id;
        if constexpr (std::is_same_v<Kind, vault::AddResource>) {
          line.set_resource_name(AuditText(command.resource.name(), kNameBytesMax));
        }
        if constexpr (requires { command.accounts; }) {
          if (!command.accounts.empty()) {
            line.set_account_name(AuditText(command.accounts.front().name(), kNameBytesMax));
          }
        }
        if constexpr (std::is_same_v<Kind, vault::RevokeShare>) {
          if (const auto* const share = state.FindShare(command.share_id); share != nullptr) {
            resource_id = share->resource_id();
            account_id = share->account_id();
          }
        }
      },
      body);
  if (const auto* const resource = state.FindResource(resource_id); resource != nullptr) {
    SetResource(line, *resource);
  }
  if (const auto* const account = state.FindAccount(account_id); account != nullptr) {
    SetAccount(line, state, *account);
  }
}

}  // namespace holdfast::desk

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "api/http/json.h"
#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/render.h"
#include "api/native/status_json.h"
#include "api/native/words.h"
#include "server/base/status_macros.h"
#include "server/desk/known_hosts.h"
#include "server/desk/new_token.h"

namespace holdfast::native {
namespace {

namespace json = boost::json;

constexpr uint64_t kInviteMinutesMax = 7 * 24 * 60;
constexpr int64_t kMinuteMs = 60 * 1000;

AnswerOr NodeInvited(const desk::Written& written, const vault::CreateInvite& invite,
                     const SecretBytes& text) {
  json::object object = http::WipedJsonObject();
  object["id"] = written.planned.id;
  object["node_id"] = invite.node_id;
  if (written.planned.repeated) {  // it was shown once
    object["token"] = nullptr;
    object["expires_at"] = nullptr;
    Answer repeated = CreatedAnswer("invite", std::move(object));
    repeated.body["repeated"] = true;
    return repeated;
  }
  const std::string_view token = text.RevealText(Purpose::kAnswerClient);
  object["token"] = json::string_view(token.data(), token.size());
  object["expires_at"] = TimeOrNull(invite.expires_ms);
  Answer answer = CreatedAnswer("invite", std::move(object));
  answer.secret = true;
  return answer;
}

}  // namespace

AnswerOr ListNodes(const Visit& visit) {
  Parameters parameters(*visit.request);
  const vault::Page page = parameters.Page();
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  json::array nodes;
  size_t total = 0;
  HOLDFAST_RETURN_IF_ERROR(
      visit.desk().Read(*visit.caller, [&](const vault::StateReader& state, const v1::UserRow&) {
        const auto listed = PageOf<v1::MemberRow>(state.Members(), page);
        for (const v1::MemberRow* member : listed.rows) nodes.push_back(RenderMember(*member));
        total = listed.total;
        return absl::OkStatus();
      }));
  return ListAnswer("nodes", std::move(nodes), total);
}

IntentOr InviteNode(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  vault::CreateInvite command;
  command.node_id = fields.MandatoryText("node_id", limits::kNameCharsMax);
  command.never_primary = fields.Flag("never_primary", false);
  const uint64_t minutes = fields.Number("valid_minutes", 60, kInviteMinutesMax);
  if (minutes == 0) {
    fields.Fail(InvalidInput(
        fmt::format("valid_minutes: expected a number from 1 to {}", kInviteMinutesMax)));
  }
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  const SecretBytes secret = desk::NewToken();
  HOLDFAST_ASSIGN_OR_RETURN(SecretBytes encoded,
                            visit.deps->encode_invite(command.node_id, secret));
  auto text = std::make_shared<const SecretBytes>(std::move(encoded));
  command.token_hash = visit.desk().HashOf(secret);
  command.expires_ms = visit.desk().NowMs() + static_cast<int64_t>(minutes) * kMinuteMs;
  return Intent{.body = command,
                .answer = [text, command](const Visit&, const desk::Written& written) {
                  return NodeInvited(written, command, *text);
                }};
}

AnswerOr GetSshd(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  v1::SshdRow fallback;
  fallback.set_enabled(true);
  json::array nodes;
  HOLDFAST_RETURN_IF_ERROR(
      visit.desk().Read(*visit.caller, [&](const vault::StateReader& state, const v1::UserRow&) {
        for (const v1::SshdRow* row : state.SshdRows()) {
          if (row->node_id().empty()) {
            fallback = *row;
          } else {
            nodes.push_back(RenderSshd(*row));
          }
        }
        return absl::OkStatus();
      }));
  return Answer{.body = {{"default", RenderSshd(fallback)}, {"nodes", std::move(nodes)}}};
}

IntentOr SetSshd(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  vault::SetSshd command;
  command.sshd.set_node_id(fields.Text("node_id", limits::kNameCharsMax));
  command.sshd.set_port(static_cast<uint32_t>(fields.Number("port", 0, 65535)));
  command.sshd.set_enabled(fields.Flag("enabled", true));
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  return Intent{.body = std::move(command)};
}

AnswerOr GetKnownHosts(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  Answer answer;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow&) -> absl::Status {
        HOLDFAST_ASSIGN_OR_RETURN(answer.plain, desk::KnownHostsOf(state));
        return absl::OkStatus();
      }));
  return answer;
}

AnswerOr GetSettings(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  Answer answer;
  HOLDFAST_RETURN_IF_ERROR(visit.desk().Read(
      *visit.caller, [&](const vault::StateReader& state, const v1::UserRow&) -> absl::Status {
        const v1::ClusterRow* cluster = state.Cluster();
        if (cluster == nullptr) {
          return vault::Refuse(vault::Refusal::kNotServing, "this node knows no cluster yet");
        }
        answer.body = RenderSettings(*cluster);
        return absl::OkStatus();
      }));
  return answer;
}

IntentOr SetSettings(const Visit& visit) {
  HOLDFAST_ASSIGN_OR_RETURN(Fields fields, Fields::Parse(visit.request->body));
  vault::SetSettings command;
  command.level = MandatoryWord(fields, "level", LevelOf, LevelWords);
  command.k = static_cast<uint32_t>(fields.Number("k", 0, UINT32_MAX));
  command.policy = MandatoryWord(fields, "policy", PolicyOf, PolicyWords);
  if (fields.Has("wait_ms")) {
    command.wait_ms = static_cast<uint32_t>(fields.Number("wait_ms", 0, UINT32_MAX));
  }
  HOLDFAST_RETURN_IF_ERROR(fields.Done());
  return Intent{.body = command};
}

AnswerOr GetStatus(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(TakesNothing(*visit.request));
  ClusterView view;
  view.reports = visit.desk().Reports();
  visit.desk().ReadState([&](const vault::StateReader& state) {
    if (state.Cluster() != nullptr) view.cluster_id = state.Cluster()->cluster_id();
    for (const v1::MemberRow* member : state.Members()) {
      view.rest_urls[member->node_id()] = member->rest_url();
    }
  });
  return Answer{.body = RenderStatus(view)};
}

}  // namespace holdfast::native

#include "server/setup/join_messages.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "api/http/json.h"
#include "server/base/encoding.h"
#include "server/base/status_macros.h"
#include "server/crypto/fields.h"

namespace holdfast::setup {
namespace {

namespace json = boost::json;

constexpr size_t kJoinTextBytesMax = 16 * 1024;
constexpr size_t kJoinMembersMax = 256;

// Takes the members of one object, each at most once, and in the end finds none left over.
class ObjectReader {
 public:
  static absl::StatusOr<ObjectReader> Of(const json::value& value, std::string_view what) {
    if (!value.is_object()) {
      return absl::InvalidArgumentError(fmt::format("{}: expected a JSON object", what));
    }
    return ObjectReader(value.get_object(), what);
  }

  absl::Status Text(std::string_view key, std::string& out) {
    HOLDFAST_ASSIGN_OR_RETURN(const json::value* value, Find(key));
    if (!value->is_string() || value->get_string().size() > kJoinTextBytesMax) {
      return Wrong(key, fmt::format("text of at most {} bytes", kJoinTextBytesMax));
    }
    out.assign(value->get_string().data(), value->get_string().size());
    return absl::OkStatus();
  }
  absl::StatusOr<const json::array*> Array(std::string_view key, size_t max) {
    HOLDFAST_ASSIGN_OR_RETURN(const json::value* value, Find(key));
    if (!value->is_array() || value->get_array().size() > max) {
      return Wrong(key, fmt::format("a list of at most {}", max));
    }
    return &value->get_array();
  }
  absl::StatusOr<const json::value*> Find(std::string_view key) {
    const json::value* value = object_->if_contains(json::string_view(key.data(), key.size()));
    if (value == nullptr) return Wrong(key, "it to be there");
    ++found_;
    return value;
  }
  // After every known key was found: is there any other?
  absl::Status Finish() const {
    if (found_ == object_->size()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("{}: expected {} keys, got {}; do both programs have the same version?", what_,
                    found_, object_->size()));
  }

 private:
  ObjectReader(const json::object& object, std::string_view what) : object_(&object), what_(what) {}
  absl::Status Wrong(std::string_view key, std::string_view expected) const {
    return absl::InvalidArgumentError(fmt::format("{}: {}: expected {}", what_, key, expected));
  }

  const json::object* object_;
  std::string what_;
  size_t found_ = 0;
};

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

constexpr std::pair<std::string_view, std::string* (v1::MemberRow::*)()> kMemberTexts[] = {
    {"node_id", &v1::MemberRow::mutable_node_id},
    {"rest_url", &v1::MemberRow::mutable_rest_url},
    {"ssh_address", &v1::MemberRow::mutable_ssh_address},
    {"peer_address", &v1::MemberRow::mutable_peer_address},
    {"health_url", &v1::MemberRow::mutable_health_url},
};

json::object MemberJson(const v1::MemberRow& member) {
  v1::MemberRow copy = member;
  json::object object;
  for (const auto& [key, text] : kMemberTexts) object[View(key)] = View(*(copy.*text)());
  return object;
}

absl::StatusOr<v1::MemberRow> ReadMember(const json::value& value, std::string_view what) {
  HOLDFAST_ASSIGN_OR_RETURN(ObjectReader reader, ObjectReader::Of(value, what));
  v1::MemberRow member;
  for (const auto& [key, text] : kMemberTexts) {
    HOLDFAST_RETURN_IF_ERROR(reader.Text(key, *(member.*text)()));
  }
  HOLDFAST_RETURN_IF_ERROR(reader.Finish());
  return member;
}

}  // namespace

SecretBytes EncodeJoinRequest(const JoinRequest& request) {
  json::object object = http::WipedJsonObject();
  object["cluster_id"] = View(request.cluster_id);
  object["secret"] = View(request.secret.RevealText(Purpose::kSendToMember));
  object["request"] = View(request.request_pem);
  object["member"] = MemberJson(request.member);
  std::string text = http::JsonText(object);
  return SecretBytes::TakeFrom(text);
}

absl::StatusOr<JoinRequest> DecodeJoinRequest(std::string_view body) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::value value, http::ParseJson(body));
  HOLDFAST_ASSIGN_OR_RETURN(ObjectReader reader, ObjectReader::Of(value, "join"));
  JoinRequest request;
  std::string secret;
  TextWiper wiper(secret);
  HOLDFAST_RETURN_IF_ERROR(reader.Text("cluster_id", request.cluster_id));
  HOLDFAST_RETURN_IF_ERROR(reader.Text("secret", secret));
  HOLDFAST_RETURN_IF_ERROR(reader.Text("request", request.request_pem));
  HOLDFAST_ASSIGN_OR_RETURN(const json::value* member, reader.Find("member"));
  HOLDFAST_ASSIGN_OR_RETURN(request.member, ReadMember(*member, "join: member"));
  HOLDFAST_RETURN_IF_ERROR(reader.Finish());
  request.secret = SecretBytes::TakeFrom(secret);
  return request;
}

std::string EncodeJoinAnswer(const JoinAnswer& answer) {
  json::object object;
  object["cluster_id"] = View(answer.cluster_id);
  object["cluster_name"] = View(answer.cluster_name);
  object["authority"] = View(answer.authority_pem);
  object["certificate"] = View(answer.certificate_pem);
  object["root_key"] = View(Base64Encode(answer.wrapped_root_key));
  json::array members;
  for (const v1::MemberRow& member : answer.members) members.push_back(MemberJson(member));
  object["members"] = std::move(members);
  return http::JsonText(object);
}

absl::StatusOr<JoinAnswer> DecodeJoinAnswer(std::string_view body) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::value value, http::ParseJson(body));
  HOLDFAST_ASSIGN_OR_RETURN(ObjectReader reader, ObjectReader::Of(value, "answer to join"));
  JoinAnswer answer;
  std::string root_key;
  HOLDFAST_RETURN_IF_ERROR(reader.Text("cluster_id", answer.cluster_id));
  HOLDFAST_RETURN_IF_ERROR(reader.Text("cluster_name", answer.cluster_name));
  HOLDFAST_RETURN_IF_ERROR(reader.Text("authority", answer.authority_pem));
  HOLDFAST_RETURN_IF_ERROR(reader.Text("certificate", answer.certificate_pem));
  HOLDFAST_RETURN_IF_ERROR(reader.Text("root_key", root_key));
  HOLDFAST_ASSIGN_OR_RETURN(const json::array* members, reader.Array("members", kJoinMembersMax));
  HOLDFAST_RETURN_IF_ERROR(reader.Finish());
  for (const json::value& member : *members) {
    HOLDFAST_ASSIGN_OR_RETURN(answer.members.emplace_back(),
                              ReadMember(member, "answer to join: member"));
  }
  std::optional<std::string> wrapped = Base64Decode(root_key);
  if (!wrapped.has_value()) {
    return absl::InvalidArgumentError("answer to join: root_key: expected base64");
  }
  answer.wrapped_root_key = *std::move(wrapped);
  return answer;
}

std::string JoinContext(std::string_view cluster_id, std::string_view node_id) {
  return crypto::Fields("holdfast join 1").Text(cluster_id).Text(node_id).bytes();
}

}  // namespace holdfast::setup

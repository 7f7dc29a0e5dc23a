#include "api/cli/session.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "api/cli/exit_code.h"
#include "api/http/json.h"
#include "server/base/file.h"
#include "server/base/status_macros.h"
#include "server/crypto/tls_context.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

constexpr size_t kTokenFileBytesMax = 4 * 1024;
constexpr size_t kCertificateFileBytesMax = 256 * 1024;
constexpr size_t kPageRows = 1000;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string Encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string TargetOf(const std::string& path, const Query& query) {
  std::string target = path;
  char before = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    target += fmt::format("{}{}={}", before, name, Encoded(value));
    before = '&';
  }
  return target;
}

// --token-file, else HOLDFAST_TOKEN, else the file in HOLDFAST_TOKEN_FILE.
absl::StatusOr<SecretBytes> FindToken(const Globals& globals) {
  std::string text = globals.token_file.empty() ? Environment("HOLDFAST_TOKEN") : "";
  TextWiper wiper(text);
  if (text.empty()) {
    const std::string file =
        globals.token_file.empty() ? Environment("HOLDFAST_TOKEN_FILE") : globals.token_file;
    if (file.empty()) {
      return absl::InvalidArgumentError(
          "no token: set HOLDFAST_TOKEN, or name a file with --token-file");
    }
    HOLDFAST_ASSIGN_OR_RETURN(text, ReadFile(file, kTokenFileBytesMax));
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return SecretBytes::CopyOf(text);
}

absl::StatusOr<crypto::TlsContext> FindAuthority(const Globals& globals) {
  if (globals.cacert.empty()) {
    return absl::InvalidArgumentError(
        "no certificate of the cluster: set HOLDFAST_CACERT, or name its ca.pem with --cacert; it "
        "lies in the folder of every node");
  }
  HOLDFAST_ASSIGN_OR_RETURN(const std::string pem,
                            ReadFile(globals.cacert, kCertificateFileBytesMax));
  absl::StatusOr<crypto::TlsContext> tls = crypto::MakeClientTls(pem);
  if (tls.ok()) return tls;
  return absl::InvalidArgumentError(
      fmt::format("{}: {}", globals.cacert, std::string(tls.status().message())));
}

// A read that nobody answers, a write whose outcome is not known: try later, or look first.
absl::Status Unanswered(const absl::Status& status) {
  const std::string text(status.message());
  if (absl::IsUnknown(status)) {
    return RemoteError(504, "OUTCOME_UNKNOWN", text, "");
  }
  if (absl::IsUnavailable(status)) {
    return WithExit(absl::UnavailableError(text + "\nare the addresses right (--addr, "
                                                  "HOLDFAST_ADDR)? `holdfast status` shows "
                                                  "which nodes live and who is primary"),
                    kExitTryLater);
  }
  return status;
}

absl::StatusOr<json::object> ObjectOf(const client::Response& response) {
  absl::StatusOr<json::value> value =
      http::ParseJson(response.body.RevealText(Purpose::kAnswerClient));
  if (value.ok() && value->is_object()) return std::move(value->get_object());
  return RemoteError(
      response.status, "NO_JSON",
      fmt::format("{}: expected a JSON object as answer; is this a node of Holdfast?",
                  response.address.Url()),
      "");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const Globals& globals) {
  client::Options options;
  if (globals.addresses.empty()) {
    return absl::InvalidArgumentError(
        "no address: set HOLDFAST_ADDR, or name nodes with --addr https://HOST:PORT[,...]");
  }
  HOLDFAST_ASSIGN_OR_RETURN(options.addresses, client::ParseAddresses(globals.addresses));
  HOLDFAST_ASSIGN_OR_RETURN(options.tls, FindAuthority(globals));
  HOLDFAST_ASSIGN_OR_RETURN(options.token, FindToken(globals));
  options.limits.total =
      std::chrono::milliseconds(static_cast<int64_t>(globals.timeout_seconds * 1000));
  return std::unique_ptr<Session>(new Session(std::move(options)));
}

absl::StatusOr<client::Response> Session::Call(client::Request request, client::Mode mode) {
  absl::StatusOr<client::Response> response = client_.Call(request, mode);
  if (!response.ok()) return Unanswered(response.status());
  if (response->status >= 200 && response->status < 300) return response;
  const client::ServerError error = client::ErrorOf(*response);
  return RemoteError(response->status, error.code, error.message, response->address.Url());
}

absl::StatusOr<json::object> Session::Get(const std::string& path, const Query& query) {
  HOLDFAST_ASSIGN_OR_RETURN(const client::Response response,
                            Call({.target = TargetOf(path, query)}, client::Mode::kRead));
  return ObjectOf(response);
}

absl::StatusOr<std::string> Session::GetText(const std::string& path) {
  HOLDFAST_ASSIGN_OR_RETURN(const client::Response response,
                            Call({.target = path}, client::Mode::kRead));
  return std::string(response.body.RevealText(Purpose::kAnswerClient));
}

absl::StatusOr<json::array> Session::List(const std::string& path, const std::string& key,
                                          const Query& query) {
  json::array all;
  while (true) {
    Query page = query;
    page.emplace_back("limit", std::to_string(kPageRows));
    page.emplace_back("offset", std::to_string(all.size()));
    HOLDFAST_ASSIGN_OR_RETURN(const json::object answer, Get(path, page));
    const json::value* rows = answer.if_contains(key);
    if (rows == nullptr || !rows->is_array()) {
      return RemoteError(200, "NO_LIST", fmt::format("{}: expected a list \"{}\"", path, key), "");
    }
    for (const json::value& row : rows->get_array()) {
      if (row.is_object()) all.push_back(row);
    }
    if (rows->get_array().size() < kPageRows) return all;
  }
}

absl::StatusOr<json::object> Session::Write(std::string_view method, const std::string& path,
                                            const json::object& body) {
  client::Request request{.method = std::string(method), .target = path};
  if (!body.empty()) {
    std::string text = http::JsonText(body);
    request.body = SecretBytes::TakeFrom(text);
  }
  HOLDFAST_ASSIGN_OR_RETURN(const client::Response response,
                            Call(std::move(request), client::Mode::kWrite));
  return ObjectOf(response);
}

absl::StatusOr<json::object> Session::Order(const std::string& path, const json::object& body) {
  client::Request request{.method = "POST", .target = path};
  std::string text = http::JsonText(body);
  request.body = SecretBytes::TakeFrom(text);
  HOLDFAST_ASSIGN_OR_RETURN(const client::Response response,
                            Call(std::move(request), client::Mode::kOrder));
  return ObjectOf(response);
}

absl::StatusOr<json::object> Session::FindOne(const std::string& path, const std::string& key,
                                              const std::string& name, std::string_view code) {
  if (name.empty()) return absl::InvalidArgumentError(fmt::format("{}: the name is empty", key));
  HOLDFAST_ASSIGN_OR_RETURN(const json::object answer, Get(path, {{"name", name}}));
  const json::value* rows = answer.if_contains(key);
  if (rows != nullptr && rows->is_array() && !rows->get_array().empty() &&
      rows->get_array()[0].is_object()) {
    return rows->get_array()[0].get_object();
  }
  return RemoteError(404, code, fmt::format("no \"{}\" among the {} that you may see", name, key),
                     "");
}

absl::StatusOr<json::object> Session::FindUser(const std::string& name) {
  return FindOne("/v1/users", "users", name, "NO_SUCH_USER");
}

absl::StatusOr<json::object> Session::FindResource(const std::string& name) {
  return FindOne("/v1/resources", "resources", name, "NO_SUCH_RESOURCE");
}

absl::StatusOr<json::object> Session::FindAccount(const std::string& resource,
                                                  const std::string& account) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::object found, FindResource(resource));
  return FindOne(PathOf("resources", IdOf(found)) + "/accounts", "accounts", account,
                 "NO_SUCH_ACCOUNT");
}

std::string PathOf(std::string_view collection, uint64_t id) {
  return fmt::format("/v1/{}/{}", collection, id);
}

uint64_t IdOf(const json::object& object) {
  const json::value* id = object.if_contains("id");
  if (id == nullptr) return 0;
  json::error_code error;
  const auto number = id->to_number<uint64_t>(error);
  return error ? 0 : number;
}

std::string TextIn(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) return "";
  return {value->get_string().data(), value->get_string().size()};
}

bool FlagIn(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace holdfast::cli

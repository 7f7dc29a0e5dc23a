#include "api/pam360/envelope.h"

#include <string.h>

#include <boost/json/serializer.hpp>
#include <boost/json/string.hpp>

#include "api/http/json.h"
#include "api/pam360/utf8.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Serializes through a buffer that is wiped: once to learn the size, once into a text that never
// grows, so that no copy of a secret stays behind in freed memory.
template <typename Take>
void Serialize(const json::value& value, Take take) {
  json::serializer serializer;
  serializer.reset(&value);
  char buffer[4096];
  while (!serializer.done()) {
    const json::string_view piece = serializer.read(buffer, sizeof(buffer));
    take(std::string_view(piece.data(), piece.size()));
  }
  explicit_bzero(buffer, sizeof(buffer));
}

std::string CompactText(const json::value& value) {
  size_t size = 0;
  Serialize(value, [&](std::string_view piece) { size += piece.size(); });
  std::string text;
  text.reserve(size);
  Serialize(value, [&](std::string_view piece) { text.append(piece); });
  return text;
}

}  // namespace

Answer Failed(std::string_view name, std::string_view message, int code) {
  return {.name = std::string(name),
          .message = std::string(message),
          .status = "Failed",
          .code = code,
          .details = std::nullopt,
          .total_rows = std::nullopt};
}

json::object WipedObject() { return http::WipedJsonObject(); }

bool PutSecret(json::object& object, std::string_view key, const SecretBytes& secret) {
  const std::string_view text = secret.RevealText(Purpose::kAnswerClient);
  if (!IsUtf8(text)) return false;
  object.insert_or_assign(View(key), json::string(View(text), object.storage()));
  return true;
}

http::Response Render(const Answer& answer) {
  json::object operation = WipedObject();
  json::object& result = operation["result"].emplace_object();
  result["message"] = answer.message;
  result["status"] = answer.status;
  result["statusCode"] = answer.code;
  if (answer.details.has_value()) operation["Details"] = *answer.details;
  operation["name"] = answer.name;
  if (answer.total_rows.has_value()) operation["totalRows"] = *answer.total_rows;
  json::object root = WipedObject();
  root["operation"] = std::move(operation);

  http::Response response;
  response.status = answer.code == kCodeInternal ? 500 : 200;
  response.content_type = "application/json;charset=UTF-8";
  response.body = CompactText(json::value(std::move(root)));
  response.secret_body = answer.secret;
  return response;
}

}  // namespace holdfast::pam360

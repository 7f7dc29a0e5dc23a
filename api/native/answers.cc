#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "server/base/status_macros.h"

namespace holdfast::native {

namespace json = boost::json;

Answer ListAnswer(std::string_view key, json::array list, size_t total) {
  Answer answer;
  answer.body[json::string_view(key.data(), key.size())] = std::move(list);
  answer.body["total"] = total;
  return answer;
}

Answer CreatedAnswer(std::string_view key, json::object object) {
  // In the memory of what it holds: that may be a token.
  Answer answer{.body = json::object(object.storage()), .status = 201};
  answer.body[json::string_view(key.data(), key.size())] = std::move(object);
  return answer;
}

absl::Status TakesNothing(const http::Request& request) {
  HOLDFAST_RETURN_IF_ERROR(NoParameters(request));
  HOLDFAST_ASSIGN_OR_RETURN(const Fields fields, Fields::Parse(request.body));
  return fields.Done();
}

}  // namespace holdfast::native

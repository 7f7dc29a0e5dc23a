#include "api/pam360/custom_fields.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "api/http/json.h"
#include "api/pam360/envelope.h"
#include "server/base/status_macros.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

json::string_view TextAt(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_string() ? json::string_view(value->as_string())
                                                : json::string_view();
}

}  // namespace

absl::StatusOr<std::string> CustomFieldsOf(const Parameters& parameters, std::string_view name) {
  HOLDFAST_ASSIGN_OR_RETURN(const json::array* given, parameters.Array(name));
  if (given == nullptr || given->empty()) return std::string();
  json::array kept(WipedObject().storage());
  for (const json::value& item : *given) {
    if (!item.is_object()) {
      return absl::InvalidArgumentError(
          fmt::format("parameter {}: expected a list of objects", name));
    }
    const Parameters field(item.as_object());
    HOLDFAST_ASSIGN_OR_RETURN(const std::string label, field.Needed("CUSTOMLABEL"));
    HOLDFAST_ASSIGN_OR_RETURN(const std::string value, field.Text("CUSTOMVALUE"));
    json::object& row = kept.emplace_back(json::object_kind).as_object();
    row["CUSTOMLABEL"] = label;
    row["CUSTOMVALUE"] = value;
  }
  return http::JsonText(json::value(std::move(kept)));
}

json::array RenderCustomFields(std::string_view kept) {
  json::array shown(WipedObject().storage());
  const absl::StatusOr<json::value> fields = http::ParseJson(kept);
  if (!fields.ok() || !fields->is_array()) return shown;
  for (const json::value& field : fields->as_array()) {
    if (!field.is_object()) continue;
    json::object& row = shown.emplace_back(json::object_kind).as_object();
    row["CUSTOMFIELDVALUE"] = TextAt(field.as_object(), "CUSTOMVALUE");
    row["CUSTOMFIELDTYPE"] = "Character";
    row["CUSTOMFIELDLABEL"] = TextAt(field.as_object(), "CUSTOMLABEL");
    row["CUSTOMFIELDCOLUMNNAME"] = fmt::format("COLUMN_CHAR{}", shown.size());
  }
  return shown;
}

}  // namespace holdfast::pam360

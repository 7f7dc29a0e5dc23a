#ifndef HOLDFAST_API_PAM360_CUSTOM_FIELDS_H_
#define HOLDFAST_API_PAM360_CUSTOM_FIELDS_H_

#include <boost/json/array.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "api/pam360/input_data.h"

namespace holdfast::pam360 {

// A list of {"CUSTOMLABEL":..,"CUSTOMVALUE":..} as it is kept in a row: JSON text, empty for none.
absl::StatusOr<std::string> CustomFieldsOf(const Parameters& parameters, std::string_view name);

// The kept text as the dialect shows it: CUSTOMFIELDVALUE, -TYPE, -LABEL, -COLUMNNAME.
boost::json::array RenderCustomFields(std::string_view kept);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_CUSTOM_FIELDS_H_

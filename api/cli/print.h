#ifndef HOLDFAST_API_CLI_PRINT_H_
#define HOLDFAST_API_CLI_PRINT_H_

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "api/cli/context.h"

namespace holdfast::cli {

// A table for people, or one line of JSON for programs: {"schema":"holdfast.<noun>/1",...}.
// Thread-safe.
struct Column {
  std::string_view title;
  std::string_view key;  // in the row
};
using Columns = std::vector<Column>;

// `key` holds the list in the JSON form.
absl::Status PrintList(const Context& context, std::string_view key, const boost::json::array& rows,
                       const Columns& columns);
// One thing, a line a field.
absl::Status PrintOne(const Context& context, std::string_view key,
                      const boost::json::object& object, const Columns& columns);
// JSON as it is, with the schema in front.
absl::Status PrintJson(const Context& context, std::string_view noun,
                       const boost::json::object& object);
// For what changes something and has nothing to show: a line, or {"schema":"holdfast.done/1",...}.
absl::Status PrintDone(const Context& context, std::string_view line);

// The error on stderr: a line, or {"error":{"code","message","exit"}}.
void PrintError(const Context& context, const absl::Status& status);

// The parts, for tests.
std::string RenderTable(const boost::json::array& rows, const Columns& columns);
// Fit for a terminal: no control characters; "-" for null and for empty text.
std::string CellText(const boost::json::value* value);

}  // namespace holdfast::cli

#endif  // HOLDFAST_API_CLI_PRINT_H_

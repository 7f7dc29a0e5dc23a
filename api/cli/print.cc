#include "api/cli/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "api/cli/exit_code.h"
#include "api/http/json.h"
#include "server/base/secret_bytes.h"
#include "server/base/utf8.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

size_t Width(const std::string& text) { return Utf8Chars(text).value_or(text.size()); }

std::string Padded(const std::string& text, size_t width) {
  const size_t own = Width(text);
  return own < width ? text + std::string(width - own, ' ') : text;
}

// One line of a table, without blanks at its end.
std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    line += i + 1 == cells.size() ? cells[i] : Padded(cells[i], widths[i] + 2);
  }
  return line + "\n";
}

const json::value* Find(const json::object& object, std::string_view key) {
  return object.if_contains(View(key));
}

}  // namespace

std::string CellText(const json::value* value) {
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_bool()) return value->get_bool() ? "yes" : "no";
  if (value->is_double()) return fmt::format("{:.3g}", value->get_double());
  if (value->is_array() && !value->get_array().empty()) {
    std::string list;
    for (const json::value& each : value->get_array()) {
      list += (list.empty() ? "" : ", ") + CellText(&each);
    }
    return list;
  }
  if (!value->is_string()) return http::JsonText(*value);
  std::string text(value->get_string().data(), value->get_string().size());
  if (text.empty()) return "-";
  std::replace_if(
      text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }, '?');
  return text;
}

std::string RenderTable(const json::array& rows, const Columns& columns) {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns) lines[0].emplace_back(column.title);
  for (const json::value& row : rows) {
    std::vector<std::string>& cells = lines.emplace_back();
    for (const Column& column : columns) {
      cells.push_back(CellText(row.is_object() ? Find(row.get_object(), column.key) : nullptr));
    }
  }
  std::vector<size_t> widths(columns.size(), 0);
  for (const auto& cells : lines) {
    for (size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], Width(cells[i]));
  }
  std::string table;
  for (const auto& cells : lines) table += Line(cells, widths);
  return table;
}

absl::Status PrintJson(const Context& context, std::string_view noun, const json::object& object) {
  json::object all = http::WipedJsonObject();
  all["schema"] = fmt::format("holdfast.{}/1", noun);
  for (const auto& member : object) all[member.key()] = member.value();
  std::string text = http::JsonText(all) + "\n";
  TextWiper wiper(text);
  return WriteOut(context, text);
}

absl::Status PrintList(const Context& context, std::string_view key, const json::array& rows,
                       const Columns& columns) {
  if (!context.json()) return WriteOut(context, RenderTable(rows, columns));
  json::object object;
  object[View(key)] = rows;
  return PrintJson(context, key, object);
}

absl::Status PrintOne(const Context& context, std::string_view key, const json::object& object,
                      const Columns& columns) {
  if (context.json()) {
    json::object all = http::WipedJsonObject();
    all[View(key)] = object;
    return PrintJson(context, key, all);
  }
  size_t width = 0;
  for (const Column& column : columns) width = std::max(width, column.title.size());
  std::string text;
  for (const Column& column : columns) {
    text += Line({std::string(column.title), CellText(Find(object, column.key))}, {width, 0});
  }
  return WriteOut(context, text);
}

absl::Status PrintDone(const Context& context, std::string_view line) {
  if (!context.json()) return WriteOut(context, fmt::format("{}\n", line));
  json::object object;
  object["message"] = View(line);
  return PrintJson(context, "done", object);
}

void PrintError(const Context& context, const absl::Status& status) {
  Context loud{.clock = context.clock, .globals = context.globals, .err_fd = context.err_fd};
  loud.globals.quiet = false;
  std::string message(status.message());
  if (!context.json()) {
    const std::string code = ErrorCodeOf(status);
    Say(loud, code == "LOCAL" ? fmt::format("holdfast: {}", message)
                              : fmt::format("holdfast: {}: {}", code, message));
    return;
  }
  json::object error;
  error["code"] = View(ErrorCodeOf(status));
  error["message"] = View(message);
  error["exit"] = ExitCodeOf(status);
  json::object all;
  all["error"] = std::move(error);
  Say(loud, http::JsonText(all));
}

}  // namespace holdfast::cli

#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_SQL_TEXT_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_SQL_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

#include "server/storage/row_table.h"

// Values as they stand in the text of a statement. A group of writes is one text, sent in one
// message: that was the fastest of what was measured, and it is the same bytes when sent again.
//
// Room   Pure. Relies on the session's settings: UTF-8, standard_conforming_strings, hex bytea.
namespace holdfast::storage::postgres {

// PostgreSQL's text holds neither NUL nor what is not UTF-8, ours may. U+0001 escapes: "\1" + "0"
// is a NUL, "\1" + "1" is U+0001 itself, "\1x" + two hex digits is a byte that is not UTF-8. All
// other texts stay as they are.
std::string EncodeText(std::string_view text);
// nullopt when EncodeText cannot have made it.
std::optional<std::string> DecodeText(std::string_view text);

void AppendInt(int64_t value, std::string& sql);
void AppendText(std::string_view value, std::string& sql);
void AppendBytes(std::string_view value, std::string& sql);
void AppendValue(const ColumnValue& value, std::string& sql);

// What PostgreSQL writes for a bytea: \x and hex digits.
std::optional<std::string> DecodeBytes(std::string_view text);

// PostgreSQL's numbers are signed; ours are bit patterns of the same size.
inline int64_t Signed(uint64_t number) { return static_cast<int64_t>(number); }
inline uint64_t Unsigned(int64_t number) { return static_cast<uint64_t>(number); }

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_SQL_TEXT_H_

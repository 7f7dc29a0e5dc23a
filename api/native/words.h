#ifndef HOLDFAST_API_NATIVE_WORDS_H_
#define HOLDFAST_API_NATIVE_WORDS_H_

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "holdfast/v1/rows.pb.h"

// The words that stand for enums and times on this interface. Pure.
namespace holdfast::native {

std::string_view ToWord(v1::Role role);  // empty: a value of a newer program
std::string_view ToWord(v1::Level level);
std::string_view ToWord(v1::Policy policy);
std::string_view ToWord(v1::ShareLevel level);

std::optional<v1::Role> RoleOf(std::string_view word);
std::optional<v1::Level> LevelOf(std::string_view word);
std::optional<v1::Policy> PolicyOf(std::string_view word);
std::optional<v1::ShareLevel> ShareLevelOf(std::string_view word);

// What a caller may write, for error texts: "'local', 'received', ..."
std::string RoleWords();
std::string LevelWords();
std::string PolicyWords();
std::string ShareLevelWords();

// "2024-02-29T12:00:00.000Z"; years beyond 9999 stop at its end.
std::string Rfc3339(int64_t ms);
// The same, or null for 0: never or not set.
boost::json::value TimeOrNull(int64_t ms);
// Null for an empty text.
boost::json::value TextOrNull(const std::string& text);

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_WORDS_H_

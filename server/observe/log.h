#ifndef HOLDFAST_SERVER_OBSERVE_LOG_H_
#define HOLDFAST_SERVER_OBSERVE_LOG_H_

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace holdfast {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Where the process logs: stderr (empty path) or a file that is appended to. Call once, before
// threads start; without it everything goes to stderr at kInfo.
absl::Status StartLogging(const std::string& path, LogLevel level);

bool LogEnabled(LogLevel level);
// One line: time (RFC 3339, UTC), level, text. Line feeds in `text` are escaped, so that nobody
// outside can forge a line. Thread-safe.
void LogLine(LogLevel level, std::string_view text);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogLine(level, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void LogInfo(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kInfo, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogWarning(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kWarning, format, std::forward<Args>(args)...);
}
template <typename... Args>
void LogError(fmt::format_string<Args...> format, Args&&... args) {
  Log(LogLevel::kError, format, std::forward<Args>(args)...);
}

// "CODE: message" of a status, for log lines and error texts.
std::string ToText(const absl::Status& status);

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_OBSERVE_LOG_H_

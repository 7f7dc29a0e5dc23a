#include "api/ssh/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/utf8.h"

namespace holdfast::ssh {
namespace {

enum class Shape {
  kName,    // one line; an unknown option inside is an error
  kText,    // free; whatever looks like an unknown option is part of it
  kSecret,  // free, any bytes but NUL
};

struct OptionRow {
  std::string_view name;
  Shape shape;
};

enum Option : size_t { kResource, kAccount, kNewPassword, kResourceType, kReason, kTicket, kNotes };

constexpr std::array<OptionRow, 7> kOptions{{
    {"resource", Shape::kName},
    {"account", Shape::kName},
    {"newpassword", Shape::kSecret},
    {"resourcetype", Shape::kName},
    {"reason", Shape::kText},
    {"ticketid", Shape::kName},
    {"notes", Shape::kText},
}};

using Values = std::array<std::optional<std::string_view>, kOptions.size()>;

struct WordRow {
  std::string_view word;
  std::array<bool, kOptions.size()> takes;
  absl::StatusOr<Command> (*make)(const Values&);
};

absl::Status Bad(std::string_view what) { return absl::InvalidArgumentError(std::string(what)); }

std::string Text(const Values& values, Option option) {
  return std::string(values[option].value_or(""));
}

std::optional<SecretBytes> Secret(const Values& values) {
  if (!values[kNewPassword].has_value()) return std::nullopt;
  return SecretBytes::CopyOf(*values[kNewPassword]);
}

absl::StatusOr<Command> MakeRetrieve(const Values& v) {
  return RetrieveCommand{.resource = Text(v, kResource),
                         .account = Text(v, kAccount),
                         .reason = Text(v, kReason),
                         .ticket = Text(v, kTicket)};
}

template <typename Reset>
absl::StatusOr<Command> MakeReset(const Values& v) {
  return Reset{.resource = Text(v, kResource),
               .account = Text(v, kAccount),
               .new_password = Secret(v),
               .reason = Text(v, kReason),
               .ticket = Text(v, kTicket)};
}

absl::StatusOr<Command> MakeCreate(const Values& v) {
  if (v[kAccount]->empty()) return Bad("option --account is empty");
  std::optional<SecretBytes> secret = Secret(v);
  if (!secret.has_value()) return Bad("option --newpassword is missing");
  return CreateCommand{.resource = Text(v, kResource),
                       .account = Text(v, kAccount),
                       .new_password = *std::move(secret),
                       .resource_type = Text(v, kResourceType),
                       .notes = Text(v, kNotes)};
}

// Columns as in `Option`: resource, account, newpassword, resourcetype, reason, ticketid, notes.
constexpr std::array<WordRow, 4> kWords{{
    {"RETRIEVE", {true, true, false, false, true, true, false}, MakeRetrieve},
    {"RESET_LOCAL", {true, true, true, false, true, true, false}, MakeReset<ResetLocalCommand>},
    {"RESET_REMOTE", {true, true, true, false, true, true, false}, MakeReset<ResetRemoteCommand>},
    {"CREATE", {true, true, true, true, false, false, true}, MakeCreate},
}};

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

const WordRow* FindWord(std::string_view line) {
  const std::string_view word = line.substr(0, line.find(' '));
  for (const WordRow& row : kWords) {
    if (std::equal(word.begin(), word.end(), row.word.begin(), row.word.end(),
                   [](char typed, char ours) { return Upper(typed) == ours; })) {
      return &row;
    }
  }
  return nullptr;
}

std::string_view WithoutBlanks(std::string_view line) {
  const size_t first = line.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

bool IsOptionChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

// The length of `--word=` at the start of `text`; 0 when there is none.
size_t OptionLength(std::string_view text) {
  if (!text.starts_with("--")) return 0;
  size_t end = 2;
  while (end < text.size() && IsOptionChar(text[end])) ++end;
  return end > 2 && end < text.size() && text[end] == '=' ? end + 1 : 0;
}

struct Found {
  size_t at = 0;     // of its first dash
  size_t value = 0;  // just behind its equals sign
  size_t option = 0;
};

// The first known option at or after `from`, a place behind a blank.
std::optional<Found> NextKnown(std::string_view line, size_t from) {
  for (size_t at = line.find("--", from); at != std::string_view::npos;
       at = line.find("--", at + 1)) {
    if (at > 0 && line[at - 1] != ' ') continue;
    const size_t length = OptionLength(line.substr(at));
    if (length == 0) continue;
    const std::string_view name = line.substr(at + 2, length - 3);
    for (size_t option = 0; option < kOptions.size(); ++option) {
      if (kOptions[option].name == name) return Found{at, at + length, option};
    }
  }
  return std::nullopt;
}

// A value wholly inside one pair of quotes loses it; with more of the same quote inside there is
// no telling which ones pair, so they all stay.
std::string_view Unquoted(std::string_view value) {
  if (value.size() < 2 || value.front() != value.back()) return value;
  const char quote = value.front();
  if (quote != '"' && quote != '\'') return value;
  const std::string_view inner = value.substr(1, value.size() - 2);
  return inner.find(quote) == std::string_view::npos ? inner : value;
}

absl::Status CheckName(std::string_view name, std::string_view value) {
  for (size_t at = value.find(" --"); at != std::string_view::npos;
       at = value.find(" --", at + 1)) {
    if (OptionLength(value.substr(at + 1)) > 0) {
      return Bad(fmt::format("unknown option inside the value of --{}", name));
    }
  }
  const bool control = std::any_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  if (control) return Bad(fmt::format("control character in the value of --{}", name));
  return absl::OkStatus();
}

absl::Status CheckValue(const OptionRow& option, std::string_view value) {
  if (value.find('\0') != std::string_view::npos) {
    return Bad(fmt::format("NUL byte in the value of --{}", option.name));
  }
  if (option.shape == Shape::kSecret) {
    // Most likely an unset variable in a script; a generated password would surprise.
    if (value.empty()) return Bad(fmt::format("option --{} is empty", option.name));
    if (value.size() > limits::kSecretBytesMax) {
      return Bad(fmt::format("--{} has {} bytes, at most {}", option.name, value.size(),
                             limits::kSecretBytesMax));
    }
    return absl::OkStatus();
  }
  const size_t chars_max =
      option.shape == Shape::kName ? limits::kNameCharsMax : limits::kTextCharsMax;
  const std::optional<size_t> chars = Utf8Chars(value);
  if (!chars.has_value()) return Bad(fmt::format("--{} is not UTF-8", option.name));
  if (*chars > chars_max) {
    return Bad(fmt::format("--{} has {} characters, at most {}", option.name, *chars, chars_max));
  }
  return option.shape == Shape::kName ? CheckName(option.name, value) : absl::OkStatus();
}

absl::StatusOr<Values> ReadOptions(std::string_view line, size_t from, const WordRow& word) {
  Values values;
  std::optional<Found> found = NextKnown(line, from);
  const size_t before_first = found.has_value() ? found->at : line.size();
  if (!WithoutBlanks(line.substr(from, before_first - from)).empty()) {
    return Bad(fmt::format("expected an option of {} after the command", word.word));
  }
  while (found.has_value()) {
    const std::optional<Found> next = NextKnown(line, found->value);
    // Without the one blank that stands before the next option; `--a=--b=` has no room for it.
    const size_t end = next.has_value() ? next->at - 1 : line.size();
    const OptionRow& option = kOptions[found->option];
    if (!word.takes[found->option]) {
      return Bad(fmt::format("{} does not take --{}", word.word, option.name));
    }
    if (values[found->option].has_value()) {
      return Bad(fmt::format("--{} is given twice", option.name));
    }
    const std::string_view value = Unquoted(line.substr(found->value, end - found->value));
    HOLDFAST_RETURN_IF_ERROR(CheckValue(option, value));
    values[found->option] = value;
    found = next;
  }
  return values;
}

}  // namespace

absl::StatusOr<Command> ParseCommandLine(std::string_view line) {
  if (line.size() > limits::kSshCommandBytesMax) {
    return Bad(fmt::format("the command has {} bytes, at most {}", line.size(),
                           limits::kSshCommandBytesMax));
  }
  line = WithoutBlanks(line);
  const WordRow* const word = FindWord(line);
  if (word == nullptr) return Bad("unknown command");
  HOLDFAST_ASSIGN_OR_RETURN(const Values values, ReadOptions(line, word->word.size(), *word));
  if (!values[kResource].has_value()) return Bad("option --resource is missing");
  if (values[kResource]->empty()) return Bad("option --resource is empty");
  if (!values[kAccount].has_value()) return Bad("option --account is missing");
  return word->make(values);
}

std::string_view CommandWord(std::string_view line) {
  const WordRow* const word = FindWord(WithoutBlanks(line));
  return word == nullptr ? std::string_view() : word->word;
}

std::string_view Usage() {
  return "Usage:\r\n"
         "  RETRIEVE --resource=<name> --account=<name> [--reason=<text>] [--ticketid=<id>]\r\n"
         "  RESET_LOCAL --resource=<name> --account=<name> [--newpassword=<password>]"
         " [--reason=<text>] [--ticketid=<id>]\r\n"
         "  RESET_REMOTE --resource=<name> --account=<name> [--newpassword=<password>]"
         " [--reason=<text>] [--ticketid=<id>]\r\n"
         "  CREATE --resource=<name> --account=<name> --newpassword=<password>"
         " [--resourcetype=<type>] [--notes=<text>]\r\n";
}

}  // namespace holdfast::ssh

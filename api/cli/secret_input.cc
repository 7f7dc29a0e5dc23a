#include "api/cli/secret_input.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "api/cli/session.h"
#include "server/base/encoding.h"
#include "server/base/file.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/utf8.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

// Echo is off while this lives.
class SilentTerminal {
 public:
  explicit SilentTerminal(int fd) : fd_(fd), is_terminal_(tcgetattr(fd, &before_) == 0) {
    if (!is_terminal_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(fd_, TCSAFLUSH, &silent);
    static_cast<void>(!write(STDERR_FILENO, "Secret (one line, not shown): ", 30));
  }
  ~SilentTerminal() {
    if (!is_terminal_) return;
    tcsetattr(fd_, TCSAFLUSH, &before_);
    static_cast<void>(!write(STDERR_FILENO, "\n", 1));
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  bool is_terminal() const { return is_terminal_; }

 private:
  const int fd_;
  termios before_ = {};
  const bool is_terminal_;
};

}  // namespace

absl::StatusOr<SecretBytes> ReadSecret(int fd) {
  const SilentTerminal terminal(fd);
  // One more than is allowed, so that too much is noticed.
  SecretBytes buffer = SecretBytes::OfSize(limits::kSecretBytesMax + 1);
  size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got = read(fd, buffer.Fill().data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("standard input");
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (terminal.is_terminal()) break;  // A terminal gives whole lines.
  }
  std::string_view bytes = buffer.RevealText(Purpose::kSendToMember).substr(0, size);
  if (terminal.is_terminal() && bytes.ends_with('\n')) bytes.remove_suffix(1);
  if (bytes.empty()) {
    return absl::InvalidArgumentError(
        "no secret on standard input: pipe it in, for example from a file with < FILE, or let "
        "--generate make one");
  }
  if (bytes.size() > limits::kSecretBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("the secret is longer than {} bytes", limits::kSecretBytesMax));
  }
  return SecretBytes::CopyOf(bytes);
}

void PutSecret(const SecretBytes& secret, json::object& body) {
  const std::string_view bytes = secret.RevealText(Purpose::kSendToMember);
  if (Utf8Chars(bytes).has_value()) {
    body["secret"] = json::string_view(bytes.data(), bytes.size());
    return;
  }
  std::string encoded = Base64Encode(bytes);
  TextWiper wiper(encoded);
  body["secret"] = json::string_view(encoded.data(), encoded.size());
  body["encoding"] = "base64";
}

absl::StatusOr<SecretBytes> TakeSecret(const json::object& answer) {
  const json::value* secret = answer.if_contains("secret");
  if (secret == nullptr || !secret->is_string()) {
    return absl::InternalError("the answer holds no secret");
  }
  const std::string_view text(secret->get_string().data(), secret->get_string().size());
  if (TextIn(answer, "encoding") != "base64") return SecretBytes::CopyOf(text);
  std::optional<std::string> bytes = Base64Decode(text);
  if (!bytes.has_value()) return absl::InternalError("the answer's secret is not base64");
  return SecretBytes::TakeFrom(*bytes);
}

}  // namespace holdfast::cli

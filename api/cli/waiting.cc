#include "api/cli/waiting.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include "api/cli/exit_code.h"
#include "api/cli/health.h"
#include "api/cli/print.h"
#include "server/base/mutex.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kAskEvery{1};
constexpr int kBarCells = 40;
constexpr int kLineStep = 10;  // percent

std::optional<int> PercentOf(const json::object& node) {
  const json::value* snapshot = node.if_contains("snapshot");
  if (snapshot == nullptr || !snapshot->is_object()) return std::nullopt;
  const json::value* bytes = snapshot->get_object().if_contains("bytes");
  const json::value* total = snapshot->get_object().if_contains("bytes_total");
  if (bytes == nullptr || total == nullptr) return std::nullopt;
  boost::system::error_code fault;
  const auto of = total->to_number<double>(fault);
  const auto part = bytes->to_number<double>(fault);
  if (fault || of <= 0) return std::nullopt;
  return static_cast<int>(std::floor(std::min(part / of, 1.0) * 100));
}

// What is shown while somebody waits.
class Screen {
 public:
  explicit Screen(const Context& context)
      : context_(context), terminal_(isatty(context.err_fd) == 1 && !context.globals.quiet) {}

  void Show(const json::object& node) {
    const std::string id = TextIn(node, "id");
    const std::optional<int> percent = PercentOf(node);
    std::string state = TextIn(node, "state");
    if (!TextIn(node, "waiting").empty()) state += ": " + CellText(node.if_contains("waiting"));
    if (terminal_) return Draw(id, state, percent);
    const int step = percent ? *percent / kLineStep * kLineStep : -1;
    const std::string text = step < 0 ? state : fmt::format("{} {} %", state, step);
    if (said_[id] == text) return;
    said_[id] = text;
    Say(context_, fmt::format("{} {}", id, text));
  }
  void End() const {
    if (terminal_ && drawn_) Say(context_, "");
  }

 private:
  void Draw(const std::string& id, const std::string& state, const std::optional<int>& percent) {
    const int cells = percent.value_or(0) * kBarCells / 100;
    const std::string bar =
        percent ? fmt::format(" [{}{}] {:3} %", std::string(static_cast<size_t>(cells), '#'),
                              std::string(static_cast<size_t>(kBarCells - cells), '-'), *percent)
                : "";
    const std::string line = fmt::format("\r{} {}{}\x1b[K", id, state, bar);
    drawn_ = write(context_.err_fd, line.data(), line.size()) > 0 || drawn_;
  }

  const Context& context_;
  const bool terminal_;
  bool drawn_ = false;
  std::map<std::string, std::string> said_;
};

// Shows those that are not as they should be; true when there are none.
using Look = std::function<bool(const json::array& nodes, Screen& screen)>;

bool LookAtAll(const json::array& nodes, Screen& screen) {
  for (const json::value& node : nodes) {
    if (node.is_object() && !IsHealthy(node.get_object())) screen.Show(node.get_object());
  }
  return IsWhole(nodes);
}

bool LookAtOne(const std::string& id, const json::array& nodes, Screen& screen) {
  for (const json::value& node : nodes) {
    if (!node.is_object() || TextIn(node.get_object(), "id") != id) continue;
    if (FlagIn(node.get_object(), "serving")) return true;
    screen.Show(node.get_object());
  }
  return false;
}

absl::StatusOr<json::object> WaitUntil(const Context& context, Session& session, const Look& look) {
  Screen screen(context);
  Mutex mu;
  CondVar never;
  while (true) {
    absl::StatusOr<json::object> status = session.Get("/v1/status");
    if (!status.ok() && ExitCodeOf(status.status()) != kExitTryLater) return status;
    const json::value* nodes = status.ok() ? status->if_contains("nodes") : nullptr;
    if (nodes != nullptr && nodes->is_array() && look(nodes->get_array(), screen)) {
      screen.End();
      return status;
    }
    MutexLock lock(mu);
    never.WaitFor(mu, kAskEvery);
  }
}

}  // namespace

std::string StateInWords(const json::object& node) {
  const std::optional<int> percent = PercentOf(node);
  if (!percent) return TextIn(node, "state");
  return fmt::format("{} {} %", TextIn(node, "state"), *percent);
}

absl::StatusOr<json::object> WaitUntilWhole(const Context& context, Session& session) {
  return WaitUntil(context, session, LookAtAll);
}

absl::StatusOr<json::object> WaitUntilServing(const Context& context, Session& session,
                                              const std::string& node) {
  return WaitUntil(context, session, [&node](const json::array& nodes, Screen& screen) {
    return LookAtOne(node, nodes, screen);
  });
}

}  // namespace holdfast::cli

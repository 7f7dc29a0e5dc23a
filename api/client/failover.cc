#include "api/client/failover.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <exception>
#include <optional>
#include <string>

namespace holdfast::client {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

bool SaysElsewhere(const Response& response, Mode mode) {
  const int status = response.status;
  if (mode == Mode::kOrder) return false;
  if (status == 421 || status == 503) return true;
  // Another node may be newer, or whole. 501 and 505 are about the request.
  return mode == Mode::kRead &&
         (status == 412 || (status >= 500 && status != 501 && status != 505));
}

bool IsFinal(const Attempt& attempt, Mode mode) {
  return attempt.response.has_value() && !SaysElsewhere(*attempt.response, mode);
}

// Where a refusal says that the primary is.
std::optional<Address> PrimaryIn(const Response& response) {
  for (const char* name : {"X-Holdfast-Primary", "Location"}) {
    const std::string* const url = response.Find(name);
    if (url == nullptr) continue;
    absl::StatusOr<Address> address = AddressOfUrl(*url);
    if (address.ok()) return *std::move(address);
  }
  return std::nullopt;
}

std::string Outcome(const Attempt& attempt) {
  if (!attempt.response.has_value()) {
    return attempt.failure.empty() ? "no answer in the time for the whole call" : attempt.failure;
  }
  const ServerError error = ErrorOf(*attempt.response);
  if (error.code.empty()) return fmt::format("answered {}", attempt.response->status);
  return fmt::format("answered {} {}: {}", attempt.response->status, error.code, error.message);
}

std::string Outcomes(const std::deque<Attempt>& attempts) {
  std::string text;
  for (const Attempt& attempt : attempts) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{}: {}", attempt.address.Url(), Outcome(attempt));
  }
  return text;
}

void Rethrow(const std::exception_ptr& error) {
  if (error != nullptr) std::rethrow_exception(error);
}

// Runs until the task ends or the time is over; what is still going on then is dropped. Only memory
// can run out in here: every other failure is an error code.
template <typename Task>
void RunFor(asio::io_context& io, std::chrono::milliseconds total, Task task) {
  asio::co_spawn(io, std::move(task), [&io](const std::exception_ptr& error) {
    io.stop();
    Rethrow(error);
  });
  io.run_for(total);
}

// Reads: all addresses take part, each a little later than the one before.
class Race {
 public:
  Race(const Trip& trip, const std::vector<Address>& order) : trip_(trip), order_(order) {}

  absl::StatusOr<Response> Run() {
    RunFor(io_, trip_.limits.total, Start());
    Attempt* const winner = Winner();
    if (winner != nullptr) return *std::move(winner->response);
    return absl::UnavailableError("no node answered: " + Outcomes(attempts_));
  }

 private:
  asio::awaitable<void> Start() {
    for (const Address& address : order_) {
      Attempt& attempt = attempts_.emplace_back();
      attempt.address = address;
      asio::co_spawn(io_, Exchange(trip_, trip_.limits.read_answer, attempt),
                     [this](const std::exception_ptr& error) {
                       wake_.cancel();
                       Rethrow(error);
                     });
      wake_.expires_after(trip_.limits.hedge);
      bool late = false;
      while (!late && !attempt.over && Winner() == nullptr) late = co_await Wait();
      if (Winner() != nullptr) co_return;
    }
    wake_.expires_at(asio::steady_timer::time_point::max());
    while (Winner() == nullptr && !AllOver()) co_await Wait();
  }

  // Until somebody is through; true when the time came first.
  asio::awaitable<bool> Wait() {
    error_code error;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }

  Attempt* Winner() {
    const auto found = std::find_if(attempts_.begin(), attempts_.end(), [](const Attempt& a) {
      return a.over && IsFinal(a, Mode::kRead);
    });
    return found == attempts_.end() ? nullptr : &*found;
  }
  bool AllOver() const {
    return std::all_of(attempts_.begin(), attempts_.end(), [](const Attempt& a) { return a.over; });
  }

  const Trip& trip_;
  const std::vector<Address>& order_;
  std::deque<Attempt> attempts_;  // before io_: its tasks write into them until they are dropped
  asio::io_context io_{1};
  asio::steady_timer wake_{io_};
};

// Writes: one address at a time, and none any more once a request may have left for good.
class Search {
 public:
  Search(const Trip& trip, const std::vector<Address>& order, Mode mode)
      : trip_(trip), mode_(mode), todo_(order.begin(), order.end()) {}

  absl::StatusOr<Response> Run() {
    RunFor(io_, trip_.limits.total, Walk());
    if (attempts_.empty()) return absl::UnavailableError("no node was asked");
    Attempt& last = attempts_.back();
    if (IsFinal(last, mode_)) return *std::move(last.response);
    if (last.sent && !last.response.has_value()) {
      return absl::UnknownError(
          "outcome unknown: the request was sent and may have been carried out or not, and it is "
          "not sent again: " +
          Outcomes(attempts_));
    }
    return absl::UnavailableError("nothing was done, no primary answered: " + Outcomes(attempts_));
  }

 private:
  asio::awaitable<void> Walk() {
    while (!todo_.empty()) {
      Attempt& attempt = attempts_.emplace_back();
      attempt.address = todo_.front();
      todo_.pop_front();
      co_await Exchange(trip_, trip_.limits.write_answer, attempt);
      if (IsFinal(attempt, mode_)) co_return;
      if (attempt.response.has_value()) {
        Follow(*attempt.response);
      } else if (attempt.sent) {
        co_return;
      }
    }
  }

  // The named primary comes next, even if it was asked before: it may have become primary since.
  void Follow(const Response& refusal) {
    const std::optional<Address> primary = PrimaryIn(refusal);
    if (!primary.has_value() || *primary == refusal.address || hops_ == kHopsMax) return;
    ++hops_;
    todo_.erase(std::remove(todo_.begin(), todo_.end(), *primary), todo_.end());
    todo_.push_front(*primary);
  }

  const Trip& trip_;
  const Mode mode_;
  std::deque<Address> todo_;
  int hops_ = 0;
  std::deque<Attempt> attempts_;  // before io_: its task writes into them until it is dropped
  asio::io_context io_{1};
};

}  // namespace

absl::StatusOr<Response> Read(const Trip& trip, const std::vector<Address>& order) {
  return Race(trip, order).Run();
}

absl::StatusOr<Response> Write(const Trip& trip, const std::vector<Address>& order, Mode mode) {
  return Search(trip, order, mode).Run();
}

}  // namespace holdfast::client

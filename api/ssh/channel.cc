#include "api/ssh/channel.h"

#include <fmt/format.h>
#include <libssh/server.h>

#include <cstring>
#include <string_view>
#include <utility>

namespace holdfast::ssh {
namespace {

constexpr int kTaken = 0;
constexpr int kRefused = -1;

// A terminal is granted and changes nothing: one client always asks for one.
int OnTerminal(ssh_session, ssh_channel, const char*, int, int, int, int, void*) { return kTaken; }
int OnWindowChange(ssh_session, ssh_channel, int, int, int, int, void*) { return kTaken; }
int OnShell(ssh_session, ssh_channel, void*) { return kRefused; }
int OnEnvironment(ssh_session, ssh_channel, const char*, const char*, void*) { return kRefused; }
int OnSubsystem(ssh_session, ssh_channel, const char*, void*) { return kRefused; }
// Input is thrown away as it comes, so it needs no memory.
int OnData(ssh_session, ssh_channel, void*, uint32_t size, int, void*) {
  return static_cast<int>(size);
}

}  // namespace

Channel::Channel(uint64_t id, ssh_channel raw, size_t command_bytes_max)
    : id_(id), raw_(raw), command_bytes_max_(command_bytes_max) {
  ssh_callbacks_init(&callbacks_);
  callbacks_.userdata = this;
  callbacks_.channel_pty_request_function = OnTerminal;
  callbacks_.channel_pty_window_change_function = OnWindowChange;
  callbacks_.channel_shell_request_function = OnShell;
  callbacks_.channel_env_request_function = OnEnvironment;
  callbacks_.channel_subsystem_request_function = OnSubsystem;
  callbacks_.channel_data_function = OnData;
  callbacks_.channel_exec_request_function = OnExec;
  callbacks_.channel_close_function = OnClose;
  ssh_set_channel_callbacks(raw_, &callbacks_);
}

Channel::~Channel() {
  ssh_remove_channel_callbacks(raw_, &callbacks_);
  ssh_channel_close(raw_);
  ssh_channel_free(raw_);
}

int Channel::OnExec(ssh_session, ssh_channel, const char* command, void* self) {
  auto& channel = *static_cast<Channel*>(self);
  if (channel.state_ != State::kOpen) return kRefused;  // One command per channel.
  const std::string_view line(command);
  if (line.size() > channel.command_bytes_max_) {
    channel.SetAnswer(InvalidCommand(fmt::format("the command has {} bytes, at most {}",
                                                 line.size(), channel.command_bytes_max_)));
    return kTaken;
  }
  channel.command_ = SecretBytes::CopyOf(line);
  channel.state_ = State::kRequested;
  return kTaken;
}

void Channel::OnClose(ssh_session, ssh_channel, void* self) {
  static_cast<Channel*>(self)->remote_closed_ = true;
}

std::optional<SecretBytes> Channel::TakeCommand() {
  if (state_ != State::kRequested) return std::nullopt;
  state_ = State::kRunning;
  return std::move(command_);
}

void Channel::SetAnswer(Answer answer) {
  answer_ = std::move(answer);
  state_ = State::kAnswering;
}

bool Channel::WritePart(bool to_stderr) {
  const std::string_view bytes =
      to_stderr ? std::string_view(answer_.err) : answer_.out.RevealText(Purpose::kAnswerClient);
  size_t& sent = to_stderr ? err_sent_ : out_sent_;
  if (sent == bytes.size()) return false;
  const auto left = static_cast<uint32_t>(bytes.size() - sent);
  const char* const from = bytes.data() + sent;
  const int count =
      to_stderr ? ssh_channel_write_stderr(raw_, from, left) : ssh_channel_write(raw_, from, left);
  if (count <= 0) return false;  // A full window; a broken session is noticed by its owner.
  sent += static_cast<size_t>(count);
  return true;
}

bool Channel::Write() {
  if (state_ != State::kAnswering || remote_closed_) return false;
  const bool moved_out = WritePart(/*to_stderr=*/false);
  const bool moved = WritePart(/*to_stderr=*/true) || moved_out;
  if (out_sent_ < answer_.out.size() || err_sent_ < answer_.err.size()) return moved;
  state_ = State::kDone;
  ssh_channel_request_send_exit_status(raw_, answer_.exit_status);
  ssh_channel_send_eof(raw_);
  ssh_channel_close(raw_);
  answer_ = {};
  return true;
}

}  // namespace holdfast::ssh

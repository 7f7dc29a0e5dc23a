#ifndef HOLDFAST_API_SSH_CHANNEL_H_
#define HOLDFAST_API_SSH_CHANNEL_H_

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <cstdint>
#include <optional>

#include "api/ssh/answer.h"
#include "server/base/secret_bytes.h"

namespace holdfast::ssh {

// One exec channel: one command line in, one answer out, closed.
//
// Threading   Its session's thread. Callbacks of the library only write down what was asked.
// Ownership   Borrows the library's channel until Free; its address must not change (the library
//             holds it).
class Channel {
 public:
  Channel(uint64_t id, ssh_channel raw, size_t command_bytes_max);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  uint64_t id() const { return id_; }
  // The command that waits to be started; at most once.
  std::optional<SecretBytes> TakeCommand();
  void SetAnswer(Answer answer);
  // Sends what the client's window takes; true when something moved.
  bool Write();

  bool waits() const { return state_ == State::kRequested; }
  bool runs() const { return state_ == State::kRequested || state_ == State::kRunning; }
  bool has_output() const { return state_ == State::kAnswering; }
  // The client has closed its side: nothing more can be said.
  bool closed() const { return remote_closed_; }

 private:
  enum class State { kOpen, kRequested, kRunning, kAnswering, kDone };
  static int OnExec(ssh_session, ssh_channel, const char* command, void* self);
  static void OnClose(ssh_session, ssh_channel, void* self);
  bool WritePart(bool to_stderr);

  const uint64_t id_;
  ssh_channel const raw_;
  const size_t command_bytes_max_;
  ssh_channel_callbacks_struct callbacks_{};
  State state_ = State::kOpen;
  bool remote_closed_ = false;
  SecretBytes command_;
  Answer answer_;
  size_t out_sent_ = 0;
  size_t err_sent_ = 0;
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_CHANNEL_H_

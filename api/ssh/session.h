#ifndef HOLDFAST_API_SSH_SESSION_H_
#define HOLDFAST_API_SSH_SESSION_H_

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/ssh/admission.h"
#include "api/ssh/channel.h"
#include "api/ssh/inbox.h"
#include "api/ssh/ssh_limits.h"
#include "api/ssh/ssh_vault.h"
#include "server/base/clock.h"

namespace holdfast::ssh {

struct SessionFree {
  void operator()(ssh_session_struct* session) const { ssh_free(session); }
};
struct EventFree {
  void operator()(ssh_event_struct* event) const { ssh_event_free(event); }
};

// One connection: key exchange, login, exec channels.
//
// Room        The library calls back in the middle of reading and of sending, so callbacks only
//             write down what was asked; Drive acts on it afterwards.
// Threading   Its worker's thread only.
// Ownership   Owns the socket. One ssh_event of its own: in a shared one the end of one session
//             puts the others into error state.
// Failure     Whatever goes wrong ends this connection and no other.
class Session {
 public:
  enum class Fate { kLives, kOver };
  struct Context {  // Of the worker; outlives the session.
    const SshVault& vault;
    const SshLimits& limits;
    std::shared_ptr<Inbox> inbox;
  };

  // Takes the socket over, also when it fails.
  static absl::StatusOr<std::unique_ptr<Session>> Accept(uint64_t id, ssh_bind bind,
                                                         Arrival arrival, const Context& context);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Call when the socket is ready.
  Fate Drive(MonoTime now);
  // The vault's answer for one channel; dropped when the client has closed it.
  Fate Deliver(uint64_t channel, Answer answer, MonoTime now);
  // Call now and then: a deadline may have passed.
  Fate CheckDeadlines(MonoTime now);
  // The caller may have lost the right to be here.
  Fate CheckCaller() const;
  // No further channels; over as soon as no command runs.
  Fate Drain();

  int fd() const { return ssh_get_fd(raw_.get()); }
  bool wants_write() const;

 private:
  Session(uint64_t id, Arrival arrival, const Context& context);
  absl::Status Open(ssh_bind bind, UniqueFd fd);
  void SetCallbacks();

  // Called by the library.
  static int OnNone(ssh_session, const char* user, void* self);
  static int OnPassword(ssh_session, const char* user, const char* password, void* self);
  static int OnPublicKey(ssh_session, const char* user, ssh_key key, char state, void* self);
  static ssh_channel OnOpenChannel(ssh_session, void* self);

  int TryKey(const std::string& login, ssh_key key, bool proven);
  int RefuseLogin();
  void RecordRefusal();
  Fate StartCommands(MonoTime now);
  void WriteAnswers(MonoTime now);
  void FreeClosedChannels();
  bool Broken() const;
  bool AnyCommandLives() const;

  const uint64_t id_;
  const Context context_;
  const std::string source_;
  const MonoTime login_by_;
  std::unique_ptr<ssh_session_struct, SessionFree> raw_;
  std::unique_ptr<ssh_event_struct, EventFree> event_;  // set once keys are exchanged
  ssh_server_callbacks_struct callbacks_{};

  Admission::Pass pass_;
  CallerPtr caller_;  // null until proven
  size_t attempts_ = 0;
  struct Offer {
    std::string login;
    std::string blob;
  };
  std::optional<Offer> refused_;  // the last key that the vault did not take
  bool doomed_ = false;           // to be ended once outside the library's callbacks
  bool draining_ = false;         // no further channels

  uint64_t next_channel_ = 1;
  std::vector<std::unique_ptr<Channel>> channels_;
  MonoTime active_at_{};                    // last command started or answered
  std::optional<MonoTime> waits_to_write_;  // since when output has not moved
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_SESSION_H_

#include "api/ssh/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/base/encoding.h"
#include "server/base/status_macros.h"

namespace holdfast::ssh {
namespace {

constexpr size_t kRsaBitsMin = 2048;

// Cuts a length-prefixed field off the front of a key's wire form.
std::string_view TakeField(std::string_view& blob) {
  if (blob.size() < 4) return {};
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<uint8_t>(blob[i]);
  if (blob.size() - 4 < size) return {};
  const std::string_view field = blob.substr(4, size);
  blob.remove_prefix(4 + size);
  return field;
}

// The library could check this as well, but then it does not answer, and the client hangs.
bool TooSmall(std::string_view blob) {
  if (TakeField(blob) != "ssh-rsa") return false;
  TakeField(blob);  // The exponent.
  std::string_view modulus = TakeField(blob);
  while (!modulus.empty() && modulus.front() == 0) modulus.remove_prefix(1);
  return modulus.size() * 8 < kRsaBitsMin;
}

}  // namespace

Session::Session(uint64_t id, Arrival arrival, const Context& context)
    : id_(id),
      context_(context),
      source_(std::move(arrival.source)),
      login_by_(arrival.login_by),
      raw_(ssh_new()),
      pass_(std::move(arrival.pass)) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Accept(uint64_t id, ssh_bind bind,
                                                         Arrival arrival, const Context& context) {
  UniqueFd fd = std::move(arrival.fd);
  std::unique_ptr<Session> session(new Session(id, std::move(arrival), context));
  HOLDFAST_RETURN_IF_ERROR(session->Open(bind, std::move(fd)));
  return session;
}

absl::Status Session::Open(ssh_bind bind, UniqueFd fd) {
  if (raw_ == nullptr) return absl::ResourceExhaustedError("libssh has no memory for a session");
  ssh_session const raw = raw_.get();
  // Compression before or after the login is a way to make us work for strangers.
  if (ssh_options_set(raw, SSH_OPTIONS_COMPRESSION_C_S, "none") != SSH_OK ||
      ssh_options_set(raw, SSH_OPTIONS_COMPRESSION_S_C, "none") != SSH_OK) {
    return absl::InternalError("libssh does not take compression none");
  }
  if (ssh_bind_accept_fd(bind, raw, fd.get()) != SSH_OK) {
    // The session closes the socket exactly when it has already taken it.
    if (ssh_get_fd(raw) == fd.get()) fd.Release();
    return absl::InternalError(fmt::format("libssh does not accept: {}", ssh_get_error(bind)));
  }
  fd.Release();
  ssh_set_blocking(raw, 0);
  ssh_set_auth_methods(raw, SSH_AUTH_METHOD_PUBLICKEY);
  SetCallbacks();
  return absl::OkStatus();
}

void Session::SetCallbacks() {
  ssh_callbacks_init(&callbacks_);
  callbacks_.userdata = this;
  callbacks_.auth_none_function = OnNone;
  callbacks_.auth_password_function = OnPassword;
  callbacks_.auth_pubkey_function = OnPublicKey;
  callbacks_.channel_open_request_session_function = OnOpenChannel;
  ssh_set_server_callbacks(raw_.get(), &callbacks_);
}

void Session::RecordRefusal() {
  if (caller_ != nullptr || !refused_.has_value()) return;
  // Whatever comes back, it logs nobody in: the connection is over.
  const auto nobody = context_.vault.authenticate(refused_->login, refused_->blob, source_,
                                                  /*record_refusal=*/true);
  refused_.reset();
}

Session::~Session() {
  RecordRefusal();
  if (raw_ == nullptr) return;
  draining_ = true;  // Sending below may call back.
  channels_.clear();
  if (event_ != nullptr) {
    ssh_event_remove_session(event_.get(), raw_.get());
    event_.reset();
  }
  ssh_disconnect(raw_.get());
}

bool Session::wants_write() const {
  return (ssh_get_poll_flags(raw_.get()) & SSH_WRITE_PENDING) != 0;
}

bool Session::Broken() const {
  return doomed_ || (ssh_get_status(raw_.get()) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

// ---- Called by the library

int Session::RefuseLogin() {
  if (++attempts_ >= context_.limits.auth_attempts_max) doomed_ = true;
  return SSH_AUTH_DENIED;
}

int Session::OnNone(ssh_session, const char*, void*) {
  return SSH_AUTH_DENIED;  // How a client asks which methods there are.
}

int Session::OnPassword(ssh_session, const char*, const char*, void* self) {
  return static_cast<Session*>(self)->RefuseLogin();
}

int Session::OnPublicKey(ssh_session, const char* user, ssh_key key, char state, void* self) {
  auto& session = *static_cast<Session*>(self);
  if (user == nullptr || session.caller_ != nullptr || session.doomed_) return SSH_AUTH_DENIED;
  // NONE is the question "would you take this key?"; only VALID proves that the client has it.
  if (state == SSH_PUBLICKEY_STATE_NONE) return session.TryKey(user, key, /*proven=*/false);
  if (state == SSH_PUBLICKEY_STATE_VALID) return session.TryKey(user, key, /*proven=*/true);
  return session.RefuseLogin();
}

int Session::TryKey(const std::string& login, ssh_key key, bool proven) {
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &text) != SSH_OK) return RefuseLogin();
  const std::optional<std::string> blob = Base64Decode(text);
  ssh_string_free_char(text);
  if (!blob.has_value() || TooSmall(*blob)) return RefuseLogin();
  absl::StatusOr<CallerPtr> caller =
      context_.vault.authenticate(login, *blob, source_, /*record_refusal=*/false);
  if (!caller.ok() || *caller == nullptr) {
    refused_ = Offer{login, *blob};
    return RefuseLogin();
  }
  if (proven) {
    caller_ = *std::move(caller);
    pass_.LoggedIn();
  }
  return SSH_AUTH_SUCCESS;
}

ssh_channel Session::OnOpenChannel(ssh_session raw, void* self) {
  auto& session = *static_cast<Session*>(self);
  if (session.caller_ == nullptr || session.draining_ || session.doomed_) return nullptr;
  if (session.channels_.size() >= session.context_.limits.channels_max) return nullptr;
  ssh_channel const channel = ssh_channel_new(raw);
  if (channel == nullptr) return nullptr;
  session.channels_.push_back(std::make_unique<Channel>(session.next_channel_++, channel,
                                                        session.context_.limits.command_bytes_max));
  return channel;
}

// ---- Called by the worker

Session::Fate Session::Drive(MonoTime now) {
  ssh_session const raw = raw_.get();
  if (event_ == nullptr) {
    const int exchanged = ssh_handle_key_exchange(raw);
    if (exchanged == SSH_AGAIN) return Broken() ? Fate::kOver : Fate::kLives;
    if (exchanged != SSH_OK) return Fate::kOver;
    event_.reset(ssh_event_new());
    if (event_ == nullptr || ssh_event_add_session(event_.get(), raw) != SSH_OK) {
      return Fate::kOver;
    }
    active_at_ = now;
  }
  if (ssh_event_dopoll(event_.get(), 0) == SSH_ERROR || Broken()) return Fate::kOver;
  // Sending may read, and reading may bring further commands: go on until nothing is left to do.
  // It ends, as each channel starts one command and channels are bounded.
  do {
    if (StartCommands(now) == Fate::kOver) return Fate::kOver;
    WriteAnswers(now);
    FreeClosedChannels();
    if (Broken()) return Fate::kOver;
  } while (
      std::any_of(channels_.begin(), channels_.end(), [](const auto& c) { return c->waits(); }));
  if (draining_ && !AnyCommandLives()) return Fate::kOver;
  return Fate::kLives;
}

Session::Fate Session::StartCommands(MonoTime now) {
  // By index: `run` may not touch channels_, but a callback of the library might have grown it.
  for (size_t i = 0; i < channels_.size(); ++i) {
    std::optional<SecretBytes> line = channels_[i]->TakeCommand();
    if (!line.has_value()) continue;
    active_at_ = now;
    if (CheckCaller() == Fate::kOver) return Fate::kOver;
    context_.vault.run(
        caller_, *std::move(line),
        [inbox = context_.inbox, session = id_, channel = channels_[i]->id()](Answer answer) {
          inbox->Post(Completion{session, channel, std::move(answer)});
        });
  }
  return Fate::kLives;
}

void Session::WriteAnswers(MonoTime now) {
  bool moved = false;
  for (size_t i = 0; i < channels_.size(); ++i) moved = channels_[i]->Write() || moved;
  const bool waits = wants_write() || std::any_of(channels_.begin(), channels_.end(),
                                                  [](const auto& c) { return c->has_output(); });
  if (!waits) {
    waits_to_write_.reset();
  } else if (moved || !waits_to_write_.has_value()) {
    waits_to_write_ = now;
  }
}

void Session::FreeClosedChannels() {
  std::vector<std::unique_ptr<Channel>> over;
  for (auto& channel : channels_) {
    if (channel->closed()) over.push_back(std::move(channel));
  }
  channels_.erase(std::remove(channels_.begin(), channels_.end(), nullptr), channels_.end());
}  // Freed only here: sending the close may call back, and must find channels_ whole.

Session::Fate Session::Deliver(uint64_t channel, Answer answer, MonoTime now) {
  active_at_ = now;
  for (auto& each : channels_) {
    if (each->id() == channel) each->SetAnswer(std::move(answer));
  }
  return Drive(now);
}

Session::Fate Session::CheckDeadlines(MonoTime now) {
  if (caller_ == nullptr) return now >= login_by_ ? Fate::kOver : Fate::kLives;
  if (now - active_at_ >= context_.limits.idle_max) return Fate::kOver;
  if (waits_to_write_.has_value() && now - *waits_to_write_ >= context_.limits.write_within) {
    return Fate::kOver;
  }
  return Fate::kLives;
}

Session::Fate Session::CheckCaller() const {
  if (caller_ == nullptr) return Fate::kLives;
  return context_.vault.still_valid(caller_).ok() ? Fate::kLives : Fate::kOver;
}

bool Session::AnyCommandLives() const {
  return wants_write() || std::any_of(channels_.begin(), channels_.end(),
                                      [](const auto& c) { return c->runs() || c->has_output(); });
}

Session::Fate Session::Drain() {
  draining_ = true;
  return caller_ == nullptr || !AnyCommandLives() ? Fate::kOver : Fate::kLives;
}

}  // namespace holdfast::ssh

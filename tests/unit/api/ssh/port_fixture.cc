#include "tests/unit/api/ssh/port_fixture.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "server/base/check.h"
#include "server/base/encoding.h"

namespace holdfast::ssh {
namespace {

// The transport hands the caller back without looking into it.
CallerPtr CallerNamed(const std::string& login) {
  auto name = std::make_shared<std::string>(login);
  const auto* const raw = reinterpret_cast<const desk::Caller*>(name.get());
  return CallerPtr(std::move(name), raw);
}

const std::string& NameOf(const CallerPtr& caller) {
  return *reinterpret_cast<const std::string*>(caller.get());
}

Answer Out(std::string text) { return {.out = SecretBytes::TakeFrom(text), .err = {}}; }

std::string Text(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, 64 * 1024);
  HOLDFAST_CHECK(text.ok());
  return *std::move(text);
}

std::string PublicText(const std::string& path) {
  const std::string line = Text(path + ".pub");
  const size_t first = line.find(' ');
  return line.substr(first + 1, line.find(' ', first + 1) - first - 1);
}

}  // namespace

// ---- ScriptedVault

SshVault ScriptedVault::Functions() {
  return {
      .authenticate = [this](const std::string& login, std::string_view blob, const std::string&,
                             bool record_refusal) -> absl::StatusOr<CallerPtr> {
        MutexLock lock(mu_);
        ++asked_;
        const auto found = keys_.find(login);
        if (found == keys_.end() || found->second != blob) {
          if (record_refusal) ++recorded_;
          return absl::UnauthenticatedError("unknown key");
        }
        return CallerNamed(login);
      },
      .still_valid =
          [this](const CallerPtr& caller) {
            MutexLock lock(mu_);
            return keys_.contains(NameOf(caller)) ? absl::OkStatus()
                                                  : absl::UnauthenticatedError("gone");
          },
      .run =
          [this](const CallerPtr& caller, SecretBytes line, std::function<void(Answer)> done) {
            RunLine(caller, std::string(line.RevealText(Purpose::kCompare)), std::move(done));
          }};
}

void ScriptedVault::Allow(const std::string& login, const std::string& blob) {
  MutexLock lock(mu_);
  keys_[login] = blob;
}

void ScriptedVault::Forbid(const std::string& login) {
  MutexLock lock(mu_);
  keys_.erase(login);
}

void ScriptedVault::RunLine(const CallerPtr& caller, const std::string& line,
                            std::function<void(Answer)> done) {
  const std::string word = line.substr(0, line.find(' '));
  const std::string rest = word.size() == line.size() ? "" : line.substr(word.size() + 1);
  {
    MutexLock lock(mu_);
    ++ran_;
    if (word == "HOLD") {
      held_.push_back({std::move(done)});
      changed_.NotifyAll();
      return;
    }
  }
  if (word == "SECRET") return done(Out(rest));
  if (word == "BIG") return done(Out(std::string(std::stoul(rest), 'x')));
  if (word == "WHO") return done(Out(NameOf(caller)));
  const int status = word == "REFUSE" ? std::stoi(rest) : 99;
  done({.out = {}, .err = "ERROR: refused.\r\n", .exit_status = status});
}

void ScriptedVault::WaitForHeld(size_t count) {
  MutexLock lock(mu_);
  while (held_.size() < count) changed_.Wait(mu_);
}

void ScriptedVault::Release(size_t count, const std::function<Answer()>& answer) {
  WaitForHeld(count);
  std::vector<Held> held;
  {
    MutexLock lock(mu_);
    held.swap(held_);
  }
  for (const Held& each : held) each.done(answer());
}

size_t ScriptedVault::ran() const {
  MutexLock lock(mu_);
  return ran_;
}

size_t ScriptedVault::asked() const {
  MutexLock lock(mu_);
  return asked_;
}

size_t ScriptedVault::recorded() const {
  MutexLock lock(mu_);
  return recorded_;
}

// ---- PortFixture

PortFixture::PortFixture() {
  signal(SIGPIPE, SIG_IGN);
  MakeKey("host_ed25519", {"-t", "ed25519"});
  MakeKey("host_ecdsa", {"-t", "ecdsa", "-b", "256"});
  key_ = MakeKey("user", {"-t", "ed25519"});
  vault_.Allow("deploy", key_.blob);
}

ClientKey PortFixture::MakeKey(const std::string& name,
                               const std::vector<std::string>& type) const {
  std::vector<std::string> words{"ssh-keygen", "-q", "-N", "", "-C", "", "-f", folder_ / name};
  words.insert(words.end(), type.begin(), type.end());
  HOLDFAST_CHECK(RunProgram(words).exit_status == 0);
  return {folder_ / name, *Base64Decode(PublicText(folder_ / name))};
}

std::vector<HostKey> PortFixture::CopyHostKeys() const {
  std::vector<HostKey> keys;
  keys.push_back({"ssh-ed25519", SecretBytes::CopyOf(Text(folder_ / "host_ed25519"))});
  keys.push_back({"ecdsa-sha2-nistp256", SecretBytes::CopyOf(Text(folder_ / "host_ecdsa"))});
  return keys;
}

void PortFixture::TrustHostKeys(uint16_t port) {
  const std::string text =
      fmt::format("[127.0.0.1]:{0} ssh-ed25519 {1}\n[127.0.0.1]:{0} ecdsa-sha2-nistp256 {2}\n",
                  port, PublicText(folder_ / "host_ed25519"), PublicText(folder_ / "host_ecdsa"));
  HOLDFAST_CHECK(WriteFileAtomic(folder_ / "known_hosts", text, 0600).ok());
}

void PortFixture::StartServer(SshServer::Options options, SshVault vault) {
  options.address = "127.0.0.1";
  auto server = SshServer::Start(options, std::move(vault), clock_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  const absl::Status applied = server_->Apply({.port = 0, .host_keys = CopyHostKeys()});
  ASSERT_TRUE(applied.ok()) << applied;
  TrustHostKeys(server_->port());
}

std::vector<std::string> PortFixture::Client(const std::vector<std::string>& more,
                                             const std::string& login) const {
  std::vector<std::string> words{"ssh",
                                 "-F",
                                 "none",
                                 "-o",
                                 "UserKnownHostsFile=" + (folder_ / "known_hosts"),
                                 "-o",
                                 "StrictHostKeyChecking=yes",
                                 "-o",
                                 "IdentitiesOnly=yes",
                                 "-o",
                                 "BatchMode=yes",
                                 "-o",
                                 "LogLevel=ERROR",
                                 "-p",
                                 std::to_string(server_->port()),
                                 "-i",
                                 key_.path,
                                 "-l",
                                 login};
  words.insert(words.end(), more.begin(), more.end());
  words.push_back("127.0.0.1");
  return words;
}

Process PortFixture::StartSsh(const std::string& command,
                              const std::vector<std::string>& more) const {
  std::vector<std::string> words = Client(more);
  words.push_back(command);
  return Process(words);
}

Finished PortFixture::Ssh(const std::string& command, const std::vector<std::string>& more) const {
  return StartSsh(command, more).Finish();
}

UniqueFd PortFixture::Connect() const {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(server_->port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) return UniqueFd();
  return fd;
}

std::string PortFixture::ReadToEnd(int fd) {
  std::string all;
  std::array<char, 4096> bytes;
  while (true) {
    const ssize_t count = read(fd, bytes.data(), bytes.size());
    if (count <= 0) return all;
    all.append(bytes.data(), static_cast<size_t>(count));
  }
}

bool PortFixture::Greeted(int fd) {
  std::array<char, 4> bytes;
  return recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) == 4;
}

void PortFixture::AdvanceUntilConnections(size_t count, std::chrono::milliseconds step) {
  while (server_->connections() != count) {
    clock_.Advance(step);
    poll(nullptr, 0, 20);
  }
}

void PortFixture::WaitForConnections(size_t count) {
  AdvanceUntilConnections(count, std::chrono::milliseconds(0));
}

}  // namespace holdfast::ssh

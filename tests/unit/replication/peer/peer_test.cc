#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>

#include "replication/peer/peer_client.h"
#include "replication/peer/peer_server.h"
#include "server/crypto/certificate.h"
#include "tests/support/real_clock.h"

namespace holdfast::replication {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

const WallTime kNow = RealClock().Wall();

crypto::CertificateAuthority MakeAuthority(const std::string& cluster) {
  return *crypto::CreateAuthority(cluster, kNow);
}

PeerTls MakeMember(const crypto::CertificateAuthority& authority, const std::string& cluster,
                   const std::string& node) {
  crypto::CertificateRequest request = *crypto::CreateRequest(cluster, node);
  return {.cluster_id = cluster,
          .node_id = node,
          .ca_certificate = authority.certificate_pem,
          .certificate = *crypto::SignCertificate(authority, request.request_pem,
                                                  {.cluster_id = cluster,
                                                   .node_id = node,
                                                   .addresses = {"127.0.0.1"},
                                                   .days = 365,
                                                   .now = kNow}),
          .key = std::make_shared<SecretBytes>(std::move(request.key_pem))};
}

// Answers with what it was asked, so that a test sees who came through and how.
class EchoHandler : public PeerHandler {
 public:
  absl::Status CheckMember(const PeerIdentity& peer) override {
    if (peer.node_id == refused)
      return absl::PermissionDeniedError(peer.node_id + " was forgotten");
    return absl::OkStatus();
  }
  v1::ExchangeResponse Exchange(const PeerIdentity& peer,
                                const v1::ExchangeRequest& request) override {
    v1::ExchangeResponse response;
    response.mutable_me()->set_node_id(peer.node_id + " sent " + request.me().version());
    return response;
  }
  absl::StatusOr<v1::GrantResponse> Grant(const PeerIdentity&, const v1::GrantRequest&) override {
    return absl::FailedPreconditionError("epoch 7 was granted already");
  }
  absl::StatusOr<v1::ReadJournalResponse> ReadJournal(
      const PeerIdentity&, const v1::ReadJournalRequest& request) override {
    v1::ReadJournalResponse response;
    response.set_head(request.first_number());
    return response;
  }
  absl::StatusOr<v1::ReadLogResponse> ReadLog(const PeerIdentity&,
                                              const v1::ReadLogRequest& request) override {
    v1::ReadLogResponse response;
    response.set_last_seq(request.first_seq());
    return response;
  }
  absl::StatusOr<v1::TakeOverResponse> TakeOver(const PeerIdentity&,
                                                const v1::TakeOverRequest& request) override {
    v1::TakeOverResponse response;
    response.set_reason("after " + std::to_string(request.hand_over_seq()));
    return response;
  }
  absl::Status Follow(const PeerIdentity&, FollowerConnection& connection) override {
    v1::FollowerFrame frame;
    while (connection.Read(&frame)) {
      v1::PrimaryFrame answer;
      answer.mutable_heartbeat()->set_head_seq(frame.ack().durable_seq());
      if (!connection.Write(answer)) break;
    }
    return absl::AbortedError("stepped down");
  }
  std::string refused;
};

class PeerTest : public ::testing::Test {
 protected:
  PeerTest()
      : authority_(MakeAuthority("c1")),
        a_(MakeMember(authority_, "c1", "a")),
        b_(MakeMember(authority_, "c1", "b")),
        server_(*PeerServer::Start("127.0.0.1:0", a_, handler_, clock_)) {}
  std::string Address() const { return "127.0.0.1:" + std::to_string(server_->port()); }

  RealClock clock_;
  crypto::CertificateAuthority authority_;
  PeerTls a_;
  PeerTls b_;
  EchoHandler handler_;
  std::unique_ptr<PeerServer> server_;
};

TEST_F(PeerTest, AMembersCallArrivesWithItsName) {
  v1::ExchangeRequest request;
  request.mutable_me()->set_version("1.2");
  const auto answer = PeerClient::Make(Address(), "a", b_)->Exchange(request, 5s);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->me().node_id(), "b sent 1.2");
}

TEST_F(PeerTest, ARefusalArrivesWithItsCodeAndText) {
  const auto answer = PeerClient::Make(Address(), "a", b_)->Grant({}, 5s);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(answer.status().message()), "epoch 7 was granted already");
}

TEST_F(PeerTest, ACertificateOfAnotherClusterDoesNotGetPastTheHandshake) {
  const crypto::CertificateAuthority other = MakeAuthority("c2");
  PeerTls stranger = MakeMember(other, "c1", "b");
  stranger.ca_certificate = authority_.certificate_pem;  // it trusts us, we do not trust it
  const auto answer = PeerClient::Make(Address(), "a", stranger)->Exchange({}, 5s);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable) << answer.status();
}

TEST_F(PeerTest, StrangersAreCountedAndDoNotFillTheLog) {
  const crypto::CertificateAuthority other = MakeAuthority("c2");
  PeerTls stranger = MakeMember(other, "c1", "b");
  stranger.ca_certificate = authority_.certificate_pem;
  const uint64_t before = server_->refused();
  testing::internal::CaptureStderr();
  for (int i = 0; i < 20; ++i) {
    const auto answer = PeerClient::Make(Address(), "a", stranger)->Exchange({}, 5s);
    EXPECT_FALSE(answer.ok());
  }
  server_->TellRefused();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_GE(server_->refused(), before + 20);
  size_t lines = 0;
  for (size_t at = log.find("peer port:"); at != std::string::npos;
       at = log.find("peer port:", at + 1)) {
    ++lines;
  }
  EXPECT_LE(lines, 4u) << log;
}

TEST_F(PeerTest, AServerOfAnotherClusterIsNotTalkedTo) {
  const crypto::CertificateAuthority other = MakeAuthority("c2");
  const PeerTls elsewhere = MakeMember(other, "c2", "b");
  const auto answer = PeerClient::Make(Address(), "a", elsewhere)->Exchange({}, 5s);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable) << answer.status();
}

TEST_F(PeerTest, AnotherMemberThanTheOneMeantIsNotTalkedTo) {
  const auto answer = PeerClient::Make(Address(), "c", b_)->Exchange({}, 5s);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable) << answer.status();
}

TEST_F(PeerTest, AForgottenMemberIsRefusedOnEveryCall) {
  handler_.refused = "b";
  const auto client = PeerClient::Make(Address(), "a", b_);
  EXPECT_EQ(client->Exchange({}, 5s).status().code(), absl::StatusCode::kPermissionDenied);
  const auto stream = client->Follow();
  stream->Open();
  v1::PrimaryFrame frame;
  EXPECT_FALSE(stream->Read(&frame));
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(PeerTest, AStreamCarriesFramesBothWaysUntilTheServerStops) {
  const auto stream = PeerClient::Make(Address(), "a", b_)->Follow();
  stream->Open();
  for (uint64_t seq = 1; seq <= 3; ++seq) {
    v1::FollowerFrame frame;
    frame.mutable_ack()->set_durable_seq(seq);
    ASSERT_TRUE(stream->Write(frame));
    v1::PrimaryFrame answer;
    ASSERT_TRUE(stream->Read(&answer));
    EXPECT_EQ(answer.heartbeat().head_seq(), seq);
  }
  server_->Stop();
  v1::PrimaryFrame answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_FALSE(stream->Finish().ok());
}

TEST_F(PeerTest, TheCallsOfARoleChangeArrive) {
  const auto client = PeerClient::Make(Address(), "a", b_);
  v1::ReadLogRequest read;
  read.set_first_seq(7);
  EXPECT_EQ(client->ReadLog(read, 5s)->last_seq(), 7U);
  v1::TakeOverRequest take;
  take.set_hand_over_seq(8);
  EXPECT_EQ(client->TakeOver(take, 5s)->reason(), "after 8");
}

// A port where nobody answers, although it takes connections.
class SilentPort {
 public:
  SilentPort() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    listen(fd_, 8);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~SilentPort() { close(fd_); }
  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  const int fd_;
  int port_ = 0;
};

TEST_F(PeerTest, ASilentMemberIsGivenUpAfterTheLimitAndARefusedConnectionIsKnownAtOnce) {
  const RealClock clock;
  const SilentPort silent;
  const auto client = PeerClient::Make(silent.Address(), "a", b_);
  MonoTime began = clock.Mono();
  EXPECT_EQ(client->Exchange({}, 300ms).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(clock.Mono() - began, 300ms);
  const std::string address = Address();
  const auto known = PeerClient::Make(address, "a", b_);
  ASSERT_TRUE(known->Exchange({}, 5s).ok());
  server_->Stop();
  for (int i = 0; i < 20; ++i) {
    began = clock.Mono();
    EXPECT_EQ(known->Exchange({}, 5s).status().code(), absl::StatusCode::kUnavailable);
    EXPECT_LT(clock.Mono() - began, 1s);
  }
}

TEST_F(PeerTest, AMemberThatHasComeBackIsReachedByTheNextCall) {
  const std::string address = Address();
  const auto client = PeerClient::Make(address, "a", b_);
  for (int stop = 0; stop < 5; ++stop) {
    ASSERT_TRUE(client->Exchange({}, 5s).ok());
    server_.reset();
    EXPECT_TRUE(absl::IsUnavailable(client->Exchange({}, 5s).status()));
    EXPECT_TRUE(absl::IsUnavailable(client->Exchange({}, 5s).status()));
    server_ = *PeerServer::Start(address, a_, handler_, clock_);
    const auto answer = client->Exchange({}, 5s);
    ASSERT_TRUE(answer.ok()) << answer.status();
  }
}

TEST_F(PeerTest, CallsAndStreamsToASilentMemberCanBeEnded) {
  const SilentPort silent;
  const auto client = PeerClient::Make(silent.Address(), "a", b_);
  const std::shared_ptr<PrimaryConnection> stream = client->Follow();
  std::thread follower([stream] {
    stream->Open();
    v1::PrimaryFrame frame;
    EXPECT_FALSE(stream->Read(&frame));
    EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kCancelled);
  });
  std::thread caller([&] { EXPECT_FALSE(client->Exchange({}, 60s).ok()); });
  client->EndCalls();
  stream->Cancel();
  follower.join();
  caller.join();
  EXPECT_EQ(client->Exchange({}, 5s).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(PeerTest, APortInUseIsNamed) {
  const auto second = PeerServer::Start(Address(), a_, handler_, clock_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(Address()));
}

}  // namespace
}  // namespace holdfast::replication

#include "replication/peer/peer_server.h"

#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "holdfast/v1/peer.grpc.pb.h"
#include "replication/peer/grpc_status.h"
#include "replication/peer/refused_lines.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificate.h"
#include "server/observe/log.h"

namespace holdfast::replication {
namespace {

constexpr int kMessageBytesMax = 6 * 1024 * 1024;  // a lost write of 4 MiB fits with room
constexpr int kStreamsPerConnectionMax = 16;
constexpr int kPingEveryMinMs = 10'000;
// A follower that stopped dead leaves its connection open, and a write to it waiting for room.
constexpr int kPingEveryMs = 5'000;
constexpr int kPingTimeoutMs = 5'000;

// Of a handshake that fails nobody else hears: it never becomes a call. gRPC has one log for a
// process, so the newest server takes it.
class ErrorLog {
 public:
  static ErrorLog& Get() {
    static ErrorLog log;
    return log;
  }
  void SetClock(const Clock* clock) {
    MutexLock lock(mu_);
    clock_ = clock;
  }
  void DropClock(const Clock* clock) {
    MutexLock lock(mu_);
    if (clock_ == clock) clock_ = nullptr;
  }
  void Note(const gpr_log_func_args& line) {
    MutexLock lock(mu_);
    if (clock_ == nullptr) return;
    Tell(lines_.Note(KindOf(line), line.message, clock_->Mono()));
  }
  void TellDue() {
    MutexLock lock(mu_);
    if (clock_ != nullptr) Tell(lines_.Due(clock_->Mono()));
  }
  uint64_t count() const {
    MutexLock lock(mu_);
    return lines_.count();
  }

 private:
  // OpenSSL's reason is what comes last: a stranger's certificate is not the same as none.
  static std::string KindOf(const gpr_log_func_args& line) {
    const std::string_view message = line.message;
    const size_t colon = message.rfind(':');
    const auto reason = colon == message.npos ? std::string_view() : message.substr(colon + 1);
    return fmt::format("{}:{} {}", line.file, line.line, reason);
  }
  static void Tell(const std::optional<std::string>& line) {
    if (line) LogWarning("peer port: {}", *line);
  }

  mutable Mutex mu_;
  const Clock* clock_ ABSL_GUARDED_BY(mu_) = nullptr;
  RefusedLines lines_ ABSL_GUARDED_BY(mu_);
};

void ToOurLog(gpr_log_func_args* line) {
  if (line->severity == GPR_LOG_SEVERITY_ERROR) ErrorLog::Get().Note(*line);
}

class GrpcFollowerConnection : public FollowerConnection {
 public:
  using Stream = grpc::ServerReaderWriter<v1::PrimaryFrame, v1::FollowerFrame>;
  GrpcFollowerConnection(grpc::ServerContext& context, Stream& stream)
      : context_(context), stream_(stream) {}
  bool Read(v1::FollowerFrame* frame) override { return stream_.Read(frame); }
  bool Write(const v1::PrimaryFrame& frame) override { return stream_.Write(frame); }
  void Cancel() override { context_.TryCancel(); }

 private:
  grpc::ServerContext& context_;
  Stream& stream_;
};

class PeerService : public v1::Peer::Service {
 public:
  PeerService(std::string cluster_id, PeerHandler& handler)
      : cluster_id_(std::move(cluster_id)), handler_(handler) {}

  grpc::Status Follow(grpc::ServerContext* context,
                      GrpcFollowerConnection::Stream* stream) override {
    const absl::StatusOr<PeerIdentity> peer = Identify(*context);
    if (!peer.ok()) return ToGrpc(peer.status());
    GrpcFollowerConnection connection(*context, *stream);
    return ToGrpc(handler_.Follow(*peer, connection));
  }
  grpc::Status Exchange(grpc::ServerContext* context, const v1::ExchangeRequest* request,
                        v1::ExchangeResponse* response) override {
    const absl::StatusOr<PeerIdentity> peer = Identify(*context);
    if (!peer.ok()) return ToGrpc(peer.status());
    *response = handler_.Exchange(*peer, *request);
    return grpc::Status::OK;
  }
  grpc::Status Grant(grpc::ServerContext* context, const v1::GrantRequest* request,
                     v1::GrantResponse* response) override {
    const absl::StatusOr<PeerIdentity> peer = Identify(*context);
    if (!peer.ok()) return ToGrpc(peer.status());
    return Answer(handler_.Grant(*peer, *request), response);
  }
  grpc::Status ReadJournal(grpc::ServerContext* context, const v1::ReadJournalRequest* request,
                           v1::ReadJournalResponse* response) override {
    const absl::StatusOr<PeerIdentity> peer = Identify(*context);
    if (!peer.ok()) return ToGrpc(peer.status());
    return Answer(handler_.ReadJournal(*peer, *request), response);
  }
  grpc::Status ReadLog(grpc::ServerContext* context, const v1::ReadLogRequest* request,
                       v1::ReadLogResponse* response) override {
    const absl::StatusOr<PeerIdentity> peer = Identify(*context);
    if (!peer.ok()) return ToGrpc(peer.status());
    return Answer(handler_.ReadLog(*peer, *request), response);
  }
  grpc::Status TakeOver(grpc::ServerContext* context, const v1::TakeOverRequest* request,
                        v1::TakeOverResponse* response) override {
    const absl::StatusOr<PeerIdentity> peer = Identify(*context);
    if (!peer.ok()) return ToGrpc(peer.status());
    return Answer(handler_.TakeOver(*peer, *request), response);
  }

  grpc::Status Reapply(grpc::ServerContext* context, const v1::ReapplyRequest* request,
                       v1::ReapplyResponse* response) override {
    const absl::StatusOr<PeerIdentity> peer = Identify(*context);
    if (!peer.ok()) return ToGrpc(peer.status());
    return Answer(handler_.Reapply(*peer, *request), response);
  }

 private:
  template <typename Response>
  static grpc::Status Answer(absl::StatusOr<Response> result, Response* response) {
    if (!result.ok()) return ToGrpc(result.status());
    *response = *std::move(result);
    return grpc::Status::OK;
  }

  // Who calls, from the certificate that TLS has verified against the cluster's authority.
  absl::StatusOr<PeerIdentity> Identify(const grpc::ServerContext& context) const {
    const std::vector<grpc::string_ref> pem =
        context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (pem.size() != 1) return absl::UnauthenticatedError("expected one member certificate");
    HOLDFAST_ASSIGN_OR_RETURN(const crypto::CertificateInfo info,
                              crypto::ParseCertificate(std::string(pem[0].data(), pem[0].size())));
    if (info.cluster_id != cluster_id_) {
      return absl::PermissionDeniedError(fmt::format(
          "expected a member of cluster {}, got one of {}", cluster_id_, info.cluster_id));
    }
    PeerIdentity peer{.node_id = info.node_id, .fingerprint = info.fingerprint};
    HOLDFAST_RETURN_IF_ERROR(handler_.CheckMember(peer));
    return peer;
  }

  const std::string cluster_id_;
  PeerHandler& handler_;
};

class GrpcPeerServer : public PeerServer {
 public:
  GrpcPeerServer(std::string cluster_id, PeerHandler& handler, const Clock& clock)
      : clock_(clock), service_(std::move(cluster_id), handler) {
    ErrorLog::Get().SetClock(&clock_);
  }
  ~GrpcPeerServer() override {
    Stop();
    ErrorLog::Get().DropClock(&clock_);
  }

  absl::Status Listen(const std::string& address, const PeerTls& tls) {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = tls.ca_certificate;
    options.pem_key_cert_pairs.push_back(
        {.private_key = std::string(tls.key->RevealText(Purpose::kTlsKey)),
         .cert_chain = tls.certificate});
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::SslServerCredentials(options), &port_);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // or two nodes would share a port
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               kPingEveryMinMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
    builder.SetMaxReceiveMessageSize(kMessageBytesMax);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    WipeText(options.pem_key_cert_pairs[0].private_key);
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(fmt::format(
          "peer port {} cannot be opened: it is in use, or not an address of this machine",
          address));
    }
    return absl::OkStatus();
  }
  int port() const override { return port_; }
  uint64_t refused() const override { return ErrorLog::Get().count(); }
  void TellRefused() override { ErrorLog::Get().TellDue(); }
  void Stop() override {
    if (server_ == nullptr) return;
    server_->Shutdown(gpr_now(GPR_CLOCK_MONOTONIC));  // at once: followers dial again by themselves
    server_->Wait();
    server_.reset();
  }

 private:
  const Clock& clock_;
  PeerService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PeerServer>> PeerServer::Start(const std::string& address,
                                                              const PeerTls& tls,
                                                              PeerHandler& handler,
                                                              const Clock& clock) {
  gpr_set_log_function(ToOurLog);
  grpc::EnableDefaultHealthCheckService(true);
  auto server = std::make_unique<GrpcPeerServer>(tls.cluster_id, handler, clock);
  HOLDFAST_RETURN_IF_ERROR(server->Listen(address, tls));
  return std::unique_ptr<PeerServer>(std::move(server));
}

}  // namespace holdfast::replication

#include "replication/peer/peer_client.h"

#include <grpcpp/grpcpp.h>

#include <set>
#include <utility>

#include "holdfast/v1/peer.grpc.pb.h"
#include "replication/peer/grpc_status.h"
#include "server/base/limits.h"
#include "server/base/mutex.h"

namespace holdfast::replication {
namespace {

constexpr int kMessageBytesMax = 8 * 1024 * 1024;  // a record of 4 MiB fits with room
constexpr int kPingEveryMs = 20'000;
constexpr int kPingTimeoutMs = 5'000;

class GrpcPrimaryConnection : public PrimaryConnection {
 public:
  explicit GrpcPrimaryConnection(std::shared_ptr<v1::Peer::Stub> stub) : stub_(std::move(stub)) {}

  // A context that was cancelled before gives a stream that has ended.
  void Open() override { stream_ = stub_->Follow(&context_); }
  bool Write(const v1::FollowerFrame& frame) override { return stream_->Write(frame); }
  bool Read(v1::PrimaryFrame* frame) override { return stream_->Read(frame); }
  void Cancel() override { context_.TryCancel(); }
  absl::Status Finish() override { return FromGrpc(stream_->Finish()); }

 private:
  const std::shared_ptr<v1::Peer::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FollowerFrame, v1::PrimaryFrame>> stream_;
};

class GrpcPeerClient : public PeerClient {
 public:
  GrpcPeerClient(std::string address, const std::string& node_id, const PeerTls& tls)
      : address_(std::move(address)), credentials_(Credentials(tls)) {
    arguments_.SetSslTargetNameOverride(PeerName(tls.cluster_id, node_id));
    arguments_.SetMaxReceiveMessageSize(kMessageBytesMax);
    arguments_.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
    arguments_.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
    arguments_.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // In spite of its name this is how long one attempt to connect may take.
    arguments_.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                      static_cast<int>(limits::kReconnectMax.count()));
    // Members must not share a connection pool: one's certificate says nothing about another's.
    arguments_.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    MutexLock lock(mu_);
    Dial();
  }

  absl::StatusOr<v1::ExchangeResponse> Exchange(const v1::ExchangeRequest& request,
                                                std::chrono::milliseconds wait_max) override {
    return Call<v1::ExchangeResponse>(&v1::Peer::Stub::Exchange, request, wait_max);
  }
  absl::StatusOr<v1::GrantResponse> Grant(const v1::GrantRequest& request,
                                          std::chrono::milliseconds wait_max) override {
    return Call<v1::GrantResponse>(&v1::Peer::Stub::Grant, request, wait_max);
  }
  absl::StatusOr<v1::ReadJournalResponse> ReadJournal(const v1::ReadJournalRequest& request,
                                                      std::chrono::milliseconds wait_max) override {
    return Call<v1::ReadJournalResponse>(&v1::Peer::Stub::ReadJournal, request, wait_max);
  }
  absl::StatusOr<v1::ReadLogResponse> ReadLog(const v1::ReadLogRequest& request,
                                              std::chrono::milliseconds wait_max) override {
    return Call<v1::ReadLogResponse>(&v1::Peer::Stub::ReadLog, request, wait_max);
  }
  absl::StatusOr<v1::TakeOverResponse> TakeOver(const v1::TakeOverRequest& request,
                                                std::chrono::milliseconds wait_max) override {
    return Call<v1::TakeOverResponse>(&v1::Peer::Stub::TakeOver, request, wait_max);
  }
  absl::StatusOr<v1::ReapplyResponse> Reapply(const v1::ReapplyRequest& request,
                                              std::chrono::milliseconds wait_max) override {
    return Call<v1::ReapplyResponse>(&v1::Peer::Stub::Reapply, request, wait_max);
  }
  std::unique_ptr<PrimaryConnection> Follow() override {
    return std::make_unique<GrpcPrimaryConnection>(Stub());
  }
  void EndCalls() override {
    MutexLock lock(mu_);
    ended_ = true;
    for (grpc::ClientContext* call : calls_) call->TryCancel();
  }

 private:
  static std::shared_ptr<grpc::ChannelCredentials> Credentials(const PeerTls& tls) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = tls.ca_certificate;
    options.pem_private_key = std::string(tls.key->RevealText(Purpose::kTlsKey));
    options.pem_cert_chain = tls.certificate;
    auto credentials = grpc::SslCredentials(options);
    WipeText(options.pem_private_key);
    return credentials;
  }

  void Dial() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    channel_ = grpc::CreateCustomChannel(address_, credentials_, arguments_);
    stub_ = v1::Peer::NewStub(channel_);
  }
  // A channel that failed to connect answers with that old failure until it has tried again, by its
  // own clock: of a member that has come back that is not true any more. Who calls has its own
  // pace.
  std::shared_ptr<v1::Peer::Stub> Stub() {
    MutexLock lock(mu_);
    if (channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_TRANSIENT_FAILURE) Dial();
    return stub_;
  }

  template <typename Response, typename Method, typename Request>
  absl::StatusOr<Response> Call(Method method, const Request& request,
                                std::chrono::milliseconds wait_max) {
    const std::shared_ptr<v1::Peer::Stub> stub = Stub();
    grpc::ClientContext context;
    context.set_deadline(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                     gpr_time_from_millis(static_cast<int64_t>(wait_max.count()), GPR_TIMESPAN)));
    {
      MutexLock lock(mu_);
      if (ended_) return absl::CancelledError("calls to this member have ended");
      calls_.insert(&context);
    }
    Response response;
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    {
      MutexLock lock(mu_);
      calls_.erase(&context);
    }
    if (!status.ok()) return FromGrpc(status);
    return response;
  }

  const std::string address_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  grpc::ChannelArguments arguments_;
  Mutex mu_;
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<v1::Peer::Stub> stub_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mu_);  // under way
};

}  // namespace

std::unique_ptr<PeerClient> PeerClient::Make(const std::string& address, const std::string& node_id,
                                             const PeerTls& tls) {
  return std::make_unique<GrpcPeerClient>(address, node_id, tls);
}

}  // namespace holdfast::replication

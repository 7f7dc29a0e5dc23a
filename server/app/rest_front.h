#ifndef HOLDFAST_SERVER_APP_REST_FRONT_H_
#define HOLDFAST_SERVER_APP_REST_FRONT_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/http/router.h"
#include "api/http/server.h"
#include "server/app/node_metrics.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/tls_context.h"
#include "server/desk/desk.h"
#include "server/desk/lost_desk.h"
#include "server/desk/order_desk.h"
#include "server/setup/answer_join.h"
#include "server/setup/config.h"
#include "server/setup/identity.h"

namespace holdfast::app {

struct RestDeps {
  const setup::Config& config;
  const setup::Identity& identity;
  crypto::KeyRing& keys;
  desk::Desk& desk;
  desk::OrderDesk& orders;
  desk::LostDesk& lost;
  setup::JoinDesk& join;
  NodeMetrics& metrics;
  const Clock& clock;
};

// All REST routes of a node, with the gate before each. Borrows what is in `deps`.
std::shared_ptr<const http::Router> MakeRestRouter(const RestDeps& deps);
// The HTTPS server over it, not started.
absl::StatusOr<std::unique_ptr<http::HttpServer>> MakeRestServer(const RestDeps& deps);

}  // namespace holdfast::app

#endif  // HOLDFAST_SERVER_APP_REST_FRONT_H_

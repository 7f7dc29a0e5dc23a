#ifndef HOLDFAST_API_NATIVE_NATIVE_H_
#define HOLDFAST_API_NATIVE_NATIVE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "api/http/router.h"
#include "server/base/secret_bytes.h"
#include "server/desk/desk.h"

namespace holdfast::desk {
class LostDesk;
class OrderDesk;
}  // namespace holdfast::desk

namespace holdfast::native {

struct NativeDeps {
  desk::Desk& desk;
  // What stands behind POST /v1/join: takes the body, gives the JSON text of the answer. The invite
  // in the body is its only proof of who calls. `done` is called once, on any thread.
  std::function<void(const std::string& source, std::string body,
                     std::function<void(absl::StatusOr<std::string>)> done)>
      join;
  // The text that the operator carries to the new node, around the secret that the cluster will
  // know the invite by. Thread-safe, does not block.
  std::function<absl::StatusOr<SecretBytes>(const std::string& node_id, const SecretBytes& secret)>
      encode_invite;
  desk::OrderDesk* orders = nullptr;  // null: a node that takes none
  desk::LostDesk* lost = nullptr;     // null: a node without a quarantine
};

// The whole of /v1, as docs/reference/native-api.md has it: every route, and the answers to what is
// no route below it.
//
// Promises    A write on a node that may not do it is refused before its token or body is looked
//             at, with the way to the primary. Nothing that is sent is ignored in silence.
// Threading   The handlers are thread-safe and do not block.
// Ownership   Borrows the desks, which must outlive the router; keeps the two functions.
void AddNativeRoutes(NativeDeps deps, http::Router& router);

}  // namespace holdfast::native

#endif  // HOLDFAST_API_NATIVE_NATIVE_H_

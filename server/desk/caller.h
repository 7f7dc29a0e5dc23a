#ifndef HOLDFAST_SERVER_DESK_CALLER_H_
#define HOLDFAST_SERVER_DESK_CALLER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "holdfast/v1/record.pb.h"

namespace holdfast::desk {

// Somebody who has logged in. Says who it was at login: rights are read from the state each time.
struct Caller {
  uint64_t user_id = 0;
  std::string user_name;
  uint64_t organization_id = 0;
  std::string source;      // address of the client
  std::string via;         // "REST", "SSH", "LOCAL"
  std::string credential;  // "token:7" or the key's fingerprint, for the audit
  uint64_t token_id = 0;   // by which it logged in; 0: by a key
  uint64_t key_id = 0;
  // What it says this one request is for: for the audit, not believed.
  std::string reason;
  std::string ticket;
};
using CallerPtr = std::shared_ptr<const Caller>;
// The same, for a request that says why.
CallerPtr ForReason(const CallerPtr& caller, std::string reason, std::string ticket);

// Who stands in the record of a write.
v1::Actor ActorOf(const Caller& caller);
// The node itself, on behalf of somebody at `source`.
v1::Actor NodeActor(const std::string& source);

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_CALLER_H_

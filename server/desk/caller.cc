#include "server/desk/caller.h"

#include <utility>

namespace holdfast::desk {

v1::Actor ActorOf(const Caller& caller) {
  v1::Actor actor;
  actor.set_user_id(caller.user_id);
  actor.set_user_name(caller.user_name);
  actor.set_source(caller.source);
  actor.set_via(caller.via);
  return actor;
}

CallerPtr ForReason(const CallerPtr& caller, std::string reason, std::string ticket) {
  if (reason.empty() && ticket.empty()) return caller;
  Caller with_reason = *caller;
  with_reason.reason = std::move(reason);
  with_reason.ticket = std::move(ticket);
  return std::make_shared<const Caller>(std::move(with_reason));
}

v1::Actor NodeActor(const std::string& source) {
  v1::Actor actor;
  actor.set_source(source);
  actor.set_via("LOCAL");
  return actor;
}

}  // namespace holdfast::desk

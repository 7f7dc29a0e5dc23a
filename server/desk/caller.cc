#include "server/desk/caller.h"

namespace holdfast::desk {

v1::Actor ActorOf(const Caller& caller) {
  v1::Actor actor;
  actor.set_user_id(caller.user_id);
  actor.set_user_name(caller.user_name);
  actor.set_source(caller.source);
  actor.set_via(caller.via);
  return actor;
}

v1::Actor NodeActor(const std::string& source) {
  v1::Actor actor;
  actor.set_source(source);
  actor.set_via("LOCAL");
  return actor;
}

}  // namespace holdfast::desk

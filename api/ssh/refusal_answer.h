#ifndef HOLDFAST_API_SSH_REFUSAL_ANSWER_H_
#define HOLDFAST_API_SSH_REFUSAL_ANSWER_H_

#include "absl/status/status.h"
#include "api/ssh/answer.h"
#include "server/desk/desk.h"

namespace holdfast::ssh {

// What a client reads when its command was not carried out: one line on stderr that starts with
// ERROR. Scripts branch on the exit status: 1 refused for good, 75 try again, or at another node.
//
// Room        Pure.
// Failure     An error that nobody refused on purpose is told without its message.
Answer RefusalAnswer(const absl::Status& status, const desk::NodeFacts& facts);

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_REFUSAL_ANSWER_H_

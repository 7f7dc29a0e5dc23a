#ifndef HOLDFAST_API_PAM360_ENDPOINTS_H_
#define HOLDFAST_API_PAM360_ENDPOINTS_H_

#include "absl/status/statusor.h"
#include "api/pam360/call.h"

// The operations, by topic; the comment names the row of the dialect's table of endpoints. Each is
// pure translation: parameters to a command or a question, what comes back to an Answer.
namespace holdfast::pam360 {

// resources.cc
absl::StatusOr<Answer> ListResources(const Call& call);  // R1
void CreateResource(const CallPtr& call);                // R2

// lookups.cc
absl::StatusOr<Answer> FindResourceId(const Call& call);      // R3
absl::StatusOr<Answer> FindAccountIds(const Call& call);      // R4, names in the query
absl::StatusOr<Answer> FindAccountIdsPath(const Call& call);  // R4b, names in the path
absl::StatusOr<Answer> ListResourceTypes(const Call& call);   // R7
absl::StatusOr<Answer> FindUserId(const Call& call);          // U2

// accounts.cc
absl::StatusOr<Answer> ListAccounts(const Call& call);  // A1
absl::StatusOr<Answer> ShowAccount(const Call& call);   // A3

// new_accounts.cc
void AddAccounts(const CallPtr& call);  // A2

// passwords.cc
void GetPassword(const CallPtr& call);                // P1
void ChangePassword(const CallPtr& call);             // P2
void GetResourceAccountDetails(const CallPtr& call);  // R13

// users.cc
void CreateUser(const CallPtr& call);       // U1
void RegenerateToken(const CallPtr& call);  // U5

// shares.cc
void ShareResource(const CallPtr& call);  // R8
void ShareAccount(const CallPtr& call);   // A6

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_ENDPOINTS_H_

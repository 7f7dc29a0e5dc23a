#ifndef HOLDFAST_API_SSH_COMMAND_TARGETS_H_
#define HOLDFAST_API_SSH_COMMAND_TARGETS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"
#include "server/desk/desk.h"

// Names of a command line, looked up for the caller under the reader lock and turned into ids.
namespace holdfast::ssh {

struct AccountTarget {
  uint64_t account_id = 0;
  uint64_t organization_id = 0;
  std::string policy;  // that its password must comply with; empty: none
};
// An empty account name stands for the only account that the caller sees of that resource.
absl::StatusOr<AccountTarget> FindAccount(desk::Desk& desk, const desk::Caller& caller,
                                          const std::string& resource, const std::string& account);
absl::StatusOr<uint64_t> OnlyAccount(desk::Desk& desk, const desk::Caller& caller,
                                     const std::string& resource);

struct ResourceTarget {
  uint64_t resource_id = 0;  // 0: the caller sees none of that name
  uint64_t organization_id = 0;
  std::string policy;
};
absl::StatusOr<ResourceTarget> FindResource(desk::Desk& desk, const desk::Caller& caller,
                                            const std::string& resource);

// POLICY_VIOLATION without the password; other policies than the built-in one bind nobody.
absl::Status CheckPolicy(const std::string& policy, const SecretBytes& password);

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_COMMAND_TARGETS_H_

#ifndef HOLDFAST_API_SSH_HOST_KEYS_H_
#define HOLDFAST_API_SSH_HOST_KEYS_H_

#include <libssh/libssh.h>
#include <libssh/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "api/ssh/server.h"

namespace holdfast::ssh {

struct BindFree {
  void operator()(ssh_bind_struct* bind) const { ssh_bind_free(bind); }
};
using BindPtr = std::unique_ptr<ssh_bind_struct, BindFree>;

struct KeyFree {
  void operator()(ssh_key_struct* key) const { ssh_key_free(key); }
};
using KeyPtr = std::unique_ptr<ssh_key_struct, KeyFree>;

// The host keys in the library's form, checked once when they are set.
//
// Threading   Immutable; shared by the workers, each of which makes its own bind from it.
class HostKeys {
 public:
  // INVALID_ARGUMENT when a key cannot be read, is of another type than said, or is given twice.
  static absl::StatusOr<std::shared_ptr<const HostKeys>> Import(absl::Span<const HostKey> keys);

  // A bind with these keys and our algorithms; sessions copy what they need out of it, so that
  // replacing it touches no open connection.
  absl::StatusOr<BindPtr> MakeBind() const;

 private:
  std::vector<KeyPtr> keys_;
};

}  // namespace holdfast::ssh

#endif  // HOLDFAST_API_SSH_HOST_KEYS_H_

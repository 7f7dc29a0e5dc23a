#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_CONNECTION_STRING_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_CONNECTION_STRING_H_

#include <string>

#include "absl/status/statusor.h"

namespace holdfast::storage::postgres {

// Where a database is, as libpq is told (keyword=value pairs).
struct ConnectionString {
  std::string text;
  std::string where;  // for messages: database and host, nothing else
};

// Checks what an operator wrote, and adds what we want where nothing was said: verified TLS, time
// limits, our name. A password is refused: it belongs into a passfile, a service file, or is
// replaced by a client certificate. So no text that is made of a ConnectionString holds one.
//
// Room      Pure.
// Failure   INVALID_ARGUMENT says what was expected, and never repeats a value.
absl::StatusOr<ConnectionString> CompleteConnectionString(const std::string& given);

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_CONNECTION_STRING_H_

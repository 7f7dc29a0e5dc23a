#ifndef HOLDFAST_SERVER_DESK_NEW_TOKEN_H_
#define HOLDFAST_SERVER_DESK_NEW_TOKEN_H_

#include "server/base/secret_bytes.h"

namespace holdfast::desk {

// A fresh token for a user: 128 random bits as an upper-case GUID (8-4-4-4-12), the one form that
// clients of every dialect take. It is shown once; only Desk::HashOf of it is kept. Thread-safe.
SecretBytes NewToken();

}  // namespace holdfast::desk

#endif  // HOLDFAST_SERVER_DESK_NEW_TOKEN_H_

#ifndef HOLDFAST_SERVER_CRYPTO_TLS_CONTEXT_H_
#define HOLDFAST_SERVER_CRYPTO_TLS_CONTEXT_H_

// Ready-made TLS contexts: TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only, no
// renegotiation, no compression. Give context.get() to the TLS stream.
//
// Threading   A context may be used by many connections at once; nobody changes it any more.
// Ownership   Shared; a connection keeps its own reference, so a new certificate is a new context.
// Failure     INVALID_ARGUMENT: a certificate or key that cannot be used, and why.
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/secret_bytes.h"

struct ssl_st;      // OpenSSL's SSL
struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace holdfast::crypto {

using TlsContext = std::shared_ptr<ssl_ctx_st>;

// Presents the node's certificate and behind it the cluster's authority, so that a joining node can
// recognise the authority by its fingerprint. Clients may resume with one ticket a connection.
absl::StatusOr<TlsContext> MakeServerTls(std::string_view certificate_pem,
                                         const SecretBytes& key_pem,
                                         std::string_view authority_pem);

// Accepts only servers that one of these authorities (one or more certificates) vouches for.
absl::StatusOr<TlsContext> MakeClientTls(std::string_view authority_pem);

// For `join`, which knows the authority by fingerprint only (64 hex digits): the server must
// present an authority with it, and a certificate signed by that one.
absl::StatusOr<TlsContext> MakePinnedClientTls(std::string_view authority_fingerprint);

// A client context vouches for the authority, not for the name: call this before the handshake,
// with the name or IP address that was dialled. Also names it to the server (SNI) unless it is an
// address.
absl::Status ExpectServerName(ssl_st* connection, std::string_view host);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_TLS_CONTEXT_H_

#ifndef HOLDFAST_SERVER_CRYPTO_CERTIFICATE_H_
#define HOLDFAST_SERVER_CRYPTO_CERTIFICATE_H_

// The cluster's own certificate authority and the certificates of its members. Every key is P-256,
// every text is PEM. A member's certificate serves both ends of a connection and names the member
// twice: as DNS name <node>.<cluster>.holdfast and as URI holdfast://<cluster>/<node>.
//
// Threading   Thread-safe.
// Failure     INVALID_ARGUMENT: not what it should be, and what was expected. UNAUTHENTICATED: a
//             signature or chain that does not hold.
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/secret_bytes.h"

namespace holdfast::crypto {

inline constexpr int kAuthorityDays = 3650;
inline constexpr int kMemberDaysMax = 825;  // what the strictest TLS clients accept
inline constexpr size_t kCertificateAddressesMax = 32;

// 1 to 63 of a-z A-Z 0-9 and hyphens, none at an end: it becomes part of DNS names. `what` names it
// in the message.
absl::Status CheckIdentifier(std::string_view id, std::string_view what);
// An IPv4 or IPv6 address, or a DNS name without wildcard.
absl::Status CheckCertificateAddress(std::string_view address);

struct CertificateAuthority {
  std::string certificate_pem;
  SecretBytes key_pem;
};
absl::StatusOr<CertificateAuthority> CreateAuthority(std::string_view cluster_id, WallTime now);

// What a new member makes for itself; the key never leaves it.
struct CertificateRequest {
  std::string request_pem;
  SecretBytes key_pem;
};
absl::StatusOr<CertificateRequest> CreateRequest(std::string_view cluster_id,
                                                 std::string_view node_id);

// Everything that the certificate says comes from here; from the request only the key is taken.
struct CertificateTerms {
  std::string cluster_id;
  std::string node_id;
  std::vector<std::string> addresses;  // IP addresses and DNS names under which it is reached
  int days = 0;                        // 1 to kMemberDaysMax
  WallTime now;                        // it is valid from an hour before, for clocks that are late
};
absl::StatusOr<std::string> SignCertificate(const CertificateAuthority& authority,
                                            std::string_view request_pem,
                                            const CertificateTerms& terms);

// Its key as PEM, once the request's own signature was found to hold: what WrapFor takes.
absl::StatusOr<std::string> PublicKeyOfRequest(std::string_view request_pem);
absl::StatusOr<std::string> PublicKeyOfCertificate(std::string_view certificate_pem);

struct CertificateInfo {
  std::string fingerprint;  // SHA-256 of the DER form, 64 hex digits
  std::string cluster_id;   // empty unless a member's certificate
  std::string node_id;      // empty unless a member's certificate
  bool authority = false;
  WallTime not_before;
  WallTime not_after;
};
// Of the first certificate in the text. Proves nothing: VerifyChain does.
absl::StatusOr<CertificateInfo> ParseCertificate(std::string_view certificate_pem);

// That `authority_pem` signed it, that it is valid at `now`, and for both ends of TLS.
absl::Status VerifyChain(std::string_view certificate_pem, std::string_view authority_pem,
                         WallTime now);

// That the private key belongs to the certificate.
absl::Status CheckKeyFits(std::string_view certificate_pem, const SecretBytes& key_pem);

}  // namespace holdfast::crypto

#endif  // HOLDFAST_SERVER_CRYPTO_CERTIFICATE_H_

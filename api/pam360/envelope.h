#ifndef HOLDFAST_API_PAM360_ENVELOPE_H_
#define HOLDFAST_API_PAM360_ENVELOPE_H_

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/request.h"
#include "server/base/secret_bytes.h"

namespace holdfast::pam360 {

inline constexpr int kCodeSuccess = 20000;
inline constexpr int kCodeFailed = 40000;
inline constexpr int kCodeReadOnly = 40300;
inline constexpr int kCodeInternal = 50001;
// Ours, from here on: the write is durable here and not confirmed by the secondaries; it may or may
// not stay.
inline constexpr int kCodeOutcomeUnknown = 50400;
inline constexpr int kCodeUnavailable = 50300;   // not now; nothing was done
inline constexpr int kCodeNotNewEnough = 41200;  // older than the request demands
inline constexpr int kCodePositionLost = 40900;  // the demanded position is on no history any more

inline constexpr std::string_view kReadOnlyMessage =
    "Write operations are not permitted. The server is running in read-only mode.";

// What an operation says: {"operation":{"result":{..},"Details":..,"name":..,"totalRows":..}}.
// Every value inside `details` is a text, a list or an object: typed clients read maps of texts.
struct Answer {
  std::string name;                // operation.name
  std::string message;             // operation.result.message
  std::string status = "Success";  // "Success", "Failed"; "true" for one operation
  int code = kCodeSuccess;         // operation.result.statusCode
  std::optional<boost::json::value> details =
      std::nullopt;  // left out when there is nothing to say
  std::optional<uint64_t> total_rows = std::nullopt;
  bool secret = false;  // the details hold one: the body is wiped after sending
};

Answer Failed(std::string_view name, std::string_view message, int code = kCodeFailed);

// Compact JSON under HTTP 200; 500 for kCodeInternal.
http::Response Render(const Answer& answer);

// An empty object whose memory is wiped when given back, for details that hold a secret.
boost::json::object WipedObject();
// Puts a secret into it. False, and nothing put, when the secret is not UTF-8 text: JSON cannot
// carry it, and a changed password is worse than none.
bool PutSecret(boost::json::object& object, std::string_view key, const SecretBytes& secret);

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_ENVELOPE_H_

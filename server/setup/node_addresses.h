#ifndef HOLDFAST_SERVER_SETUP_NODE_ADDRESSES_H_
#define HOLDFAST_SERVER_SETUP_NODE_ADDRESSES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/v1/rows.pb.h"
#include "server/setup/config.h"

namespace holdfast::setup {

// The row of a member as far as its configuration tells: name and addresses. INVALID_ARGUMENT names
// a listener that listens everywhere and does not say under which name it is reached.
absl::StatusOr<v1::MemberRow> MemberRowOf(const Config& config);

// What its certificate is for: every host of the row, and loopback.
std::vector<std::string> CertificateAddresses(const v1::MemberRow& member);

// "host:port", [] around an IPv6 address, apart. False when it is something else.
bool SplitHostPort(std::string_view text, std::string& host, int& port);

}  // namespace holdfast::setup

#endif  // HOLDFAST_SERVER_SETUP_NODE_ADDRESSES_H_

#ifndef HOLDFAST_API_PAM360_ROUTES_H_
#define HOLDFAST_API_PAM360_ROUTES_H_

#include <cstdint>
#include <string>

#include "api/http/router.h"
#include "api/pam360/texts.h"
#include "server/desk/desk.h"

namespace holdfast::pam360 {

struct Options {
  bool query_tokens = true;  // tokens in the query, as half of the clients send them
  std::string default_resource_type = "Linux";
  UtcOffset utc_offset = [](int64_t) { return int64_t{0}; };
};

// Adds the operations of the dialect below /restapi/json/v1, and its form of "no such path" there
// and below /api/json. Borrows the desk, which must outlive the router.
void AddPam360Routes(http::Router& router, desk::Desk& desk, Options options = {});

}  // namespace holdfast::pam360

#endif  // HOLDFAST_API_PAM360_ROUTES_H_

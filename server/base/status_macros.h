#ifndef HOLDFAST_SERVER_BASE_STATUS_MACROS_H_
#define HOLDFAST_SERVER_BASE_STATUS_MACROS_H_

// Early return for absl::Status and absl::StatusOr. The distribution's Abseil (20220623) has none.
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define HOLDFAST_CONCAT_INNER(a, b) a##b
#define HOLDFAST_CONCAT(a, b) HOLDFAST_CONCAT_INNER(a, b)

#define HOLDFAST_RETURN_IF_ERROR(expr)                        \
  do {                                                        \
    if (::absl::Status hf_status = (expr); !hf_status.ok()) { \
      return hf_status;                                       \
    }                                                         \
  } while (false)

#define HOLDFAST_ASSIGN_OR_RETURN(lhs, expr) \
  HOLDFAST_ASSIGN_OR_RETURN_INNER(HOLDFAST_CONCAT(hf_statusor_, __LINE__), lhs, expr)

#define HOLDFAST_ASSIGN_OR_RETURN_INNER(var, lhs, expr) \
  auto var = (expr);                                    \
  if (!var.ok()) return std::move(var).status();        \
  lhs = *std::move(var)

#endif  // HOLDFAST_SERVER_BASE_STATUS_MACROS_H_

#ifndef HOLDFAST_SERVER_SINKS_JSON_LINE_H_
#define HOLDFAST_SERVER_SINKS_JSON_LINE_H_

#include <cstdint>
#include <string>

#include "holdfast/v1/audit.pb.h"

// Pure. Records hold no secret.
namespace holdfast::sinks {

// One JSON object with the keys of AUDIT in docs/reference/native-api.md, without a line feed.
// Empty texts and zeroes are left out.
std::string JsonLine(const v1::AuditRecord& record);
// {"node_id":..,"gap":{"first":..,"last":..}}
std::string JsonGap(const std::string& node_id, uint64_t first, uint64_t last);
// 2026-11-26T14:05:06.789Z
std::string UtcText(int64_t wall_ms);

}  // namespace holdfast::sinks

#endif  // HOLDFAST_SERVER_SINKS_JSON_LINE_H_

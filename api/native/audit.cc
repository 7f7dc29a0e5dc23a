#include <utility>

#include "api/native/fields.h"
#include "api/native/operations.h"
#include "api/native/parameters.h"
#include "api/native/render.h"
#include "server/base/status_macros.h"

namespace holdfast::native {

AnswerOr ListAudit(const Visit& visit) {
  Parameters parameters(*visit.request);
  desk::AuditQuery query;
  query.node_id = parameters.Text("node", limits::kNameCharsMax);
  query.after = parameters.Number("after", 0, 0, INT64_MAX);
  query.limit = parameters.Number("limit", 100, 1, 1000);
  HOLDFAST_RETURN_IF_ERROR(parameters.Done());
  if (query.after != 0 && query.node_id.empty()) {
    return InvalidInput("?after=: is a number of one node's journal; name it with &node=");
  }
  HOLDFAST_ASSIGN_OR_RETURN(const std::vector<v1::AuditRecord> records,
                            visit.desk().ListAudit(*visit.caller, query));
  boost::json::array list;
  for (const v1::AuditRecord& record : records) list.push_back(RenderAudit(record));
  return ListAnswer("records", std::move(list), records.size());
}

AnswerOr ListAuditGaps(const Visit& visit) {
  HOLDFAST_RETURN_IF_ERROR(NoParameters(*visit.request));
  HOLDFAST_ASSIGN_OR_RETURN(const desk::AuditGaps gaps, visit.desk().FindAuditGaps(*visit.caller));
  return Answer{.body = RenderAuditGaps(gaps)};
}

}  // namespace holdfast::native

#ifndef HOLDFAST_TESTS_SUPPORT_AUDIT_RECORDS_H_
#define HOLDFAST_TESTS_SUPPORT_AUDIT_RECORDS_H_

#include <string>

#include "holdfast/v1/audit.pb.h"

namespace holdfast {

// A retrieval as a journal would hold it; user, account and time follow from the number.
inline v1::AuditRecord AuditRecordOf(const std::string& node_id, uint64_t number,
                                     int64_t wall_ms = 1000) {
  v1::AuditRecord record;
  record.set_node_id(node_id);
  record.set_number(number);
  record.set_wall_ms(wall_ms);
  record.set_operation("account.retrieve");
  record.set_result(v1::AUDIT_RESULT_OK);
  record.set_user_id(number % 2);
  record.set_account_id(10 + number);
  record.set_age_ms(-1);
  return record;
}

inline v1::AuditRecords AuditRecordsOf(const std::string& node_id, uint64_t first, uint64_t last) {
  v1::AuditRecords records;
  for (uint64_t number = first; number <= last; ++number) {
    *records.add_records() = AuditRecordOf(node_id, number, static_cast<int64_t>(1000 * number));
  }
  return records;
}

}  // namespace holdfast

#endif  // HOLDFAST_TESTS_SUPPORT_AUDIT_RECORDS_H_

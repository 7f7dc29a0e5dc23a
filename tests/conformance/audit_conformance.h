#ifndef HOLDFAST_TESTS_CONFORMANCE_AUDIT_CONFORMANCE_H_
#define HOLDFAST_TESTS_CONFORMANCE_AUDIT_CONFORMANCE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "server/storage/audit_store.h"

namespace holdfast::storage {

// What an audit store of some kind lies on, so that one suite can open it again and again.
class AuditMedium {
 public:
  virtual ~AuditMedium() = default;
  virtual absl::StatusOr<std::unique_ptr<AuditStore>> Open() = 0;
};

struct AuditMediumKind {
  std::string name;
  std::function<std::unique_ptr<AuditMedium>()> make;
};

// The promises of audit_store.h. A new store instantiates this suite over its medium.
class AuditConformanceTest : public testing::TestWithParam<AuditMediumKind> {
 protected:
  void SetUp() override;
  void Reopen();
  void MustAdd(const v1::AuditRecords& records);
  AuditCoverage CoverageOf(const std::string& node_id);

  std::unique_ptr<AuditMedium> medium_;
  std::unique_ptr<AuditStore> store_;
};

}  // namespace holdfast::storage

#endif  // HOLDFAST_TESTS_CONFORMANCE_AUDIT_CONFORMANCE_H_

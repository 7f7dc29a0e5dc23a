#include "server/vault/refusal.h"

#include "absl/strings/cord.h"
#include "server/base/check.h"

namespace holdfast::vault {
namespace {

constexpr char kPayloadType[] = "holdfast/refusal";
constexpr char kPositionType[] = "holdfast/position";

const RefusalRow& RowOf(Refusal refusal) {
  for (const RefusalRow& row : kRefusals) {
    if (row.refusal == refusal) return row;
  }
  CheckFailed("every refusal has a row in kRefusals", __FILE__, __LINE__);
}

}  // namespace

absl::Status Refuse(Refusal refusal, const std::string& message) {
  const RefusalRow& row = RowOf(refusal);
  absl::Status status(row.code, message);
  status.SetPayload(kPayloadType, absl::Cord(std::string(row.name)));
  return status;
}

absl::Status UnknownAt(const Position& position, const std::string& message) {
  absl::Status status = Refuse(Refusal::kOutcomeUnknown, message);
  status.SetPayload(kPositionType, absl::Cord(ToText(position)));
  return status;
}

std::optional<Position> PositionOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPositionType);
  if (!payload.has_value()) return std::nullopt;
  return ParsePosition(std::string(*payload));
}

std::optional<Refusal> RefusalOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadType);
  if (!payload.has_value()) return std::nullopt;
  return RefusalByName(std::string(*payload));
}

std::string_view RefusalName(Refusal refusal) { return RowOf(refusal).name; }

std::optional<Refusal> RefusalByName(std::string_view name) {
  for (const RefusalRow& row : kRefusals) {
    if (row.name == name) return row.refusal;
  }
  return std::nullopt;
}

}  // namespace holdfast::vault

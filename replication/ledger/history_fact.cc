#include "replication/ledger/history_fact.h"

#include <fmt/format.h>

#include "holdfast/v1/local.pb.h"
#include "replication/core/history.h"
#include "server/base/encoding.h"

namespace holdfast::replication {

std::string EncodeHistory(const std::vector<EpochStart>& history) {
  v1::EpochHistory message;
  for (const EpochStart& start : history) {
    v1::EpochStartEntry* entry = message.add_starts();
    entry->mutable_epoch()->set_number(start.epoch.number);
    entry->mutable_epoch()->set_node_id(start.epoch.node_id);
    entry->set_first_seq(start.first_seq);
    entry->set_digest_before(std::string(AsText(start.digest)));
  }
  return message.SerializeAsString();
}

absl::StatusOr<std::vector<EpochStart>> DecodeHistory(std::string_view bytes) {
  v1::EpochHistory message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("the fact epoch_history cannot be read");
  }
  std::vector<EpochStart> history;
  for (const v1::EpochStartEntry& entry : message.starts()) {
    const auto digest = ToArray<Digest>(entry.digest_before());
    if (!digest)
      return absl::DataLossError("the fact epoch_history holds a digest of a wrong size");
    history.push_back({.epoch = {entry.epoch().number(), entry.epoch().node_id()},
                       .first_seq = entry.first_seq(),
                       .digest = *digest});
  }
  if (const char* fault = HistoryFault(history)) {
    return absl::DataLossError(fmt::format("the fact epoch_history is wrong: {}", fault));
  }
  return history;
}

}  // namespace holdfast::replication

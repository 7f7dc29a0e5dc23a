#ifndef HOLDFAST_SERVER_VAULT_ROW_KEY_H_
#define HOLDFAST_SERVER_VAULT_ROW_KEY_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/v1/rows.pb.h"

namespace holdfast::vault {

// What the room relies on about a table, read once from the proto: field 1 is the key, the oneof
// number of Row is the Table.
struct TableShape {
  v1::Table table = v1::TABLE_UNSPECIFIED;
  const google::protobuf::FieldDescriptor* row_field = nullptr;  // in v1::Row
  const google::protobuf::FieldDescriptor* key_field = nullptr;  // in the row message
  bool named = false;                                            // keyed by a text, not by a number
  std::vector<const google::protobuf::FieldDescriptor*> messages;
  std::vector<const google::protobuf::FieldDescriptor*> enums;
};

inline constexpr int kTableMax = v1::Table_MAX;

// nullptr when this program does not know the table.
const TableShape* ShapeOf(v1::Table table);

// The message inside `row`, which must be set.
const google::protobuf::Message& InnerOf(const v1::Row& row);

// A copy of `inner` in place of what `row` holds. Not by Message::CopyFrom: in a library that was
// built with its assertions that walks through both by reflection, which costs more than the copy.
void CopyInto(v1::Row& row, const TableShape& shape, const google::protobuf::Message& inner);

v1::RowKey KeyOf(const v1::Row& row);
v1::RowKey KeyOf(const TableShape& shape, const google::protobuf::Message& inner);

// "account 17", "member node-a": for messages and logs.
std::string KeyText(const v1::RowKey& key);

// kUnimplemented "upgrade_required" when a newer program made the row: no table, a field or an enum
// value that this one does not know. kDataLoss when it has no key.
absl::Status CheckRow(const v1::Row& row);
absl::Status UpgradeRequired(const std::string& what);
bool HasUnknownFields(const google::protobuf::Message& message);  // not of messages in it

// ASCII only: names that differ in the case of other letters are different names.
std::string FoldCase(std::string_view text);
bool EqualFolded(std::string_view a, std::string_view b);

}  // namespace holdfast::vault

#endif  // HOLDFAST_SERVER_VAULT_ROW_KEY_H_

#ifndef HOLDFAST_SERVER_STORAGE_ROW_TABLE_H_
#define HOLDFAST_SERVER_STORAGE_ROW_TABLE_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "holdfast/v1/rows.pb.h"

namespace holdfast::storage {

enum class ColumnType { kInteger, kText, kBlob };

struct BlobView {
  std::string_view bytes;
  bool operator==(const BlobView&) const = default;
};
// What a column holds: NULL, a number, text or bytes. Views point into the message, or into the
// statement that was read, and live as long as it does.
using ColumnValue = std::variant<std::monostate, int64_t, std::string_view, BlobView>;

struct Column {
  std::string name;
  ColumnType type = ColumnType::kInteger;
  bool nullable = false;  // only the columns of a SealedSecret: NULL where the row has none
  const google::protobuf::FieldDescriptor* field = nullptr;
  const google::protobuf::FieldDescriptor* sealed_field = nullptr;  // inside the SealedSecret
};

// How messages of one type lie in a relational table, by reflection: a column is a field, a
// SealedSecret becomes <field>_id, _generation, _nonce and _ciphertext. Reading and writing back
// gives the same serialized bytes, which the state digest relies on.
//
// Threading   Immutable.
class MessageTable {
 public:
  MessageTable(std::string name, const google::protobuf::Descriptor* descriptor);

  const std::string& name() const { return name_; }
  const std::vector<Column>& columns() const { return columns_; }

  // `out` gets one value a column.
  void Read(const google::protobuf::Message& message, std::vector<ColumnValue>& out) const;
  // DATA_LOSS naming table and column when a value does not fit its column.
  absl::Status Write(absl::Span<const ColumnValue> values,
                     google::protobuf::Message& message) const;

 private:
  absl::Status WriteOne(const Column& column, const ColumnValue& value,
                        google::protobuf::Message& message) const;

  std::string name_;
  std::vector<Column> columns_;
};

// The table of one kind of row. Its name is the field's name in `Row`, in the plural; column 0 is
// the primary key.
struct RowTable {
  v1::Table table;
  const google::protobuf::FieldDescriptor* row_field;              // in v1::Row
  std::vector<const google::protobuf::FieldDescriptor*> messages;  // in the message of the row
  MessageTable columns;
  bool keyed_by_text() const { return columns.columns()[0].type == ColumnType::kText; }
};

// All tables, in the order of their numbers.
const std::vector<RowTable>& RowTables();
// nullptr for a table that this program does not know.
const RowTable* FindRowTable(int table);

const google::protobuf::Message& RowMessage(const v1::Row& row, const RowTable& table);
google::protobuf::Message& MutableRowMessage(v1::Row& row, const RowTable& table);

// Refuses what a store could not keep whole: an empty change, a table, row or field that this
// program does not know (FAILED_PRECONDITION "upgrade_required").
absl::Status CheckChange(const v1::RowChange& change);
absl::Status CheckRow(const v1::Row& row);

// The key of a row, as a delete names it.
v1::RowKey KeyOf(const v1::Row& row);

}  // namespace holdfast::storage

#endif  // HOLDFAST_SERVER_STORAGE_ROW_TABLE_H_

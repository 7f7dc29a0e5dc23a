#include "server/storage/row_table.h"

#include <fmt/format.h>

#include "server/base/check.h"
#include "server/base/status_macros.h"

namespace holdfast::storage {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

ColumnType TypeOf(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return field->type() == FieldDescriptor::TYPE_BYTES ? ColumnType::kBlob : ColumnType::kText;
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      HOLDFAST_CHECK(false);  // rows.proto states which kinds of field a row may have.
      return ColumnType::kInteger;
    default:
      return ColumnType::kInteger;
  }
}

// `reflection` is the message's, which is not asked for it for every column.
ColumnValue ReadScalar(const Message& message, const Reflection& reflection,
                       const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<int64_t>(reflection.GetUInt64(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return static_cast<int64_t>(reflection.GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT32:
      return static_cast<int64_t>(reflection.GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return static_cast<int64_t>(reflection.GetBool(message, field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return static_cast<int64_t>(reflection.GetEnumValue(message, field));
    case FieldDescriptor::CPPTYPE_STRING: {
      // The buffer is for representations of strings that we do not use.
      std::string scratch;
      const std::string_view text = reflection.GetStringReference(message, field, &scratch);
      if (field->type() == FieldDescriptor::TYPE_BYTES) return BlobView{text};
      return text;
    }
    default:
      HOLDFAST_CHECK(false);
      return std::monostate();
  }
}

// False when the number does not fit the field.
bool WriteInteger(Message& message, const FieldDescriptor* field, int64_t number) {
  const Reflection& reflection = *message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64:
      reflection.SetUInt64(&message, field, static_cast<uint64_t>(number));
      return true;
    case FieldDescriptor::CPPTYPE_INT64:
      reflection.SetInt64(&message, field, number);
      return true;
    case FieldDescriptor::CPPTYPE_UINT32:
      reflection.SetUInt32(&message, field, static_cast<uint32_t>(number));
      return number >= 0 && number <= UINT32_MAX;
    case FieldDescriptor::CPPTYPE_INT32:
      reflection.SetInt32(&message, field, static_cast<int32_t>(number));
      return number >= INT32_MIN && number <= INT32_MAX;
    case FieldDescriptor::CPPTYPE_BOOL:
      reflection.SetBool(&message, field, number != 0);
      return number == 0 || number == 1;
    case FieldDescriptor::CPPTYPE_ENUM:
      reflection.SetEnumValue(&message, field, static_cast<int>(number));
      return number >= INT32_MIN && number <= INT32_MAX;
    default:
      return false;
  }
}

bool WriteScalar(Message& message, const FieldDescriptor* field, const ColumnValue& value) {
  const Reflection& reflection = *message.GetReflection();
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return WriteInteger(message, field, *number);
  }
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    if (field->type() != FieldDescriptor::TYPE_STRING) return false;
    if (!text->empty()) reflection.SetString(&message, field, std::string(*text));
    return true;
  }
  if (const auto* blob = std::get_if<BlobView>(&value)) {
    if (field->type() != FieldDescriptor::TYPE_BYTES) return false;
    if (!blob->bytes.empty()) reflection.SetString(&message, field, std::string(blob->bytes));
    return true;
  }
  return false;
}

bool HasUnknownFields(const Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

bool HasUnknownFields(const v1::Row& row) {
  if (HasUnknownFields(static_cast<const Message&>(row))) return true;
  const RowTable* table = FindRowTable(row.row_case());
  if (table == nullptr) return false;
  const Message& inner = RowMessage(row, *table);
  if (HasUnknownFields(inner)) return true;
  const Reflection& reflection = *inner.GetReflection();
  for (const FieldDescriptor* field : table->messages) {
    if (!reflection.HasField(inner, field)) continue;
    if (HasUnknownFields(reflection.GetMessage(inner, field))) return true;
  }
  return false;
}

std::vector<const FieldDescriptor*> MessagesIn(const Descriptor* descriptor) {
  std::vector<const FieldDescriptor*> found;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) found.push_back(field);
  }
  return found;
}

std::vector<RowTable> MakeRowTables() {
  std::vector<RowTable> tables;
  const Descriptor* row = v1::Row::descriptor();
  for (int i = 0; i < row->field_count(); ++i) {
    const FieldDescriptor* field = row->field(i);
    HOLDFAST_CHECK(v1::Table_IsValid(field->number()));
    tables.push_back({.table = static_cast<v1::Table>(field->number()),
                      .row_field = field,
                      .messages = MessagesIn(field->message_type()),
                      .columns = MessageTable(field->name() + "s", field->message_type())});
  }
  return tables;
}

}  // namespace

MessageTable::MessageTable(std::string name, const Descriptor* descriptor)
    : name_(std::move(name)) {
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    HOLDFAST_CHECK(!field->is_repeated());
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      columns_.push_back({.name = field->name(), .type = TypeOf(field), .field = field});
      continue;
    }
    const Descriptor* sealed = field->message_type();
    HOLDFAST_CHECK(sealed == v1::SealedSecret::descriptor());
    for (int j = 0; j < sealed->field_count(); ++j) {
      columns_.push_back({.name = field->name() + "_" + sealed->field(j)->name(),
                          .type = TypeOf(sealed->field(j)),
                          .nullable = true,
                          .field = field,
                          .sealed_field = sealed->field(j)});
    }
  }
}

void MessageTable::Read(const Message& message, std::vector<ColumnValue>& out) const {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* sealed_field = nullptr;
  const Message* sealed = nullptr;
  const Reflection* of_sealed = nullptr;
  out.clear();
  for (const Column& column : columns_) {
    if (column.sealed_field == nullptr) {
      out.push_back(ReadScalar(message, reflection, column.field));
      continue;
    }
    if (column.field != sealed_field) {  // Its columns stand side by side.
      sealed_field = column.field;
      const bool is_set = reflection.HasField(message, sealed_field);
      sealed = is_set ? &reflection.GetMessage(message, sealed_field) : nullptr;
      of_sealed = is_set ? sealed->GetReflection() : nullptr;
    }
    out.push_back(sealed == nullptr ? ColumnValue()
                                    : ReadScalar(*sealed, *of_sealed, column.sealed_field));
  }
}

absl::Status MessageTable::WriteOne(const Column& column, const ColumnValue& value,
                                    Message& message) const {
  if (column.sealed_field != nullptr && std::holds_alternative<std::monostate>(value)) {
    return absl::OkStatus();
  }
  Message& target = column.sealed_field == nullptr
                        ? message
                        : *message.GetReflection()->MutableMessage(&message, column.field);
  const FieldDescriptor* field =
      column.sealed_field == nullptr ? column.field : column.sealed_field;
  if (WriteScalar(target, field, value)) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("table {}: column {} holds a value of the wrong type", name_, column.name));
}

absl::Status MessageTable::Write(absl::Span<const ColumnValue> values, Message& message) const {
  HOLDFAST_CHECK(values.size() == columns_.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    HOLDFAST_RETURN_IF_ERROR(WriteOne(columns_[i], values[i], message));
  }
  return absl::OkStatus();
}

const std::vector<RowTable>& RowTables() {
  static const std::vector<RowTable>& tables = *new std::vector<RowTable>(MakeRowTables());
  return tables;
}

const RowTable* FindRowTable(int table) {
  for (const RowTable& candidate : RowTables()) {
    if (candidate.table == table) return &candidate;
  }
  return nullptr;
}

const Message& RowMessage(const v1::Row& row, const RowTable& table) {
  return row.GetReflection()->GetMessage(row, table.row_field);
}

Message& MutableRowMessage(v1::Row& row, const RowTable& table) {
  return *row.GetReflection()->MutableMessage(&row, table.row_field);
}

absl::Status CheckRow(const v1::Row& row) {
  if (HasUnknownFields(row)) {
    return absl::FailedPreconditionError(
        "upgrade_required: a row has fields that this program does not know");
  }
  if (row.row_case() == v1::Row::ROW_NOT_SET) {
    return absl::InvalidArgumentError("a row is empty: expected one of the known kinds");
  }
  return absl::OkStatus();
}

absl::Status CheckChange(const v1::RowChange& change) {
  switch (change.change_case()) {
    case v1::RowChange::kPut:
      return CheckRow(change.put());
    case v1::RowChange::kDelete:
      if (FindRowTable(change.delete_().table()) != nullptr) return absl::OkStatus();
      return absl::FailedPreconditionError(fmt::format(
          "upgrade_required: a row is deleted from table number {}, which this program does not "
          "know",
          static_cast<int>(change.delete_().table())));
    case v1::RowChange::CHANGE_NOT_SET:
      break;
  }
  if (HasUnknownFields(change)) {
    return absl::FailedPreconditionError(
        "upgrade_required: a change is of a kind that this program does not know");
  }
  return absl::InvalidArgumentError("a row change is empty: expected put or delete");
}

v1::RowKey KeyOf(const v1::Row& row) {
  const RowTable* table = FindRowTable(row.row_case());
  HOLDFAST_CHECK(table != nullptr);
  v1::RowKey key;
  key.set_table(table->table);
  const Message& inner = RowMessage(row, *table);
  const ColumnValue value =
      ReadScalar(inner, *inner.GetReflection(), table->columns.columns()[0].field);
  if (const auto* number = std::get_if<int64_t>(&value)) {
    key.set_id(static_cast<uint64_t>(*number));
  } else {
    key.set_name(std::string(std::get<std::string_view>(value)));
  }
  return key;
}

}  // namespace holdfast::storage

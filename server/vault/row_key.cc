#include "server/vault/row_key.h"

#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "server/base/check.h"
#include "server/base/status_macros.h"

namespace holdfast::vault {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

using Shapes = std::array<TableShape, kTableMax + 1>;

TableShape MakeShape(const FieldDescriptor& row_field) {
  TableShape shape;
  shape.table = static_cast<v1::Table>(row_field.number());
  shape.row_field = &row_field;
  const auto& inner = *row_field.message_type();
  shape.key_field = inner.FindFieldByNumber(1);
  HOLDFAST_CHECK(shape.key_field != nullptr);
  shape.named = shape.key_field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  for (int i = 0; i < inner.field_count(); ++i) {
    const FieldDescriptor* field = inner.field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) shape.messages.push_back(field);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) shape.enums.push_back(field);
  }
  return shape;
}

const Shapes& AllShapes() {
  static const Shapes& shapes = *new Shapes([] {
    Shapes made;
    const auto& row = *v1::Row::descriptor();
    for (int i = 0; i < row.field_count(); ++i) {
      made.at(row.field(i)->number()) = MakeShape(*row.field(i));
    }
    return made;
  }());
  return shapes;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool HasUnknownFields(const Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

const TableShape* ShapeOf(v1::Table table) {
  if (table < 1 || table > kTableMax) return nullptr;
  const TableShape& shape = AllShapes()[table];
  return shape.row_field == nullptr ? nullptr : &shape;
}

const Message& InnerOf(const v1::Row& row) {
  const TableShape* shape = ShapeOf(static_cast<v1::Table>(row.row_case()));
  HOLDFAST_CHECK(shape != nullptr);
  return row.GetReflection()->GetMessage(row, shape->row_field);
}

void CopyInto(v1::Row& row, const TableShape& shape, const Message& inner) {
  Message& copy = *row.GetReflection()->MutableMessage(&row, shape.row_field);
  copy.Clear();
  copy.MergeFrom(inner);
}

v1::RowKey KeyOf(const TableShape& shape, const Message& inner) {
  v1::RowKey key;
  key.set_table(shape.table);
  const auto* reflection = inner.GetReflection();
  if (shape.named) {
    key.set_name(reflection->GetString(inner, shape.key_field));
  } else {
    key.set_id(reflection->GetUInt64(inner, shape.key_field));
  }
  return key;
}

v1::RowKey KeyOf(const v1::Row& row) {
  const TableShape* shape = ShapeOf(static_cast<v1::Table>(row.row_case()));
  HOLDFAST_CHECK(shape != nullptr);
  return KeyOf(*shape, InnerOf(row));
}

std::string KeyText(const v1::RowKey& key) {
  const TableShape* shape = ShapeOf(key.table());
  const std::string table = shape == nullptr
                                ? fmt::format("table {}", static_cast<int>(key.table()))
                                : shape->row_field->name();
  if (shape != nullptr && shape->named) return fmt::format("{} '{}'", table, key.name());
  return fmt::format("{} {}", table, key.id());
}

absl::Status UpgradeRequired(const std::string& what) {
  return absl::UnimplementedError(
      fmt::format("upgrade_required: {} was written by a newer version", what));
}

absl::Status CheckRow(const v1::Row& row) {
  const TableShape* shape = ShapeOf(static_cast<v1::Table>(row.row_case()));
  if (shape == nullptr || HasUnknownFields(row)) return UpgradeRequired("a row of another table");
  const Message& inner = row.GetReflection()->GetMessage(row, shape->row_field);
  const auto* reflection = inner.GetReflection();
  const v1::RowKey key = KeyOf(*shape, inner);
  if (HasUnknownFields(inner)) return UpgradeRequired(KeyText(key));
  for (const FieldDescriptor* field : shape->messages) {
    if (!reflection->HasField(inner, field)) continue;
    if (HasUnknownFields(reflection->GetMessage(inner, field))) {
      return UpgradeRequired(KeyText(key));
    }
  }
  for (const FieldDescriptor* field : shape->enums) {
    const int value = reflection->GetEnumValue(inner, field);
    if (field->enum_type()->FindValueByNumber(value) == nullptr) {
      return UpgradeRequired(KeyText(key));
    }
  }
  // The default row of sshd is the one with the empty key.
  const bool has_key = shape->table == v1::TABLE_SSHD || key.id() != 0 || !key.name().empty();
  if (!has_key) {
    return absl::DataLossError(fmt::format("a row of {} has no key", shape->row_field->name()));
  }
  return absl::OkStatus();
}

std::string FoldCase(std::string_view text) {
  std::string folded(text);
  for (char& c : folded) c = Lower(c);
  return folded;
}

bool EqualFolded(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

}  // namespace holdfast::vault

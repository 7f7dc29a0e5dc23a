#ifndef HOLDFAST_SERVER_STORAGE_POSTGRES_STATEMENTS_H_
#define HOLDFAST_SERVER_STORAGE_POSTGRES_STATEMENTS_H_

#include <string>
#include <vector>

#include "server/storage/log_bounds.h"
#include "server/storage/row_table.h"

// The texts that write. Each ends with ';'.
//
// Room   Pure.
namespace holdfast::storage::postgres {

// A group of statements, in as few messages as their size allows.
class Texts {
 public:
  // Where to write the next statement.
  std::string& Next();
  std::vector<std::string>& texts() { return texts_; }

 private:
  std::vector<std::string> texts_;
};

// Rows for one INSERT: VALUES of as many as one statement should have.
class RowInsert {
 public:
  RowInsert(const MessageTable& table, bool replace) : table_(table), replace_(replace) {}
  // `out` is complete after End.
  void Add(const google::protobuf::Message& row, std::string& out);
  void End(std::string& out);
  bool empty() const { return rows_ == 0; }

 private:
  const MessageTable& table_;
  const bool replace_;
  size_t rows_ = 0;
  std::vector<ColumnValue> values_;
};

// Entries, then the last change of every row, then facts.
std::vector<std::string> TextsOf(const AppendBatch& batch);
std::string WriteFacts(const Facts& facts);
std::string DeleteEntries(uint64_t first_seq, uint64_t last_seq);
// All rows and the whole log.
std::string DeleteEverything();
// For the UPDATE of meta.
std::string MetaOf(const LogBounds& bounds);

// "a, b, c"
std::string ColumnList(const MessageTable& table);

}  // namespace holdfast::storage::postgres

#endif  // HOLDFAST_SERVER_STORAGE_POSTGRES_STATEMENTS_H_

#include "server/vault/pending_state.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/vault/state.h"
#include "tests/unit/server/vault/random_source.h"

namespace holdfast::vault {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// So few values that rows meet: same names, same lists, same keys again and again.
constexpr uint64_t kNumbers = 4;
const std::vector<std::string> kTexts = {"a", "A", "b", ""};

void FillAtRandom(Message& row, RandomSource& random) {
  const auto* reflection = row.GetReflection();
  for (int i = 0; i < row.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = row.GetDescriptor()->field(i);
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT64:
        reflection->SetUInt64(&row, field, random.Below(kNumbers));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection->SetUInt32(&row, field, static_cast<uint32_t>(random.Below(kNumbers)));
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        reflection->SetString(&row, field, random.Of(kTexts));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        reflection->SetBool(&row, field, random.OneIn(2));
        break;
      default:
        break;
    }
  }
}

v1::RowChange RandomChange(RandomSource& random) {
  const auto table = static_cast<v1::Table>(1 + random.Below(kTableMax));
  v1::RowChange change;
  if (random.OneIn(3)) {
    v1::RowKey& key = *change.mutable_delete_();
    key.set_table(table);
    ShapeOf(table)->named ? key.set_name(random.Of(kTexts)) : key.set_id(random.Below(kNumbers));
    return change;
  }
  v1::Row& row = *change.mutable_put();
  FillAtRandom(*row.GetReflection()->MutableMessage(&row, ShapeOf(table)->row_field), random);
  return change;
}

std::string Text(const Message* row) { return row == nullptr ? "-" : row->ShortDebugString(); }

std::vector<uint64_t> Ids(const StateReader& state, List list, uint64_t of, uint64_t after,
                          size_t limit) {
  std::vector<uint64_t> ids;
  const bool whole = state.ForEachId(list, of, after, [&](uint64_t id) {
    ids.push_back(id);
    return ids.size() < limit;
  });
  ids.push_back(whole ? 1000 : 2000);  // What the call said is part of the answer.
  return ids;
}

std::vector<std::string> Names(const StateReader& state, v1::Table table, size_t limit) {
  std::vector<std::string> names;
  const bool whole = state.ForEachName(table, [&](const std::string& name) {
    names.push_back(name);
    return names.size() < limit;
  });
  names.push_back(whole ? "whole" : "stopped");
  return names;
}

void ExpectSameRows(const StateReader& a, const StateReader& b) {
  for (int number = 1; number <= kTableMax; ++number) {
    const auto table = static_cast<v1::Table>(number);
    for (uint64_t id = 0; id < kNumbers; ++id) {
      ASSERT_EQ(Text(a.FindNumbered(table, id)), Text(b.FindNumbered(table, id))) << number;
    }
    for (const std::string& name : kTexts) {
      ASSERT_EQ(Text(a.FindNamed(table, name)), Text(b.FindNamed(table, name))) << number;
    }
    for (const size_t limit : {1, 2, 9}) {
      ASSERT_EQ(Names(a, table, limit), Names(b, table, limit)) << number;
    }
  }
}

void ExpectSameLists(const StateReader& a, const StateReader& b) {
  for (int i = 0; i < kListCount; ++i) {
    const auto list = static_cast<List>(i);
    for (uint64_t of = 0; of < kNumbers; ++of) {
      ASSERT_EQ(a.Count(list, of), b.Count(list, of)) << i << " of " << of;
      for (uint64_t after = 0; after < kNumbers; ++after) {
        for (const size_t limit : {1, 2, 9}) {
          ASSERT_EQ(Ids(a, list, of, after, limit), Ids(b, list, of, after, limit))
              << i << " of " << of << " after " << after;
        }
      }
    }
  }
}

void ExpectSameUniques(const StateReader& a, const StateReader& b) {
  const std::vector<std::string> texts = {"a", "A", "b", "B", ""};
  for (int i = 0; i < kUniqueCount; ++i) {
    const auto unique = static_cast<Unique>(i);
    for (uint64_t of = 0; of < kNumbers; ++of) {
      for (uint64_t rest = 0; rest < kNumbers * kNumbers; ++rest) {
        for (const std::string& text : texts) {
          const UniqueKey key{
              .of = of, .second = rest / kNumbers, .third = rest % kNumbers, .text = text};
          ASSERT_EQ(Text(a.FindUnique(unique, key)), Text(b.FindUnique(unique, key))) << i;
        }
      }
    }
  }
}

void ExpectSame(const StateReader& a, const StateReader& b) {
  ExpectSameRows(a, b);
  ExpectSameLists(a, b);
  ExpectSameUniques(a, b);
}

struct Logged {
  uint64_t seq;
  v1::RowChange change;
};

// A base, what is pending over it, and a State that has everything.
struct Layers {
  State base;
  PendingState pending{base};
  State model;
  std::deque<Logged> log;  // not in the base yet
  uint64_t seq = 1;

  void Change(const v1::RowChange& change) {
    const absl::Status expected = model.Apply(change);
    const absl::Status got = pending.Apply(seq, change);
    ASSERT_EQ(got, expected);
    if (expected.ok()) log.push_back({seq, change});
  }
  void Commit(uint64_t to) {
    while (!log.empty() && log.front().seq <= to) {
      const absl::Status applied = base.Apply(log.front().change);
      ASSERT_TRUE(applied.ok()) << applied;
      log.pop_front();
    }
    pending.Forget(to);
    ASSERT_EQ(pending.empty(), log.empty());
  }
};

TEST(PendingStateTest, ReadsAsAStateThatHasTheChanges) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomSource random(seed);
    Layers layers;
    for (int step = 0; step < 400; ++step) {
      if (!random.OneIn(3)) ++layers.seq;
      layers.Change(RandomChange(random));
      if (random.OneIn(12)) layers.Commit(layers.seq - random.Below(12));
      if (random.OneIn(40)) ExpectSame(layers.pending, layers.model);
      if (testing::Test::HasFatalFailure()) FAIL() << "step " << step;
    }
    layers.Commit(layers.seq);
    ExpectSame(layers.pending, layers.model);
    ExpectSame(layers.base, layers.model);
  }
}

v1::RowChange PutUser(uint64_t id, const std::string& name) {
  v1::RowChange change;
  change.mutable_put()->mutable_user()->set_id(id);
  change.mutable_put()->mutable_user()->set_organization_id(1);
  change.mutable_put()->mutable_user()->set_name(name);
  return change;
}

TEST(PendingStateTest, APendingDeletionFreesTheName) {
  State base;
  ASSERT_TRUE(base.Apply(PutUser(1, "ada")).ok());
  PendingState pending(base);
  EXPECT_EQ(pending.Apply(5, PutUser(2, "ada")).code(), absl::StatusCode::kDataLoss);
  v1::RowChange gone;
  gone.mutable_delete_()->set_table(v1::TABLE_USER);
  gone.mutable_delete_()->set_id(1);
  ASSERT_TRUE(pending.Apply(6, gone).ok());
  EXPECT_EQ(pending.FindUserByName(1, "ada"), nullptr);
  EXPECT_EQ(pending.Apply(6, gone).code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(pending.Apply(7, PutUser(2, "ada")).ok());
  EXPECT_EQ(pending.FindUserByName(1, "ada")->id(), 2u);
  EXPECT_EQ(base.FindUserByName(1, "ada")->id(), 1u);
}

TEST(PendingStateTest, ForgettingKeepsWhatALaterRecordChanged) {
  State base;
  PendingState pending(base);
  ASSERT_TRUE(pending.Apply(1, PutUser(1, "first")).ok());
  ASSERT_TRUE(pending.Apply(2, PutUser(1, "second")).ok());
  ASSERT_TRUE(base.Apply(PutUser(1, "first")).ok());
  pending.Forget(1);
  EXPECT_EQ(pending.FindUser(1)->name(), "second");
  EXPECT_FALSE(pending.empty());
  ASSERT_TRUE(base.Apply(PutUser(1, "second")).ok());
  pending.Forget(2);
  EXPECT_TRUE(pending.empty());
  EXPECT_EQ(pending.FindUser(1), base.FindUser(1));
}

TEST(PendingStateTest, ClearLeavesTheBase) {
  State base;
  ASSERT_TRUE(base.Apply(PutUser(1, "ada")).ok());
  PendingState pending(base);
  ASSERT_TRUE(pending.Apply(1, PutUser(2, "bob")).ok());
  pending.Clear();
  EXPECT_TRUE(pending.empty());
  EXPECT_EQ(pending.FindUser(2), nullptr);
  EXPECT_EQ(pending.FindUserByName(1, "bob"), nullptr);
  EXPECT_EQ(pending.Count(List::kUsersOfOrganization, 1), 1u);
}

TEST(PendingStateTest, LaysOverAnotherPendingState) {
  State base;
  PendingState lower(base);
  PendingState upper(static_cast<const StateReader&>(lower));  // not a copy
  ASSERT_TRUE(lower.Apply(1, PutUser(1, "ada")).ok());
  ASSERT_TRUE(upper.Apply(1, PutUser(1, "eve")).ok());
  EXPECT_EQ(upper.FindUserByName(1, "ada"), nullptr);
  EXPECT_EQ(upper.FindUserByName(1, "eve")->id(), 1u);
  EXPECT_EQ(lower.FindUser(1)->name(), "ada");
}

}  // namespace
}  // namespace holdfast::vault

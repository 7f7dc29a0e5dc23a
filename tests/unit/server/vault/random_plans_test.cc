// Random commands on a real State: what is accepted applies, planning is the same over what is
// pending as over what is committed, nothing dangles, and what users see is what a slow and plain
// reading of the rules says.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/vault/access.h"
#include "server/vault/listing.h"
#include "server/vault/pending_state.h"
#include "tests/unit/server/vault/random_source.h"
#include "tests/unit/server/vault/vault_fixture.h"

namespace holdfast::vault {
namespace {

constexpr uint64_t kSecondOrganization = 2;
constexpr uint64_t kSecondRoot = 11;
const std::vector<std::string> kNames = {"a", "A", "b", "c", "d", "e", "", "x/y", "n\n"};
const std::vector<std::string> kNodes = {"node-a", "node-b", "node-c", "NODE"};
const std::vector<v1::Role> kRoles = {v1::ROLE_ADMINISTRATOR, v1::ROLE_PASSWORD_ADMINISTRATOR,
                                      v1::ROLE_PASSWORD_USER};

Bootstrap TwoOrganizations() {
  Bootstrap body = FirstRows();
  v1::OrganizationRow& organization = *body.rows.emplace_back().mutable_organization();
  organization.set_id(kSecondOrganization);
  organization.set_name("SECOND");
  v1::DataKeyRow& key = *body.rows.emplace_back().mutable_data_key();
  key.set_id(9);
  key.set_organization_id(kSecondOrganization);
  key.set_generation(1);
  v1::UserRow& root = *body.rows.emplace_back().mutable_user();
  root = User("root", v1::ROLE_ADMINISTRATOR);
  root.set_id(kSecondRoot);
  root.set_organization_id(kSecondOrganization);
  root.set_super_administrator(true);
  root.set_operate_cluster(true);
  return body;
}

template <typename RowType>
std::vector<RowType> AllRows(const State& state, bool (v1::Row::*has)() const,
                             const RowType& (v1::Row::*get)() const) {
  std::vector<RowType> rows;
  state.ForEachRow([&](const v1::Row& row) {
    if ((row.*has)()) rows.push_back((row.*get)());
  });
  return rows;
}
std::vector<v1::UserRow> Users(const State& state) {
  return AllRows(state, &v1::Row::has_user, &v1::Row::user);
}
std::vector<v1::ResourceRow> Resources(const State& state) {
  return AllRows(state, &v1::Row::has_resource, &v1::Row::resource);
}
std::vector<v1::AccountRow> Accounts(const State& state) {
  return AllRows(state, &v1::Row::has_account, &v1::Row::account);
}
std::vector<v1::ShareRow> Shares(const State& state) {
  return AllRows(state, &v1::Row::has_share, &v1::Row::share);
}

// Makes commands that often mean something: most ids are of rows that are there.
class Commands {
 public:
  Commands(RandomSource& random, const State& state) : random_(random), state_(state) {}

  Command Next(int64_t now_ms) {
    Command command{.actor = {}, .now_ms = now_ms, .body = Body(now_ms)};
    command.actor.set_user_id(random_.OneIn(8) ? 0 : IdOf(Users(state_)));
    if (random_.OneIn(2)) {
      command.request_key =
          RequestKey{.key = random_.Of(kNames),
                     .digest = Hash(random_.OneIn(2) ? 'd' : 'e'),
                     .expires_ms = now_ms + 1 + static_cast<int64_t>(random_.Below(60))};
    }
    return command;
  }

 private:
  template <typename RowType>
  uint64_t IdOf(const std::vector<RowType>& rows) {
    if (rows.empty() || random_.OneIn(20)) return random_.Below(state_.Counter("id") + 3);
    return random_.Of(rows).id();
  }
  uint64_t User() { return IdOf(Users(state_)); }
  uint64_t Resource() { return IdOf(Resources(state_)); }
  uint64_t AnAccount() { return IdOf(Accounts(state_)); }
  std::string RandomHash() { return Hash(static_cast<char>('a' + random_.Below(20))); }
  NewToken Token(int64_t now_ms) {
    return {RandomHash(), random_.OneIn(2) ? 0 : now_ms + static_cast<int64_t>(random_.Below(50))};
  }
  NewSshKey AKey() { return Key(random_.Of(kNames)); }
  std::vector<v1::AccountRow> SomeAccounts() {
    std::vector<v1::AccountRow> accounts;
    for (uint64_t i = random_.Below(3); i > 0; --i) accounts.push_back(Account(random_.Of(kNames)));
    return accounts;
  }
  AddUser ANewUser(int64_t now_ms) {
    AddUser body{.user = vault::User(random_.Of(kNames), random_.Of(kRoles))};
    body.user.set_super_administrator(random_.OneIn(4));
    body.user.set_operate_cluster(random_.OneIn(4));
    body.user.set_locked(random_.OneIn(6));
    if (random_.OneIn(8)) body.user.set_organization_id(1 + random_.Below(3));
    if (random_.OneIn(2)) body.token = Token(now_ms);
    if (random_.OneIn(2)) body.keys.push_back(AKey());
    return body;
  }
  AddResource ANewResource() {
    AddResource body;
    body.resource.set_name(random_.Of(kNames));
    body.resource.set_owner_id(User());
    body.accounts = SomeAccounts();
    return body;
  }
  SetShare AShare() {
    const bool whole = random_.OneIn(2);
    return {User(), whole ? Resource() : 0, whole ? 0 : AnAccount(),
            static_cast<v1::ShareLevel>(random_.Below(4))};
  }
  JoinMember AJoin() {
    const auto fingerprint = static_cast<char>('a' + random_.Below(6));
    const auto invites = state_.Invites();
    if (invites.empty() || random_.OneIn(4)) {
      return {RandomHash(), Member(random_.Of(kNodes), fingerprint)};
    }
    const v1::InviteRow& invite = *random_.Of(invites);
    return {invite.token_hash(), Member(invite.node_id(), fingerprint)};
  }
  SetSettings SomeSettings() {
    return {static_cast<v1::Level>(random_.Below(5)), static_cast<uint32_t>(random_.Below(3)),
            static_cast<v1::Policy>(random_.Below(3))};
  }
  SetSshd AnSshd() {
    SetSshd body;
    if (!random_.OneIn(3)) body.sshd.set_node_id(random_.Of(kNodes));
    body.sshd.set_port(static_cast<uint32_t>(random_.Below(80000)));
    return body;
  }

  CommandBody Body(int64_t now_ms) {
    const auto a_key = AllRows(state_, &v1::Row::has_ssh_key, &v1::Row::ssh_key);
    const auto a_token = AllRows(state_, &v1::Row::has_token, &v1::Row::token);
    switch (random_.Below(26)) {
      case 0:
        return DeleteUser{User()};
      case 1:
        return SetUserLocked{User(), random_.OneIn(2)};
      case 2:
        return AddSshKey{User(), AKey()};
      case 3:
        return RemoveSshKey{IdOf(a_key)};
      case 4:
        return IssueToken{User(), Token(now_ms), random_.OneIn(2)};
      case 5:
        return RevokeToken{IdOf(a_token)};
      case 6:
        return DeleteResource{Resource()};
      case 7:
        return DeleteAccount{AnAccount()};
      case 8:
        return SetSecret{AnAccount(), Sealed(static_cast<char>('a' + random_.Below(9)))};
      case 9:
        return RevokeShare{IdOf(Shares(state_))};
      case 10:
        return CreateInvite{random_.Of(kNodes), RandomHash(),
                            now_ms + static_cast<int64_t>(random_.Below(900))};
      case 11:
        return AJoin();
      case 12:
        return AnSshd();
      case 13:
        if (random_.OneIn(3)) return ForgetMember{random_.Of(kNodes)};
        return SomeSettings();
      case 14:
        return TwoOrganizations();
      case 15:
      case 16:
      case 17:
        return ANewUser(now_ms);
      case 18:
      case 19:
        return ANewResource();
      case 20:
      case 21:
        return AddAccounts{Resource(), SomeAccounts()};
      default:
        return AShare();
    }
  }

  RandomSource& random_;
  const State& state_;
};

std::string Text(const absl::StatusOr<Planned>& planned) {
  if (!planned.ok()) return planned.status().ToString();
  std::string text = planned->operation + " " + std::to_string(planned->id);
  for (const uint64_t id : planned->account_ids) text += " a" + std::to_string(id);
  for (const uint64_t id : planned->key_ids) text += " k" + std::to_string(id);
  text += " t" + std::to_string(planned->token_id);
  for (const v1::RowChange& change : planned->changes) text += "\n" + change.ShortDebugString();
  return text;
}

// ---- The rules, slow and plain.

Right PlainRight(v1::ShareLevel level) { return static_cast<Right>(static_cast<int>(level)); }

Right PlainRightOn(const State& state, const v1::UserRow& user, const v1::ResourceRow& resource) {
  if (user.organization_id() != resource.organization_id()) return Right::kNone;
  if (user.super_administrator() || user.id() == resource.owner_id()) return Right::kFull;
  for (const v1::ShareRow& share : Shares(state)) {
    if (share.user_id() == user.id() && share.resource_id() == resource.id() &&
        share.account_id() == 0) {
      return PlainRight(share.level());
    }
  }
  return Right::kNone;
}

Right PlainRightOn(const State& state, const v1::UserRow& user, const v1::AccountRow& account) {
  const v1::ResourceRow& resource = *state.FindResource(account.resource_id());
  const Right of_resource = PlainRightOn(state, user, resource);
  if (user.super_administrator() || user.id() == resource.owner_id()) return of_resource;
  for (const v1::ShareRow& share : Shares(state)) {
    if (share.user_id() == user.id() && share.account_id() == account.id()) {
      return PlainRight(share.level());
    }
  }
  return of_resource;
}

template <typename RowType>
std::vector<uint64_t> IdsOf(const Listed<RowType>& listed) {
  std::vector<uint64_t> ids;
  for (const RowType* row : listed.rows) ids.push_back(row->id());
  return ids;
}

// A page of the ids, and their number.
template <typename RowType>
void ExpectListed(const std::vector<uint64_t>& all, const Page& page,
                  const Listed<RowType>& listed) {
  ASSERT_EQ(listed.total, all.size());
  const size_t from = std::min(page.offset, all.size());
  const size_t to = std::min(from + page.limit, all.size());
  ASSERT_EQ(IdsOf(listed), std::vector<uint64_t>(all.begin() + from, all.begin() + to));
}

void ExpectAccountsAsPlain(const State& state, const StateReader& seen, const v1::UserRow& user,
                           const v1::ResourceRow& resource, const Page& page, bool* any) {
  std::vector<uint64_t> visible;
  for (const v1::AccountRow& account : Accounts(state)) {
    if (account.resource_id() != resource.id()) continue;
    const Right right = PlainRightOn(state, user, account);
    ASSERT_EQ(RightOn(seen, user, account), right) << user.id() << " on " << account.id();
    ASSERT_EQ(FindVisibleAccount(seen, user, account.id()).ok(), right != Right::kNone);
    if (right != Right::kNone) visible.push_back(account.id());
  }
  ExpectListed(visible, page, ListAccounts(seen, user, resource, page));
  ASSERT_EQ(CountAccounts(seen, user, resource), visible.size());
  *any = !visible.empty();
}

void ExpectSharesAsPlain(const State& state, const StateReader& seen, const v1::UserRow& user,
                         const ShareFilter& filter, const Page& page) {
  std::vector<uint64_t> visible;
  for (const v1::ShareRow& share : Shares(state)) {
    const bool fits = (filter.user_id == 0 || filter.user_id == share.user_id()) &&
                      (filter.resource_id == 0 || filter.resource_id == share.resource_id()) &&
                      (filter.account_id == 0 || filter.account_id == share.account_id());
    const Right right = share.account_id() != 0
                            ? PlainRightOn(state, user, *state.FindAccount(share.account_id()))
                            : PlainRightOn(state, user, *state.FindResource(share.resource_id()));
    const bool sees = share.user_id() == user.id() || right == Right::kFull;
    if (fits && sees) visible.push_back(share.id());
  }
  ExpectListed(visible, page, ListShares(seen, user, filter, page));
}

// `state` has everything that `seen` shows.
void ExpectViewsAsPlain(const State& state, const StateReader& seen, RandomSource& random) {
  const Page page{.offset = random.Below(3), .limit = random.Below(5)};
  for (const v1::UserRow& user : Users(state)) {
    std::vector<uint64_t> visible;
    std::vector<uint64_t> with_a;
    for (const v1::ResourceRow& resource : Resources(state)) {
      bool any_account = false;
      ExpectAccountsAsPlain(state, seen, user, resource, page, &any_account);
      const Right right = PlainRightOn(state, user, resource);
      ASSERT_EQ(RightOn(seen, user, resource), right) << user.id() << " on " << resource.id();
      const bool sees = right != Right::kNone || any_account;
      ASSERT_EQ(CanSee(seen, user, resource), sees) << user.id() << " on " << resource.id();
      ASSERT_EQ(FindVisibleResource(seen, user, resource.id()).ok(), sees);
      if (!sees) continue;
      visible.push_back(resource.id());
      if (EqualFolded(resource.name(), "a")) with_a.push_back(resource.id());
      ASSERT_EQ((*FindVisibleResource(seen, user, FoldCase(resource.name())))->id(), resource.id());
    }
    ExpectListed(visible, page, ListResources(seen, user, {}, page));
    ExpectListed(with_a, page, ListResources(seen, user, {.name = "", .contains = "A"}, page));
    ExpectListed(with_a, page, ListResources(seen, user, {.name = "A", .contains = ""}, page));
    const uint64_t bound = state.Counter("id") + 1;
    ExpectSharesAsPlain(state, seen, user, {}, page);
    ExpectSharesAsPlain(state, seen, user, {.user_id = random.Below(bound)}, page);
    ExpectSharesAsPlain(state, seen, user, {.resource_id = random.Below(bound)}, page);
    ExpectSharesAsPlain(state, seen, user, {.account_id = random.Below(bound)}, page);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// ---- What holds after every command.

void ExpectNothingDangles(const State& state) {
  for (const v1::ShareRow& share : Shares(state)) {
    ASSERT_NE(state.FindUser(share.user_id()), nullptr);
    const v1::ResourceRow* resource = state.FindResource(share.resource_id());
    ASSERT_NE(resource, nullptr);
    ASSERT_EQ(resource->organization_id(), state.FindUser(share.user_id())->organization_id());
    if (share.account_id() == 0) continue;
    ASSERT_NE(state.FindAccount(share.account_id()), nullptr);
    ASSERT_EQ(state.FindAccount(share.account_id())->resource_id(), share.resource_id());
  }
  for (const v1::AccountRow& account : Accounts(state)) {
    const v1::ResourceRow* resource = state.FindResource(account.resource_id());
    ASSERT_NE(resource, nullptr);
    ASSERT_EQ(resource->organization_id(), account.organization_id());
  }
  for (const v1::ResourceRow& resource : Resources(state)) {
    const v1::UserRow* owner = state.FindUser(resource.owner_id());
    ASSERT_NE(owner, nullptr);
    ASSERT_EQ(owner->organization_id(), resource.organization_id());
  }
  for (const auto& key : AllRows(state, &v1::Row::has_ssh_key, &v1::Row::ssh_key)) {
    ASSERT_NE(state.FindUser(key.user_id()), nullptr);
  }
  for (const auto& token : AllRows(state, &v1::Row::has_token, &v1::Row::token)) {
    ASSERT_NE(state.FindUser(token.user_id()), nullptr);
  }
}

void ExpectSomebodyCanAdminister(const State& state) {
  for (const uint64_t organization : {kDefaultOrganization, kSecondOrganization}) {
    const auto users = Users(state);
    ASSERT_TRUE(std::any_of(users.begin(), users.end(), [&](const v1::UserRow& user) {
      return user.organization_id() == organization && user.super_administrator() &&
             user.operate_cluster() && !user.locked();
    }));
  }
}

using KeysByExpiry = std::vector<std::pair<int64_t, std::string>>;

KeysByExpiry RequestKeys(const StateReader& state) {
  KeysByExpiry keys;
  state.ForEachRequestKey([&](int64_t expires_ms, const std::string& id) {
    keys.emplace_back(expires_ms, id);
    return true;
  });
  return keys;
}

void ExpectRequestKeysAsPlain(const State& state, const StateReader& seen) {
  KeysByExpiry plain;
  std::map<uint64_t, size_t> counts;
  for (const auto& key : AllRows(state, &v1::Row::has_request_key, &v1::Row::request_key)) {
    plain.emplace_back(key.expires_ms(), key.id());
    ++counts[key.user_id()];
  }
  std::sort(plain.begin(), plain.end());
  ASSERT_EQ(RequestKeys(seen), plain);
  ASSERT_EQ(seen.RowCount(v1::TABLE_REQUEST_KEY), plain.size());
  for (const auto& [user_id, count] : counts) {
    ASSERT_EQ(seen.RequestKeyCount(user_id), count);
    ASSERT_GE(seen.RequestKeysAtMost(user_id), count);
  }
}

// Committed rows, pending ones over them, and a State that has both.
struct Replay {
  State base;
  PendingState pending{base};
  State model;
  std::deque<std::vector<v1::RowChange>> log;  // pending, one entry a seq
  uint64_t seq = 0;                            // of the last record
  std::map<std::string, int, std::less<>> accepted;
  int refused = 0;
  int repeated = 0;

  void Do(const Command& command) {
    const bool of_members = std::holds_alternative<JoinMember>(command.body) ||
                            std::holds_alternative<ForgetMember>(command.body);
    if (of_members) Commit(log.size());  // While one is pending, another is refused.
    const absl::StatusOr<Planned> planned = Plan(model, command);
    ASSERT_EQ(Text(Plan(model, command)), Text(planned)) << "planning twice";
    ASSERT_EQ(Text(Plan(pending, command)), Text(planned)) << "over what is pending";
    if (!planned.ok()) {
      ASSERT_TRUE(RefusalOf(planned.status()).has_value()) << planned.status();
      ++refused;
      return;
    }
    ASSERT_EQ(planned->changes.empty(), planned->repeated);
    if (planned->repeated) {
      ++repeated;
      return;
    }
    ++accepted[planned->operation];
    ++seq;
    for (const v1::RowChange& change : planned->changes) {
      const absl::Status applied = model.Apply(change);
      ASSERT_TRUE(applied.ok()) << planned->operation << ": " << applied;
      ASSERT_TRUE(pending.Apply(seq, change).ok());
    }
    log.push_back(planned->changes);
  }
  void Commit(size_t records) {
    for (; records > 0 && !log.empty(); --records) {
      for (const v1::RowChange& change : log.front()) ASSERT_TRUE(base.Apply(change).ok());
      log.pop_front();
    }
    pending.Forget(seq - log.size());
  }
};

TEST(RandomPlansTest, TheRulesHoldWhateverIsAsked) {
  std::map<std::string, int, std::less<>> accepted;
  int repeated = 0;  // of all seeds: one alone may have none
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomSource random(seed);
    Replay run;
    run.Do({.actor = {}, .now_ms = kNow, .body = TwoOrganizations()});
    Commands commands(random, run.model);
    for (int step = 0; step < 600 && !HasFatalFailure(); ++step) {
      run.Do(commands.Next(kNow + step));
      ExpectNothingDangles(run.model);
      ExpectSomebodyCanAdminister(run.model);
      if (random.OneIn(5)) run.Commit(random.Below(8));
      if (random.OneIn(10)) ExpectRequestKeysAsPlain(run.model, run.pending);
      if (random.OneIn(60)) ExpectViewsAsPlain(run.model, run.pending, random);
      if (HasFatalFailure()) ADD_FAILURE() << "at step " << step;
    }
    if (HasFatalFailure()) return;
    EXPECT_GT(run.refused, 0);
    repeated += run.repeated;
    for (const auto& [operation, count] : run.accepted) accepted[operation] += count;
  }
  EXPECT_GT(repeated, 0);
  // Every operation was accepted some time; one command has two: user.lock and user.unlock.
  EXPECT_EQ(accepted.size(), std::variant_size_v<CommandBody> + 1)
      << testing::PrintToString(accepted);
}

}  // namespace
}  // namespace holdfast::vault

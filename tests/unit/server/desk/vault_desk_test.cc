// Login, retrieval, writing and listing with real parts: what is answered, what is on disk by then.
#include "server/desk/vault_desk.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <map>
#include <string>
#include <utility>

#include "tests/unit/server/audit/disk_faults.h"
#include "tests/unit/server/desk/vault_desk_fixture.h"

namespace holdfast::desk {
namespace {

using audit::Disk;
using ::testing::HasSubstr;

class VaultDeskTest : public VaultDeskFixture {
 protected:
  ~VaultDeskTest() override {
    Disk().sync_fails = false;
    Disk().sync_waits = false;
    Disk().sync_waits.notify_all();
  }
  static std::string Text(const SecretBytes& secret) {
    return std::string(secret.RevealText(Purpose::kCompare));
  }
  std::string LogInRefusal(const std::string& token) {
    return Name(desk_->AuthenticateToken(SecretBytes::CopyOf(token), kSource).status());
  }
  size_t CountJournaled(const std::string& operation) const {
    size_t count = 0;
    for (const auto& record : Journaled()) count += record.operation() == operation ? 1 : 0;
    return count;
  }
  // Holds the journal's thread: what is appended meanwhile waits.
  std::promise<void> HoldJournal() {
    std::promise<void> release;
    std::promise<void> held;
    journal_->Append({}, [&held, go = release.get_future().share()](const absl::Status&) {
      held.set_value();
      go.wait();
    });
    held.get_future().wait();
    return release;
  }
};

// ---- Login

TEST_F(VaultDeskTest, AWriteKeepsItsReasonAndTicket) {
  const CallerPtr ann = LogIn(kAnnToken);
  ASSERT_TRUE(Submit(ForReason(ann, "rotation", "T-17"), NewSecret("trout")).ok());
  EXPECT_EQ(LastJournaled().reason(), "rotation");
  EXPECT_EQ(LastJournaled().ticket(), "T-17");
  ASSERT_TRUE(Submit(ann, NewSecret("pike")).ok());
  EXPECT_EQ(LastJournaled().reason(), "");
  EXPECT_EQ(ForReason(ann, "", ""), ann);
}

TEST_F(VaultDeskTest, ARepeatedWriteIsRecordedAsOne) {
  const CallerPtr ann = ForReason(LogIn(kAnnToken), "rotation", "");
  const auto write = [&] {
    std::promise<absl::StatusOr<Written>> got;
    desk_->Submit(ann, NewSecret("trout"),
                  {.idempotency_key = "k1", .request_digest = std::string(32, 'd')},
                  [&](absl::StatusOr<Written> written) { got.set_value(std::move(written)); });
    return got.get_future().get();
  };
  const absl::StatusOr<Written> first = write();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(LastJournaled().reason(), "rotation");
  const absl::StatusOr<Written> again = write();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->position, first->position);
  EXPECT_EQ(LastJournaled().reason(), "repeated, nothing changed: rotation");
}

TEST_F(VaultDeskTest, WhatTheGateRefusesLeavesRecordsAndFewOfThem) {
  SetView(false);
  const SecretBytes token = SecretBytes::CopyOf(kAnnToken);
  const SecretBytes unknown = SecretBytes::CopyOf("nobody's");
  const size_t before = Journaled().size();
  const absl::Status refusal = desk_->Admit(OperationClass::kPrimaryOnly);
  ASSERT_EQ(Name(refusal), "NOT_PRIMARY");
  for (int i = 0; i < 40; ++i) {
    desk_->RecordRefused(
        {.operation = "secrets.set", .source = kSource, .via = "REST", .token = &token}, refusal);
  }
  desk_->RecordRefused(
      {.operation = "users.add", .source = kSource, .via = "REST", .token = &unknown}, refusal);
  desk_->RecordRefused(
      {.operation = "CREATE", .source = kSource, .via = "SSH", .caller = LogIn(kAnnToken)},
      refusal);
  desk_.reset();                                  // What was only counted comes now.
  ASSERT_TRUE(journal_->AppendAndWait({}).ok());  // behind all of them
  std::map<std::string, uint64_t> attempts;
  std::map<std::string, std::string> users;
  const std::vector<v1::AuditRecord> records = Journaled();
  for (size_t i = before; i + 1 < records.size(); ++i) {
    EXPECT_EQ(records[i].refusal(), "NOT_PRIMARY");
    attempts[records[i].operation()] += std::max<uint64_t>(records[i].repeated(), 1);
    users[records[i].operation()] = records[i].user_name();
  }
  EXPECT_EQ(attempts["secrets.set"], 40u);
  EXPECT_LE(records.size() - before, 8u);
  EXPECT_EQ(users["secrets.set"], "ann");
  EXPECT_EQ(users["users.add"], "");
  EXPECT_EQ(users["CREATE"], "ann");
}

TEST_F(VaultDeskTest, AWrongTokenIsRefusedAndRecorded) {
  EXPECT_EQ(LogInRefusal("wrong"), "AUTH_FAILED");
  ASSERT_TRUE(journal_->AppendAndWait({}).ok());  // after it the one before is durable
  const v1::AuditRecord record = Journaled().at(journal_->head() - 2);
  EXPECT_EQ(record.operation(), "login");
  EXPECT_EQ(record.refusal(), "AUTH_FAILED");
  EXPECT_EQ(record.source(), kSource);
  EXPECT_EQ(record.via(), "REST");
}

TEST_F(VaultDeskTest, ManyRefusedLoginsAreCountedAndTheCountIsRecorded) {
  for (int i = 0; i < 9; ++i) EXPECT_EQ(LogInRefusal("wrong"), "AUTH_FAILED");
  ASSERT_TRUE(journal_->AppendAndWait({}).ok());
  EXPECT_EQ(CountJournaled("login"), 3u) << "the first ones alone";
  clock_.Advance(std::chrono::seconds(61));
  while (CountJournaled("login") < 4) ASSERT_TRUE(journal_->AppendAndWait({}).ok());
  for (const auto& record : Journaled()) {
    if (record.operation() != "login" || record.repeated() == 0) continue;
    EXPECT_EQ(record.repeated(), 6u);
  }
}

TEST_F(VaultDeskTest, FailuresSlowDownAndARightTokenPassesAllTheSame) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(LogInRefusal("wrong"), "AUTH_FAILED");
  EXPECT_EQ(LogInRefusal("wrong"), "OVERLOADED");
  EXPECT_EQ(LogInRefusal(kAnnToken), "OK");
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(LogInRefusal("wrong"), "AUTH_FAILED");
}

TEST_F(VaultDeskTest, AKeyLogsInAndAProbeIsNotRecorded) {
  const auto ann = desk_->AuthenticateKey("ann", AnnKey(), kSource, false);
  ASSERT_TRUE(ann.ok()) << ann.status();
  EXPECT_EQ((*ann)->user_id, ann_id_);
  EXPECT_EQ((*ann)->via, "SSH");
  EXPECT_THAT((*ann)->credential, HasSubstr("SHA256:"));
  const uint64_t before = journal_->head();
  EXPECT_EQ(Name(desk_->AuthenticateKey("ann", "other", kSource, false).status()), "AUTH_FAILED");
  EXPECT_EQ(Name(desk_
                     ->AuthenticateKey("\xFF"
                                       "bob",
                                       "other", kSource, true)
                     .status()),
            "AUTH_FAILED");
  ASSERT_TRUE(journal_->AppendAndWait({}).ok());
  EXPECT_EQ(journal_->head(), before + 2);
  EXPECT_EQ(Journaled().at(before).user_name(), "?bob");
}

TEST_F(VaultDeskTest, ARevokedKeyOrTokenIsNoLongerValid) {
  const auto by_key = desk_->AuthenticateKey("ann", AnnKey(), kSource, false);
  ASSERT_TRUE(by_key.ok());
  const CallerPtr by_token = LogIn(kAnnToken);
  Do(vault::RemoveSshKey{.key_id = ann_key_id_});
  EXPECT_EQ(Name(desk_->StillValid(**by_key)), "AUTH_FAILED");
  EXPECT_TRUE(desk_->StillValid(*by_token).ok());
  Do(vault::RevokeToken{.token_id = by_token->token_id});
  EXPECT_EQ(Name(desk_->StillValid(*by_token)), "AUTH_FAILED");
  EXPECT_EQ(Name(RetrieveRoot(by_token).status()), "AUTH_FAILED");
  EXPECT_EQ(Name(Submit(by_token, NewSecret("x")).status()), "AUTH_FAILED");
}

TEST_F(VaultDeskTest, ANodeThatCannotAnswerAccusesNobody) {
  // Filled field by field: g++ 12 takes the epoch that a {.node_id = ...} leaves out for
  // uninitialized in a release build.
  replication::NodeView joining;
  joining.node_id = "a";
  joining.can_read = false;
  joining.why_not = "joining";
  gate_.Set(joining);
  EXPECT_EQ(LogInRefusal(kAnnToken), "NOT_SERVING");
  EXPECT_EQ(LogInRefusal("wrong"), "NOT_SERVING");
}

// ---- Retrieval

TEST_F(VaultDeskTest, ASecretLeavesAfterItsRecord) {
  const CallerPtr ann = LogIn(kAnnToken);
  const uint64_t before = journal_->head();
  std::promise<std::pair<std::string, uint64_t>> got;
  desk_->Retrieve(ann,
                  {.resource_name = "DB", .account_name = "root", .reason = "why", .ticket = "T"},
                  [&](absl::StatusOr<Retrieved> retrieved) {
                    got.set_value({Text(retrieved->secret), journal_->head()});
                  });
  const auto [secret, head] = got.get_future().get();
  EXPECT_EQ(secret, "swordfish");
  EXPECT_EQ(head, before + 1) << "durable when the answer came";
  const v1::AuditRecord record = LastJournaled();
  EXPECT_EQ(record.operation(), "account.retrieve");
  EXPECT_EQ(record.result(), v1::AUDIT_RESULT_OK);
  EXPECT_EQ(record.user_name(), "ann");
  EXPECT_EQ(record.account_id(), root_id_);
  EXPECT_EQ(record.account_name(), "root");
  EXPECT_EQ(record.resource_name(), "db");
  EXPECT_EQ(record.reason(), "why");
  EXPECT_EQ(record.ticket(), "T");
  EXPECT_EQ(record.credential(), ann->credential);
  EXPECT_EQ(record.position_seq(), ledger_->progress().shown.seq);
  EXPECT_EQ(record.position_epoch(), 1u);
  EXPECT_EQ(record.age_ms(), 0);
}

TEST_F(VaultDeskTest, NoSecretLeavesWhileTheDiskIsSlow) {
  const CallerPtr ann = LogIn(kAnnToken);
  Disk().sync_waits = true;
  std::atomic<bool> answered{false};
  std::promise<void> done;
  desk_->Retrieve(ann, {.account_id = root_id_}, [&](const absl::StatusOr<Retrieved>& retrieved) {
    EXPECT_TRUE(retrieved.ok());
    answered = true;
    done.set_value();
  });
  EXPECT_FALSE(answered);
  Disk().sync_waits = false;
  Disk().sync_waits.notify_all();
  done.get_future().wait();
}

TEST_F(VaultDeskTest, NoSecretLeavesWithoutItsRecord) {
  const CallerPtr ann = LogIn(kAnnToken);
  Disk().sync_fails = true;
  EXPECT_EQ(Name(RetrieveRoot(ann).status()), "AUDIT_UNAVAILABLE");
  Disk().sync_fails = false;
  EXPECT_EQ(Name(RetrieveRoot(ann).status()), "AUDIT_UNAVAILABLE") << "closed until it is opened";
}

TEST_F(VaultDeskTest, ARightThatWentWhileTheRecordWasWrittenCounts) {
  Do(vault::AddUser{.user =
                        [] {
                          v1::UserRow user;
                          user.set_name("eve");
                          user.set_role(v1::ROLE_PASSWORD_USER);
                          user.set_organization_id(1);
                          user.set_rest_enabled(true);
                          return user;
                        }(),
                    .token = vault::NewToken{desk_->HashOf(SecretBytes::CopyOf("eve-token"))}});
  const CallerPtr eve = LogIn("eve-token");
  const uint64_t share =
      Do(vault::SetShare{
             .user_id = eve->user_id, .resource_id = db_id_, .level = v1::SHARE_LEVEL_VIEW})
          .id;
  EXPECT_TRUE(RetrieveRoot(eve).ok());
  std::promise<void> release = HoldJournal();
  std::promise<absl::Status> got;
  desk_->Retrieve(eve, {.account_id = root_id_}, [&](const absl::StatusOr<Retrieved>& retrieved) {
    got.set_value(retrieved.status());
  });
  std::promise<absl::Status> revoked;
  ledger_->Submit({.actor = NodeActor(kSource), .body = vault::RevokeShare{.share_id = share}},
                  [&](const auto& written) { revoked.set_value(written.status()); });
  EXPECT_TRUE(revoked.get_future().get().ok());
  release.set_value();
  EXPECT_EQ(Name(got.get_future().get()), "NO_SUCH_ACCOUNT");
}

TEST_F(VaultDeskTest, ARefusedRetrievalIsRecordedBeforeItsAnswer) {
  const CallerPtr ann = LogIn(kAnnToken);
  EXPECT_EQ(Name(Retrieve(ann, {.resource_name = "db", .account_name = "none\n"}).status()),
            "NO_SUCH_ACCOUNT");
  const v1::AuditRecord record = LastJournaled();
  EXPECT_EQ(record.operation(), "account.retrieve");
  EXPECT_EQ(record.refusal(), "NO_SUCH_ACCOUNT");
  EXPECT_EQ(record.account_name(), "none?");
  EXPECT_EQ(Name(Retrieve(ann, {.account_id = root_id_, .resource_id = db_id_ + 1}).status()),
            "NO_SUCH_ACCOUNT")
      << "the account is not one of that resource";
}

TEST_F(VaultDeskTest, ASecondaryRetrievesAndRecordsItsAge) {
  const CallerPtr ann = LogIn(kAnnToken);
  SetView(false);
  ledger_->StepDown();
  EXPECT_EQ(Text(RetrieveRoot(ann)->secret), "swordfish");
  EXPECT_EQ(LastJournaled().age_ms(), 2500);
  EXPECT_EQ(Name(Submit(ann, NewSecret("x")).status()), "NOT_PRIMARY");
  EXPECT_EQ(LastJournaled().refusal(), "NOT_PRIMARY");
  EXPECT_EQ(Name(desk_->Admit(OperationClass::kPrimaryOnly)), "NOT_PRIMARY");
}

// ---- Writing

TEST_F(VaultDeskTest, AWriteIsRecordedBeforeItsAnswer) {
  const CallerPtr ann = LogIn(kAnnToken);
  const uint64_t before = journal_->head();
  const absl::StatusOr<Written> written = Submit(ann, NewSecret("trout"));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->position, ledger_->progress().shown);
  EXPECT_EQ(Text(RetrieveRoot(ann)->secret), "trout");
  const v1::AuditRecord record = Journaled().at(before);
  EXPECT_EQ(record.operation(), vault::OperationName(vault::SetSecret{}));
  EXPECT_EQ(record.result(), v1::AUDIT_RESULT_OK);
  EXPECT_EQ(record.position_seq(), written->position.seq);
  EXPECT_EQ(record.account_name(), "root");
  EXPECT_EQ(record.resource_name(), "db");
  EXPECT_EQ(record.user_name(), "ann");
}

TEST_F(VaultDeskTest, AWriteThatMakesSomethingRecordsItsId) {
  vault::AddResource add;
  add.resource.set_name("web");
  const absl::StatusOr<Written> written = Submit(LogIn(kAnnToken), add);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(LastJournaled().resource_name(), "web");
  EXPECT_EQ(LastJournaled().resource_id(), written->planned.id);
}

TEST_F(VaultDeskTest, ARefusedWriteIsRecorded) {
  EXPECT_EQ(
      Name(Submit(LogIn(kAnnToken), vault::SetUserLocked{.user_id = 1, .locked = true}).status()),
      "NOT_PERMITTED");
  EXPECT_EQ(LastJournaled().refusal(), "NOT_PERMITTED");
  EXPECT_EQ(LastJournaled().user_name(), "ann");
}

TEST_F(VaultDeskTest, NoWriteBeginsWhileTheJournalIsClosed) {
  const CallerPtr ann = LogIn(kAnnToken);
  Disk().sync_fails = true;
  EXPECT_FALSE(journal_->AppendAndWait({}).ok());
  Disk().sync_fails = false;
  const Position before = ledger_->progress().shown;
  EXPECT_EQ(Name(Submit(ann, NewSecret("trout")).status()), "AUDIT_UNAVAILABLE");
  EXPECT_EQ(ledger_->progress().shown, before);
}

TEST_F(VaultDeskTest, AWriteWhoseRecordIsLostIsNeitherSuccessNorNothing) {
  const CallerPtr ann = LogIn(kAnnToken);
  vault::SetSecret trout = NewSecret("trout");
  std::promise<void> release = HoldJournal();
  const Position before = ledger_->progress().shown;
  std::promise<absl::Status> got;
  desk_->Submit(ann, std::move(trout),
                [&](const absl::StatusOr<Written>& written) { got.set_value(written.status()); });
  while (ledger_->progress().shown == before) std::this_thread::yield();
  Disk().sync_fails = true;
  release.set_value();
  const absl::Status status = got.get_future().get();
  EXPECT_EQ(Name(status), "OUTCOME_UNKNOWN");
  EXPECT_THAT(std::string(status.message()), HasSubstr(ToText(ledger_->progress().shown)));
}

TEST_F(VaultDeskTest, AWriteThatTheDiskLostIsOutcomeUnknownAndRecorded) {
  const CallerPtr ann = LogIn(kAnnToken);
  vault::SetSecret trout = NewSecret("trout");
  disk_->FailNextCommit(absl::DataLossError("EIO"), /*lands=*/false);
  EXPECT_EQ(Name(Submit(ann, std::move(trout)).status()), "OUTCOME_UNKNOWN");
  EXPECT_EQ(LastJournaled().refusal(), "OUTCOME_UNKNOWN");
  EXPECT_EQ(Text(RetrieveRoot(ann)->secret), "swordfish") << "reads go on";
  EXPECT_EQ(Name(Submit(ann, NewSecret("x")).status()), "LEDGER_CLOSED");
}

// ---- Listing

TEST_F(VaultDeskTest, TheListingHoldsWhatWasJustDone) {
  const CallerPtr admin = LogIn(kAdminToken);
  ASSERT_TRUE(RetrieveRoot(admin).ok());
  const auto listed = desk_->ListAudit(*admin, {.limit = 2});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 2u);
  EXPECT_EQ(listed->at(0).operation(), "account.retrieve");
  EXPECT_EQ(listed->at(0).number(), journal_->head());
  const auto after = desk_->ListAudit(*admin, {.node_id = "a", .after = journal_->head() - 1});
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->size(), 1u);
}

TEST_F(VaultDeskTest, TheAuditIsNotForEverybody) {
  Do(vault::AddUser{.user =
                        [] {
                          v1::UserRow user;
                          user.set_name("eve");
                          user.set_role(v1::ROLE_PASSWORD_USER);
                          user.set_organization_id(1);
                          user.set_rest_enabled(true);
                          return user;
                        }(),
                    .token = vault::NewToken{desk_->HashOf(SecretBytes::CopyOf("eve-token"))}});
  EXPECT_EQ(Name(desk_->ListAudit(*LogIn("eve-token"), {}).status()), "NOT_PERMITTED");
}

// ---- Demands

class DemandTest : public VaultDeskTest {
 protected:
  std::future<absl::Status> Await(const ReadDemand& demand) {
    auto got = std::make_shared<std::promise<absl::Status>>();
    auto future = got->get_future();
    desk_->Await(demand, [got](absl::Status status) { got->set_value(std::move(status)); });
    return future;
  }
  static bool IsReady(std::future<absl::Status>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  Position Next() const {
    Position next = ledger_->progress().shown;
    ++next.seq;
    return next;
  }
};

TEST_F(DemandTest, WhatIsShownIsReachedAtOnce) {
  auto future = Await({.position = ledger_->progress().shown});
  ASSERT_TRUE(IsReady(future));
  EXPECT_TRUE(future.get().ok());
}

TEST_F(DemandTest, AWriteWakesWhoWaitsForIt) {
  auto future = Await({.position = Next()});
  EXPECT_FALSE(IsReady(future));
  ASSERT_TRUE(Submit(LogIn(kAnnToken), NewSecret("trout")).ok());
  EXPECT_TRUE(future.get().ok()) << "no time has passed on the clock";
}

TEST_F(DemandTest, WhatDoesNotComeIsNotReachedAfterTheWait) {
  auto future = Await({.position = Next(), .wait = std::chrono::milliseconds(300)});
  auto newer = Await({.position = Position{9, 1}, .wait = std::chrono::hours(1)});
  clock_.Advance(std::chrono::milliseconds(300));
  EXPECT_EQ(Name(future.get()), "POSITION_NOT_REACHED");
  EXPECT_FALSE(IsReady(newer));
  clock_.Advance(kPositionWaitLongest);
  EXPECT_EQ(Name(newer.get()), "POSITION_NOT_REACHED") << "nobody waits for longer than the bound";
}

TEST_F(DemandTest, WhatLiesBeyondTheEndOfItsEpochIsLost) {
  auto waits = Await({.position = Position{1, 999}});
  ledger_->StepDown();
  ASSERT_TRUE(ledger_->StartEpoch({.number = 2, .node_id = "a"}).ok());
  EXPECT_EQ(Name(waits.get()), "POSITION_LOST");
  auto late = Await({.position = Position{1, 999}});
  EXPECT_EQ(Name(late.get()), "POSITION_LOST");
}

TEST_F(DemandTest, TheAgeIsBounded) {
  using std::chrono::milliseconds;
  EXPECT_TRUE(Await({.age_max = milliseconds(0)}).get().ok()) << "a primary is never old";
  SetView(false);
  EXPECT_TRUE(Await({.age_max = milliseconds(2500)}).get().ok());
  EXPECT_EQ(Name(Await({.age_max = milliseconds(2499)}).get()), "TOO_STALE");
  EXPECT_EQ(Name(Await({.position = ledger_->progress().shown, .age_max = milliseconds(1)}).get()),
            "TOO_STALE");
  clock_.Advance(milliseconds(1000));  // and nobody has set the view anew
  EXPECT_EQ(Name(Await({.age_max = milliseconds(3499)}).get()), "TOO_STALE");
  EXPECT_TRUE(Await({.age_max = milliseconds(3500)}).get().ok());
  gate_.Set({.node_id = "a", .age_seconds = std::nullopt, .can_read = true});
  EXPECT_EQ(Name(Await({.age_max = milliseconds(99'999)}).get()), "TOO_STALE") << "unknown";
}

TEST_F(DemandTest, TheEndOfTheDeskAnswersWhoWaits) {
  auto future = Await({.position = Next()});
  desk_.reset();
  EXPECT_EQ(Name(future.get()), "NOT_SERVING");
}

}  // namespace
}  // namespace holdfast::desk

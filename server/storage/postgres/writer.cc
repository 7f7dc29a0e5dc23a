#include "server/storage/postgres/writer.h"

#include <fmt/format.h>

#include <utility>

#include "server/base/crash_point.h"
#include "server/base/status_macros.h"
#include "server/storage/postgres/pause.h"

namespace holdfast::storage::postgres {
absl::StatusOr<std::unique_ptr<Writer>> Writer::Claim(std::unique_ptr<LockedSession> locked) {
  HOLDFAST_ASSIGN_OR_RETURN(
      const pqxx::result claimed,
      locked->session().Query("UPDATE holdfast.meta SET writer = gen_random_uuid(), "
                              "commits = commits + 1 WHERE id = 1 RETURNING writer, commits"));
  if (claimed.empty()) {
    return absl::DataLossError(locked->session().where() + ": the row of holdfast.meta is missing");
  }
  std::string name = claimed[0][0].as<std::string>();
  const int64_t commits = claimed[0][1].as<int64_t>();
  return std::unique_ptr<Writer>(new Writer(std::move(locked), std::move(name), commits));
}

// NULL in a column that takes none: the server aborts the transaction.
std::string Writer::Fence(const std::string& meta_changes) const {
  return fmt::format(
      "UPDATE holdfast.meta SET commits = CASE WHEN writer = '{}' AND commits = {} THEN {} END{}{} "
      "WHERE id = 1",
      name_, commits_, commits_ + 1, meta_changes.empty() ? "" : ", ", meta_changes);
}

absl::Status Writer::SendFence(const std::string& sql) {
  HOLDFAST_ASSIGN_OR_RETURN(const pqxx::result fenced, session().Query(sql));
  if (fenced.affected_rows() == 1) return absl::OkStatus();
  return absl::DataLossError(session().where() + ": the row of holdfast.meta is missing");
}

absl::Status Writer::Send(const std::vector<std::string>& texts, const std::string& fence) {
  if (texts.size() <= 1) return SendFence(texts.empty() ? fence : texts[0] + fence);
  absl::Status status = session().Run("BEGIN");
  for (const std::string& text : texts) {
    if (status.ok()) status = session().Run(text);
  }
  if (status.ok()) status = SendFence(fence);
  return status.ok() ? session().Run("COMMIT") : RollBack(status);
}

absl::Status Writer::RollBack(absl::Status cause) {
  if (!session().lost()) session().Run("ROLLBACK").IgnoreError();
  return cause;
}

absl::Status Writer::Open(const absl::Status& why) {
  open_ = true;
  return absl::UnavailableError("whether the last commit is in the database is not known: " +
                                std::string(why.message()));
}

absl::StatusOr<bool> Writer::Resolve() {
  HOLDFAST_ASSIGN_OR_RETURN(const bool there, FindOut(MonoTime()));
  if (there) ++commits_;
  open_ = false;
  return there;
}

absl::Status Writer::Counted(const absl::Status& status) {
  if (!status.ok()) return status;
  ++commits_;
  HOLDFAST_CRASH_POINT("store.postgres.after_commit");
  return status;
}

absl::Status Writer::Commit(const std::vector<std::string>& texts,
                            const std::string& meta_changes) {
  const std::string fence = Fence(meta_changes);
  HOLDFAST_CRASH_POINT("store.postgres.before_commit");
  absl::Status status = Send(texts, fence);
  if (!session().lost()) return Counted(status);
  const MonoTime deadline = locked_->Deadline();
  while (true) {
    const absl::StatusOr<bool> there = FindOut(deadline);
    if (absl::IsUnavailable(there.status())) return Open(there.status());
    HOLDFAST_RETURN_IF_ERROR(there.status());
    if (*there) return Counted(absl::OkStatus());
    status = Send(texts, fence);
    if (!session().lost()) return Counted(status);
    if (locked_->IsPast(deadline)) return Open(status);  // a server that it crashes, perhaps
  }
}

absl::Status Writer::CommitSteps(const std::function<absl::Status(Session&)>& steps,
                                 const std::string& meta_changes) {
  HOLDFAST_RETURN_IF_ERROR(Query("SELECT 1").status());  // A loss while idle is no loss here.
  const std::string fence = Fence(meta_changes);
  absl::Status status = session().Run("BEGIN");
  if (status.ok()) status = steps(session());
  if (!status.ok() && !session().lost()) return RollBack(status);
  if (status.ok()) status = SendFence(fence);
  if (status.ok()) status = session().Run("COMMIT");
  if (!session().lost()) return status.ok() ? Counted(status) : RollBack(status);
  const absl::StatusOr<bool> there = FindOut(locked_->Deadline());
  if (absl::IsUnavailable(there.status())) return Open(there.status());
  HOLDFAST_RETURN_IF_ERROR(there.status());
  if (*there) return Counted(absl::OkStatus());
  return absl::ResourceExhaustedError(std::string(status.message()) +
                                      "; nothing was written, try again");
}

absl::StatusOr<pqxx::result> Writer::Query(const std::string& sql) {
  absl::StatusOr<pqxx::result> result = session().Query(sql);
  if (!session().lost()) return result;
  const MonoTime deadline = locked_->Deadline();
  while (true) {
    const absl::StatusOr<bool> there = FindOut(deadline);
    HOLDFAST_RETURN_IF_ERROR(there.status());
    if (*there) return absl::DataLossError(session().where() + ": somebody else has written");
    result = session().Query(sql);
    if (!session().lost()) return result;
  }
}

// Whatever keeps the answer away, a lock or a full server, says nothing about the commit: asked
// again.
absl::StatusOr<bool> Writer::FindOut(MonoTime deadline) {
  while (true) {
    if (session().lost()) HOLDFAST_RETURN_IF_ERROR(locked_->Reconnect(deadline));
    const absl::StatusOr<pqxx::result> meta =
        session().Query("SELECT writer, commits FROM holdfast.meta WHERE id = 1");
    if (meta.ok()) return JudgeMeta(*meta);
    if (locked_->IsPast(deadline)) {
      return absl::UnavailableError(std::string(meta.status().message()));
    }
    Pause();
  }
}

absl::StatusOr<bool> Writer::JudgeMeta(const pqxx::result& meta) const {
  const std::string& where = session().where();
  if (meta.empty()) {
    return absl::DataLossError(where + ": the row of holdfast.meta is missing");
  }
  if (meta[0][0].as<std::string>() != name_) {
    return absl::DataLossError(
        where +
        ": another process has written while the connection was lost; two nodes must not "
        "use one database");
  }
  const auto found = meta[0][1].as<int64_t>();
  if (found == commits_ || found == commits_ + 1) return found == commits_ + 1;
  return absl::DataLossError(
      fmt::format("{}: expected commit {} or {}, found {}: the database went back to an older "
                  "state, what was acknowledged is missing",
                  where, commits_, commits_ + 1, found));
}

}  // namespace holdfast::storage::postgres

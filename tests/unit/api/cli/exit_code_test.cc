#include "api/cli/exit_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using ::testing::HasSubstr;

TEST(ExitCodeTest, EachAnswerHasItsCode) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(RemoteError(400, "INVALID_INPUT", "m", "u")), kExitRemote);
  EXPECT_EQ(ExitCodeOf(RemoteError(404, "NO_SUCH_USER", "m", "u")), kExitRemote);
  EXPECT_EQ(ExitCodeOf(RemoteError(409, "ALREADY_EXISTS", "m", "u")), kExitRemote);
  EXPECT_EQ(ExitCodeOf(RemoteError(507, "AUDIT_UNAVAILABLE", "m", "u")), kExitRemote);
  EXPECT_EQ(ExitCodeOf(RemoteError(401, "AUTH_FAILED", "m", "u")), kExitPermission);
  EXPECT_EQ(ExitCodeOf(RemoteError(403, "NOT_PERMITTED", "m", "u")), kExitPermission);
  for (const int later : {421, 503, 504}) {
    EXPECT_EQ(ExitCodeOf(RemoteError(later, "NOT_PRIMARY", "m", "u")), kExitTryLater);
  }
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), kExitTryLater);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), kExitPermission);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), kExitLocal);
  EXPECT_EQ(ExitCodeOf(WithExit(absl::NotFoundError(""), 78)), 78);
}

TEST(ExitCodeTest, AnErrorNamesItsCodeAndTheNextStep) {
  const absl::Status status = RemoteError(404, "NO_SUCH_ACCOUNT", "no account app", "https://a");
  EXPECT_EQ(ErrorCodeOf(status), "NO_SUCH_ACCOUNT");
  EXPECT_THAT(std::string(status.message()), HasSubstr("holdfast account list"));
  EXPECT_EQ(ErrorCodeOf(absl::NotFoundError("")), "LOCAL");
  EXPECT_EQ(ErrorCodeOf(RemoteError(500, "", "", "https://a")), "HTTP_500");
  EXPECT_THAT(std::string(RemoteError(500, "", "", "https://a").message()),
              HasSubstr("https://a answered 500"));
}

}  // namespace
}  // namespace holdfast::cli

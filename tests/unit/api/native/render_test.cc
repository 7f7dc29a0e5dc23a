#include "api/native/render.h"

#include <gtest/gtest.h>

#include "api/http/json.h"
#include "api/native/words.h"

namespace holdfast::native {
namespace {

TEST(RenderTest, TimesAreUtcWithMillisecondsOrNull) {
  EXPECT_EQ(http::JsonText(TimeOrNull(1709208000000)), R"("2024-02-29T12:00:00.000Z")");
  EXPECT_EQ(http::JsonText(TimeOrNull(1)), R"("1970-01-01T00:00:00.001Z")");
  EXPECT_EQ(http::JsonText(TimeOrNull(0)), "null");
  EXPECT_EQ(Rfc3339(INT64_MAX), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(Rfc3339(INT64_MIN), "1970-01-01T00:00:00.000Z");
}

TEST(RenderTest, AUserHasTheKeysOfThePage) {
  v1::UserRow user;
  user.set_id(7);
  user.set_organization_id(1);
  user.set_name("ann");
  user.set_role(v1::ROLE_PASSWORD_ADMINISTRATOR);
  user.set_rest_enabled(true);
  user.set_created_ms(1709208000000);
  EXPECT_EQ(http::JsonText(RenderUser(user)),
            R"({"id":7,"name":"ann","full_name":"","email":"","role":"password_administrator",)"
            R"("super_administrator":false,"operate_cluster":false,"host_name":"",)"
            R"("host_check":false,"rest_enabled":true,"ssh_enabled":false,"department":"",)"
            R"("location":"","locked":false,"created_at":"2024-02-29T12:00:00.000Z"})");
}

TEST(RenderTest, AnAccountShowsNothingOfItsSecret) {
  v1::AccountRow account;
  account.set_id(9);
  account.set_resource_id(4);
  account.set_owner_id(2);
  account.set_name("root");
  account.mutable_secret()->set_ciphertext("CIPHERTEXT");
  account.mutable_secret()->set_id("IDENTITY");
  EXPECT_EQ(http::JsonText(RenderAccount(account)),
            R"({"id":9,"resource_id":4,"owner_id":2,"name":"root","notes":"",)"
            R"("password_policy":"","created_at":null,"modified_at":null,)"
            R"("secret_changed_at":null})");
}

TEST(RenderTest, ATokenIsShownOnceAndItsHashNever) {
  v1::TokenRow row;
  row.set_id(3);
  row.set_user_id(7);
  row.set_hash("HASHHASH");
  EXPECT_EQ(http::JsonText(RenderToken(row)),
            R"({"id":3,"user_id":7,"created_at":null,"expires_at":null})");
  EXPECT_EQ(http::JsonText(RenderNewToken(row, SecretBytes::CopyOf("T-1"))),
            R"({"id":3,"user_id":7,"token":"T-1","created_at":null,"expires_at":null})");
}

TEST(RenderTest, ASecretThatIsNoTextIsBase64) {
  EXPECT_EQ(http::JsonText(RenderSecret(4, 9, SecretBytes::CopyOf("p\"ä\n"))),
            R"({"resource_id":4,"account_id":9,"secret":"p\"ä\n","encoding":"utf-8"})");
  EXPECT_EQ(http::JsonText(RenderSecret(4, 9, SecretBytes::CopyOf("\xff\x01"))),
            R"({"resource_id":4,"account_id":9,"secret":"/wE=","encoding":"base64"})");
}

TEST(RenderTest, AnUnknownAgeInTheAuditIsNull) {
  v1::AuditRecord record;
  record.set_age_ms(-1);
  record.set_result(v1::AUDIT_RESULT_REFUSED);
  record.set_refusal("AUTH_FAILED");
  const std::string text = http::JsonText(RenderAudit(record));
  EXPECT_NE(text.find(R"("age_ms":null)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("result":"refused","refusal":"AUTH_FAILED")"), std::string::npos) << text;
  record.set_age_ms(0);
  EXPECT_NE(http::JsonText(RenderAudit(record)).find(R"("age_ms":0)"), std::string::npos);
}

// A field that is added to the record must be added to the page and to the shape.
TEST(RenderTest, TheAuditShapeHasEveryFieldOfTheRecord) {
  const auto* descriptor = v1::AuditRecord::descriptor();
  const boost::json::object shape = RenderAudit({});
  EXPECT_EQ(shape.size(), static_cast<size_t>(descriptor->field_count()));
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const std::string& name = descriptor->field(i)->name();
    EXPECT_TRUE(shape.contains(name == "wall_ms" ? "time" : name)) << name;
  }
}

}  // namespace
}  // namespace holdfast::native

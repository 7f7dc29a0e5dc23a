#include "api/native/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/native/words.h"

namespace holdfast::native {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using vault::Refusal;

Fields Parsed(std::string_view body) {
  absl::StatusOr<Fields> fields = Fields::Parse(body);
  EXPECT_TRUE(fields.ok()) << fields.status();
  return *std::move(fields);
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(FieldsTest, ReadsWhatIsThereAndFallsBackWhereItIsNot) {
  Fields fields = Parsed(R"({"name":"n","on":true,"port":22})");
  EXPECT_EQ(fields.MandatoryText("name"), "n");
  EXPECT_EQ(fields.Text("notes"), "");
  EXPECT_TRUE(fields.Flag("on", false));
  EXPECT_TRUE(fields.Flag("off", true));
  EXPECT_EQ(fields.Number("port", 0, 65535), 22u);
  EXPECT_EQ(fields.Number("k", 7, 9), 7u);
  EXPECT_TRUE(fields.Done().ok());
}

TEST(FieldsTest, AnEmptyBodyIsAnObjectWithoutKeys) { EXPECT_TRUE(Parsed("").Done().ok()); }

TEST(FieldsTest, RefusesWhatIsNoObject) {
  for (const std::string_view body : {"[]", "1", "null", "{", "{} x", "\"a\""}) {
    const absl::StatusOr<Fields> fields = Fields::Parse(body);
    EXPECT_EQ(vault::RefusalOf(fields.status()), Refusal::kInvalidInput) << body;
  }
}

TEST(FieldsTest, RefusesAnUnknownKeyByName) {
  Fields fields = Parsed(R"({"name":"n","nmae":"x"})");
  fields.Text("name");
  EXPECT_EQ(vault::RefusalOf(fields.Done()), Refusal::kInvalidInput);
  EXPECT_EQ(Message(fields.Done()), R"(unknown key "nmae")");
}

TEST(FieldsTest, SaysWhatWasExpectedAndWhatTypeCame) {
  Fields fields = Parsed(R"({"name":3})");
  fields.Text("name");
  EXPECT_EQ(Message(fields.Done()), "name: expected a text, got a number");
  Fields flag = Parsed(R"({"on":"true"})");
  EXPECT_FALSE(flag.Flag("on", false));
  EXPECT_EQ(Message(flag.Done()), "on: expected true or false, got a text");
  Fields null = Parsed(R"({"name":null})");
  null.Text("name");
  EXPECT_EQ(Message(null.Done()), "name: expected a text, got null");
}

TEST(FieldsTest, TheFirstThingThatIsWrongCounts) {
  Fields fields = Parsed(R"({"a":1,"b":1})");
  fields.Text("a");
  fields.Text("b");
  EXPECT_THAT(Message(fields.Done()), HasSubstr("a: "));
}

TEST(FieldsTest, BoundsTextInCharactersAndNumbers) {
  Fields fits = Parsed(R"({"t":"äöü","n":9})");
  EXPECT_EQ(fits.Text("t", 3), "äöü");
  EXPECT_EQ(fits.Number("n", 0, 9), 9u);
  EXPECT_TRUE(fits.Done().ok());
  Fields text = Parsed(R"({"t":"äöüß"})");
  text.Text("t", 3);
  EXPECT_EQ(Message(text.Done()), "t: expected at most 3 characters, got 4");
  for (const std::string_view body : {R"({"n":10})", R"({"n":-1})", R"({"n":1.5})", R"({"n":1e0})",
                                      R"({"n":18446744073709551616})"}) {
    Fields number = Parsed(body);
    number.Number("n", 0, 9);
    EXPECT_EQ(vault::RefusalOf(number.Done()), Refusal::kInvalidInput) << body;
  }
}

TEST(FieldsTest, AMandatoryKeyMustBeThereAndNotEmpty) {
  for (const std::string_view body : {"{}", R"({"name":""})"}) {
    Fields fields = Parsed(body);
    fields.MandatoryText("name");
    EXPECT_EQ(vault::RefusalOf(fields.Done()), Refusal::kMandatoryMissing) << body;
  }
  Fields id = Parsed(R"({"user_id":0})");
  id.MandatoryId("user_id");
  EXPECT_EQ(vault::RefusalOf(id.Done()), Refusal::kMandatoryMissing);
}

TEST(FieldsTest, AWordMustBeOneOfThoseListed) {
  Fields good = Parsed(R"({"level":"modify"})");
  EXPECT_EQ(MandatoryWord(good, "level", ShareLevelOf, ShareLevelWords), v1::SHARE_LEVEL_MODIFY);
  EXPECT_TRUE(good.Done().ok());
  Fields bad = Parsed(R"({"level":"MODIFY"})");
  MandatoryWord(bad, "level", ShareLevelOf, ShareLevelWords);
  EXPECT_EQ(Message(bad.Done()), "level: expected one of 'view', 'modify', 'full_access'");
}

TEST(FieldsTest, ReadsASecretInBothEncodings) {
  Fields text = Parsed(R"({"secret":"pä"})");
  EXPECT_EQ(text.Secret("secret")->RevealText(Purpose::kCompare), "pä");
  EXPECT_TRUE(text.Done().ok());
  Fields bytes = Parsed(R"({"secret":"/wA=","encoding":"base64"})");
  EXPECT_EQ(bytes.Secret("secret")->RevealText(Purpose::kCompare), std::string_view("\xff\0", 2));
  EXPECT_TRUE(bytes.Done().ok());
  Fields none = Parsed("{}");
  EXPECT_FALSE(none.Secret("secret").has_value());
  EXPECT_TRUE(none.Done().ok());
}

TEST(FieldsTest, RefusesABadSecretWithoutRepeatingIt) {
  const std::string huge = R"({"secret":")" + std::string(limits::kSecretBytesMax + 1, 'x') + "\"}";
  for (const std::string& body : std::initializer_list<std::string>{
           R"({"secret":"h!nter","encoding":"base64"})", R"({"secret":"h!nter","encoding":"hex"})",
           R"({"secret":""})", R"({"secret":["h!nter"]})", R"({"encoding":"base64"})", huge}) {
    Fields fields = Parsed(body);
    EXPECT_FALSE(fields.Secret("secret").has_value());
    EXPECT_EQ(vault::RefusalOf(fields.Done()), Refusal::kInvalidInput) << fields.Done();
    EXPECT_THAT(Message(fields.Done()), Not(HasSubstr("h!nter")));
    EXPECT_LT(Message(fields.Done()).size(), 100u);
  }
}

}  // namespace
}  // namespace holdfast::native

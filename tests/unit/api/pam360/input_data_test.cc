#include "api/pam360/input_data.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::pam360 {
namespace {

constexpr std::string_view kForm = "application/x-www-form-urlencoded";

// REASON as found in `places`, or the text of the refusal.
std::string ReasonIn(const InputPlaces& places) {
  const auto found = FindInputData(places);
  if (!found.ok()) return "refused";
  const auto reason = found->parameters().Text("REASON");
  return reason.ok() ? *reason : "wrong form";
}

TEST(InputDataTest, Shape1EncodedWithTheFormType) {
  EXPECT_EQ(
      ReasonIn({.body = "INPUT_DATA=%7B%22operation%22%3A%7B%22Details%22%3A%7B%22REASON%22%3A"
                        "%22a%20b%2Bc%22%7D%7D%7D",
                .content_type = kForm}),
      "a b+c");
}

TEST(InputDataTest, Shape2EncodedWithTextJsonAndPlusForBlank) {
  EXPECT_EQ(ReasonIn({.body = "INPUT_DATA=%7B%22operation%22:+%7B%22Details%22:%7B%22REASON%22:"
                              "%22a+b%22%7D%7D%7D&other=1",
                      .content_type = "text/json"}),
            "a b");
}

TEST(InputDataTest, Shape3RawWithTextJsonKeepsPlusPercentAndAmpersand) {
  EXPECT_EQ(ReasonIn({.body = R"(INPUT_DATA={"operation":{"Details":{"REASON":"1+1=2 & 50%25"}}})",
                      .content_type = "text/json"}),
            "1+1=2 & 50%25");
}

TEST(InputDataTest, Shape4RawWithTheFormTypeIsTakenAsItIsWhenItParses) {
  EXPECT_EQ(ReasonIn({.body = R"(INPUT_DATA={"operation":{"Details":{"REASON":"a+b %41 & c"}}})",
                      .content_type = kForm}),
            "a+b %41 & c");
}

TEST(InputDataTest, Shape4RawBracesAroundEncodedQuotesAreDecodedInASecondTry) {
  const std::string body = "INPUT_DATA={%22operation%22:{%22Details%22:{%22REASON%22:%22a+b%22}}}";
  EXPECT_EQ(ReasonIn({.body = body, .content_type = kForm}), "a+b");
  EXPECT_EQ(
      ReasonIn({.body = body, .content_type = "APPLICATION/X-WWW-FORM-URLENCODED; charset=x"}),
      "a+b");
  EXPECT_EQ(ReasonIn({.body = body, .content_type = "text/json"}), "refused");
}

TEST(InputDataTest, Shape5RawPythonTextWithoutAType) {
  EXPECT_EQ(
      ReasonIn({.body = "INPUT_DATA={'operation': {'Details': {'REASON': 'it is', 'F': True}}}"}),
      "it is");
}

TEST(InputDataTest, Shape6EncodedPythonTextWithTheFormType) {
  EXPECT_EQ(ReasonIn({.body = "INPUT_DATA=%7B%27operation%27%3A+%7B%27Details%27%3A+%7B%27REASON%27"
                              "%3A+%27x%27%7D%7D%7D",
                      .content_type = kForm}),
            "x");
}

TEST(InputDataTest, IsFoundInTheQueryWhenTheBodyHasNone) {
  const std::string query =
      "AUTHTOKEN=T&INPUT_DATA=%7B%22operation%22:%7B%22Details%22:%7B%22REASON%22:%22q%22%7D%7D%7D";
  EXPECT_EQ(ReasonIn({.query = query}), "q");
  EXPECT_EQ(ReasonIn({.query = query, .body = "x=1"}), "q");
  EXPECT_EQ(
      ReasonIn({.query = query, .body = R"(INPUT_DATA={"operation":{"Details":{"REASON":"b"}}})"}),
      "b");
}

TEST(InputDataTest, IsFoundAfterAnotherField) {
  EXPECT_EQ(ReasonIn({.body = R"(a=b&INPUT_DATA={"operation":{"Details":{"REASON":"r"}}})"}), "r");
  EXPECT_EQ(ReasonIn({.body = R"(XINPUT_DATA={"operation":{"Details":{"REASON":"r"}}})"}), "");
}

TEST(InputDataTest, NothingSentMeansNothingGiven) {
  EXPECT_EQ(ReasonIn({}), "");
  EXPECT_EQ(ReasonIn({.query = "INPUT_DATA", .body = "INPUT_DATA"}), "");
  EXPECT_EQ(ReasonIn({.body = R"(INPUT_DATA={"operation":{}})"}), "");
}

TEST(InputDataTest, RefusesWhatItCannotRead) {
  for (const std::string_view value :
       {"", "%7B", "%7B%2", "%7", "%zz", "%7B%22operation%22%3A%ZZ%7D", "{}", "{'operation':5}",
        "{'operation':{'Details':[]}}", "{'operation':{'Details':'x'}}", "[]", "text",
        "{'operation':{'Details':{}}}&AUTHTOKEN=x"}) {
    EXPECT_EQ(ReasonIn({.body = "INPUT_DATA=" + std::string(value), .content_type = kForm}),
              "refused")
        << value;
  }
  EXPECT_EQ(ReasonIn({.query = "INPUT_DATA=%7B%00%7D"}), "refused");
}

TEST(InputDataTest, SurvivesAVeryLongBodyOfAmpersands) {
  EXPECT_EQ(ReasonIn({.body = std::string(1'000'000, '&')}), "");
}

class ParametersTest : public ::testing::Test {
 protected:
  ParametersTest() {
    auto found = FindInputData(
        {.body =
             "INPUT_DATA={'operation':{'Details':{'T':'text','E':'','N':null,'I':5,'IS':'5',"
             "'B':true,'BS':'TRUE','F':'false','L':['x'],'O':{},'NEG':-1,'P':' pass word '}}}"});
    input_ = *std::move(found);
  }
  Parameters p() const { return input_.parameters(); }
  InputData input_;
};

TEST_F(ParametersTest, AnEmptyTextAndNullAreNotGiven) {
  for (const std::string_view name : {"E", "N", "ABSENT"}) {
    EXPECT_FALSE(p().Has(name)) << name;
    EXPECT_EQ(*p().Text(name), "");
    EXPECT_TRUE(p().Secret(name)->empty());
    EXPECT_EQ(*p().Flag(name), std::nullopt);
    EXPECT_EQ(*p().Number(name), std::nullopt);
    EXPECT_EQ(*p().Array(name), nullptr);
    EXPECT_EQ(p().Needed(name).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(ParametersTest, NumbersAndFlagsComeAsThemselvesOrAsText) {
  EXPECT_EQ(*p().Number("I"), 5u);
  EXPECT_EQ(*p().Number("IS"), 5u);
  EXPECT_EQ(*p().Text("I"), "5");
  EXPECT_EQ(*p().Flag("B"), true);
  EXPECT_EQ(*p().Flag("BS"), true);
  EXPECT_EQ(*p().Flag("F"), false);
  EXPECT_EQ(*p().Needed("T"), "text");
}

TEST_F(ParametersTest, ASecretIsTakenByteForByte) {
  EXPECT_EQ(p().Secret("P")->RevealText(Purpose::kCompare), " pass word ");
  EXPECT_EQ(p().Secret("I")->RevealText(Purpose::kCompare), "5");
}

TEST_F(ParametersTest, TheWrongFormIsRefusedByNameAndWithoutTheValue) {
  EXPECT_EQ(p().Number("T").status().message(), "parameter T: expected a whole number");
  EXPECT_EQ(p().Number("NEG").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(p().Flag("T").status().message(), "parameter T: expected true or false");
  EXPECT_EQ(p().Text("L").status().message(), "parameter L: expected a text");
  EXPECT_EQ(p().Secret("O").status().message(), "parameter O: expected a text");
  EXPECT_EQ(p().Array("T").status().message(), "parameter T: expected a list");
}

TEST(FormDecodeTest, KnowsTheDifferenceBetweenFormAndPercent) {
  EXPECT_EQ(FormDecode("a+b%2B%41"), "a b+A");
  EXPECT_EQ(PercentDecode("a+b%2B%41"), "a+b+A");
  EXPECT_EQ(FormDecode("%"), std::nullopt);
  EXPECT_EQ(FormDecode("%4"), std::nullopt);
  EXPECT_EQ(FormDecode("%4g"), std::nullopt);
  EXPECT_EQ(FormDecode("%41"), "A");
}

}  // namespace
}  // namespace holdfast::pam360

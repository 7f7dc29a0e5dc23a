#include "api/pam360/lenient_object.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

#include "api/pam360/utf8.h"
#include "server/base/limits.h"

namespace holdfast::pam360 {
namespace {

namespace json = boost::json;

// Reads `lenient` and compares it with what `strict` means.
void ExpectMeans(std::string_view lenient, std::string_view strict) {
  const auto got = ParseLenientObject(lenient);
  ASSERT_TRUE(got.ok()) << lenient << ": " << got.status();
  EXPECT_EQ(*got, json::parse(json::string_view(strict.data(), strict.size()))) << lenient;
}

void ExpectRefused(std::string_view text, std::string_view why) {
  const auto got = ParseLenientObject(text);
  ASSERT_FALSE(got.ok()) << text.substr(0, 80);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(got.status().message()).find(std::string(why)), std::string::npos)
      << got.status();
}

TEST(LenientObjectTest, ReadsStrictJson) {
  ExpectMeans(R"({"operation":{"Details":{"A":"b","N":5,"M":-7,"T":true,"L":["x",null]}}})",
              R"({"operation":{"Details":{"A":"b","N":5,"M":-7,"T":true,"L":["x",null]}}})");
}

TEST(LenientObjectTest, ReadsTheTextOfAPythonDictionary) {
  ExpectMeans(R"({'operation': {'Details': {'A': "it's", 'B': 'say "x"', 'C': True, 'D': None}}})",
              R"({"operation":{"Details":{"A":"it's","B":"say \"x\"","C":true,"D":null}}})");
  ExpectMeans(R"({u'A': u'b', u"C": False})", R"({"A":"b","C":false})");
}

TEST(LenientObjectTest, ReadsLiteralsInAnyLetterCase) {
  ExpectMeans("{'a':TRUE,'b':False,'c':NULL,'d':none,'e':tRuE}",
              R"({"a":true,"b":false,"c":null,"d":null,"e":true})");
}

TEST(LenientObjectTest, TakesABareWordAsText) {
  ExpectMeans(R"({"CONNECTION_MODE": SSL, "IP": 10.1.2.3, "D": 2024-01-01})",
              R"({"CONNECTION_MODE":"SSL","IP":"10.1.2.3","D":"2024-01-01"})");
}

TEST(LenientObjectTest, KeepsTheTextOfANumberThatItCouldNotGiveBack) {
  ExpectMeans(R"({"a":007,"b":1.50,"c":99999999999999999999,"d":1e3,"e":-0})",
              R"({"a":"007","b":"1.50","c":"99999999999999999999","d":"1e3","e":"-0"})");
}

TEST(LenientObjectTest, AllowsBlanksLineBreaksAndOneTrailingComma) {
  ExpectMeans(" \r\n{ \"a\" :\t[ 1 , 2 , ] ,\n} \n", R"({"a":[1,2]})");
  ExpectMeans("{}", "{}");
}

TEST(LenientObjectTest, ReadsEveryEscape) {
  ExpectMeans(R"({'a':'\\ \' \" \n \r \t \b \f \/ \u00e9 \xe9 \U0001f600'})",
              R"({"a":"\\ ' \" \n \r \t \b \f / é é 😀"})");
  ExpectMeans(R"({"a":"\ud83d\ude00"})", R"({"a":"😀"})");
}

TEST(LenientObjectTest, TheLastOfTwoEqualKeysCounts) {
  ExpectMeans(R"({"a":1,'a':2})", R"({"a":2})");
}

TEST(LenientObjectTest, RefusesHalfOfASurrogatePair) {
  ExpectRefused(R"({"a":"\ud83d"})", "second half");
  ExpectRefused(R"({"a":"\ud83dx"})", "second half");
  ExpectRefused(R"({"a":"\ud83d\u0041"})", "second half");
  ExpectRefused(R"({"a":"\ude00"})", "Unicode");
  ExpectRefused(R"({"a":"\U00110000"})", "Unicode");
}

TEST(LenientObjectTest, RefusesNulInEveryForm) {
  using namespace std::string_view_literals;
  ExpectRefused("{\"a\":\"x\0y\"}"sv, "NUL");
  ExpectRefused(R"({"a":"\u0000"})", "NUL");
  ExpectRefused(R"({"a":"\x00"})", "NUL");
  ExpectRefused("{\"a\":\0}"sv, "expected a value");
  ExpectRefused("{\"a\":1}\0"sv, "the end");
  ExpectRefused("\0"sv, "expected an object");
}

TEST(LenientObjectTest, RefusesWhatStopsInTheMiddle) {
  const std::string whole = R"({"a":{'b':["\u00e9",True,'x']},"c":word})";
  ASSERT_TRUE(ParseLenientObject(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseLenientObject(whole.substr(0, size)).ok()) << whole.substr(0, size);
  }
}

TEST(LenientObjectTest, RefusesBrokenStructure) {
  ExpectRefused("", "expected an object");
  ExpectRefused("[]", "expected an object");
  ExpectRefused("{} {}", "the end");
  ExpectRefused("{,}", "key");
  ExpectRefused("{'a':1,,}", "key");
  ExpectRefused("{'a'}", "':'");
  ExpectRefused("{'a':}", "value");
  ExpectRefused("{a:1}", "key");
  ExpectRefused("{'a':[1,,2]}", "value");
  ExpectRefused("{'a':[1 2]}", "','");
  ExpectRefused("{'a':SSL'x'}", "','");
  ExpectRefused(R"({'a':'mixed"})", "closing quote");
  ExpectRefused(R"({"a":"\q"})", "escape");
  ExpectRefused(R"({"a":"\u12)", "hex");
  ExpectRefused(R"({"a":"\u+123"})", "hex");
}

TEST(LenientObjectTest, RefusesTextThatIsNotUtf8) {
  ExpectRefused("{\"a\":\"\xff\"}", "UTF-8");
  ExpectRefused("{\"a\":\"\xc0\xaf\"}", "UTF-8");
  ExpectRefused("{\"a\":\"\xed\xa0\x80\"}", "UTF-8");
}

TEST(LenientObjectTest, AllowsTheDeepestLevelAndRefusesOneMore) {
  const auto nested = [](size_t levels) {
    return "{'a':" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
  };
  EXPECT_TRUE(ParseLenientObject(nested(limits::kJsonDepthMax)).ok());
  ExpectRefused(nested(limits::kJsonDepthMax + 1), "levels");
  ExpectRefused("{'a':" + std::string(1'000'000, '['), "levels");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{'a':";
  ExpectRefused(objects, "levels");
}

TEST(LenientObjectTest, RefusesTooMuch) {
  ExpectRefused("{'a':'" + std::string(limits::kBodyBytesMax, 'x') + "'}", "bytes");
  std::string many = "{'a':[";
  for (size_t i = 0; i < kInputValuesMax; ++i) many += "1,";
  ExpectRefused(many + "]}", "values");
  EXPECT_TRUE(
      ParseLenientObject("{'a':'" + std::string(limits::kBodyBytesMax - 100, 'x') + "'}").ok());
}

TEST(LenientObjectTest, NeverRepeatsTheTextInARefusal) {
  const auto got = ParseLenientObject("{'PASSWORD':'hunter2' hunter3}");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(std::string(got.status().message()).find("hunter"), std::string::npos);
}

TEST(Utf8Test, EncodesTheEdgesOfEachLength) {
  for (const uint32_t point :
       {0x01u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xD7FFu, 0xE000u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    const Utf8Char c = EncodeUtf8(point);
    EXPECT_TRUE(IsUtf8({c.bytes, c.size})) << point;
    EXPECT_EQ(c.size, point < 0x80 ? 1u : point < 0x800 ? 2u : point < 0x10000 ? 3u : 4u);
    EXPECT_EQ(c.size > 1, !IsUtf8({c.bytes, 1})) << point;
  }
  EXPECT_FALSE(IsUtf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(IsUtf8("\xe0\x80\x80"));
  EXPECT_FALSE(IsUtf8("\x80"));
}

}  // namespace
}  // namespace holdfast::pam360

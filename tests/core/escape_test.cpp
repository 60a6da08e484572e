#include "skyfold/core/escape.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace skyfold {
namespace {

TEST(Escape, LeavesUtf8AsItIsAndShowsOtherBytes) {
  EXPECT_EQ(valid_utf8("plain \u00e9 \u4e2d \U0001F52D\n"), "plain \u00e9 \u4e2d \U0001F52D\n");
  EXPECT_EQ(valid_utf8("a\xff"
                       "b"),
            "a\\xffb");
  EXPECT_EQ(valid_utf8("\xc3"), "\\xc3");           // cut
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "\\xc0\\xaf");  // overlong '/'
  EXPECT_EQ(valid_utf8("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
}

TEST(Escape, GivesNoControlCharactersToTerminalsAndPages) {
  EXPECT_EQ(one_line("a\nb\x1b[2J\x7f\t\xc2\x9b"
                     "c"),
            "a\\nb\\x1b[2J\\x7f\\t\\x9bc");
  EXPECT_EQ(printable("a\nb\tc\r\x01"), "a\nb\tc\\r\\x01");
  EXPECT_EQ(html_text("<a href=\"x\" t='y'>&\xff\x01"), "&lt;a href=&quot;x&quot; t=&#39;y&#39;&gt;&amp;\\xff\\x01");
  EXPECT_EQ(prometheus_text("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
}

TEST(Escape, NamesComeBackFromReversibleText) {
  std::mt19937 random(5);
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (int k = 0; k < 12; ++k) text += random() % 3 == 0 ? "\\x4f"[random() % 4] : static_cast<char>(random() % 256);
    EXPECT_EQ(valid_utf8(reversible_utf8(text)), reversible_utf8(text));
    EXPECT_EQ(bytes_of_reversible(reversible_utf8(text)), text);
  }
}

TEST(Escape, MakesJsonOfAnyBytes) {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    std::string text;
    for (int k = 0; k < 20; ++k) text += static_cast<char>(random() % 256);
    const nlohmann::ordered_json json = {{"key " + text, {text, 1, nullptr, {{"deep", text}}}}};
    const auto back = nlohmann::ordered_json::parse(json_text(json, 2));
    EXPECT_EQ(back["key " + valid_utf8(text)][0], valid_utf8(text));
    EXPECT_EQ(back["key " + valid_utf8(text)][3]["deep"], valid_utf8(text));
  }
  EXPECT_EQ(json_text(nlohmann::json{{"a", "\u00e9"}}), "{\"a\":\"\u00e9\"}");
}

}  // namespace
}  // namespace skyfold

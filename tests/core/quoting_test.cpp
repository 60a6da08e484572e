#include "skyfold/core/quoting.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "../support.hpp"
#include "skyfold/core/options.hpp"

namespace skyfold {
namespace {

using testing_support::Folder;
using Texts = std::vector<std::string>;

/// Mostly of the characters that mean something somewhere.
std::string any_text(std::mt19937& random) {
  const std::string signs = "ab #;,\"'\\=[]\t\n\rx$`|%{}";
  std::string text;
  for (std::size_t size = random() % 8; size > 0; --size)
    text += random() % 8 == 0 ? static_cast<char>(random() % 256) : signs[random() % signs.size()];
  return text;
}

struct Values {
  std::string text, other;
  Texts list;
};
void describe(OptionSet& option, Values& v) {
  option("text", v.text, "a text");
  option("part.other", v.other, "a text in a section");
  option("part.list", v.list, "a list");
}

TEST(Quoting, IniFilesReadBackToAnyText) {
  const Folder folder;
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    Values written{any_text(random), any_text(random), {}};
    for (std::size_t n = random() % 4; n > 0; --n) written.list.push_back(any_text(random));
    OptionSet out, in;
    describe(out, written);
    const std::string ini = out.ini(i % 2 == 0);
    Values read;
    describe(in, read);
    in.read_ini(folder.file("a.ini", ini));
    EXPECT_EQ(read.text, written.text) << ini;
    EXPECT_EQ(read.other, written.other) << ini;
    EXPECT_EQ(read.list, written.list) << ini;
    EXPECT_EQ(in.ini(false), out.ini(false));
  }
}

TEST(Quoting, ACommentBehindAValueIsNoPartOfIt) {
  std::mt19937 random(12);
  for (int i = 0; i < 500; ++i) {
    const std::string text = any_text(random);
    const Texts list = {any_text(random), any_text(random)};
    EXPECT_EQ(unquoted_value(" " + quoted_value(text) + " # a \"comment\", of words"), text);
    EXPECT_EQ(unquoted_list(list_without_comment(" " + quoted_list(list) + " # a \"comment\", of words")), list);
  }
}

TEST(Quoting, LeavesPlainTextsAsTheyAre) {
  for (const std::string text : {"/data/run#3/a.h5", "class == 'STAR'", "a, b", "it's", "a\\b", "x = \"y\""}) {
    EXPECT_EQ(quoted_value(text), text);
    EXPECT_EQ(unquoted_value(text), text);
  }
  EXPECT_EQ(unquoted_value(" \"a\" and \"b\""), "\"a\" and \"b\"");  // as it was read before there were quotes
  EXPECT_EQ(unquoted_value("#3"), "#3");
  EXPECT_EQ(unquoted_list("a, b ,,c"), (Texts{"a", "b", "", "c"}));
  EXPECT_EQ(unquoted_list("\"a,b.csv\", c"), (Texts{"a,b.csv", "c"}));
  EXPECT_EQ(quoted_list(Texts{"a,b.csv", "c"}), "\"a,b.csv\",c");
}

TEST(Quoting, ErrorsInIniFilesNameTheLine) {
  const Folder folder;
  const auto error_in = [&](const std::string& ini) {
    Values values;
    long number = 0;
    OptionSet option;
    describe(option, values);
    option("number", number, "a number").range(0, 9);
    return testing_support::error_of<UsageError>([&] { option.read_ini(folder.file("a.ini", ini)); });
  };
  for (const std::string wrong : {"number = ten", "number = 11", "nunber = 1", "number", "text = a\ntext = b"}) {
    const std::string error = error_in("\n# comment\n" + wrong + "\n");
    EXPECT_TRUE(testing_support::contains(error, wrong.find('\n') == std::string::npos ? "a.ini, line 3: " : "a.ini, line 4: "));
  }
}

}  // namespace
}  // namespace skyfold

#include "skyfold/registry/gnuplot.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "../support.hpp"
#include "product_log.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;

/// Runs in a folder of its own, where code that was run by mistake leaves its files.
class Gnuplot : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
    fs::current_path(folder_.path());
  }
  void TearDown() override { fs::current_path(before_); }
  [[nodiscard]] bool is_folder_empty() const { return fs::is_empty(folder_.path()); }

 private:
  fs::path before_ = fs::current_path();
  testing_support::Folder folder_;
};

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) text.replace(at, what.size(), by);
  return text;
}

/// The text that an SVG shows for what it holds.
std::string shown(const std::string& svg) { return replaced(replaced(replaced(svg, "&lt;", "<"), "&gt;", ">"), "&amp;", "&"); }

/// What should be shown of a text.
std::string expected(const std::string& text) { return replaced(replaced(replaced(text, "'", "\u2019"), "\n", "\\n"), "]]>", "]] >"); }

Plot plot_named(const std::string& title) { return {"p", title, title, title, "", {{title, "points", {{1, 2}, {3, 4}}}}}; }

TEST_F(Gnuplot, NeverRunsATextAsCode) {
  const std::string hostile[] = {"`touch a`",
                                 "\"`touch a`\"",
                                 "' . system(\"touch a\") . '",
                                 "'; system \"touch a\" #",
                                 "'\n!touch a\n'",
                                 "\\",
                                 "'",
                                 "''",
                                 "@a ${a} $a",
                                 "{/Symbol a}_{b}^{c} {",
                                 "EOD\nset output '|touch a'",
                                 "%s%n{}",
                                 "|touch a;.h5",
                                 "<img src=x onerror=alert(1)>",
                                 "</svg><script>alert(1)</script>",
                                 "a & b \u00e9",
                                 "a]]>b"};
  for (const std::string& text : hostile) {
    const Plot plot = plot_named(text);
    const std::string svg = draw_plots({&plot}).front();
    EXPECT_TRUE(is_folder_empty()) << text;
    EXPECT_TRUE(testing_support::contains(shown(svg), ">" + expected(text) + "<")) << text;
  }
}

TEST_F(Gnuplot, SetsAnyTextAsItIs) {
  std::mt19937 random(7);
  const std::string signs = "'\"`\\${}@#;|!&<>%a ()\n,-";
  std::vector<Plot> plots;
  for (int i = 0; i < 40; ++i) {
    std::string text = "x";
    for (int k = 0; k < 12; ++k) text += signs[random() % signs.size()];
    plots.push_back(plot_named(text + "y"));
  }
  std::vector<const Plot*> all;
  for (const Plot& plot : plots) all.push_back(&plot);
  const std::vector<std::string> pictures = draw_plots(all);
  for (std::size_t i = 0; i < plots.size(); ++i) EXPECT_TRUE(testing_support::contains(shown(pictures[i]), expected(plots[i].title)));
  EXPECT_TRUE(is_folder_empty());
}

TEST_F(Gnuplot, SaysWhatItCouldNotDraw) {
  testing::internal::CaptureStdout();
  const std::string error = testing_support::error_of<IoError>([] {
    (void)draw_svg({{640, 430, 12, "plot x"}, {640, 430, 12, "plot x wiht lines"}});
  });
  EXPECT_TRUE(testing_support::contains(error, "unexpected or unrecognized token"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace skyfold

#include "skyfold/core/options.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <sstream>

#include "../support.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;
using Words = std::vector<std::string>;

/// One option of each type.
struct Everything {
  bool verbose = false;
  int threads = 1;
  long nside = 32;
  double radius = 0.5;
  std::string output;
  Words bands = {"g", "r"};
  std::vector<double> limits;
  std::string by = "adaptive";

  OptionSet describe() {
    OptionSet option;
    option("verbose", verbose, "say more");
    option("threads", threads, "threads of a rank").range(0, 64).layout();
    option("partition.nside", nside, "NSide of a partition").range(4, 1024);
    option("partition.by", by, "how the sky is cut").one_of({"adaptive", "healpix"});
    option("match.radius", radius, "largest distance").unit("arcsec").range(0, 60);
    option("output", output, "the product").required();
    option("bands", bands, "names of bands");
    option("bands.limits", limits, "limiting magnitudes").range(0, 40);
    return option;
  }
};

/// Options read from a command line; the message of a UsageError otherwise.
std::string usage_error(const Words& words) {
  Everything o;
  OptionSet options = o.describe();
  return error_of<UsageError>([&] { options.read_command_line(words); });
}

TEST(CommandLine, ReadsEveryType) {
  Everything o;
  OptionSet options = o.describe();
  options.read_command_line({"--verbose", "--threads", "4", "--partition.nside=64", "--match.radius", "1.5", "--output", "a b.h5",
                             "--bands", "u", "g,r", "--bands.limits=24.5,-0", "--partition.by", "healpix"});
  EXPECT_TRUE(o.verbose);
  EXPECT_EQ(o.threads, 4);
  EXPECT_EQ(o.nside, 64);
  EXPECT_EQ(o.radius, 1.5);
  EXPECT_EQ(o.output, "a b.h5");
  EXPECT_EQ(o.bands, (Words{"u", "g", "r"}));
  EXPECT_EQ(o.limits, (std::vector<double>{24.5, 0.0}));
  EXPECT_EQ(o.by, "healpix");
  for (const std::string& name : options.names()) EXPECT_TRUE(options.given(name)) << name;
}

TEST(CommandLine, KeepsDefaultsOfWhatIsNotGiven) {
  Everything o;
  OptionSet options = o.describe();
  options.read_command_line({"--output", "a.h5"});
  EXPECT_EQ(o.bands, (Words{"g", "r"}));
  EXPECT_EQ(o.nside, 32);
  EXPECT_TRUE(options.given("output"));
  EXPECT_FALSE(options.given("bands"));
}

TEST(CommandLine, TellsWhatHasAnotherValueThanByDefault) {
  Everything o;
  OptionSet options = o.describe();
  options.read_command_line({"--output", "a.h5", "--partition.nside", "32", "--bands", "g,r", "--threads", "4"});
  o.by = "found by the program";
  for (const char* name : {"output", "threads"}) EXPECT_TRUE(options.changed(name)) << name;
  for (const char* name : {"partition.nside", "bands", "partition.by", "verbose"}) EXPECT_FALSE(options.changed(name)) << name;
}

TEST(CommandLine, TakesAFlagWithAndWithoutAValue) {
  for (const auto& [words, expected] : {std::pair{Words{"--verbose"}, true},
                                        {Words{"--verbose=no"}, false},
                                        {Words{"--verbose", "false"}, false},
                                        {Words{"--verbose", "true"}, true}}) {
    Everything o;
    o.verbose = !expected;
    OptionSet options = o.describe();
    options.read_command_line(words);
    EXPECT_EQ(o.verbose, expected);
  }
}

TEST(CommandLine, TakesBareWordsInOrderForPositionalOptionsAlsoAfterAFlag) {
  for (const auto& words : {Words{"a.h5", "--verbose", "3"}, Words{"--verbose", "a.h5", "3"}, Words{"--verbose", "--file=a.h5", "3"}}) {
    std::string file;
    long count = 0;
    bool is_verbose = false;
    OptionSet options;
    options("verbose", is_verbose, "talk");
    options("file", file, "a file").positional();
    options("count", count, "a number").positional();
    options.read_command_line(words);
    EXPECT_EQ(file, "a.h5");
    EXPECT_EQ(count, 3);
    EXPECT_TRUE(is_verbose);
    EXPECT_TRUE(contains(error_of<UsageError>([&] { options.read_command_line({"one too many"}); }), "one too many"));
  }
}

TEST(CommandLine, TakesNegativeNumbersAsValues) {
  double dec = 0.0;
  OptionSet options;
  options("dec", dec, "declination");
  options.read_command_line({"--dec", "-12.5"});
  EXPECT_EQ(dec, -12.5);
}

TEST(CommandLine, WordsBelongToTheOptionBeforeThemAsItsTypeHasIt) {
  const auto read = [](const Words& words) {
    Everything o;
    std::string file;
    OptionSet options = o.describe();
    options("file", file, "a file").positional();
    options.read_command_line(words);
    return Words{file, join(o.bands, "|"), o.output, o.verbose ? "true" : "false"};
  };
  EXPECT_EQ(read({"--bands=u", "a.h5"}), (Words{"a.h5", "u", "", "false"}));
  EXPECT_EQ(read({"--bands", "u", "-g", "--output", "-z", "a.h5"}), (Words{"a.h5", "u|-g", "-z", "false"}));
  EXPECT_EQ(read({"--bands=", "--output=--x=y"}), (Words{"", "", "--x=y", "false"}));
  EXPECT_EQ(read({"--bands", "u", "--", "--bands"}), (Words{"--bands", "u", "", "false"}));
  EXPECT_EQ(read({"--verbose", "yes"}), (Words{"yes", "g|r", "", "true"}));
  EXPECT_EQ(read({"--output", "", ""}), (Words{"", "g|r", "", "false"}));
  for (const Words& words : {Words{"--bands", "--output", "x"}, Words{"--output", "--", "x"}, Words{"--bands", "--output=x"}})
    EXPECT_TRUE(contains(error_of<UsageError>([&] { read(words); }), words[0] + " needs a value")) << words[0];
  for (const Words& words : {Words{"--=3"}, Words{"--verbose", "--=3"}, Words{"--bands", "--=3"}, Words{"--="}, Words{"---"}})
    EXPECT_TRUE(contains(error_of<UsageError>([&] { read(words); }), "unknown option")) << words.back();
  EXPECT_TRUE(contains(error_of<UsageError>([&] { read({"--verbose", "-x"}); }), "'-x' is not an option"));
}

TEST(CommandLine, KnowsAnOptionByItsWholeNameAlone) {
  for (const char* word : {"--thread=1", "--THREADS=1", "--partition=1", "-threads=1", "-t"}) EXPECT_NE(usage_error({word}), "") << word;
}

TEST(CommandLine, SuggestsTheNearestNameForAnUnknownOption) {
  EXPECT_TRUE(contains(usage_error({"--partition.nsid", "8"}), "did you mean 'partition.nside'?"));
  EXPECT_TRUE(contains(usage_error({"--wavelength", "8"}), "unknown option 'wavelength'"));
}

TEST(CommandLine, RefusesWhatIsNotAnOptionOrHasNoValue) {
  EXPECT_TRUE(contains(usage_error({"catalogue.h5"}), "'catalogue.h5' is not an option"));
  EXPECT_TRUE(contains(usage_error({"--threads"}), "--threads needs a value"));
  EXPECT_TRUE(contains(usage_error({"--threads", "--verbose"}), "--threads needs a value"));
  EXPECT_TRUE(contains(usage_error({"--", "1"}), "not an option"));
}

TEST(CommandLine, RefusesAnOptionGivenTwice) {
  EXPECT_TRUE(contains(usage_error({"--threads", "2", "--threads=2"}), "--threads is given twice"));
}

TEST(CommandLine, RefusesValuesOfAnotherType) {
  for (const char* wrong : {"--threads=two", "--threads=1.5", "--threads=99999999999", "--partition.nside=1e2", "--match.radius=1,5",
                            "--match.radius=", "--verbose=maybe", "--bands.limits=24,x"})
    EXPECT_TRUE(contains(usage_error({wrong}), "command line")) << wrong;
}

TEST(CommandLine, RefusesValuesOutOfRangeAndNamesTheRange) {
  EXPECT_TRUE(contains(usage_error({"--partition.nside=2048"}), "partition.nside = 2048 (must be in 4 to 1024)"));
  EXPECT_TRUE(contains(usage_error({"--match.radius=nan"}), "must be in 0 to 60"));
  EXPECT_TRUE(contains(usage_error({"--bands.limits=20,41"}), "41 (must be in 0 to 40)"));
}

TEST(CommandLine, RefusesWhatIsNoFiniteNumberUnlessTheRangeHasIt) {
  double free = 0.0, bounded = 0.0;
  std::vector<double> list, limits;
  std::string text;
  const auto read = [&](const std::string& word) {
    OptionSet option;
    option("free", free, "a number");
    option("list", list, "numbers");
    option("limits", limits, "numbers").range(-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity());
    option("bounded", bounded, "a number").range(0.0, 1.0);
    option("text", text, "a text");
    option.read_command_line({word});
  };
  const auto message = [&](const std::string& word) { return error_of<UsageError>([&] { read(word); }); };
  for (const char* word :
       {"--free=nan", "--free=inf", "--free=-inf", "--free=-nan", "--free=NaN", "--free=infinity", "--list=1,nan,2", "--list=inf"})
    EXPECT_TRUE(contains(message(word), "(must be a finite number)")) << word;
  for (const char* word : {"--limits=nan", "--limits=1,nan", "--bounded=nan", "--bounded=inf"})
    EXPECT_TRUE(contains(message(word), "(must be in")) << word;
  for (const char* word : {"--free=1e308", "--limits=1,-inf,inf", "--list=", "--text=nan", "--bounded=1"})
    EXPECT_NO_THROW(read(word)) << word;
}

TEST(CommandLine, AcceptsBothEndsOfARange) {
  for (const long nside : {4L, 1024L}) {
    Everything o;
    OptionSet options = o.describe();
    options.read_command_line({"--partition.nside", std::to_string(nside)});
    EXPECT_EQ(o.nside, nside);
  }
}

TEST(CommandLine, RefusesAWordThatIsNotAmongTheChoices) {
  EXPECT_TRUE(contains(usage_error({"--partition.by=htm"}), "'htm' (must be one of adaptive, healpix)"));
}

TEST(Required, NamesTheOptionThatIsMissing) {
  Everything o;
  OptionSet options = o.describe();
  EXPECT_TRUE(contains(error_of<UsageError>([&] { options.check_required(); }), "--output is missing"));
  options.read_command_line({"--output=x"});
  EXPECT_NO_THROW(options.check_required());
}

/// Reads an INI file with this text into fresh options.
class Ini : public testing::Test {
 protected:
  void read(std::string_view text) {
    testing_support::write_file(path, text);
    options.read_ini(path);
  }
  std::string error(std::string_view text) {
    return error_of<UsageError>([&] { read(text); });
  }

  Folder folder;
  std::string path = folder.file("config.ini");
  Everything o;
  OptionSet options = o.describe();
};

TEST_F(Ini, SectionsNameTheFirstPartOfAnOption) {
  read("output = a.h5\n# a comment\n[partition]\nnside = 128  # finest\n\n[bands]\nlimits = 24, 25\n");
  EXPECT_EQ(o.output, "a.h5");
  EXPECT_EQ(o.nside, 128);
  EXPECT_EQ(o.limits, (std::vector<double>{24, 25}));
}

TEST_F(Ini, DoesNotOverwriteTheCommandLine) {
  options.read_command_line({"--partition.nside=8"});
  read("[partition]\nnside = 128\nby = healpix\n");
  EXPECT_EQ(o.nside, 8);
  EXPECT_EQ(o.by, "healpix");
}

TEST_F(Ini, IsOverwrittenByACommandLineReadLater) {
  read("[partition]\nnside = 128\n");
  options.read_command_line({"--partition.nside=8"});
  EXPECT_EQ(o.nside, 8);
}

TEST_F(Ini, NamesTheFileInItsErrors) {
  for (const char* text :
       {"outptu = a\n", "[partition]\nnside = 3000\n", "[partition]\nnside = 8\nnside = 16\n", "threads = x\n", "[nosuch]\nkey = 1\n"})
    EXPECT_TRUE(contains(error(text), path)) << text;
}

TEST_F(Ini, RefusesARepeatedKeyEvenOneThatTheCommandLineOverrides) {
  options.read_command_line({"--threads=2"});
  EXPECT_TRUE(contains(error("threads = 3\nthreads = 4\n"), "threads is given twice"));
}

TEST_F(Ini, MayBeginWithAByteOrderMark) {
  read("\xef\xbb\xbfoutput = a.h5\n");
  EXPECT_EQ(o.output, "a.h5");
}

TEST_F(Ini, SectionsMayShareTheNameOfAnOptionAndComeAgain) {
  read("bands = u,g\n[bands]\nlimits = 24\n[partition]  # first\nnside = 8\n[match]\nradius = 2\n[partition]\nby = healpix\n");
  EXPECT_EQ(o.bands, (Words{"u", "g"}));
  EXPECT_EQ(o.limits, std::vector<double>{24});
  EXPECT_EQ(o.nside, 8);
  EXPECT_EQ(o.by, "healpix");
}

TEST_F(Ini, NamesTheLineInItsErrors) {
  for (const char* wrong : {"words", "[partition] nside = 8", "outptu = a", "threads = x", "threads = 2", "threads = 99", "=4", "[open"})
    EXPECT_TRUE(contains(error("# a comment\n\nthreads = 2\n; another\n" + std::string(wrong) + "\n"), path + ", line 5: ")) << wrong;
}

TEST_F(Ini, RefusesALineWithoutAValue) { EXPECT_TRUE(contains(error("just words\n"), path)); }

TEST_F(Ini, ReportsAMissingFileAsAnIoError) {
  EXPECT_TRUE(contains(error_of<IoError>([&] { options.read_ini(folder.file("none.ini")); }), "none.ini"));
  EXPECT_TRUE(contains(error_of<IoError>([&] { options.read_ini(folder.path()); }), "folder"));
}

TEST_F(Ini, EffectiveConfigurationReadsBackToTheSameValues) {
  o.verbose = true;
  o.radius = 1.0 / 3.0;
  o.output = "run#3/my survey = final.h5";
  o.bands = {"u", "g", "Y"};
  o.limits = {24.1, 1e-300};
  for (const bool comments : {false, true}) {
    Everything copy;
    OptionSet copied = copy.describe();
    testing_support::write_file(path, options.ini(comments));
    copied.read_ini(path);
    EXPECT_EQ(copied.answer_options(), options.answer_options());
    EXPECT_EQ(copy.output, o.output);
    EXPECT_EQ(copy.radius, o.radius);
  }
}

TEST_F(Ini, EmptyTextsAndListsReadBackEmpty) {
  o.bands.clear();
  testing_support::write_file(path, options.ini(false));
  Everything copy;
  OptionSet copied = copy.describe();
  copied.read_ini(path);
  EXPECT_TRUE(copy.bands.empty());
  EXPECT_EQ(copy.output, "");
}

TEST(AnswerOptions, LeaveOutWhatCannotChangeTheProduct) {
  Everything o;
  const auto values = o.describe().answer_options();
  EXPECT_FALSE(values.contains("threads"));
  EXPECT_EQ(values.at("bands"), "g,r");
  EXPECT_EQ(values.size(), 7U);
}

TEST(Help, NamesEveryOptionWithUnitRangeAndDefault) {
  Everything o;
  const OptionSet options = o.describe();
  const std::string help = options.help();
  for (const std::string& name : options.names()) EXPECT_TRUE(contains(help, "--" + name));
  for (const char* part : {"[arcsec]", "(4 to 1024)", "(default: g,r)", "(required)", "adaptive, healpix"})
    EXPECT_TRUE(contains(help, part));
}

TEST(Help, BeginsEachOptionOnALineOfItsOwnWithItsSectionOnce) {
  Everything o;
  o.output = "two\nlines\tand\ttabs";
  OptionSet options = o.describe();
  long last = 0;
  options("last", last, std::string(300, 'x') + " and a long way to go");
  bool more = false;
  options("partition.more", more, "a flag");
  const std::string help = options.help();
  std::istringstream lines(help);
  std::map<std::string, int> firsts;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 110U);
    if (!line.starts_with("    ")) ++firsts[line.starts_with("  --") ? line.substr(0, line.find(' ', 2)) : line];
  }
  for (const std::string& name : options.names()) EXPECT_EQ(firsts["  --" + name], 1) << name;
  for (const char* caption : {"Options:", "Section partition:", "Section match:", "Section bands:"})
    EXPECT_EQ(firsts[caption], 1) << caption;
  EXPECT_TRUE(contains(help, "--partition.more ")) << help;
}

}  // namespace
}  // namespace skyfold

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "source_files.hpp"

namespace skyfold {
namespace {

using namespace source_tests;

Table read_text(const std::string& content, const SourceOptions& o = {}) {
  const Folder folder;
  return read_file(folder.file("t.csv", content), o);
}
std::string text_error(const std::string& content) {
  const Folder folder;
  return open_error<DataError>(folder.file("t.csv", content));
}

TEST(TextSource, InfersIntegersRealsTruthAndText) {
  const Table t = read_text("id,ra,flag,name\n1,2.5,true,a\n-7,+1e3,False,bcd\n");
  EXPECT_EQ(t.at("id").info().type, Type::i8);
  EXPECT_FALSE(t.at("id").info().null.has_value());
  EXPECT_EQ(t.at("id").integer(1), -7);
  EXPECT_EQ(t.at("ra").info().type, Type::f8);
  EXPECT_EQ(t.at("ra").number(1), 1000.0);
  EXPECT_EQ(t.at("flag").info().type, Type::u1);
  EXPECT_EQ(t.at("flag").number(0), 1.0);
  EXPECT_EQ(t.at("flag").number(1), 0.0);
  EXPECT_EQ(t.at("name").info().type, Type::text);
  EXPECT_EQ(t.at("name").info().width, 3U);
  EXPECT_EQ(t.at("name").text(1), "bcd");
}

TEST(TextSource, ReadsQuotedCellsWithDelimitersLineFeedsAndDoubledQuotes) {
  const Table t = read_text("a,b,\"c, d\"\n\"x,y\",\"two\nlines\",\"say \"\"hi\"\"\"\n \"12\" ,\"\",z\n");
  EXPECT_EQ(t.schema()[2].name, "c, d");
  EXPECT_EQ(t.at("a").text(0), "x,y");
  EXPECT_EQ(t.at("b").text(0), "two\nlines");
  EXPECT_EQ(t.at("c, d").text(0), "say \"hi\"");
  EXPECT_EQ(t.at("a").text(1), "12");
  EXPECT_EQ(t.at("b").text(1), "");
}

TEST(TextSource, TakesAQuoteInsideACellAsACharacter) {
  const Table t = read_text("size,note\n5\" or more,a\n7,b \"c\"\n");
  EXPECT_EQ(t.at("size").text(0), "5\" or more");
  EXPECT_EQ(t.at("note").text(1), "b \"c\"");
}

TEST(TextSource, TakesTheNamesOfColumnsThatTheUserGives) {
  SourceOptions o;
  o.columns = {"z", "eu", "eg"};
  for (const char* content :
       {"#zs eg\n0.5 1 2\n0.6 3 4\n", "0.5 1 2\n0.6 3 4\n", "zs u\n0.5 1 2\n0.6 3 4\n", "# a comment\n\nzs;u;g\n0.5;1;2\n0.6;3;4\n"}) {
    const Table t = read_text(content, o);
    ASSERT_EQ(t.rows(), 2U) << content;
    EXPECT_EQ(t.at("z").number(0), 0.5);
    EXPECT_EQ(t.at("eu").integer(1), 3);
    EXPECT_EQ(t.at("eg").integer(1), 4);
  }
  const Folder folder;
  EXPECT_TRUE(has(open_error<DataError>(folder.file("t.txt", "#zs u\n1 2\n"), o), "3 columns, but row 1 has 2 cells"));
  o.columns = {"z", "z"};
  EXPECT_TRUE(has(open_error<DataError>(folder.file("t.txt", "#zs u\n1 2\n"), o), "z"));
}

TEST(TextSource, AcceptsWindowsLinesByteOrderMarksBlankLinesAndNoLastLineFeed) {
  const Table t = read_text("\xEF\xBB\xBFra,dec\r\n1,2\r\n\r\n  \r\n3.5,4");
  ASSERT_EQ(t.rows(), 2U);
  EXPECT_EQ(t.schema()[0].name, "ra");
  EXPECT_EQ(t.at("dec").info().type, Type::i8);
  EXPECT_EQ(t.at("ra").number(1), 3.5);
  EXPECT_EQ(t.at("dec").number(1), 4.0);
}

TEST(TextSource, GuessesDelimiters) {
  for (const char* d : {",", ";", "\t", "|"}) {
    const std::string s = d;
    const Table t = read_text("id" + s + "name" + s + "x\n1" + s + "a b" + s + "2.5\n");
    ASSERT_EQ(t.columns(), 3U) << "delimiter '" << d << "'";
    EXPECT_EQ(t.at("name").text(0), "a b");
    EXPECT_EQ(t.at("x").number(0), 2.5);
  }
}

TEST(TextSource, ReadsColumnsSeparatedByBlanks) {
  const Table t = read_text("# made by hand\n#zs  u name\n 0.1   20.5\t\"a b\" \n\n0.2\t21 c\r\n");
  ASSERT_EQ(t.rows(), 2U);
  EXPECT_EQ(t.schema()[0].name, "zs");
  EXPECT_EQ(t.at("zs").number(1), 0.2);
  EXPECT_EQ(t.at("u").number(0), 20.5);
  EXPECT_EQ(t.at("name").text(0), "a b");
  EXPECT_EQ(t.at("name").text(1), "c");
}

TEST(TextSource, ObeysTheDelimiterThatIsGiven) {
  SourceOptions colon, tab;
  colon.delimiter = ":";
  tab.delimiter = "tab";
  EXPECT_EQ(read_text("a:b,c\n1:2\n", colon).at("b,c").number(0), 2.0);
  EXPECT_EQ(read_text("a,b\tc\n1\t2\n", tab).at("a,b").number(0), 1.0);
  SourceOptions wrong;
  wrong.delimiter = "ab";
  const Folder folder;
  EXPECT_TRUE(has(open_error<UsageError>(folder.file("t", "a,b\n1,2\n"), wrong), "input.delimiter"));
}

TEST(TextSource, KnowsMissingValuesByManyNames) {
  const Table t = read_text("x,n,s\n1.5,1,a\n,,\nnan,NULL,--\nNaN,null,\\N\n--,\\N,NaN\n");
  for (std::size_t row = 1; row < 5; ++row) {
    EXPECT_TRUE(std::isnan(t.at("x").number(row))) << row;
    EXPECT_TRUE(std::isnan(t.at("n").number(row))) << row;
    EXPECT_EQ(t.at("s").text(row), "") << row;
  }
  EXPECT_EQ(t.at("n").info().type, Type::i8);
  EXPECT_EQ(t.at("n").info().null, INT64_MIN);
  EXPECT_EQ(t.at("n").number(0), 1.0);
}

/// A column of 30 numbers with one other cell, in row 8.
std::string with_cell(const std::string& cell) {
  std::string content = "n,x\n";
  for (int i = 0; i < 30; ++i) content += std::to_string(i) + "," + (i == 7 ? cell : "2.5") + "\n";
  return content;
}

TEST(TextSource, KnowsTheWordsForMissingAmongNumbers) {
  for (const char* word :
       {"NA",  "na",    "N/A",    "n/a",   "#N/A",  "<NA>",      "None",    "none", "null",    "NULL",   "(null)", "nan",
        "NaN", "-nan",  "masked", "INDEF", "undef", "undefined", "missing", "nil",  "-",       "--",     "---",    "--------",
        "*",   "*****", ".",      "...",   "?",     "~",         "\\N",     "",     "1.#QNAN", "-1.#IND"}) {
    const Table t = read_text(with_cell(word));
    EXPECT_EQ(t.at("x").info().type, Type::f8) << word;
    EXPECT_TRUE(std::isnan(t.at("x").number(7))) << word;
    EXPECT_EQ(t.at("x").number(8), 2.5) << word;
    const Table whole = read_text("n\n5\n" + std::string(word[0] ? word : "\"\"") + "\n7\n");
    EXPECT_EQ(whole.at("n").info().type, Type::i8) << word;
    EXPECT_TRUE(std::isnan(whole.at("n").number(1))) << word;
    EXPECT_EQ(whole.at("n").integer(2), 7) << word;
  }
}

TEST(TextSource, KeepsWordsThatAreTextsAmongTexts) {
  const Table t = read_text("class,sign,star,only,mixed\nAGN,+,*,-,None\n-,-,**,-,abc\nN/A,-,?,-,NA\nNone,+,*,-,-\n");
  EXPECT_EQ(t.at("class").text(1), "") << "a dash among names is a missing one";
  EXPECT_EQ(t.at("class").text(2), "");
  EXPECT_EQ(t.at("class").text(3), "None") << "which may be a class";
  EXPECT_EQ(t.at("sign").text(1), "-") << "a sign";
  EXPECT_EQ(t.at("star").text(0), "*") << "a class of SIMBAD";
  EXPECT_EQ(t.at("star").text(1), "**");
  EXPECT_EQ(t.at("only").text(2), "-") << "signs of a southern survey";
  EXPECT_EQ(t.at("mixed").text(2), "NA");
  EXPECT_EQ(t.at("mixed").text(3), "");
}

TEST(TextSource, ReadsExponentsOfFortranAndNumbersBeyondDoubles) {
  const std::pair<const char*, double> cells[] = {{"1.5D+01", 15.0},    {"1.5d1", 15.0},      {"-.25D-3", -0.25e-3}, {"1.5Q+01", 15.0},
                                                  {"1D+2", 100.0},      {"+2.D0", 2.0},       {"1.5+101", 1.5e101},  {"2.5-300", 2.5e-300},
                                                  {"1e-400", 0.0},      {"0.0001e-330", 0.0}, {"1e-320", 1e-320},    {"1.5D-400", 0.0},
                                                  {"1.#INF", HUGE_VAL}, {"-inf", -HUGE_VAL}};
  for (const auto& [cell, value] : cells) {
    const Table t = read_text(with_cell(cell));
    EXPECT_EQ(t.at("x").info().type, Type::f8) << cell;
    EXPECT_EQ(t.at("x").number(7), value) << cell;
  }
  EXPECT_TRUE(std::signbit(read_text(with_cell("-1e-400")).at("x").number(7)));
  EXPECT_EQ(read_text(with_cell("0.1e-9223372036854775808")).at("x").number(7), 0.0);
  for (const char* name : {"2D3", "1-5", "1.5-30"})
    EXPECT_EQ(read_text("x\n" + std::string(name) + "\n").at("x").info().type, Type::text) << name;
}

TEST(TextSource, TakesAnOddCellInALongColumnOfNumbersForASlip) {
  for (const char* cell : {"abc", "1e400", "1e9223372036854775807", "-1.5D+999", "12:30:00", "true", "1,5"}) {
    const Folder folder;
    const auto source = open_source(folder.file("t.csv", with_cell('"' + std::string(cell) + '"')), {});
    EXPECT_EQ(source->schema()[1].type, Type::f8) << cell;
    std::vector<BadCell> bad;
    (void)read_all(*source, bad);
    ASSERT_EQ(bad.size(), 1U) << cell;
    EXPECT_EQ(bad[0].row, 7) << cell;
    EXPECT_EQ(bad[0].column, "x") << cell;
    EXPECT_TRUE(has(bad[0].problem, cell)) << bad[0].problem;
  }
}

TEST(TextSource, SaysWhenAColumnHoldsNumbersAndTexts) {
  const Folder folder;
  const auto source = open_source(folder.file("t.csv", "id,plain,name\n1,a,3\n2,b,x\n3,c,y\n4,d,5\n"), {});
  EXPECT_EQ(source->schema()[2].type, Type::text);
  EXPECT_EQ(source->mixture(0), "");
  EXPECT_EQ(source->mixture(1), "");
  EXPECT_EQ(source->mixture(2), "text, since row 2 has 'x', though row 1 has the number 3");
}

TEST(TextSource, KeepsColumnsAsTextThatTheUserNames) {
  SourceOptions o;
  o.text = {"id", "x"};
  const Table t = read_text("id,x,n\n007,1.50,5\n010,NA,6\n", o);
  EXPECT_EQ(t.at("id").text(0), "007");
  EXPECT_EQ(t.at("x").text(0), "1.50");
  EXPECT_EQ(t.at("n").info().type, Type::i8);
  o.text = {"Id"};
  const Folder folder;
  EXPECT_TRUE(has(open_error<UsageError>(folder.file("t.csv", "id,x\n1,2\n"), o), "did you mean 'id'"));
}

TEST(TextSource, ReadsWholeNumbersThatAreWrittenAsReals) {
  const Folder folder;
  const auto source = open_source(folder.file("t.csv", "id\n1.0\n1.2e3\n9007199254740991.0\n9007199254740993.0\n1.5\n"), {});
  Schema schema = source->schema();
  EXPECT_EQ(schema[0].type, Type::f8);
  schema[0].type = Type::i8;
  Table t(schema);
  std::vector<BadCell> bad;
  source->read(source->pieces(10).at(0), t, bad);
  EXPECT_EQ(t[0].integer(0), 1);
  EXPECT_EQ(t[0].integer(1), 1200);
  EXPECT_EQ(t[0].integer(2), 9007199254740991);
  ASSERT_EQ(bad.size(), 2U) << "digits may be lost; not whole";
  EXPECT_EQ(bad[0].row, 3);
}

TEST(TextSource, ReadsTheHeadersOfSExtractor) {
  const Folder folder;
  const std::string path = folder.file("t.cat",
                                       "#   1 NUMBER          Running object number\n"
                                       "#   2 ALPHA_J2000     Right ascension of barycenter (J2000)   [deg]\n"
                                       "#   3 MAG_APER        Fixed aperture magnitude vector         [mag]\n"
                                       "#   6 FLAGS           Extraction flags\n"
                                       "#   7 FLUX_APER       Flux vector within fixed circular aperture(s) [count]\n"
                                       "   1  10.5 20.1 20.2 20.3  0  1.5 2.5\n   2  11.5 21.1 21.2 21.3  3  3.5 4.5\n");
  const auto source = open_source(path, {});
  const char* const names[] = {"NUMBER", "ALPHA_J2000", "MAG_APER", "MAG_APER_1", "MAG_APER_2", "FLAGS", "FLUX_APER", "FLUX_APER_1"};
  ASSERT_EQ(source->schema().size(), std::size(names));
  for (std::size_t c = 0; c < std::size(names); ++c) EXPECT_EQ(source->schema()[c].name, names[c]);
  EXPECT_EQ(source->schema()[1].unit, "deg");
  EXPECT_EQ(source->schema()[1].description, "Right ascension of barycenter (J2000)");
  EXPECT_EQ(source->schema()[0].description, "Running object number");
  const Table t = read_all(*source);
  EXPECT_EQ(t.at("FLAGS").integer(1), 3);
  EXPECT_EQ(t.at("MAG_APER_2").number(0), 20.3);
  EXPECT_EQ(t.at("FLUX_APER_1").number(1), 4.5);
  EXPECT_TRUE(has(text_error("# 1 ID\n# 2 RA\n1 2 3\n"), "number 2 columns, but row 1 has 3 cells"));
}

TEST(TextSource, ReadsNumberedCommentsOfManyKinds) {
  for (const char* header :
       {"# 1 ID\n# 2 ra\n# 3 dec\n", "## BPZ\n##\n# 1 ID\n# 2 ra\n# 3 dec\n#\n", "# 1: ID\n# 2: ra (deg) right ascension\n# 3: dec\n",
        "# (1) ID\n# (2) ra\n# (3) dec\n", "# col1 = ID\n# col2 = ra\n# col3 = dec\n", "# 0 ID\n# 1 ra\n# 2 dec\n",
        "# two columns of 12 fields\n# 1. ID\n# 2. ra\n# 3. dec\n"}) {
    const Table t = read_text(std::string(header) + "7 10.5 20.5\n8 11.5 21.5\n");
    ASSERT_EQ(t.columns(), 3U) << header;
    EXPECT_EQ(t.at("ID").integer(0), 7) << header;
    EXPECT_EQ(t.at("ra").number(0), 10.5) << header;
    EXPECT_EQ(t.at("dec").number(1), 21.5) << header;
  }
}

TEST(TextSource, ReadsNamesInAnyCommentAndItsUnits) {
  for (const char* header : {"#id ra dec\n", "# id ra dec\n", "# id,ra,dec\n", "#id, ra, dec\n", "## id ra dec\n", "# columns: id ra dec\n",
                             "# id ra dec\n# made by me on Tuesday\n", "# A catalogue.\n# id ra dec\n#-----------\n#\n"}) {
    const Table t = read_text(std::string(header) + "7 10.5 20.5\n8 11.5 21.5\n");
    ASSERT_EQ(t.columns(), 3U) << header;
    EXPECT_EQ(t.at("dec").number(1), 21.5) << header;
  }
  const Table t = read_text("# id ra dec\n# - deg [deg]\n7 10.5 20.5\n");
  EXPECT_EQ(t.at("dec").info().unit, "deg");
  EXPECT_EQ(t.at("id").info().unit, "");
}

TEST(TextSource, RefusesProseAboveTheRows) {
  for (const char* prose : {"# made on Tuesday by me\n", "# Nearby bright galaxies, with redshifts\n",
                            "# Sources without spectra from Gaia\n", "# Objects: bright, blue, near, far.\n"}) {
    const std::string error = text_error(std::string(prose) + "1 10 20 3 5\n2 11 21 4 6\n");
    EXPECT_TRUE(has(error, "does not name columns") && has(error, "--input.columns")) << prose << error;
  }
  EXPECT_TRUE(has(text_error("Positions of galaxies\n1 10 20\n"), "does not name columns"));
}

TEST(TextSource, ReadsTablesOfVizier) {
  for (const char* d : {"\t", ";", "|"}) {
    std::string content =
        "#\n#   VizieR Astronomical Server\n#Column\tRAJ2000\t(F10.6)\tRight "
        "ascension\nRAJ2000@gmag@Cl@DE-\ndeg@mag@@\n----------@------@-@-\n"
        " 10.000@18.2@@+\n 11.500@      @A@-\n\n#END# -ref=VIZ\n";
    for (std::size_t at; (at = content.find('@')) != std::string::npos;) content.replace(at, 1, d);
    const Table t = read_text(content);
    ASSERT_EQ(t.rows(), 2U) << d;
    EXPECT_EQ(t.at("RAJ2000").info().unit, "deg");
    EXPECT_EQ(t.at("Cl").info().unit, "");
    EXPECT_EQ(t.at("RAJ2000").number(1), 11.5);
    EXPECT_TRUE(std::isnan(t.at("gmag").number(1)));
    EXPECT_EQ(t.at("gmag").number(0), 18.2);
    EXPECT_EQ(t.at("Cl").text(1), "A");
    EXPECT_EQ(t.at("DE-").text(1), "-");
  }
}

TEST(TextSource, RefusesTablesWithoutSeparators) {
  EXPECT_TRUE(has(text_error("Title: A\nAuthors: B\n====\nByte-by-byte Description of file: t.txt\n"), "MRT"));
  EXPECT_TRUE(has(text_error("\\fixlen = T\n| id | ra |\n| int | double |\n  1    10  \n"), "IPAC"));
  EXPECT_TRUE(has(text_error("| id | ra |\n  1    10  \n"), "IPAC"));
  EXPECT_TRUE(has(text_error("<!DOCTYPE html>\n<html>\n"), "HTML"));
  EXPECT_TRUE(has(text_error("{\"ra\": [1, 2]}\n"), "JSON"));
}

TEST(TextSource, KeepsEveryDigitOfIds) {
  const Table t = read_text("a,b,c\n9223372036854775807,9223372036854775808,1\n-1,1,1e5\n");
  EXPECT_EQ(t.at("a").values<std::int64_t>()[0], INT64_MAX);
  EXPECT_EQ(t.at("b").info().type, Type::text) << "too large for 64 bits";
  EXPECT_EQ(t.at("b").text(0), "9223372036854775808");
  EXPECT_EQ(t.at("c").info().type, Type::f8);
}

TEST(TextSource, ReadsNumbersToTheLastBit) {
  const Table t = read_text("x\n0.1\n346.562614973356\n4.9406564584124654e-324\n1.7976931348623157e308\n-5.15304963783712\n");
  const double expected[] = {0.1, 346.562614973356, 4.9406564584124654e-324, 1.7976931348623157e308, -5.15304963783712};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(t.at("x").number(i), expected[i]);
}

TEST(TextSource, ReportsCellsAndRowsThatCannotBeRead) {
  std::string content = "n,x\n";
  for (int i = 0; i < 10'000; ++i) content += "1,2.5\n";
  content += "abc,1\n2,def\n3\n4,5,6\n7,8\n";
  const Folder folder;
  const auto source = open_source(folder.file("t.csv", content), {});
  std::vector<BadCell> bad;
  const Table t = read_all(*source, bad);
  ASSERT_EQ(t.rows(), 10'005U);
  ASSERT_EQ(bad.size(), 4U);
  EXPECT_EQ(bad[0].row, 10'000);
  EXPECT_EQ(bad[0].column, "n");
  EXPECT_TRUE(has(bad[0].problem, "'abc' is not a number") && has(bad[0].problem, "--input.text=n")) << bad[0].problem;
  EXPECT_EQ(bad[1].column, "x");
  EXPECT_EQ(bad[2].row, 10'002);
  EXPECT_EQ(bad[2].column, "");
  EXPECT_EQ(bad[2].problem, "1 cells instead of 2");
  EXPECT_EQ(bad[3].problem, "3 cells instead of 2");
  EXPECT_TRUE(std::isnan(t.at("n").number(10'000)));
  EXPECT_EQ(t.at("x").number(10'000), 1.0);
  EXPECT_TRUE(std::isnan(t.at("n").number(10'002)) && std::isnan(t.at("x").number(10'002)));
  EXPECT_EQ(t.at("n").number(10'004), 7.0);
}

TEST(TextSource, ReadsChosenColumnsAsTheTypesAskedFor) {
  const Folder folder;
  const auto source = open_source(folder.file("t.csv", "id,n,x\n1,5,2.5\n2,,3.5\n"), {});
  Schema schema = {source->schema()[1], source->schema()[1], source->schema()[2]};
  schema[0].type = Type::f8;
  schema[0].null.reset();
  schema[2].type = Type::text;
  schema[2].width = 8;
  Table twice(schema = {schema[0], schema[2]});
  std::vector<BadCell> bad;
  source->read(source->pieces(10).at(0), twice, bad);
  EXPECT_TRUE(bad.empty());
  EXPECT_EQ(twice.at("n").number(0), 5.0);
  EXPECT_TRUE(std::isnan(twice.at("n").number(1)));
  EXPECT_EQ(twice.at("x").text(1), "3.5");
}

TEST(TextSource, ReportsMissingCellsWhereNoIntegerStandsForThem) {
  const Folder folder;
  const auto first = open_source(folder.file("first.csv", "id,n\n1,5\n2,6\n"), {});
  const auto second = open_source(folder.file("second.csv", "id,n\n3,7\n,8\n5,null\n"), {});
  // The columns of the first file, which has no missing cell, are read from the second one, which has.
  Table table(read_all(*first).schema());
  std::vector<BadCell> bad;
  second->read(second->pieces(10).at(0), table, bad);
  ASSERT_EQ(bad.size(), 2U);
  EXPECT_EQ(bad[0].row, 1);
  EXPECT_EQ(bad[0].column, "id");
  EXPECT_EQ(bad[0].problem, "no value, but the column has no integer that stands for missing");
  EXPECT_EQ(bad[1].row, 2);
  EXPECT_EQ(bad[1].column, "n");
}

TEST(TextSource, TakesUnitsAndTypesFromAnEcsvHeader) {
  const Folder folder;
  const std::string path = folder.file("t.ecsv",
                                       "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: ra, unit: deg, datatype: float64, "
                                       "description: 'first, of\n#     two'}\n"
                                       "# -\n#   name: id\n#   datatype: string\n#   meta:\n#     ucd: meta.id\n# "
                                       "meta: !!omap\n# - {a: b}\nra id\n10 1\n20 \"\"\n");
  const auto source = open_source(path, {});
  EXPECT_EQ(source->schema()[0].type, Type::f8) << "declared float64";
  EXPECT_EQ(source->schema()[0].unit, "deg");
  EXPECT_EQ(source->schema()[0].description, "first, of two");
  EXPECT_EQ(source->schema()[1].type, Type::text) << "declared string";
  EXPECT_EQ(source->schema()[1].ucd, "meta.id");
  EXPECT_EQ(read_all(*source).at("ra").number(1), 20.0);
}

TEST(TextSource, RefusesHeadersThatCannotNameColumns) {
  EXPECT_TRUE(has(text_error("1,2,3\n4,5,6\n"), "no column names"));
  EXPECT_TRUE(has(text_error("a,b,a\n1,2,3\n"), "two columns are named 'a'"));
  EXPECT_TRUE(has(text_error("a,,c\n1,2,3\n"), "column 2 of 3 has no name") || has(text_error("a,,c\n1,2,3\n"), "has no name"));
  EXPECT_TRUE(has(text_error("a,b\n1,2,3\n4,5,6\n"), "names 2 columns, but row 1 has 3"));
  EXPECT_TRUE(has(text_error("a,b\r1,2\r"), "carriage returns"));
}

TEST(TextSource, LeavesOutAnIndexWithoutAName) {
  const Folder folder;
  const auto source = open_source(folder.file("t.csv", ",ra,dec\n0,1.5,2.5\n"), {});
  ASSERT_EQ(source->schema().size(), 2U);
  EXPECT_EQ(source->left_out().size(), 1U);
  EXPECT_EQ(read_all(*source).at("dec").number(0), 2.5);
}

TEST(TextSource, RefusesAQuoteThatIsNeverClosed) { EXPECT_TRUE(has(text_error("a,b\n1,\"x\n2,y\n3,z\n"), "never closed")); }

TEST(TextSource, HoldsATableWithoutRows) {
  const Folder folder;
  const auto source = open_source(folder.file("t.csv", "a,b\n"), {});
  EXPECT_EQ(source->rows(), 0);
  EXPECT_TRUE(source->pieces(10).empty());
  EXPECT_EQ(source->schema().size(), 2U);
}

TEST(TextSource, NoticesThatTheFileChangedAfterOpening) {
  const Folder folder;
  const std::string path = folder.file("t.csv", "a,b\n1,2\n3,4\n");
  const auto source = open_source(path, {});
  const Piece piece = source->pieces(10).at(0);
  Table out(source->schema());
  std::vector<BadCell> bad;
  static_cast<void>(folder.file("t.csv", "a,b\n1\n"));
  EXPECT_TRUE(has(message_of<IoError>([&] { source->read(piece, out, bad); }), path));
}

TEST(TextSource, ReadsTheSmallSkyOfHats) {
  SKYFOLD_NEED_SHARED(path, "catalogue/hats_small_sky/small_sky_source.csv");
  const Table t = read_file(path);
  ASSERT_EQ(t.rows(), 17'161U);
  EXPECT_EQ(t.at("source_ra").number(0), 301.92717155219145);
  EXPECT_EQ(t.at("band").text(2), "u");
  EXPECT_EQ(t.at("object_id").integer(1), 716);
}

TEST(TextSource, SaysHowManyNamesTheSdssHeaderHas) {
  SKYFOLD_NEED_SHARED(path, "photoz/sdss_mgs/SDSS_MGS.train");
  EXPECT_TRUE(has(open_error<DataError>(path), "names 18 columns, but row 1 has 19"));
}

TEST(TextSource, ReadsTheGaiaEcsvWithItsArraysAsText) {
  SKYFOLD_NEED_SHARED(path, "catalogue/hats_small_sky/test_formats/gaia_epoch.ecsv");
  const Table t = read_file(path);
  ASSERT_EQ(t.rows(), 3U);
  EXPECT_EQ(t.at("ra").info().unit, "deg");
  EXPECT_EQ(t.at("ra").info().ucd, "pos.eq.ra;meta.main");
  EXPECT_EQ(t.at("ra").number(1), 45.188575);
  EXPECT_EQ(t.at("transit_id").info().type, Type::text);
}

}  // namespace
}  // namespace skyfold

#include <gtest/gtest.h>

#include "skyfold/core/options.hpp"
#include "source_files.hpp"

namespace skyfold {
namespace {

using namespace source_tests;

TEST(OpenSource, SaysInOneLineWhyAFileCannotBeRead) {
  const Folder folder;
  EXPECT_TRUE(has(open_error<IoError>(folder.file("nowhere.csv")), "no such file"));
  EXPECT_TRUE(has(open_error<IoError>(folder.file(".")), "is a folder without Parquet files"));
  EXPECT_TRUE(has(open_error<IoError>(folder.file("empty.csv", "")), "is empty"));
  EXPECT_TRUE(has(open_error<UsageError>("/dev/null"), "is a device or socket, not a file"));
  EXPECT_TRUE(has(open_error<IoError>(folder.file("t.csv.gz", "\x1f\x8b\x08 and so on")), "decompress it first"));
  EXPECT_TRUE(has(open_error<IoError>(folder.file("t.arrow", "ARROW1 and so on")), "Arrow"));
  EXPECT_TRUE(has(open_error<IoError>(folder.file("t.bin", std::string("\x01\x00\x02", 3))), "neither FITS, HDF5 nor text"));
}

TEST(OpenSource, LooksAtTheContentAndNotAtTheName) {
  const Folder folder;
  SourceOptions fits, csv;
  fits.format = "fits";
  csv.format = "csv";
  EXPECT_EQ(open_source(folder.file("t.fits", "a,b\n1,2\n"), {})->rows(), 1);
  EXPECT_TRUE(has(open_error<IoError>(folder.file("t.fits", "a,b\n1,2\n"), fits), "neither FITS nor HDF5"));
  EXPECT_TRUE(has(open_error<IoError>(folder.file("t.csv", "SIMPLE  =                    T"), csv), "is FITS"));
}

TEST(OpenSource, SeparatesAtBlanksWhenTheFormatIsText) {
  const Folder folder;
  SourceOptions text;
  text.format = "text";
  EXPECT_EQ(open_source(folder.file("t.txt", "a,b c\n1 2\n"), text)->schema()[0].name, "a,b");
}

TEST(OpenSource, DescribesItsOptions) {
  SourceOptions o;
  OptionSet options;
  describe(options, o);
  options.read_command_line({"--input.format", "fits", "--input.hdu", "2"});
  EXPECT_EQ(o.format, "fits");
  EXPECT_EQ(o.hdu, "2");
  EXPECT_THROW(options.read_command_line({"--input.format", "xls"}), UsageError);
}

TEST(InputFiles, AreNamedOrListed) {
  const Folder folder;
  const std::string a = folder.file("a.csv", "x"), b = folder.file("b.csv", "x");
  const std::string list = folder.file("list.txt", "# parts\n\nb.csv\n  a.csv  \r\n"), lst = folder.file("one.lst", a + "\n");
  EXPECT_EQ(input_files({a, "@" + list}), (std::vector<std::string>{a, b, a}));
  EXPECT_EQ(input_files({lst}), (std::vector<std::string>{a}));
  EXPECT_THROW(static_cast<void>(input_files({})), UsageError);
  EXPECT_TRUE(has(message_of<IoError>([&] { static_cast<void>(input_files({folder.file("c.csv")})); }), "no such file"));
  EXPECT_THROW(static_cast<void>(input_files({"@" + folder.file("no.lst")})), IoError);
}

}  // namespace
}  // namespace skyfold

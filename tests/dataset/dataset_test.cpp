#include "skyfold/dataset/dataset.hpp"

#include "../support.hpp"
#include "skyfold/dataset/csv.hpp"
#include "skyfold/io/hdf5.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;

TEST(Dataset, TellsTheFirstRowWithABadCellWhateverItsColumn) {
  const Folder folder;
  std::string text = "a,b\n";
  for (int row = 0; row < 100; ++row) text += row == 40 ? "1.5,xyz\n" : row == 60 ? "abc,2.5\n" : "1.5,2.5\n";
  const Dataset dataset(folder.file("t.csv", text));
  const std::string error = error_of<DataError>([&] { (void)dataset.read(dataset.schema()); });
  EXPECT_TRUE(contains(error, "t.csv, row 41, column b: 'xyz'")) << error;
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)dataset.read({dataset.column("a", "")}); }), "row 61, column a"));
}

TEST(Dataset, OpensTheObjectsOfAProductThatHasOtherTables) {
  const Folder folder;
  const std::string path = folder.file("p.h5");
  create_columns(path, {{"/object", {{"x", Type::f8}}, 3}, {"/index/other", {{"y", Type::f8}}, 2}}, {{"product_class", "catalogue"}});
  EXPECT_TRUE(is_own_product(path));
  EXPECT_EQ(Dataset(path).rows(), 3);
  EXPECT_FALSE(is_own_product(folder.file("t.csv", "a\n1\n")));
  EXPECT_FALSE(is_own_product(folder.file("absent.h5")));
}

TEST(Dataset, NamesTheNearestColumnAndWhatNamesIt) {
  const Folder folder;
  const Dataset dataset(folder.file("t.csv", "mag_g,name\n1.5,one\n"));
  const std::string error = error_of<UsageError>([&] { (void)dataset.column("mag_q", "--bands.magnitude"); });
  EXPECT_TRUE(contains(error, "no column 'mag_q' (named by --bands.magnitude), did you mean 'mag_g'?")) << error;
  EXPECT_TRUE(contains(error_of<DataError>([&] { (void)dataset.number_column("name", ""); }), "column name is not a column of numbers"));
}

TEST(Csv, QuotesCellsThatHoldWhatEndsACellOrALine) {
  EXPECT_EQ(csv_cell("plain text"), "plain text");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("a \"b\""), "\"a \"\"b\"\"\"");
  EXPECT_EQ(csv_cell("a\rb"), "\"a\rb\"");  // readers take a lone carriage return for the end of a line, too
}

}  // namespace
}  // namespace skyfold

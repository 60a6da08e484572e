#include "skyfold/dataset/correction_record.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "../support.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/dataset/model_file.hpp"

namespace skyfold {
namespace {

using testing_support::Folder;

CorrectionRecord record() {
  CorrectionRecord record{.bands = {"g", "r"}, .zeropoint = {0.1, -1.0 / 3.0}, .tile = "tile", .ebv = "ebv"};
  record.extinction = {3.2, 2.1};
  record.nondetection = {30.0};
  record.scale = {"f_{band}", "", {31.4, 31.0}, {}};
  record.tiles = {{"a", {0.01, 0.02}}, {"long name", {-0.5, 1e-17}}};
  return record;
}

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(CorrectionRecords, ReadBackFromAModelAsTheyWereWritten) {
  const Folder folder;
  PhotozModel model;
  model.algorithm = "knn";
  model.bands.bands = {"g", "r"};
  model.tables["x"] = Table({{"y", Type::f8}}, 1);
  model.tables["x"][0].values<double>()[0] = 1.0;
  model.corrections = record();
  write_model(folder.file("m.h5"), model, "{}");
  const PhotozModel back = read_model(folder.file("m.h5"));
  EXPECT_EQ(difference(back.corrections, record(), {"g", "r"}), "");
  EXPECT_EQ(back.corrections.tiles, record().tiles);
  EXPECT_EQ(back.corrections.zeropoint, record().zeropoint);
  EXPECT_EQ(back.corrections.nondetection, record().nondetection);
  EXPECT_EQ(back.corrections.scale.line(), record().scale.line());
  EXPECT_EQ(back.tables.size(), 1U);
}

TEST(CorrectionRecords, ThatAreEmptyLeaveNoTrace) {
  EXPECT_TRUE(correction_attributes({}).empty());
  EXPECT_TRUE(correction_attributes({.bands = {"g"}, .zeropoint = {0.0}}).empty());
  EXPECT_FALSE(corrections_from({{"other", "text"}}, nullptr, "m.h5"));
}

TEST(CorrectionRecords, ThatAreDamagedAreNamed) {
  Attributes attributes = correction_attributes(record());
  attributes["corrections.zeropoint"] = "0.1";
  EXPECT_EQ(error_of([&] { (void)corrections_from(attributes, nullptr, "m.h5"); }), "m.h5: corrections.zeropoint has 1 values for 2 bands");
  attributes["corrections.zeropoint"] = "0.1,red";
  EXPECT_THROW((void)corrections_from(attributes, nullptr, "m.h5"), DataError);
  EXPECT_NE(error_of([&] { (void)corrections_from(attributes, nullptr, "m.h5"); }).find("(damaged)"), std::string::npos);
  CorrectionRecord one{.bands = {"g"}, .tile = "tile"};
  one.tiles = {{"a", {1.0}}};
  const Table tiles = tile_table(one);
  EXPECT_NE(error_of([&] { (void)corrections_from(correction_attributes(record()), &tiles, "m.h5"); }).find("not those of 2 bands"),
            std::string::npos);
}

TEST(CorrectionRecords, DifferByWhatTheyDoToTheBandsInQuestion) {
  CorrectionRecord other = record();
  other.tile = "tilename";
  EXPECT_EQ(difference(record(), other, {"r", "g"}), "");
  other.zeropoint[0] = 0.2;
  EXPECT_EQ(difference(record(), other, {"g"}), "zero points g 0.1 mag against g 0.2");
  EXPECT_EQ(difference(record(), other, {"r"}), "");
  other = record();
  other.tiles["a"][0] = 9.0;
  EXPECT_EQ(difference(record(), other, {"g"}), "zero points of tile 'a' differ");
  other = record();
  other.extinction = {3.2, 2.0};
  EXPECT_EQ(difference(record(), other, {"g", "r"}), "extinction g 3.2, r 2.1 against g 3.2, r 2");
  other.ebv.clear();
  EXPECT_EQ(difference(record(), other, {"g"}), "extinction by ebv on one side alone");
}

TEST(CorrectionsOfATable, AddZeroPointsAndTakeExtinctionOffInTheTypeOfTheColumn) {
  Table rows({{"mag_g", Type::f4}, {"mag_r", Type::f8}, {"tile", Type::text, 9}, {"ebv", Type::f4}}, 4);
  const float g[] = {20.25F, 99.0F, 21.0F, NAN};
  const double r[] = {19.0, 30.05, -99.0, 18.0};
  const float ebv[] = {0.1F, 0.2F, INFINITY, 0.3F};
  const char* tile[] = {"a", "long name", "a", "a"};
  std::ranges::fill(rows[2].values<char>(), '\0');
  for (std::size_t i = 0; i < 4; ++i) {
    rows[0].values<float>()[i] = g[i];
    rows[1].values<double>()[i] = r[i];
    std::copy_n(tile[i], std::string(tile[i]).size(), rows[2].values<char>().begin() + static_cast<std::ptrdiff_t>(9 * i));
    rows[3].values<float>()[i] = ebv[i];
  }
  BandOptions bands;
  bands.bands = {"g", "r"};
  bands.nondetection = {30.0};
  CorrectionRecord of_magnitudes = record();
  of_magnitudes.scale = {};
  const Corrections corrections(of_magnitudes, {{"mag_g", "mag_r"}, {}}, bands, rows.schema(), "cat.h5", "zp.csv");
  EXPECT_EQ(corrections.apply(rows), 1);
  EXPECT_EQ(rows[0].values<float>()[0], static_cast<float>(20.25 + 0.1 + 0.01 - 3.2 * static_cast<double>(0.1F)));
  EXPECT_EQ(rows[0].values<float>()[1], 99.0F);  // not detected
  EXPECT_TRUE(std::isnan(rows[0].values<float>()[2]));
  EXPECT_EQ(rows[1].values<double>()[0], 19.0 - 1.0 / 3.0 + 0.02 - 2.1 * static_cast<double>(0.1F));
  EXPECT_EQ(rows[1].values<double>()[1], 30.05);
  EXPECT_EQ(rows[1].values<double>()[2], -99.0);
  rows[2].values<char>()[0] = 'b';
  EXPECT_EQ(error_of([&] { (void)corrections.look_up(rows); }), "zp.csv: no zero points for tile 'b' of cat.h5");
}

}  // namespace
}  // namespace skyfold

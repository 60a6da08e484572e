#include "skyfold/dataset/roles.hpp"

#include <gtest/gtest.h>

namespace skyfold {
namespace {

Schema columns(const std::vector<std::string>& names) {
  Schema schema;
  for (const std::string& name : names) schema.push_back({name, name.starts_with("text_") ? Type::text : Type::f8});
  for (ColumnInfo& column : schema)
    if (column.type == Type::text) column.name = column.name.substr(5);
  return schema;
}

std::string pair_of(const std::vector<std::string>& names, std::optional<Frame> frame = std::nullopt) {
  const auto found = known_position(columns(names), frame);
  return found ? found->lon + " " + found->lat + " " + letter_of(found->frame) : "none";
}

TEST(Roles, FindPositionsInPairsWithTheirFrame) {
  EXPECT_EQ(pair_of({"ELON", "ELAT", "RA", "Dec", "GLON", "GLAT"}), "GLON GLAT G");
  EXPECT_EQ(pair_of({"ELON", "ELAT", "RA", "Dec"}), "RA Dec C");
  EXPECT_EQ(pair_of({"ELON", "ELAT", "RA", "Dec", "GLON", "GLAT"}, Frame::ecliptic), "ELON ELAT E");
  EXPECT_EQ(pair_of({"RA", "DEJ2000"}), "none");
  EXPECT_EQ(pair_of({"RAJ2000", "DECJ2000"}), "RAJ2000 DECJ2000 C");
  EXPECT_EQ(pair_of({"coord_ra", "coord_dec"}), "coord_ra coord_dec C");
  EXPECT_EQ(pair_of({"text_RA", "text_Dec", "RA_deg", "Dec_deg"}), "RA_deg Dec_deg C");
  EXPECT_EQ(pair_of({"text_RA", "text_Dec"}), "RA Dec C");
  EXPECT_EQ(known_frame("GLON", "GLAT"), Frame::galactic);
  EXPECT_EQ(known_frame("GLON", "Dec"), std::nullopt);
}

TEST(Roles, PreferNumbersOverTextsForCoordinates) {
  EXPECT_EQ(known_coordinate(columns({"text_ra", "RA_ICRS", "raj2000"}), known_columns::ra), "raj2000");
  EXPECT_EQ(known_coordinate(columns({"text_ra", "dec"}), known_columns::ra), "ra");
  EXPECT_EQ(known_coordinate(columns({"x"}), known_columns::ra), "");
}

TEST(Roles, ListsHaveTheOrderThatCatalogueFilesWereMadeWith) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(known_columns::ra, (Names{"ra", "alphawin_j2000", "alpha_j2000", "raj2000", "ra_icrs", "_raj2000", "ra_deg", "ra_mean", "radeg",
                                      "source_ra", "coord_ra"}));
  EXPECT_EQ(known_columns::dec, (Names{"dec", "deltawin_j2000", "delta_j2000", "dej2000", "decj2000", "de_icrs", "_dej2000", "dec_deg",
                                       "dec_mean", "dedeg", "source_dec", "coord_dec"}));
}

TEST(Roles, PutWhatACommandPrefersBeforeTheSameList) {
  const Schema schema = columns({"ObjID", "SpecObjID", "Name"});
  EXPECT_EQ(known_column(schema, known_columns::id), "ObjID");
  EXPECT_EQ(known_column(schema, known_columns::target_id), "SpecObjID");
  EXPECT_EQ(known_column(schema, known_columns::source_name), "Name");
  EXPECT_EQ(known_column(columns({"COADD_OBJECT_ID"}), known_columns::source_name), "COADD_OBJECT_ID");
}

}  // namespace
}  // namespace skyfold

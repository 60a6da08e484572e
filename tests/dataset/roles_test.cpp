#include "skyfold/dataset/roles.hpp"

#include <gtest/gtest.h>

#include "skyfold/core/error.hpp"

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
  EXPECT_EQ(known_columns::dec, (Names{"dec", "decl", "deltawin_j2000", "delta_j2000", "dej2000", "decj2000", "de_icrs", "_dej2000",
                                       "dec_deg", "dec_mean", "dedeg", "source_dec", "coord_dec"}));
}

TEST(Roles, PutWhatACommandPrefersBeforeTheSameList) {
  const Schema schema = columns({"ObjID", "SpecObjID", "Name"});
  EXPECT_EQ(known_column(schema, known_columns::id), "ObjID");
  EXPECT_EQ(known_column(schema, known_columns::target_id), "SpecObjID");
  EXPECT_EQ(known_column(schema, known_columns::source_name), "Name");
  EXPECT_EQ(known_column(columns({"COADD_OBJECT_ID"}), known_columns::source_name), "COADD_OBJECT_ID");
}

/// All roles of a table, none of them required.
RolesAsked everything() {
  return {.path = "t.fits",
          .lon = RoleAsked{"columns.ra", "", false},
          .lat = RoleAsked{"columns.dec", "", false},
          .magnitude = RoleAsked{"bands.magnitude", "", false},
          .redshift = RoleAsked{"redshift", "", false},
          .quality = RoleAsked{"quality", "", false},
          .id = RoleAsked{"id", "", false}};
}

std::string failure_of(const Schema& schema, const RolesAsked& asked) {
  try {
    (void)find_roles(schema, asked);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Roles, OfATableAreFoundAtOnceAndSaid) {
  const TableRoles found = find_roles(columns({"objectId", "coord_ra", "coord_dec", "g_cModelMag", "r_cModelMag", "z_cModelMag",
                                               "g_cModelMagErr", "r_cModelMagErr", "z_cModelMagErr", "redshift", "ZQUALITY"}),
                                      everything());
  EXPECT_EQ(found.id, "objectId");
  ASSERT_TRUE(found.position);
  EXPECT_EQ(found.position->lon + " " + found.position->lat, "coord_ra coord_dec");
  EXPECT_EQ(found.bands.magnitude + " " + found.bands.error, "{band}_cModelMag {band}_cModelMagErr");
  EXPECT_EQ(found.columns.error.back(), "z_cModelMagErr");
  EXPECT_EQ(found.redshift + " " + found.quality, "redshift ZQUALITY");
  EXPECT_EQ(found.guesses.size(), 5U);
  EXPECT_EQ(found.guesses.front(), "guessed columns.ra = coord_ra, columns.dec = coord_dec");
  ASSERT_EQ(found.warnings.size(), 1U);  // no band i
  EXPECT_NE(found.warnings[0].find("t.fits: bands g,r,z are there, but not i"), std::string::npos) << found.warnings[0];
}

TEST(Roles, ThatAreNotThereAreNone) {
  const TableRoles found = find_roles(columns({"x", "y"}), everything());
  EXPECT_FALSE(found.position);
  EXPECT_EQ(found.id + found.redshift + found.quality + found.bands.magnitude, "");
  EXPECT_TRUE(found.columns.magnitude.empty() && found.guesses.empty() && found.warnings.empty());
}

TEST(Roles, AreWhatTheUserSaysWithoutAWord) {
  RolesAsked asked = everything();
  asked.lon->given = "x", asked.lat->given = "y", asked.redshift->given = "dec", asked.id->given = "none";
  asked.bands.bands = {"g", "r", "z"};
  asked.bands.magnitude = "m_{band}";
  const TableRoles found = find_roles(columns({"ra", "dec", "x", "y", "m_g", "m_r", "m_z", "id", "z_spec"}), asked);
  EXPECT_EQ(found.position->lon + found.position->lat + found.redshift + found.id, "xydec");
  EXPECT_TRUE(found.columns.error.empty() && found.guesses.empty() && found.warnings.empty());
}

TEST(Roles, OfOneCoordinateGoWithTheOther) {
  RolesAsked asked = everything();
  const Schema schema = columns({"ra", "raj2000", "dej2000", "decl"});
  EXPECT_EQ(find_roles(schema, asked).position->lat, "decl");
  asked.lon->given = "raj2000";
  EXPECT_EQ(find_roles(schema, asked).position->lat, "dej2000");
  EXPECT_EQ(find_roles(columns({"ra", "raj2000", "dej2000"}), everything()).position->lon, "raj2000");
}

TEST(Roles, ThatAreRequiredNameTheirOptionsWhereTheyAreMissing) {
  RolesAsked asked = everything();
  for (auto* role : {&asked.lon, &asked.lat, &asked.magnitude, &asked.redshift, &asked.quality, &asked.id}) (*role)->is_required = true;
  EXPECT_EQ(failure_of(columns({"ra"}), asked), "t.fits: no coordinates found (name them with --columns.ra and --columns.dec)");
  asked.lon = asked.lat = std::nullopt;
  EXPECT_NE(failure_of(columns({"z_spec"}), asked).find("--bands.magnitude"), std::string::npos);
  asked.magnitude = std::nullopt;
  EXPECT_EQ(failure_of(columns({"g"}), asked), "t.fits: no column of redshifts found (name it with --redshift)");
  EXPECT_NE(failure_of(columns({"g", "z"}), asked).find("may be the redshift or the magnitude"), std::string::npos);
  EXPECT_EQ(failure_of(columns({"zs"}), asked), "t.fits: no column of redshift qualities found (name it with --quality)");
  EXPECT_EQ(failure_of(columns({"zs", "qop"}), asked), "t.fits: no column of ids found (name it with --id)");
  asked.id->given = "qo";
  EXPECT_EQ(failure_of(columns({"zs", "qop"}), asked), "t.fits: no column 'qo' (named by --id), did you mean 'qop'?");
}

TEST(Roles, KnowTheMagnitudesOfStarsWithoutErrors) {
  RolesAsked asked{.path = "t.fits", .magnitude = RoleAsked{"bands.magnitude", ""}, .needs_errors = false};
  const Schema both = columns({"mag_u", "mag_g", "mag_r", "mag_i", "mag_z", "psfmag_u", "psfmag_g", "psfmag_r", "psfmag_i", "psfmag_z"});
  EXPECT_EQ(find_roles(both, asked).bands.magnitude, "psfmag_{band}");
  asked.bands.bands = {"g", "r"};
  EXPECT_EQ(find_roles(columns({"mag_g", "r_psfMag", "g_psfMag"}), asked).bands.magnitude, "{band}_psfMag");
  EXPECT_EQ(failure_of(columns({"mag_g"}), asked),
            "t.fits: no known names of magnitude columns in g,r (say how they are called with --bands and --bands.magnitude)");
}

TEST(Roles, SayWhichFluxesAreThereInPlaceOfMagnitudes) {
  const Schema schema = columns({"g_cModelFlux", "r_cModelFlux", "i_cModelFlux", "g_cModelFluxErr", "r_cModelFluxErr", "i_cModelFluxErr"});
  RolesAsked asked{.path = "t.fits", .magnitude = RoleAsked{"bands.magnitude", ""}};
  const std::string failure = failure_of(schema, asked);
  EXPECT_NE(failure.find(
                "; fluxes of bands g,r,i are there: --bands.flux '{band}_cModelFlux' --bands.flux_error '{band}_cModelFluxErr' takes them"),
            std::string::npos)
      << failure;
  EXPECT_EQ(failure_of(columns({"g_cModelFlux", "g_cModelFluxErr"}), asked).find("fluxes"), std::string::npos);
}

TEST(Roles, MissABandWithinASequenceAlone) {
  const auto missing = [](std::vector<std::string> bands) {
    std::string all;
    for (const std::string& band : missing_between(bands)) all += band;
    return all;
  };
  EXPECT_EQ(missing({"g", "r", "z", "y"}), "i");
  EXPECT_EQ(missing({"u", "z"}), "gri");
  EXPECT_EQ(missing({"g", "r", "i", "z", "Y"}), "");
  EXPECT_EQ(missing({"r", "i", "z"}), "");
  EXPECT_EQ(missing({"g", "z", "J"}), "");
  EXPECT_EQ(missing({}), "");
}

}  // namespace
}  // namespace skyfold

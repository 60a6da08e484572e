#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "locus_objects.hpp"

using namespace skyfold;
using namespace skyfold::locus_objects;

namespace {

/// Columns of a file of the worked example of The Locus Algorithm I (Creaner et al., arXiv:2003.04582).
std::map<std::string, std::vector<double>> read(const std::string& name) {
  const char* shared = std::getenv("SKYFOLD_SHARED_DATA");
  const auto path =
      (shared ? std::filesystem::path(shared) : std::filesystem::path(SKYFOLD_SOURCE_DIR) / ".." / "shared" / "data") / "locus" / name;
  std::ifstream file(path);
  std::map<std::string, std::vector<double>> columns;
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    std::stringstream cells(line);
    std::size_t c = 0;
    for (std::string cell; std::getline(cells, cell, ','); ++c)
      if (columns.size() < c + 1 && names.size() == c)
        columns[names.emplace_back(cell)];
      else
        columns[names[c]].push_back(std::stod(cell));
  }
  return columns;
}

Sky sky_of(const std::map<std::string, std::vector<double>>& c) {
  return {c.at("ra"), c.at("dec"), c.at("psfmag_g"), c.at("psfmag_r"), c.at("psfmag_i")};
}

class WorkedExample : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto stars = read("paper1_in_frame_1345.csv");
    if (stars.empty()) GTEST_SKIP() << "the data of the paper are absent (set SKYFOLD_SHARED_DATA to the folder of the real data)";
    in_frame = sky_of(stars);
    target = sky_of(read("paper1_target.csv"));
    published = read("paper1_final_pointing.csv");
  }
  /// The crowding rule as the paper's own script applies it: neighbours up to 2 mag fainter.
  static LocusOptions as_published() {
    LocusOptions o;
    o.compat = "locus6";
    o.crowding_dmag = 2.0;
    return o;
  }
  double n_candidates(LocusOptions o) const { return find_pointings(o, target, in_frame).number("n_candidates", 0); }

  Sky in_frame, target;
  std::map<std::string, std::vector<double>> published;
};

TEST_F(WorkedExample, HasThePublishedNumberOfStarsAtEachStage) {
  LocusOptions o = as_published();
  EXPECT_EQ(in_frame.size(), 1345U);
  EXPECT_EQ(n_candidates(o), 14.0);
  o.resolution = 0.0;
  EXPECT_EQ(n_candidates(o), 15.0);
  o.dcol = 50.0;
  EXPECT_EQ(n_candidates(o), 41.0);
  o.dmag = 0.0;
  o.compat = "none";  // locus6 would take a second for so many
  o.geometry = "box";
  o.exclude_target = false;
  EXPECT_EQ(n_candidates(o), 1345.0);
}

TEST_F(WorkedExample, GivesThePublishedPointingUnderLocus6) {
  const Pointings result = find_pointings(as_published(), target, in_frame);
  EXPECT_EQ(result.number("status", 0), 0.0);
  EXPECT_EQ(result.number("n_ref", 0), 7.0);
  EXPECT_NEAR(result.number("av_ra", 0), published.at("ra")[0], 1e-9);
  EXPECT_NEAR(result.number("av_dec", 0), published.at("dec")[0], 1e-9);
  EXPECT_NEAR(result.number("rating", 0), published.at("score")[0], 1e-9);
}

TEST_F(WorkedExample, TakesThePublishedReferenceStars) {
  const auto field = read("paper1_final_fov_7.csv");
  const Pointings result = find_pointings(as_published(), target, in_frame);
  ASSERT_EQ(result.references.size(), 7U);
  double sum = 0.0;
  for (const LocusReference& r : result.references) {
    const double ra = in_frame.ra[static_cast<std::size_t>(r.star_row)];
    const auto found = std::ranges::find(field.at("ra"), ra);
    ASSERT_NE(found, field.at("ra").end());
    EXPECT_NEAR(r.rating, field.at("ratings")[static_cast<std::size_t>(found - field.at("ra").begin())], 1e-9);
    sum += r.rating;
  }
  EXPECT_NEAR(sum, published.at("score")[0], 1e-9);
}

TEST_F(WorkedExample, IsSolvedAtLeastAsWellByTheExactSearch) {
  for (const char* geometry : {"box", "tangent"}) {
    LocusOptions o = as_published();
    o.compat = "none";
    o.geometry = geometry;
    o.exclude_target = false;
    const Pointings result = find_pointings(o, target, in_frame);
    EXPECT_EQ(result.number("n_candidates", 0), 14.0);
    EXPECT_GE(result.number("rating", 0), published.at("score")[0] - 1e-9);
    EXPECT_EQ(result.number("n_ref", 0), 7.0);
    EXPECT_GT(result.number("margin", 0), 1.0);  // the published pointing has a star on the very edge
  }
}

}  // namespace

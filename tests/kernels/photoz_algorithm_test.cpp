#include <gtest/gtest.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {
namespace {

TEST(PhotozAlgorithms, SuggestTheNearestName) {
  const std::vector<std::string> names = photoz_algorithm_names();
  EXPECT_NE(std::find(names.begin(), names.end(), "dnf"), names.end());
  try {
    static_cast<void>(make_photoz_algorithm("dnff"));
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'dnf'"), std::string::npos);
  }
}

TEST(PdfGrid, HoldsBothEnds) {
  const std::vector<double> grid = pdf_grid({.kind = "interp", .zmin = 0.1, .zmax = 1.1, .bins = 11});
  EXPECT_EQ(grid.size(), 11u);
  EXPECT_EQ(grid.front(), 0.1);
  EXPECT_EQ(grid.back(), 1.1);
  EXPECT_NEAR(grid[5], 0.6, 1e-15);
  EXPECT_THROW(static_cast<void>(pdf_grid({.zmin = 1.0, .zmax = 1.0})), UsageError);
}

}  // namespace
}  // namespace skyfold

#include "import/overlaps.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "../registry/mpi_environment.hpp"
#include "../support.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/sky/match.hpp"

namespace skyfold {
namespace {

using testing_support::Folder;

constexpr std::int64_t rows = 4000;
constexpr double radius_arcsec = 2.0;

/// Rows of five tiles in a field so crowded that links make chains across many bands, which are 3.5 arcsec high.
OverlapBlock crowded_field() {
  OverlapBlock block;
  ObjectRandom random(3, 1);
  for (std::int64_t row = 0; row < rows; ++row) {
    block.ra.push_back(120.0 + 0.01 * random.uniform());
    block.dec.push_back(-0.02 + 0.04 * random.uniform());
    block.tiles.push_back(row % 5);
    block.merits.push_back(random.uniform());
  }
  return block;
}

std::vector<Repeated> found(const Folder& folder, std::int64_t memory_bytes) {
  RankClock clock;
  testing_support::start_mpi();
  const Ranks ranks(clock);
  return find_repeated(ranks, {rows, radius_arcsec, true, folder.path(), folder.file("keys"), memory_bytes, 1});
}

TEST(Overlaps, AreTheSameWhateverTheBandsAndNoTwoThatStayAreLinked) {
  const Folder folder;
  const OverlapBlock block = crowded_field();
  OverlapArrays::create(folder.path(), rows);
  OverlapArrays arrays(folder.path());
  arrays.write(0, block);
  ScratchArray::create(folder.file("keys"), rows);
  const std::vector<Repeated> whole = found(folder, 1 << 30);
  // Bands of one bin, and of a few.
  for (const std::int64_t memory : {1L, 40'000L}) {
    const std::vector<Repeated> banded = found(folder, memory);
    ASSERT_EQ(banded.size(), whole.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(banded[i].row, whole[i].row);
      EXPECT_EQ(banded[i].kept, whole[i].kept);
      EXPECT_EQ(banded[i].separation_arcsec, whole[i].separation_arcsec);
    }
  }
  EXPECT_GT(whole.size(), 300U);
  std::set<std::int64_t> gone;
  for (const Repeated& r : whole) gone.insert(r.row);
  for (const Repeated& r : whole) {
    EXPECT_FALSE(gone.contains(r.kept));
    EXPECT_NE(block.tiles[static_cast<std::size_t>(r.row)], block.tiles[static_cast<std::size_t>(r.kept)]);
    EXPECT_GT(block.merits[static_cast<std::size_t>(r.kept)], block.merits[static_cast<std::size_t>(r.row)]);
    EXPECT_LE(r.separation_arcsec, radius_arcsec + 1e-9);
  }
}

}  // namespace
}  // namespace skyfold

#include "skyfold/catalogue/halo.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "../support.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::Folder;

constexpr std::int64_t n_rows = 70'000;

/// A catalogue of a cap about a pole and a field across RA 0, written by rank 0.
class HaloOnRanks : public testing::Test {
 protected:
  HaloOnRanks() {
    if (ranks.is_first()) folder = std::make_unique<Folder>();
    path = ranks.broadcast(ranks.is_first() ? folder->file("stars.h5") : "");
    for (std::uint64_t i = 0; i < n_rows; ++i) {
      ObjectRandom random(3, i);
      keys.push_back(healpix29(i % 2 == 0 ? Position{360.0 * random.uniform(), 88.0 + 2.0 * random.uniform()}
                                          : Position{std::fmod(359.0 + 2.0 * random.uniform(), 360.0), 10.0 + random.uniform()}));
    }
    std::ranges::sort(keys);
  }
  ~HaloOnRanks() override {
    ranks.together([] {});
  }  // nobody reads any more when the folder goes

  void write(Ordering ordering) {
    CatalogueLayout layout;
    layout.schema = {{healpix_column, Type::i8}};
    layout.rows = n_rows;
    layout.ordering = ordering;
    layout.provenance = "{}";
    ranks.on_first_only([&] {
      create_catalogue(path, layout);
      RowWriter(path).write(0, 0, std::as_bytes(std::span(keys)));
    });
    finalise_catalogue(ranks, path);
  }

  RankClock clock;
  Ranks ranks{clock};
  std::unique_ptr<Folder> folder;
  std::string path;
  std::vector<std::int64_t> keys;
};

TEST_F(HaloOnRanks, FindsExactlyTheRowsOfARegion) {
  write(Ordering::healpix);
  const Catalogue catalogue(path);
  const HaloFinder halo(catalogue);
  for (const Position& centre : {Position{0.0, 90.0}, {0.0, 10.5}, {359.2, 10.1}, {120.0, 88.5}, {50.0, -20.0}})
    for (const double radius : {0.05, 0.4, 30.0}) {
      const Region region = cone(centre, radius, radius > 1.0 ? 6 : 12);
      std::vector<bool> found(keys.size());
      std::int64_t before = 0;
      for (const RowRange& range : halo.rows_in(region, 1)) {
        EXPECT_GE(range.begin, before);
        EXPECT_LT(range.begin, range.end);
        before = range.end;
        std::fill(found.begin() + range.begin, found.begin() + range.end, true);
      }
      for (std::size_t row = 0; row < keys.size(); ++row) ASSERT_EQ(found[row], skyfold::contains(region, keys[row])) << row;
    }
}

TEST_F(HaloOnRanks, JoinsRangesThatAreNearEachOther) {
  write(Ordering::healpix);
  const Catalogue catalogue(path);
  const HaloFinder halo(catalogue);
  const Region region = cone({0.0, 10.5}, 0.4, 12);
  const auto apart = halo.rows_in(region, 1), joined = halo.rows_in(region, 1000);
  EXPECT_LT(joined.size(), apart.size());
  EXPECT_EQ(joined.front().begin, apart.front().begin);
  EXPECT_EQ(joined.back().end, apart.back().end);
  EXPECT_GE(row_count(joined), row_count(apart));
  for (std::size_t i = 1; i < joined.size(); ++i) EXPECT_GE(joined[i].begin - joined[i - 1].end, 1000);
}

TEST_F(HaloOnRanks, IsRefusedForAnotherOrder) {
  write(Ordering::none);
  const Catalogue catalogue(path);
  EXPECT_TRUE(contains(error_of<UsageError>([&] { HaloFinder{catalogue}; }), "ordered by none"));
}

}  // namespace
}  // namespace skyfold

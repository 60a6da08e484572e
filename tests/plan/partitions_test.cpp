#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "../support.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;

/// Sorted order-29 keys: part uniform over the sky, part in a few crowded places, some of them equal.
std::vector<std::int64_t> random_keys(std::size_t n, std::uint64_t seed) {
  ObjectRandom random(seed, 0);
  const std::int64_t crowd = static_cast<std::int64_t>(random.uniform() * static_cast<double>(pixel_count(29)));
  std::vector<std::int64_t> keys(n);
  for (std::int64_t& key : keys) {
    const double where = random.uniform();
    if (where < 0.5)
      key = static_cast<std::int64_t>(random.uniform() * static_cast<double>(pixel_count(29)));
    else if (where < 0.9)
      key = std::min(pixel_count(29) - 1, crowd + static_cast<std::int64_t>(random.uniform() * 1e12));
    else
      key = crowd;
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

OrderedRows healpix_rows(const std::vector<std::int64_t>& keys) {
  OrderedRows rows;
  rows.rows = std::ssize(keys);
  rows.row_of_key = [&keys](std::int64_t key, RowRange within) {
    return std::lower_bound(keys.begin() + within.begin, keys.begin() + within.end, key) - keys.begin();
  };
  return rows;
}

/// Rows in order of an attribute; NaN last.
OrderedRows attribute_rows(std::vector<double>& values) {
  std::sort(values.begin(), values.end(), [](double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; });
  OrderedRows rows;
  rows.rows = std::ssize(values);
  rows.attribute = "MAG_I";
  rows.attribute_missing = std::count_if(values.begin(), values.end(), [](double v) { return std::isnan(v); });
  rows.attribute_at = [&values](std::int64_t row) { return values[static_cast<std::size_t>(row)]; };
  return rows;
}

void expect_cover(const std::vector<Partition>& partitions, std::int64_t rows) {
  std::int64_t next = 0;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    EXPECT_EQ(partitions[i].id, static_cast<std::int64_t>(i));
    EXPECT_EQ(partitions[i].rows.begin, next);
    EXPECT_GT(partitions[i].rows.size(), 0);
    EXPECT_EQ(partitions[i].cost, static_cast<double>(partitions[i].rows.size()));
    EXPECT_FALSE(partitions[i].label.empty());
    next = partitions[i].rows.end;
  }
  EXPECT_EQ(next, rows);
}

PartitionOptions by(const std::string& strategy, const std::string& bins = "equal:10") {
  PartitionOptions o;
  o.by = strategy;
  o.bins = bins;
  return o;
}

class SkyPartitions : public testing::TestWithParam<std::size_t> {};

TEST_P(SkyPartitions, ByHealpixGroupTheRowsOfEqualPixels) {
  for (const long nside : {4L, 32L, 1024L}) {
    const auto keys = random_keys(GetParam(), static_cast<std::uint64_t>(nside));
    PartitionOptions o = by("healpix");
    o.nside = nside;
    const int order = order_of_nside(nside);
    const auto partitions = build_partitions(healpix_rows(keys), o);
    expect_cover(partitions, std::ssize(keys));
    std::map<std::int64_t, std::int64_t> population;
    for (const std::int64_t key : keys) ++population[pixel_of(key, order)];
    ASSERT_EQ(partitions.size(), population.size());
    for (auto pixel = population.begin(); const Partition& partition : partitions) {
      EXPECT_EQ(partition.rows.size(), pixel->second);
      EXPECT_EQ(partition.label, "order " + std::to_string(order) + " pixel " + std::to_string(pixel->first));
      ++pixel;
    }
  }
}

TEST_P(SkyPartitions, AdaptiveSplitsWhatHoldsMoreThanTheAimAndNothingElse) {
  const auto keys = random_keys(GetParam(), 5);
  PartitionOptions o = by("adaptive");
  for (const long aim : {1L, 10L, 300L}) {
    o.rows = aim;
    const auto partitions = build_partitions(healpix_rows(keys), o);
    expect_cover(partitions, std::ssize(keys));
    for (const Partition& partition : partitions) {
      const auto space = partition.label.rfind(' ');
      const int order = std::stoi(partition.label.substr(6));
      const std::int64_t pixel = std::stoll(partition.label.substr(space));
      const auto in_pixel = [&](int at, std::int64_t p) {
        return std::count_if(keys.begin(), keys.end(), [&](std::int64_t key) { return pixel_of(key, at) == p; });
      };
      ASSERT_EQ(partition.rows.size(), in_pixel(order, pixel)) << partition.label;
      ASSERT_TRUE(partition.rows.size() <= aim || order == 10) << partition.label;
      if (order > 0) {
        ASSERT_GT(in_pixel(order - 1, pixel / 4), aim) << partition.label;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, SkyPartitions, testing::Values(0, 1, 13, 2000));

TEST(Partitions, RefuseAnNsideThatDoesNotSuit) {
  const std::vector<std::int64_t> keys = {0};
  for (const long nside : {0L, 2L, 3L, 48L, 2048L}) {
    PartitionOptions o = by("healpix");
    o.nside = nside;
    EXPECT_TRUE(contains(error_of<UsageError>([&] { (void)build_partitions(healpix_rows(keys), o); }), std::to_string(nside)));
  }
}

TEST(Partitions, RefuseABlockWithoutRows) {
  OrderedRows rows;
  rows.rows = 10;
  for (const long block : {0L, -5L})
    for (const char* strategy : {"rows", "adaptive"}) {
      PartitionOptions o = by(strategy);
      o.rows = block;
      EXPECT_TRUE(contains(error_of<UsageError>([&] { (void)build_partitions(rows, o); }), "partition.rows"));
    }
}

TEST(Partitions, RefuseAStrategyThatDoesNotExist) {
  EXPECT_TRUE(contains(error_of<UsageError>([] { (void)build_partitions({}, by("htm")); }), "htm"));
}

TEST(Blocks, HaveTheSizeAskedForButTheLast) {
  OrderedRows rows;
  PartitionOptions o = by("rows");
  o.rows = 40;
  for (const std::int64_t n : {0, 1, 40, 41, 120}) {
    rows.rows = n;
    const auto partitions = build_partitions(rows, o);
    expect_cover(partitions, n);
    for (std::size_t i = 0; i + 1 < partitions.size(); ++i) EXPECT_EQ(partitions[i].rows.size(), 40);
  }
}

TEST(Tiles, AreThePartitionsUnlessTheyAreEmpty) {
  OrderedRows rows;
  rows.rows = 9;
  rows.tiles = {{"DES0103", {0, 4}}, {"DES0104", {4, 4}}, {"DES0105", {4, 9}}};
  const auto partitions = build_partitions(rows, by("tile"));
  expect_cover(partitions, 9);
  ASSERT_EQ(partitions.size(), 2U);
  EXPECT_EQ(partitions[1].label, "DES0105");
}

/// For each value the number of edges at or below it: the bin it belongs to.
void expect_bins(const std::vector<double>& values, const std::vector<Partition>& partitions, const std::vector<double>& edges) {
  expect_cover(partitions, std::ssize(values));
  for (const Partition& partition : partitions) {
    const auto bin_of = [&](std::int64_t row) {
      const double value = values[static_cast<std::size_t>(row)];
      return std::isnan(value) ? std::ptrdiff_t{-1} : std::upper_bound(edges.begin(), edges.end(), value) - edges.begin();
    };
    for (std::int64_t row = partition.rows.begin; row < partition.rows.end; ++row)
      ASSERT_EQ(bin_of(row), bin_of(partition.rows.begin)) << partition.label;
    if (partition.rows.end < std::ssize(values)) {
      ASSERT_NE(bin_of(partition.rows.end), bin_of(partition.rows.begin)) << partition.label;
    }
  }
}

std::vector<double> magnitudes(std::size_t n, std::size_t missing) {
  ObjectRandom random(9, 9);
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = i < missing ? std::nan("") : std::round(10.0 * (16.0 + 8.0 * random.uniform())) / 10.0;
  return values;
}

TEST(AttributeBins, WithManualEdgesKeepRowsOutsideAndRowsWithoutAValue) {
  auto values = magnitudes(500, 20);
  const auto partitions = build_partitions(attribute_rows(values), by("attribute", "edges:18,19.5,22"));
  expect_bins(values, partitions, {18, 19.5, 22});
  ASSERT_EQ(partitions.size(), 5U);
  const char* labels[] = {"MAG_I < 18", "18 <= MAG_I < 19.5", "19.5 <= MAG_I < 22", "22 <= MAG_I", "MAG_I missing"};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(partitions[i].label, labels[i]);
}

TEST(AttributeBins, OfFixedWidthCutTheRangeEvenly) {
  std::vector<double> values = {0.0, 1.0, 2.4, 2.6, 5.0, 9.9, 10.0};
  const auto partitions = build_partitions(attribute_rows(values), by("attribute", "fixed:4"));
  expect_bins(values, partitions, {2.5, 5.0, 7.5});
  EXPECT_EQ(partitions.size(), 4U);
}

TEST(AttributeBins, OfFixedWidthDoNotCountWhatStandsForNothing) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  std::vector<double> values = magnitudes(400, 7);
  const auto [low, high] = std::minmax_element(values.begin() + 7, values.end());
  std::vector<double> edges;
  for (int i = 1; i < 8; ++i) edges.push_back(*low + (*high - *low) * i / 8.0);
  const std::vector<std::vector<double>> cases = {{99.0, 99.0},     {-99.0, 99.0, 37.5}, {-99.0},
                                                  {37.4521, 99.01}, {inf, -inf, 99.0},   {99.0, -9999.0, 1e20}};
  for (const std::vector<double>& stand_ins : cases) {
    std::vector<double> all = values;
    all.insert(all.end(), stand_ins.begin(), stand_ins.end());
    OrderedRows rows = attribute_rows(all);  // sorts them
    rows.attribute_is_magnitude = true;
    const auto partitions = build_partitions(rows, by("attribute", "fixed:8"));
    std::vector<double> all_edges = edges;
    if (std::ranges::any_of(stand_ins, [](double value) { return value < 0; })) all_edges.insert(all_edges.begin(), *low);
    if (std::ranges::any_of(stand_ins, [](double value) { return value > 0; })) all_edges.push_back(37.0);
    expect_bins(all, partitions, all_edges);
    EXPECT_EQ(partitions.size(), all_edges.size() + 2);  // and those without a value
  }
  // Of other columns 99 is a value like others, but infinities are no width.
  std::vector<double> others = {-inf, 0.0, 50.0, 99.0, 100.0, inf};
  EXPECT_EQ(build_partitions(attribute_rows(others), by("attribute", "fixed:2")).size(), 4U);
  std::vector<double> none = {-99.0, 99.0, 99.0};
  OrderedRows rows = attribute_rows(none);
  rows.attribute_is_magnitude = true;
  EXPECT_EQ(build_partitions(rows, by("attribute", "fixed:2")).size(), 1U);
}

TEST(AttributeBins, OfEqualPopulationDifferByNoMoreThanTheTiesTheyKeepTogether) {
  auto values = magnitudes(1000, 0);
  const auto partitions = build_partitions(attribute_rows(values), by("attribute", "equal:8"));
  expect_cover(partitions, 1000);
  std::map<double, std::int64_t> ties;
  for (const double value : values) ++ties[value];
  std::int64_t most_ties = 0;
  for (const auto& [value, count] : ties) most_ties = std::max(most_ties, count);
  for (const Partition& partition : partitions) {
    EXPECT_NEAR(static_cast<double>(partition.rows.size()), 125.0, static_cast<double>(most_ties));
    if (partition.rows.begin == 0) continue;
    const auto first = static_cast<std::size_t>(partition.rows.begin);
    EXPECT_LT(values[first - 1], values[first]);  // equal values stay together
  }
}

/// Rows of consecutive whole numbers around a value that is no double.
OrderedRows whole_rows(std::int64_t first, std::int64_t rows) {
  OrderedRows whole;
  whole.rows = rows;
  whole.attribute = "id";
  whole.attribute_is_whole = true;
  whole.attribute_at = [first](std::int64_t row) { return static_cast<AttributeValue>(first + row); };
  return whole;
}

std::vector<std::int64_t> sizes_of(const OrderedRows& rows, const std::string& bins) {
  std::vector<std::int64_t> sizes;
  for (const Partition& partition : build_partitions(rows, by("attribute", bins))) sizes.push_back(partition.rows.size());
  return sizes;
}

TEST(AttributeBins, AreCutBetweenWholeNumbersThatAreNoDoubles) {
  const std::int64_t id = 1237648720693755918;
  const OrderedRows rows = whole_rows(id, 100);
  const std::string text = std::to_string(id);
  EXPECT_EQ(sizes_of(rows, "fixed:4"), (std::vector<std::int64_t>{25, 25, 25, 25}));
  EXPECT_EQ(sizes_of(rows, "equal:5"), (std::vector<std::int64_t>{20, 20, 20, 20, 20}));
  EXPECT_EQ(sizes_of(rows, "edges:1237648720693755919,1237648720693755921"), (std::vector<std::int64_t>{1, 2, 97}));
  EXPECT_EQ(sizes_of(rows, "edges:1237648720693755918.5,1237648720693755920"), (std::vector<std::int64_t>{1, 1, 98}));
  EXPECT_EQ(sizes_of(rows, "edges:-inf,inf"), (std::vector<std::int64_t>{100}));
  EXPECT_EQ(build_partitions(rows, by("attribute", "edges:1237648720693755919,1237648720693755921"))[1].label,
            "1237648720693755919 <= id < 1237648720693755921");
  EXPECT_EQ(sizes_of(whole_rows(std::numeric_limits<std::int64_t>::max() - 9, 10), "fixed:2"), (std::vector<std::int64_t>{5, 5}));
  EXPECT_EQ(sizes_of(whole_rows(std::numeric_limits<std::int64_t>::min(), 10), "fixed:5"), (std::vector<std::int64_t>{2, 2, 2, 2, 2}));
}

TEST(AttributeBins, OfSmallWholeNumbersHaveTheEdgesOfDoubles) {
  const auto partitions = build_partitions(whole_rows(0, 10), by("attribute", "fixed:2"));
  ASSERT_EQ(partitions.size(), 2U);
  EXPECT_EQ(partitions[0].label, "id < 4.5");
  EXPECT_EQ(sizes_of(whole_rows(0, 10), "edges:2.5,7"), (std::vector<std::int64_t>{3, 4, 3}));
  EXPECT_EQ(sizes_of(whole_rows(0, 10), "edges:3.00000000000000000001,7"), (std::vector<std::int64_t>{4, 3, 3}));
}

TEST(AttributeBins, OfOneValueAreOneBin) {
  for (const char* bins : {"equal:10", "fixed:10"}) {
    std::vector<double> values(50, 3.0);
    EXPECT_EQ(build_partitions(attribute_rows(values), by("attribute", bins)).size(), 1U) << bins;
  }
}

TEST(AttributeBins, OfRowsWithoutAnyValueAreOneBin) {
  std::vector<double> values(5, std::nan(""));
  for (const char* bins : {"equal:3", "fixed:3", "edges:1,2"}) {
    const auto partitions = build_partitions(attribute_rows(values), by("attribute", bins));
    ASSERT_EQ(partitions.size(), 1U) << bins;
    EXPECT_EQ(partitions[0].label, "MAG_I missing");
  }
}

TEST(AttributeBins, CoverInfiniteValues) {
  std::vector<double> values = {-INFINITY, 1.0, 2.0, INFINITY, std::nan("")};
  for (const char* bins : {"equal:3", "fixed:3", "edges:1,2"})
    expect_cover(build_partitions(attribute_rows(values), by("attribute", bins)), 5);
}

TEST(AttributeBins, RefuseBinsThatMakeNoSense) {
  std::vector<double> values = {1.0, 2.0};
  for (const char* bins :
       {"edges:3,2", "edges:1,1", "edges:1", "edges:1,x", "edges:1,nan", "edges:", "equal:0", "equal:-1", "fixed:", "fixed:1.5", "ten", ""})
    EXPECT_TRUE(
        contains(error_of<UsageError>([&] { (void)build_partitions(attribute_rows(values), by("attribute", bins)); }), "partition.bins"))
        << bins;
}

TEST(Orderings, HaveNamesThatReadBack) {
  for (const Ordering ordering : {Ordering::healpix, Ordering::tile, Ordering::attribute, Ordering::none})
    EXPECT_EQ(ordering_named(name_of(ordering)), ordering);
  EXPECT_TRUE(contains(error_of<UsageError>([] { (void)ordering_named("htm"); }), "htm"));
}

TEST(Orderings, MakeThePartitionsOfEachStrategyContiguous) {
  const std::pair<const char*, Ordering> expected[] = {{"adaptive", Ordering::healpix},
                                                       {"healpix", Ordering::healpix},
                                                       {"tile", Ordering::tile},
                                                       {"attribute", Ordering::attribute},
                                                       {"rows", Ordering::none}};
  for (const auto& [strategy, ordering] : expected) EXPECT_EQ(ordering_for(by(strategy)), ordering) << strategy;
}

TEST(SuitedPartition, FollowsTheOrderOfTheCatalogueUnlessTheUserChose) {
  EXPECT_EQ(suited_partition(by("adaptive"), false, Ordering::healpix).by, "adaptive");
  EXPECT_EQ(suited_partition(by("adaptive"), false, Ordering::tile).by, "tile");
  EXPECT_EQ(suited_partition(by("adaptive"), false, Ordering::attribute).by, "rows");
  EXPECT_EQ(suited_partition(by("adaptive"), false, Ordering::none).by, "rows");
  EXPECT_EQ(suited_partition(by("adaptive"), true, Ordering::tile).by, "adaptive");
}

}  // namespace

TEST(AttributeBins, OfEqualPopulationDoNotCountWhatStandsForNothing) {
  // A third of the objects is not detected: quarters are those of the others.
  std::vector<double> all;
  for (int i = 0; i < 400; ++i) all.push_back(20.0 + 0.01 * i);
  all.insert(all.end(), 150, 99.0);
  all.insert(all.end(), 20, 37.5);
  all.insert(all.end(), 30, -99.0);
  OrderedRows rows = attribute_rows(all);
  rows.attribute_is_magnitude = true;
  EXPECT_EQ(sizes_of(rows, "equal:4"), (std::vector<std::int64_t>{30, 100, 100, 100, 100, 170}));
  rows.attribute_is_magnitude = false;
  EXPECT_EQ(sizes_of(rows, "equal:4").size(), 4U);
  std::vector<double> none(10, 99.0);
  rows = attribute_rows(none);
  rows.attribute_is_magnitude = true;
  EXPECT_EQ(sizes_of(rows, "equal:4"), (std::vector<std::int64_t>{10}));
}

}  // namespace skyfold

#include "skyfold/kernels/sky_map/pixel_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

namespace skyfold::sky_map {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Rows of a few pixels, some values missing.
struct PixelRows {
  std::vector<std::int64_t> pixels;
  std::vector<double> values, others;
};

PixelRows random_rows(std::size_t count, bool is_sorted) {
  std::mt19937 random(7);
  PixelRows rows;
  for (std::size_t i = 0; i < count; ++i) rows.pixels.push_back(static_cast<std::int64_t>(random() % 23));
  if (is_sorted) std::ranges::sort(rows.pixels);
  for (std::size_t i = 0; i < count; ++i) {
    rows.values.push_back(random() % 5 == 0 ? nan : static_cast<double>(random() % 1000));
    // Far from 0, where a sum of squares would lose its digits.
    rows.others.push_back(1e9 + static_cast<double>(random() % 100));
  }
  return rows;
}

PixelSums sums_of(const SumsLayout& layout, const PixelRows& rows, std::size_t begin, std::size_t end) {
  const std::span<const double> values[] = {std::span(rows.values).subspan(begin, end - begin),
                                            std::span(rows.others).subspan(begin, end - begin)};
  return add_up(layout, std::span(rows.pixels).subspan(begin, end - begin), values);
}

/// All that a layout can ask for, against the values of each pixel one by one.
void expect_by_brute_force(const SumsLayout& layout, const PixelSums& sums, const PixelRows& rows) {
  std::map<std::int64_t, std::vector<double>> values, others;
  for (std::size_t i = 0; i < rows.pixels.size(); ++i) {
    auto& mine = values[rows.pixels[i]];
    if (!std::isnan(rows.values[i])) mine.push_back(rows.values[i]);
    others[rows.pixels[i]].push_back(rows.others[i]);
  }
  ASSERT_EQ(sums.size(), values.size());
  std::size_t i = 0;
  for (auto& [pixel, list] : values) {
    std::ranges::sort(list);
    const double* numbers = sums.numbers.data() + i * layout.size();
    EXPECT_EQ(sums.pixels[i], pixel);
    EXPECT_EQ(sums.rows[i], std::ssize(others[pixel]));
    EXPECT_EQ(numbers[layout.places(0).count], static_cast<double>(list.size()));
    EXPECT_EQ(numbers[layout.places(0).least], list.front());
    EXPECT_EQ(numbers[layout.places(0).largest], list.back());
    const std::size_t half = list.size() / 2;
    EXPECT_EQ(numbers[layout.places(0).median], list.size() % 2 == 1 ? list[half] : (list[half - 1] + list[half]) / 2);
    double mean = 0.0, squares = 0.0;
    for (const double x : others[pixel]) mean += (x - 1e9) / static_cast<double>(others[pixel].size());
    for (const double x : others[pixel]) squares += (x - 1e9 - mean) * (x - 1e9 - mean);
    EXPECT_NEAR(mean_of(layout, sums, i, 1), 1e9 + mean, 1e-5);
    EXPECT_NEAR(deviation_of(layout, sums, i, 1), std::sqrt(squares / static_cast<double>(others[pixel].size() - 1)), 1e-6);
    ++i;
  }
}

const SumsLayout all_of_both({{true, false, true, true}, {true, true, false, false}});

TEST(PixelSums, OfRowsInAnyOrderAreThoseOfEachPixel) {
  for (const bool is_sorted : {true, false}) {
    const PixelRows rows = random_rows(3000, is_sorted);
    PixelSums sums = sums_of(all_of_both, rows, 0, 3000);
    settle_medians(all_of_both, sums, 0, sums.size());
    expect_by_brute_force(all_of_both, sums, rows);
  }
}

TEST(PixelSums, OfBlocksAreAppendedInTheOrderOfTheSky) {
  const PixelRows rows = random_rows(3000, true);
  PixelSums all;
  append(all_of_both, all, {});
  for (std::size_t begin = 0; begin < 3000; begin += 170) {
    const PixelSums block = sums_of(all_of_both, rows, begin, std::min<std::size_t>(begin + 170, 3000));
    append(all_of_both, all, block);
    // Those before the last have all their rows.
    settle_medians(all_of_both, all, 0, all.size() - 1);
  }
  const PixelSums last = last_pixel(all_of_both, all);
  EXPECT_EQ(last.pixels, std::vector<std::int64_t>{22});
  EXPECT_EQ(last.rows.front(), all.rows.back());
  EXPECT_EQ(last.kept.front(), all.kept.front());
  settle_medians(all_of_both, all, 0, all.size());
  expect_by_brute_force(all_of_both, all, rows);
}

TEST(PixelSums, OfBlocksInAnyOrderAreJoined) {
  const PixelRows rows = random_rows(3000, false);
  std::vector<PixelSums> parts;
  for (std::size_t begin = 0; begin < 3000; begin += 170)
    parts.push_back(sums_of(all_of_both, rows, begin, std::min<std::size_t>(begin + 170, 3000)));
  PixelSums all = joined(all_of_both, parts);
  settle_medians(all_of_both, all, 0, all.size());
  expect_by_brute_force(all_of_both, all, rows);
}

TEST(PixelSums, HaveNoMeanWithoutValuesAndNoDeviationOfOne) {
  const SumsLayout layout({{true, true, false, false}});
  const std::vector<double> values = {nan, 3.0};
  const std::vector<std::int64_t> pixels = {4, 9};
  const std::span<const double> lists[] = {values};
  const PixelSums sums = add_up(layout, pixels, lists);
  EXPECT_TRUE(std::isnan(mean_of(layout, sums, 0, 0)));
  EXPECT_EQ(mean_of(layout, sums, 1, 0), 3.0);
  EXPECT_TRUE(std::isnan(deviation_of(layout, sums, 1, 0)));
  EXPECT_EQ(sums_of(all_of_both, random_rows(0, true), 0, 0).size(), 0U);
}

}  // namespace
}  // namespace skyfold::sky_map

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// Statistics of rows by pixel of the sky: GROUP BY pixel, in one pass over rows in the order of the sky.
namespace skyfold::sky_map {

/// What is wanted of a value of the rows.
struct ValueUse {
  bool mean = false;      ///< and, with `spread`, the standard deviation
  bool spread = false;    ///< needs mean
  bool extremes = false;  ///< least and largest
  bool median = false;
  bool operator==(const ValueUse&) const = default;
};

/// The numbers that are kept of a value in a pixel, by place; those that nobody wants have none.
struct ValuePlaces {
  std::size_t count = 0, sum = 0, squares = 0, least = 0, largest = 0, median = 0;
  std::size_t kept = 0;  ///< number among the values whose medians are wanted
};

/// Which numbers are kept of a pixel.
class SumsLayout {
 public:
  explicit SumsLayout(std::vector<ValueUse> values);

  [[nodiscard]] std::size_t values() const noexcept { return uses_.size(); }
  [[nodiscard]] const ValueUse& use(std::size_t value) const noexcept { return uses_[value]; }
  [[nodiscard]] const ValuePlaces& places(std::size_t value) const noexcept { return places_[value]; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }        ///< numbers of a pixel
  [[nodiscard]] std::size_t medians() const noexcept { return medians_; }  ///< values whose medians are wanted

 private:
  std::vector<ValueUse> uses_;
  std::vector<ValuePlaces> places_;
  std::size_t size_ = 0, medians_ = 0;
};

/// Sums over some rows: pixels with rows, increasing, and what is known of each.
struct PixelSums {
  std::vector<std::int64_t> pixels, rows;
  std::vector<double> numbers;  ///< SumsLayout::size() of each pixel
  /// Of each value whose median is wanted: how many values are kept of each pixel, and they, pixel by pixel.
  std::vector<std::vector<std::int64_t>> kept_counts;
  std::vector<std::vector<double>> kept;

  [[nodiscard]] std::size_t size() const noexcept { return pixels.size(); }
};

/// Adds up a block of rows, in their order: the same bits however blocks are shared out. Missing values (NaN) do not count.
///
/// @param pixels  of the rows; in any order, but rows of a pixel that stand together cost least
/// @param values  by value of the layout, one per row
[[nodiscard]] PixelSums add_up(const SumsLayout& layout, std::span<const std::int64_t> pixels,
                               std::span<const std::span<const double>> values);

/// Adds sums of rows that come later. Their pixels are those of `to` and beyond: the last one of `to` may be the first of `from`.
/// The deviations of parts are joined as in Chan, Golub & LeVeque 1983 (Am. Stat. 37, 242).
void append(const SumsLayout& layout, PixelSums& to, const PixelSums& from);
/// The same for pixels in any order: all sums in order of pixels, those of one pixel joined in the order given.
[[nodiscard]] PixelSums joined(const SumsLayout& layout, std::span<const PixelSums> parts);

/// What is known of the last pixel alone; nothing of none.
[[nodiscard]] PixelSums last_pixel(const SumsLayout& layout, const PixelSums& sums);

/// Puts the median in place of the values that are kept, for the pixels [begin, end): of these no further rows come.
void settle_medians(const SumsLayout& layout, PixelSums& sums, std::size_t begin, std::size_t end);

/// The statistics of a pixel; NaN without values. The standard deviation is that of a sample (n - 1), as in SQL: NaN of one value.
[[nodiscard]] double mean_of(const SumsLayout& layout, const PixelSums& sums, std::size_t pixel, std::size_t value);
[[nodiscard]] double deviation_of(const SumsLayout& layout, const PixelSums& sums, std::size_t pixel, std::size_t value);

}  // namespace skyfold::sky_map

// Quality of a whole product in fixed memory: a fine histogram of dz/(1+z), whose sums over ranks are exact, and medians from it.
#include "skyfold/kernels/validate/quality.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

// A hundredth of the scatter of good photo-z: medians from the histogram are right to four digits.
constexpr double bin_width = 1e-5, lowest = -2.0;  // dz below -2 or above 4 is counted in the end bins
constexpr std::int64_t bins = 600'000;
constexpr std::size_t place_objects = bins, place_outliers = bins + 1, place_within = bins + 2, place_with_error = bins + 3;

double bin_centre(std::int64_t bin) { return lowest + (static_cast<double>(bin) + 0.5) * bin_width; }

/// Mean of the two middle values of a sequence of (value, count) that `next` gives in increasing order of value.
template <class Next>
double median_of(std::int64_t objects, Next next) {
  const std::int64_t lower_place = (objects - 1) / 2, upper_place = objects / 2;
  std::int64_t seen = 0;
  double lower = 0.0;
  bool has_lower = false;
  while (true) {
    const auto [value, count] = next();
    seen += count;
    if (!has_lower && seen > lower_place) {
      lower = value;
      has_lower = true;
    }
    if (seen > upper_place) return 0.5 * (lower + value);
  }
}

/// Median of |x - centre| over a histogram: bins are taken outwards from the centre, whichever side is nearer.
double median_deviation(std::span<const std::int64_t> counts, std::int64_t objects, double centre) {
  auto high = std::clamp<std::int64_t>(static_cast<std::int64_t>((centre - lowest) / bin_width), 0, bins - 1);
  std::int64_t low = high - 1;
  return median_of(objects, [&] {
    const bool upwards = low < 0 || (high < bins && bin_centre(high) - centre <= centre - bin_centre(low));
    const std::int64_t bin = upwards ? high++ : low--;
    return std::pair(std::abs(bin_centre(bin) - centre), counts[static_cast<std::size_t>(bin)]);
  });
}

}  // namespace

QualitySums::QualitySums() : counts_(bins + 4, 0) {}

void QualitySums::add(double z_phot, double z_spec, double z_err) noexcept {
  const double dz = scaled_error(z_phot, z_spec);
  if (std::isnan(dz)) return;
  // Clamped while it is a double: converting a number out of range is undefined.
  const double place = std::clamp((dz - lowest) / bin_width, 0.0, static_cast<double>(bins - 1));
  ++counts_[static_cast<std::size_t>(place)];
  ++counts_[place_objects];
  counts_[place_outliers] += std::abs(dz) > outlier_limit;
  // An error of 0 or less, and NaN, is none: such an object counts neither as inside nor as outside.
  counts_[place_with_error] += z_err > 0.0;
  counts_[place_within] += z_err > 0.0 && std::abs(z_phot - z_spec) <= z_err;
}

PhotozQuality QualitySums::quality() const {
  PhotozQuality quality;
  quality.objects = counts_[place_objects];
  if (quality.objects == 0) return quality;
  const auto objects = static_cast<double>(quality.objects);
  std::int64_t bin = -1;
  quality.bias = median_of(quality.objects, [&] {
    ++bin;
    return std::pair(bin_centre(bin), counts_[static_cast<std::size_t>(bin)]);
  });
  quality.nmad = sigma_of_median_deviation * median_deviation(std::span(counts_).first(bins), quality.objects, quality.bias);
  quality.outliers = static_cast<double>(counts_[place_outliers]) / objects;
  const std::int64_t with_error = counts_[place_with_error];
  if (with_error > 0) quality.within_error = static_cast<double>(counts_[place_within]) / static_cast<double>(with_error);
  return quality;
}

std::string describe_quality(const PhotozQuality& q) {
  return fmt::format(
      "quality against the known redshifts of {} objects: median bias {:+.4f}, NMAD {:.4f}, |dz| > 0.15: {:.2f} %, {}", grouped(q.objects),
      q.bias, q.nmad, 100.0 * q.outliers,
      std::isnan(q.within_error) ? "no errors" : fmt::format("within z_err: {:.1f} % (68.3 % expected)", 100.0 * q.within_error));
}

}  // namespace skyfold

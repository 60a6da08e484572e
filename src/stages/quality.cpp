#include "skyfold/stages/quality.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double bin_width = 1e-5, lowest = -2.0;            // dz below -2 or above 4 is counted in the end bins
constexpr std::int64_t bins = 600'000;
constexpr std::size_t place_objects = bins, place_outliers = bins + 1, place_within = bins + 2;

double bin_centre(std::int64_t bin) { return lowest + (static_cast<double>(bin) + 0.5) * bin_width; }

/// Median of |x - centre| over a histogram: bins are taken outwards from the centre, whichever side is nearer.
double median_deviation(std::span<const std::int64_t> counts, std::int64_t objects, double centre) {
  auto high = std::clamp<std::int64_t>(static_cast<std::int64_t>((centre - lowest) / bin_width), 0, bins - 1);
  std::int64_t low = high - 1, seen = 0;
  double deviation = 0.0;
  while (2 * seen < objects && (low >= 0 || high < bins)) {
    const bool upwards = low < 0 || (high < bins && bin_centre(high) - centre <= centre - bin_centre(low));
    const std::int64_t bin = upwards ? high++ : low--;
    seen += counts[static_cast<std::size_t>(bin)];
    deviation = std::abs(bin_centre(bin) - centre);
  }
  return deviation;
}

}  // namespace

QualitySums::QualitySums() : counts_(bins + 3, 0) {}

void QualitySums::add(double z_phot, double z_spec, double z_err) noexcept {
  if (std::isnan(z_phot) || std::isnan(z_spec)) return;
  const double dz = (z_phot - z_spec) / (1.0 + z_spec);
  const double place = std::clamp((dz - lowest) / bin_width, 0.0, static_cast<double>(bins - 1));
  ++counts_[static_cast<std::size_t>(place)];
  ++counts_[place_objects];
  counts_[place_outliers] += std::abs(dz) > 0.15;
  counts_[place_within] += std::abs(z_phot - z_spec) < z_err;
}

PhotozQuality QualitySums::quality() const {
  PhotozQuality quality;
  quality.objects = counts_[place_objects];
  if (quality.objects == 0) return quality;
  std::int64_t seen = 0, bin = 0;
  while (bin < bins && 2 * (seen += counts_[static_cast<std::size_t>(bin)]) < quality.objects) ++bin;
  const auto objects = static_cast<double>(quality.objects);
  quality.bias = bin_centre(bin);
  quality.nmad = 1.4826 * median_deviation(std::span(counts_).first(bins), quality.objects, quality.bias);
  quality.outliers = static_cast<double>(counts_[place_outliers]) / objects;
  quality.within_error = static_cast<double>(counts_[place_within]) / objects;
  return quality;
}

std::string describe_quality(const PhotozQuality& q) {
  return fmt::format(
      "quality against the known redshifts of {} objects: median bias {:+.4f}, NMAD {:.4f}, |dz| > 0.15: {:.2f} %, "
      "within z_err: {:.1f} % (68.3 % expected)",
      grouped(q.objects), q.bias, q.nmad, 100.0 * q.outliers, 100.0 * q.within_error);
}

}  // namespace skyfold

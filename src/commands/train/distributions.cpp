// Distributions of magnitudes and colours in fine bins of fixed places, so that billions of objects take one pass and little memory,
// and quantiles are as good as a bin is wide.
#include "distributions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sample.hpp"

namespace skyfold {
namespace {

constexpr double bin_width = 0.02, lowest = -10.0;  // colours and magnitudes alike; what lies outside is counted in the end bins
constexpr std::size_t bins = 2500;                  // to 40 mag

double middle(std::size_t bin) { return lowest + (static_cast<double>(bin) + 0.5) * bin_width; }

std::size_t bin_of(double value) {
  return static_cast<std::size_t>(std::clamp((value - lowest) / bin_width, 0.0, static_cast<double>(bins - 1)));
}

}  // namespace

PhotometricDistributions::PhotometricDistributions(const std::vector<std::string>& bands) : n_bands_(bands.size()), names_(bands) {
  for (std::size_t band = 0; band + 1 < n_bands_; ++band) names_.push_back(bands[band] + "-" + bands[band + 1]);
  // Doubles and not integers: objects of a weighted set count by their weights.
  counts_.assign(names_.size() * bins, 0.0);
}

void PhotometricDistributions::add(const Photometry& photometry, std::span<const double> weight) {
  for (std::size_t i = 0; i < photometry.n_objects; ++i) {
    const double w = weight.empty() ? 1.0 : weight[i];
    const double* mag = &photometry.mag[i * n_bands_];
    const auto is_measured = [&](std::size_t band) { return !std::isnan(mag[band]) && mag[band] != undetected; };
    for (std::size_t band = 0; band < n_bands_; ++band) {
      if (!is_measured(band)) continue;
      counts_[band * bins + bin_of(mag[band])] += w;
      // Colours stand behind the magnitudes, blue minus red of neighbouring bands.
      if (band + 1 < n_bands_ && is_measured(band + 1)) counts_[(n_bands_ + band) * bins + bin_of(mag[band] - mag[band + 1])] += w;
    }
  }
}

void PhotometricDistributions::add_counts(std::span<const double> counts) {
  // Counts of unweighted objects are whole numbers below 2^53, so their sums do not depend on the order of the pieces.
  for (std::size_t i = 0; i < std::min(counts.size(), counts_.size()); ++i) counts_[i] += counts[i];
}

double PhotometricDistributions::total(std::size_t quantity) const {
  double sum = 0.0;
  for (std::size_t bin = 0; bin < bins; ++bin) sum += counts_[quantity * bins + bin];
  return sum;
}

double PhotometricDistributions::quantile(std::size_t quantity, double p) const {
  const double wanted = p * total(quantity);
  double sum = 0.0;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    sum += counts_[quantity * bins + bin];
    // For p = 0 the first bin with anything in it, not the lowest bin of all.
    if (sum > 0.0 && sum >= wanted) return middle(bin);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

PhotometricDistributions::Curve PhotometricDistributions::curve(std::size_t quantity, double width) const {
  const auto each = static_cast<std::size_t>(std::llround(width / bin_width));
  const double sum = total(quantity);
  Curve curve;
  if (!(sum > 0.0)) return curve;
  std::size_t first = bins, last = 0;
  for (std::size_t bin = 0; bin < bins; ++bin)
    if (counts_[quantity * bins + bin] > 0.0) first = std::min(first, bin), last = bin;
  // Coarse bins start at multiples of their width, so that the curves of several sets can be laid over each other.
  for (std::size_t bin = first / each * each; bin <= last; bin += each) {
    double count = 0.0;
    for (std::size_t k = bin; k < std::min(bin + each, bins); ++k) count += counts_[quantity * bins + k];
    curve.x.push_back(lowest + (static_cast<double>(bin) + 0.5 * static_cast<double>(each)) * bin_width);
    curve.density.push_back(count / (sum * width));
  }
  return curve;
}

}  // namespace skyfold

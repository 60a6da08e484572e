// Measured fluxes against those of a catalogue: ratio, scatter, rank correlation and outliers in the logarithm.
#include "skyfold/kernels/patch/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    // Equal values share the mean of their ranks.
    const double rank = 0.5 * static_cast<double>(begin + end - 1);
    for (; begin < end; ++begin) ranks[order[begin]] = rank;
  }
  return ranks;
}

}  // namespace

double spearman(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> ra = ranks_of(a), rb = ranks_of(b);
  // With ties Spearman's coefficient is Pearson's of the ranks, not the formula with squared differences.
  const double middle = 0.5 * (static_cast<double>(a.size()) - 1.0);
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < ra.size(); ++i) {
    ab += (ra[i] - middle) * (rb[i] - middle);
    aa += (ra[i] - middle) * (ra[i] - middle);
    bb += (rb[i] - middle) * (rb[i] - middle);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : std::numeric_limits<double>::quiet_NaN();
}

FluxComparison compare_fluxes(std::span<const double> measured, std::span<const double> catalogued) {
  // In the natural logarithm, where a flux that is twice another is as far off as one that is half of it.
  constexpr double sigmas = 5.0, least = 0.1;
  std::vector<std::size_t> place;
  std::vector<double> ours, theirs, ratio, logarithm;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    if (!(measured[i] > 0.0 && catalogued[i] > 0.0)) continue;
    place.push_back(i);
    ours.push_back(measured[i]);
    theirs.push_back(catalogued[i]);
    ratio.push_back(measured[i] / catalogued[i]);
    logarithm.push_back(std::log(ratio.back()));
  }
  FluxComparison result{place.size(), median(ratio), nmad(ratio), spearman(ours, theirs), {}};
  // Never below ten per cent: where all agree closely, the smallest difference would be an outlier.
  const double centre = median(logarithm), limit = std::max(least, sigmas * nmad(logarithm));
  std::vector<std::size_t> far;
  for (std::size_t i = 0; i < place.size(); ++i)
    if (std::abs(logarithm[i] - centre) > limit) far.push_back(i);
  std::stable_sort(far.begin(), far.end(),
                   [&](std::size_t a, std::size_t b) { return std::abs(logarithm[a] - centre) > std::abs(logarithm[b] - centre); });
  for (const std::size_t i : far) result.outliers.push_back(place[i]);
  return result;
}

}  // namespace skyfold

// What of a density that is linear between points is done for every object, in loops that wide registers take; and its distribution
// function at equal steps.
#include "linear_pdf.hpp"

#include "../../common/simd.hpp"

namespace skyfold {
namespace {

/// Copies values; false where one is negative or no number.
template <class Number>
SKYFOLD_INLINE bool copied(const Number* values, std::size_t n, double* density) {
  int bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    density[i] = static_cast<double>(values[i]);
    bad |= static_cast<int>(!(values[i] >= Number{}));
  }
  return bad == 0;
}
SKYFOLD_CLONES bool copy_densities(const float* values, std::size_t n, double* density) { return copied(values, n, density); }
SKYFOLD_CLONES bool copy_densities(const double* values, std::size_t n, double* density) { return copied(values, n, density); }

SKYFOLD_CLONES void fill_cells(const double* z, const double* density, std::size_t n, double* mass) {
  for (std::size_t i = 1; i < n; ++i) mass[i] = 0.5 * (density[i - 1] + density[i]) * (z[i] - z[i - 1]);
}

// To the last digit: the values are of single precision.
SKYFOLD_CLONES void divide(double* values, std::size_t n, double by) {
  for (std::size_t i = 0; i < n; ++i) values[i] /= by;
}

}  // namespace

bool LinearPdf::take(std::span<const float> values) {
  density_.resize(z_.size());
  return copy_densities(values.data(), z_.size(), density_.data()) && normalise();
}

bool LinearPdf::take(std::span<const double> values) {
  density_.resize(z_.size());
  return copy_densities(values.data(), z_.size(), density_.data()) && normalise();
}

bool LinearPdf::normalise() {
  const std::size_t n = z_.size();
  cumulative_.resize(n);
  fill_cells(z_.data(), density_.data(), n, cumulative_.data());
  double sum = cumulative_[0] = 0.0;
  for (std::size_t i = 1; i < n; ++i) cumulative_[i] = sum += cumulative_[i];
  if (!(sum > 0.0) || !std::isfinite(sum)) return false;
  divide(density_.data(), n, sum);
  divide(cumulative_.data(), n, sum);
  return true;
}

// Both grids ascend: one way along them, without a search for each redshift.
std::pair<std::size_t, std::size_t> LinearPdf::cumulatives_at(const RedshiftSteps& steps, std::span<double> values) const {
  std::size_t begin = 0, end = z_.size() - 1;
  while (begin < end && cumulative_[begin + 1] < negligible) ++begin;
  while (end > begin && cumulative_[end - 1] > 1.0 - negligible) --end;
  const std::size_t first = steps.above(z_[begin]), last = steps.above(z_[end]);
  std::size_t k = first;
  double z = steps.at(k);
  for (std::size_t i = begin; i < end && k < last; ++i) {
    if (z > z_[i + 1]) continue;
    const double half_slope = 0.5 * slope(i);
    for (; k < last && z <= z_[i + 1]; z = steps.at(++k)) {
      const double t = z - z_[i];
      values[k] = cumulative_[i] + t * (density_[i] + half_slope * t);
    }
  }
  return {first, last};
}

}  // namespace skyfold

// What of a density that is linear between points is done for every object, in loops that wide registers take; and its distribution
// function at equal steps.
#include "linear_pdf.hpp"

#include <cmath>

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

/// How many of ascending values are below a limit; they are few, and all are looked at, so that no jump depends on them.
SKYFOLD_CLONES std::size_t count_below(const double* values, std::size_t n, double limit) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < n; ++i) count += values[i] < limit;
  return static_cast<std::size_t>(count);
}

/// RedshiftSteps::above of many redshifts, and half the slope of the density behind each but the last.
SKYFOLD_CLONES void place(const double* z, const double* density, std::size_t n, double low, double step, std::int32_t count,
                          std::int32_t* above, double* half_slope) {
  const auto most = static_cast<double>(count);
  for (std::size_t i = 0; i < n; ++i) {
    double place = (z[i] - low) / step + 1.0;
    place = place > 0.0 ? place : 0.0;
    above[i] = static_cast<std::int32_t>(place < most ? place : most);
  }
  // The quotient is rounded, by less than a step; steps are where RedshiftSteps::at says.
  for (std::size_t i = 0; i < n; ++i) {
    double k = above[i];
    k -= low + (k - 1.0) * step > z[i] ? 1.0 : 0.0;
    k = k > 0.0 ? k : 0.0;
    k += low + k * step <= z[i] ? 1.0 : 0.0;
    above[i] = static_cast<std::int32_t>(k < most ? k : most);
  }
  for (std::size_t i = 0; i + 1 < n; ++i) half_slope[i] = 0.5 * ((density[i + 1] - density[i]) / (z[i + 1] - z[i]));
}

/// The distribution function at steps [first, last), each in the cell that `cell` names.
SKYFOLD_CLONES void evaluate(const std::int32_t* cell, std::size_t first, std::size_t last, double low, double step, const double* z,
                             const double* cumulative, const double* density, const double* half_slope, double* values) {
  for (std::size_t k = first; k < last; ++k) {
    const auto i = static_cast<std::size_t>(cell[k]);
    const double t = low + static_cast<double>(k) * step - z[i];
    values[k] = cumulative[i] + t * (density[i] + half_slope[i] * t);
  }
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

// In loops of fixed length: which step is in which cell depends on the PDF, and jumps by it would be guessed wrong.
std::pair<std::size_t, std::size_t> LinearPdf::cumulatives_at(const RedshiftSteps& steps, std::span<double> values) const {
  const std::size_t last_cell = z_.size() - 1;
  const std::size_t begin = std::min(count_below(&cumulative_[1], last_cell, negligible), last_cell);
  // Up to that limit itself.
  const std::size_t end = std::max(begin, count_below(cumulative_.data(), last_cell, std::nextafter(1.0 - negligible, 2.0)));
  const std::size_t cells = end - begin;
  above_.resize(cells + 1), half_slope_.resize(cells + 1);
  place(&z_[begin], &density_[begin], cells + 1, steps.low, steps.step, static_cast<std::int32_t>(steps.count), above_.data(),
        half_slope_.data());
  const auto first = static_cast<std::size_t>(above_.front()), last = static_cast<std::size_t>(above_.back());
  // Each cell is written to as many steps as most have, and those that are not its own are overwritten by the next.
  constexpr std::size_t at_once = 8;
  cell_.resize(steps.count + at_once);
  for (std::size_t i = 0; i < cells; ++i) {
    const auto to = static_cast<std::size_t>(above_[i + 1]);
    for (std::size_t k = static_cast<std::size_t>(above_[i]); k < to; k += at_once)
      std::fill_n(&cell_[k], at_once, static_cast<std::int32_t>(i));
  }
  evaluate(cell_.data(), first, last, steps.low, steps.step, &z_[begin], &cumulative_[begin], &density_[begin], half_slope_.data(),
           values.data());
  return {first, last};
}

}  // namespace skyfold

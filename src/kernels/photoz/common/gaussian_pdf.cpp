// A PDF on a grid as a sum of Gaussians, in vector instructions.
#include "gaussian_pdf.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../../common/simd.hpp"

namespace skyfold {
namespace {

constexpr double reach = 6.0;        // in sigma: what is cut off is 2e-9 of a kernel
constexpr double least_mass = 1e-8;  // less on the grid is only the cut

/// Adds kernels to `sum`, which has room for n_lanes values more than the grid.
///
/// @param scale  step of the grid in sigma; @param first  zmin
SKYFOLD_CLONES
void add_kernels(double z, const double* residual, const double* weight, std::size_t n, double first, double step, double scale,
                 std::size_t bins, double* sum) {
  const Lanes count = {0, 1, 2, 3};
  const double half_width = reach / scale, last = static_cast<double>(bins - 1);
  for (std::size_t i = 0; i < n; ++i) {
    const double centre = (z + residual[i] - first) / step;
    // Written so that NaN is left out, too.
    if (weight[i] == 0.0 || !(centre + half_width >= 0.0) || !(centre - half_width <= last)) continue;
    const auto begin = static_cast<std::size_t>(std::ceil(std::max(centre - half_width, 0.0)));
    const auto end = static_cast<std::size_t>(std::min(centre + half_width, last)) + 1;
    for (std::size_t j = begin; j < end; j += n_lanes) {
      const Lanes t = (count + (static_cast<double>(j) - centre)) * scale;
      Lanes value;
      std::memcpy(&value, sum + j, sizeof value);
      value += exponential(t * t * -0.5) * weight[i];
      std::memcpy(sum + j, &value, sizeof value);
    }
  }
}

}  // namespace

void add_gaussians(std::span<const double> centre, std::span<const double> weight, double sigma, double first, double step,
                   std::size_t bins, double* sum) {
  add_kernels(0.0, centre.data(), weight.data(), centre.size(), first, step, step / sigma, bins, sum);
}

GaussianPdf::GaussianPdf(const PdfOptions& grid)
    : bins_(pdf_grid(grid).size()),
      zmin_(grid.zmin),
      step_((grid.zmax - grid.zmin) / static_cast<double>(bins_ - 1)),
      sum_(bins_ + n_lanes) {}

double GaussianPdf::fill(double z, std::span<const double> residual, std::span<const double> weight, double sigma, float* pdf) {
  // Narrower ones would fall between two points of the grid.
  sigma = std::max(sigma, 0.5 * step_);
  std::fill(sum_.begin(), sum_.end(), 0.0);
  add_kernels(z, residual.data(), weight.data(), residual.size(), zmin_, step_, step_ / sigma, bins_, sum_.data());
  double weights = 0.0;
  for (const double w : weight) weights += w;
  return finish(weights * sigma * std::sqrt(2.0 * std::numbers::pi), z, pdf);
}

double GaussianPdf::fill(std::span<const double> centre, std::span<const double> sigma, std::span<const double> weight, float* pdf) {
  std::fill(sum_.begin(), sum_.end(), 0.0);
  double weights = 0.0, mean = 0.0;
  for (std::size_t i = 0; i < centre.size(); ++i) {
    const double width = std::max(sigma[i], 0.5 * step_), height = weight[i] / width;
    add_kernels(0.0, &centre[i], &height, 1, zmin_, step_, step_ / width, bins_, sum_.data());
    weights += weight[i];
    mean += weight[i] * centre[i];
  }
  return finish(weights * std::sqrt(2.0 * std::numbers::pi), mean / weights, pdf);
}

/// Makes the integral of what was added one. @param whole  sum of what the kernels would add up to on an endless grid of step 1
double GaussianPdf::finish(double whole, double z, float* pdf) {
  // The trapezoidal rule, by which readers of the grid integrate.
  double sum = -0.5 * (sum_[0] + sum_[bins_ - 1]);
  for (std::size_t j = 0; j < bins_; ++j) sum += sum_[j];
  const double mass = sum * step_ / whole;
  if (mass < least_mass) {
    std::fill_n(pdf, bins_, 0.0f);
    const double last = zmin_ + step_ * static_cast<double>(bins_ - 1);
    // All of it lies off the grid: a density of integral 1 at the nearer end, and the caller sets a flag.
    pdf[z - zmin_ < last - z ? 0 : bins_ - 1] = static_cast<float>(2.0 / step_);
    return 0.0;
  }
  const double scale = 1.0 / (sum * step_);
  for (std::size_t j = 0; j < bins_; ++j) pdf[j] = static_cast<float>(sum_[j] * scale);
  return mass;
}

}  // namespace skyfold

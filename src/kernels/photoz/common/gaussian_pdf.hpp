#pragma once

#include <span>
#include <vector>

#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// Adds sum_i weight_i exp(-((z_j - centre_i) / sigma)^2 / 2) at z_j = first + j step, each cut at 6 sigma.
/// @param sum  shape [bins], with room for 4 values more
void add_gaussians(std::span<const double> centre, std::span<const double> weight, double sigma, double first, double step,
                   std::size_t bins, double* sum);

/// Sums of Gaussians on a redshift grid.
class GaussianPdf {
 public:
  explicit GaussianPdf(const PdfOptions& grid);

  [[nodiscard]] std::size_t bins() const noexcept { return bins_; }

  /// PDF sum_i weight_i N(centre_i, sigma) on the grid, of unit integral by trapezes. A kernel is cut at 6 sigma
  /// and never narrower than half a step of the grid: values on a grid cannot show less, and would miss kernels.
  /// What lies off the grid is lost before the integral is made one; when all is, the end of the grid nearest to
  /// `z` holds all.
  ///
  /// @param z, residual  centres are z + residual_i, shape [n]
  /// @param weight       >= 0, not all zero, shape [n]
  /// @param pdf          filled, shape [bins]
  /// @returns the part of the PDF that lies on the grid, 0..1 but for rounding
  double fill(double z, std::span<const double> residual, std::span<const double> weight, double sigma, float* pdf);
  /// The same of Gaussians with a width each: PDF sum_i weight_i N(centre_i, sigma_i).
  double fill(std::span<const double> centre, std::span<const double> sigma, std::span<const double> weight, float* pdf);

 private:
  double finish(double whole, double z, float* pdf);

  std::size_t bins_;
  double zmin_, step_;
  std::vector<double> sum_;
};

}  // namespace skyfold

#pragma once

#include <span>
#include <vector>

namespace skyfold::validation {

/// What a probability density says of one object. NaN in all where there is no PDF.
struct PdfMeasures {
  double pit = 0.0;   ///< probability integral transform: mass below z_spec
  double cde = 0.0;   ///< integral of p^2 dz - 2 p(z_spec), the object's part of the CDE loss
  double odds = 0.0;  ///< mass within z_phot +- odds_width (1 + z_phot)
};

/// Densities given at the points of a grid and linear between them, zero outside, scaled to unit integral. All integrals
/// are exact for that function; qp's `interp` has the same density and, between grid points, a linear cumulative
/// distribution instead of this one's parabola.
class GridDensity {
 public:
  /// @param grid  increasing, at least two points; throws DataError for another
  explicit GridDensity(std::vector<double> grid);

  [[nodiscard]] const std::vector<double>& grid() const noexcept { return grid_; }
  /// @param density     shape [grid]; a value that is negative or not a number makes it no PDF, as does an integral of 0
  /// @param cumulative  room for [grid] values, reused
  [[nodiscard]] PdfMeasures measure(std::span<const float> density, double z_spec, double z_phot, double odds_width,
                                    std::vector<double>& cumulative) const;

 private:
  [[nodiscard]] std::size_t cell_of(double z) const noexcept;
  [[nodiscard]] double mass_below(double z, std::span<const float> density, std::span<const double> cumulative) const noexcept;

  std::vector<double> grid_;
};

/// A mixture of Gaussians at the points of a grid; components with a weight or sigma that is not positive do not count.
///
/// @param density  filled, shape [grid]; all NaN without any component
void evaluate_mixture(std::span<const double> weights, std::span<const double> means, std::span<const double> sigmas,
                      std::span<const double> grid, std::span<float> density);

/// Shares of the PITs in `bins` equal bins of [0, 1], the last one with 1; weights as for the metrics. PITs that are NaN
/// do not count.
///
/// @param weight  shape [n], or empty
struct PitHistogram {
  std::vector<double> share, error;  ///< error: sqrt(share (1 - share) / n)
  std::size_t n = 0;
};
[[nodiscard]] PitHistogram pit_histogram(std::span<const double> pit, std::span<const double> weight, std::size_t bins);

}  // namespace skyfold::validation

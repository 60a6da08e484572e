#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skyfold {

/// The Voigt profile of unit area: a Gaussian of deviation sigma convolved with a Lorentzian of half width gamma, to 1e-12 of its peak.
/// @param sigma, gamma  >= 0, not both 0
[[nodiscard]] double voigt_profile(double x, double sigma, double gamma);

/// The dictionary of the class `sparse` of the qp library: Voigt profiles at points of a grid, each of unit sum of squares; its columns are
/// numbered by place, then by sigma, then by gamma. Densities below `cut` are 0. One for each thread.
class VoigtDictionary {
 public:
  struct Axes {
    double mu_first, mu_last, sigma_first, sigma_last;
    std::size_t n_mu, n_sigma, n_gamma;  ///< equal steps; gamma from 0 to 0.5
  };
  static constexpr double cut = 1e-5;

  /// @param z  of the grid, increasing
  VoigtDictionary(std::vector<double> z, const Axes& axes);

  [[nodiscard]] std::size_t size() const noexcept { return axes_.n_mu * shapes_.size(); }
  [[nodiscard]] std::size_t shapes() const noexcept { return shapes_.size(); }
  [[nodiscard]] const std::vector<double>& z() const noexcept { return z_; }
  /// Adds a column, `weight` times.
  /// @param values  shape [points]
  void add(std::size_t base, double weight, std::span<double> values) const;
  /// A profile at distances of 0, 1, 2, ... steps of the grid, up to where it is cut; of places that are the points of the grid.
  [[nodiscard]] const std::vector<double>& profile(std::size_t shape) const;
  /// What makes the sum of squares of a profile at a point of the grid 1.
  [[nodiscard]] double inverse_norm(std::size_t shape, std::size_t mu) const;

 private:
  struct Shape {
    double sigma, gamma;
    std::vector<double> profile, squares;  ///< squares: sums up to each distance, without the first; empty until it is asked for
  };
  [[nodiscard]] const Shape& known(std::size_t shape) const;

  std::vector<double> z_;
  Axes axes_;
  bool is_aligned_;
  mutable std::vector<Shape> shapes_;
  mutable std::vector<double> column_;
};

}  // namespace skyfold

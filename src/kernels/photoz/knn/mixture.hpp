#pragma once

#include <span>
#include <vector>

namespace skyfold::knn {

/// A sum of Gaussians of one width: sum_i weight_i N(z_i, sigma).
///
/// Set anew for each object; keeps its buffers, so that no object allocates.
class Mixture {
 public:
  /// Takes the components; those of the same redshift may occur.
  /// @param weight  >= 0, not all zero; scaled to the sum 1
  void set(std::span<const double> z, std::span<const double> weight);
  /// Standard deviation of all components, > 0.
  void set_sigma(double sigma) noexcept { sigma_ = sigma; }

  [[nodiscard]] std::size_t size() const noexcept { return n_; }
  [[nodiscard]] std::span<const double> z() const noexcept { return {z_.data(), n_}; }            ///< ascending
  [[nodiscard]] std::span<const double> weight() const noexcept { return {weight_.data(), n_}; }  ///< sum 1
  [[nodiscard]] double sigma() const noexcept { return sigma_; }
  /// Robust spread of the centres: their interquartile range / 1.349, weights left aside.
  [[nodiscard]] double scatter() const noexcept;

  [[nodiscard]] double density(double x) const noexcept;
  [[nodiscard]] double cumulative(double x) const noexcept;
  /// Redshift at which `cumulative` is p, 0 < p < 1, to 1e-9.
  [[nodiscard]] double quantile(double p) const noexcept;
  [[nodiscard]] double mean() const noexcept;
  /// Redshift of the greatest density: the ascent by mean shift from the centre where the density is greatest.
  [[nodiscard]] double mode() const noexcept;
  /// Integral of the squared density.
  [[nodiscard]] double squared_integral() const noexcept;
  /// Loss of a conditional density estimate (Izbicki & Lee 2017, Electron. J. Stat. 11, 2800): integral of the squared
  /// density less twice the density at the truth.
  [[nodiscard]] double cde_loss(double z_true) const noexcept { return squared_integral() - 2.0 * density(z_true); }

 private:
  std::size_t n_ = 0;
  double sigma_ = 1.0;
  std::vector<double> z_, weight_;  ///< padded to whole vectors with weight 0
};

}  // namespace skyfold::knn

#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace skyfold {

/// A sum of Gaussians: sum_i weight_i N(z_i, sigma_i), of one width (kernels about neighbours) or of a width each (what a network gives).
///
/// Set anew for each object; keeps its buffers, so that no object allocates.
class Mixture {
 public:
  /// Takes components of one width, which `set_sigma` gives; those of the same redshift may occur.
  /// @param weight  >= 0, not all zero; scaled to the sum 1
  void set(std::span<const double> z, std::span<const double> weight);
  /// Standard deviation of all components, > 0.
  void set_sigma(double sigma) noexcept { sigma_ = sigma; }
  /// Takes components with a width each.
  /// @param sigma   standard deviations, > 0
  /// @param weight  >= 0, not all zero; scaled to the sum 1
  void set(std::span<const double> z, std::span<const double> sigma, std::span<const double> weight);

  [[nodiscard]] std::size_t size() const noexcept { return n_; }
  [[nodiscard]] std::span<const double> z() const noexcept { return {z_.data(), n_}; }            ///< ascending
  [[nodiscard]] std::span<const double> weight() const noexcept { return {weight_.data(), n_}; }  ///< sum 1
  [[nodiscard]] double sigma() const noexcept { return sigma_; }                                  ///< of all, if they are of one width
  /// Those of the components, if they have a width each; else empty.
  [[nodiscard]] std::span<const double> widths() const noexcept { return {own_.data(), has_widths_ ? n_ : 0}; }
  /// Robust spread of the centres: their interquartile range / 1.349, weights left aside.
  [[nodiscard]] double scatter() const noexcept;

  [[nodiscard]] double density(double x) const noexcept;
  [[nodiscard]] double cumulative(double x) const noexcept;
  /// Redshift at which `cumulative` is p, 0 < p < 1: Newton's method within a bracket.
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
  void sort(std::span<const double> z, std::span<const double> sigma, std::span<const double> weight);
  [[nodiscard]] double sigma_of(std::size_t i) const noexcept { return has_widths_ ? own_[i] : sigma_; }
  [[nodiscard]] double shift(double x) const noexcept;
  [[nodiscard]] double squared_integral_of_widths() const noexcept;

  std::size_t n_ = 0;
  bool has_widths_ = false;
  double sigma_ = 1.0;
  std::vector<double> z_, weight_;     ///< padded to whole vectors with weight 0
  std::vector<double> own_, inverse_;  ///< widths and their inverses, if each component has its own
};

}  // namespace skyfold

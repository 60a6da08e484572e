#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "skyfold/kernels/photoz/redshift_pdf.hpp"

namespace skyfold {

/// Linear between the points of a grid, nothing beyond them.
class LinearPdf : public RedshiftPdf {
 public:
  double density(double z) const override {
    if (!(z >= z_.front() && z <= z_.back())) return 0.0;
    const std::size_t i = cell(z);
    return density_[i] + slope(i) * (z - z_[i]);
  }

  double cumulative(double z) const override {
    if (z <= z_.front()) return 0.0;
    if (z >= z_.back()) return 1.0;
    const std::size_t i = cell(z);
    const double t = z - z_[i];
    return cumulative_[i] + t * (density_[i] + 0.5 * slope(i) * t);
  }

  // Both grids ascend: one way along them, without a search for each redshift.
  void cumulatives(std::span<const double> z, std::span<double> values) const override {
    std::size_t i = z.empty() ? 0 : cell(z[0]);
    for (std::size_t k = 0; k < z.size(); ++k) {
      while (i + 2 < z_.size() && z_[i + 1] <= z[k]) ++i;
      const double t = z[k] - z_[i];
      values[k] = z[k] <= z_.front() ? 0.0 : z[k] >= z_.back() ? 1.0 : cumulative_[i] + t * (density_[i] + 0.5 * slope(i) * t);
    }
  }
  std::pair<std::size_t, std::size_t> cumulatives_at(const RedshiftSteps& steps, std::span<double> values) const override;

  double quantile(double p) const override {
    const auto above = std::upper_bound(cumulative_.begin() + 1, cumulative_.end() - 1, p);
    const auto i = static_cast<std::size_t>(above - cumulative_.begin()) - 1;
    // The quadratic equation of the cell, in the form that does not cancel.
    const double rest = p - cumulative_[i], d = density_[i], root = std::sqrt(std::max(0.0, d * d + 2.0 * slope(i) * rest));
    const double t = rest > 0.0 ? 2.0 * rest / (d + root) : 0.0;
    return std::min(z_[i] + t, z_[i + 1]);
  }

  double mean() const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < z_.size(); ++i)
      sum += (z_[i + 1] - z_[i]) / 6.0 * (density_[i] * (2.0 * z_[i] + z_[i + 1]) + density_[i + 1] * (z_[i] + 2.0 * z_[i + 1]));
    return sum;
  }

  double mode() const override { return z_[static_cast<std::size_t>(std::ranges::max_element(density_) - density_.begin())]; }

  double square_about(double z) const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < z_.size(); ++i) {
      const double a = z_[i] - z, b = z_[i + 1] - z;
      sum += (b - a) / 12.0 * (density_[i] * (3.0 * a * a + 2.0 * a * b + b * b) + density_[i + 1] * (a * a + 2.0 * a * b + 3.0 * b * b));
    }
    return sum;
  }

  double squared_integral() const override {
    double sum = 0.0;
    for (std::size_t i = 0; i + 1 < z_.size(); ++i) {
      const double a = density_[i], b = density_[i + 1];
      sum += (z_[i + 1] - z_[i]) * (a * a + a * b + b * b) * (1.0 / 3.0);
    }
    return sum;
  }
  std::pair<double, double> support() const override { return {z_.front(), z_.back()}; }

  void sample(std::vector<double>& z, std::vector<double>& probability) const override {
    z.clear();
    probability.clear();
    for (std::size_t i = 0; i < z_.size(); ++i) {
      const double left = i > 0 ? z_[i] - z_[i - 1] : 0.0, right = i + 1 < z_.size() ? z_[i + 1] - z_[i] : 0.0;
      if (density_[i] == 0.0) continue;
      z.push_back(z_[i]);
      probability.push_back(0.5 * (left + right) * density_[i]);
    }
  }

 protected:
  /// Takes values at `z_`, of any scale.
  /// @param values  as many as `z_` has
  /// @returns false where they are no density: a value that is negative or no number, no mass
  [[nodiscard]] bool take(std::span<const float> values);
  [[nodiscard]] bool take(std::span<const double> values);

  std::vector<double> z_;  ///< increasing

 private:
  [[nodiscard]] bool normalise();
  [[nodiscard]] std::size_t cell(double z) const {
    return static_cast<std::size_t>(std::upper_bound(z_.begin() + 1, z_.end() - 1, z) - z_.begin()) - 1;
  }
  [[nodiscard]] double slope(std::size_t i) const { return (density_[i + 1] - density_[i]) / (z_[i + 1] - z_[i]); }

  std::vector<double> density_, cumulative_;
  // Of cumulatives_at.
  mutable std::vector<std::int32_t> above_, cell_;
  mutable std::vector<double> half_slope_;
};

}  // namespace skyfold

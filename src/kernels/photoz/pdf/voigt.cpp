// Voigt profiles by the Faddeeva function, as rational functions of Weideman 1994 (SIAM J. Numer. Anal. 31, 1497), and a dictionary of
// them.
#include "voigt.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace skyfold {
namespace {

/// w(x + iy) for y >= 0.
class Faddeeva {
 public:
  Faddeeva() : scale_(std::sqrt(static_cast<double>(terms) / std::numbers::sqrt2)) {
    // Fourier coefficients of exp(-t^2) (L^2 + t^2), t = L tan(theta / 2), by the sum over 4 N points.
    constexpr int m = 2 * terms;
    for (int n = 1; n <= terms; ++n) {
      double sum = 0.0;
      for (int k = -m + 1; k < m; ++k) {
        const double theta = std::numbers::pi * k / m, t = scale_ * std::tan(0.5 * theta);
        sum += std::exp(-t * t) * (scale_ * scale_ + t * t) * std::cos(n * theta);
      }
      coefficients_[static_cast<std::size_t>(n - 1)] = sum / (2 * m);
    }
  }
  [[nodiscard]] std::complex<double> at(std::complex<double> z) const {
    const std::complex<double> i(0.0, 1.0), below = scale_ - i * z, ratio = (scale_ + i * z) / below;
    std::complex<double> sum = 0.0;
    for (std::size_t n = terms; n-- > 0;) sum = sum * ratio + coefficients_[n];
    return 2.0 * sum / (below * below) + std::numbers::inv_sqrtpi / below;
  }

 private:
  static constexpr int terms = 40;
  double scale_;
  std::array<double, terms> coefficients_{};
};

double linspace(double first, double last, std::size_t n, std::size_t i) {
  return n < 2 ? first : first + (last - first) / static_cast<double>(n - 1) * static_cast<double>(i);
}

bool is_near(double a, double b, double step) { return std::abs(a - b) < 1e-6 * step; }

}  // namespace

double voigt_profile(double x, double sigma, double gamma) {
  if (gamma == 0.0) return std::exp(-0.5 * (x / sigma) * (x / sigma)) / (sigma * std::sqrt(2.0 * std::numbers::pi));
  if (sigma == 0.0) return gamma / (std::numbers::pi * (x * x + gamma * gamma));
  static const Faddeeva faddeeva;
  const double unit = 1.0 / (sigma * std::numbers::sqrt2);
  return faddeeva.at({x * unit, gamma * unit}).real() / (sigma * std::sqrt(2.0 * std::numbers::pi));
}

VoigtDictionary::VoigtDictionary(std::vector<double> z, const Axes& axes) : z_(std::move(z)), axes_(axes), column_(z_.size()) {
  const double step = (z_.back() - z_.front()) / static_cast<double>(z_.size() - 1);
  is_aligned_ = axes.n_mu == z_.size() && is_near(axes.mu_first, z_.front(), step) && is_near(axes.mu_last, z_.back(), step);
  for (std::size_t i = 0; is_aligned_ && i < z_.size(); ++i) is_aligned_ = is_near(z_[i], z_.front() + step * static_cast<double>(i), step);
  for (std::size_t j = 0; j < axes.n_sigma; ++j)
    for (std::size_t k = 0; k < axes.n_gamma; ++k)
      shapes_.push_back({linspace(axes.sigma_first, axes.sigma_last, axes.n_sigma, j), linspace(0.0, 0.5, axes.n_gamma, k), {}, {}});
}

const VoigtDictionary::Shape& VoigtDictionary::known(std::size_t number) const {
  Shape& shape = shapes_[number];
  if (!shape.profile.empty()) return shape;
  const double step = (z_.back() - z_.front()) / static_cast<double>(z_.size() - 1);
  for (std::size_t d = 0; d < z_.size(); ++d) {
    const double value = voigt_profile(step * static_cast<double>(d), shape.sigma, shape.gamma);
    if (!(value >= cut)) break;
    shape.profile.push_back(value);
    shape.squares.push_back(d == 0 ? 0.0 : shape.squares.back() + value * value);
  }
  if (shape.profile.empty()) shape.profile.push_back(0.0), shape.squares.push_back(0.0);
  return shape;
}

const std::vector<double>& VoigtDictionary::profile(std::size_t shape) const { return known(shape).profile; }

double VoigtDictionary::inverse_norm(std::size_t number, std::size_t mu) const {
  const Shape& shape = known(number);
  const std::size_t most = shape.profile.size() - 1, left = std::min(most, mu), right = std::min(most, z_.size() - 1 - mu);
  const double sum = shape.profile[0] * shape.profile[0] + shape.squares[left] + shape.squares[right];
  return sum > 0.0 ? 1.0 / std::sqrt(sum) : 0.0;
}

void VoigtDictionary::add(std::size_t base, double weight, std::span<double> values) const {
  const std::size_t number = base % shapes_.size(), mu = base / shapes_.size();
  if (is_aligned_) {
    const Shape& shape = known(number);
    const std::size_t most = shape.profile.size() - 1, left = std::min(most, mu), right = std::min(most, z_.size() - 1 - mu);
    const double scale = weight * inverse_norm(number, mu);
    for (std::size_t d = 1; d <= left; ++d) values[mu - d] += scale * shape.profile[d];
    for (std::size_t d = 0; d <= right; ++d) values[mu + d] += scale * shape.profile[d];
    return;
  }
  const double centre = linspace(axes_.mu_first, axes_.mu_last, axes_.n_mu, mu);
  double squares = 0.0;
  for (std::size_t i = 0; i < z_.size(); ++i) {
    const double value = voigt_profile(z_[i] - centre, shapes_[number].sigma, shapes_[number].gamma);
    column_[i] = value >= cut ? value : 0.0;
    squares += column_[i] * column_[i];
  }
  if (!(squares > 0.0)) return;
  for (std::size_t i = 0; i < z_.size(); ++i) values[i] += weight / std::sqrt(squares) * column_[i];
}

}  // namespace skyfold

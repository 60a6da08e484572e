// A PDF as a mixture of Gaussians of one width: density, quantiles, mode and the integral of its square, exactly.
#include "mixture.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../../common/simd.hpp"

namespace skyfold::knn {
namespace {

constexpr double lowest_exponent = -700.0;
const double root_two_pi = std::sqrt(2.0 * std::numbers::pi);

SKYFOLD_INLINE Lanes load(const double* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// sum_i weight_i exp(-((z_i - x) scale)^2 / 2); n is a multiple of the lanes.
SKYFOLD_CLONES
double kernel_sum(const double* z, const double* weight, std::size_t n, double x, double scale) {
  Lanes sum = {};
  for (std::size_t i = 0; i < n; i += n_lanes) {
    const Lanes t = (load(z + i) - x) * scale;
    Lanes exponent = t * t * -0.5;
    // exp() by vector instructions knows no numbers below the smallest double.
    exponent = exponent < lowest_exponent ? Lanes{} + lowest_exponent : exponent;
    sum += exponential(exponent) * load(weight + i);
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/// The same weighted by z_i - x, which is what a step of mean shift needs.
double shifted_sum(const double* z, const double* weight, std::size_t n, double x, double scale) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double t = (z[i] - x) * scale;
    sum += weight[i] * (z[i] - x) * std::exp(-0.5 * t * t);
  }
  return sum;
}

}  // namespace

void Mixture::set(std::span<const double> z, std::span<const double> weight) {
  n_ = z.size();
  const std::size_t room = padded(n_) + n_lanes;  // a sum may begin anywhere
  if (z_.size() < room) {
    z_.resize(room);
    weight_.resize(room);
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {  // insertion sort: there are few, at most 1000
    std::size_t place = i;
    for (; place > 0 && z_[place - 1] > z[i]; --place) {
      z_[place] = z_[place - 1];
      weight_[place] = weight_[place - 1];
    }
    z_[place] = z[i];
    weight_[place] = weight[i];
  }
  for (std::size_t i = 0; i < n_; ++i) sum += weight_[i];
  for (std::size_t i = 0; i < n_; ++i) weight_[i] /= sum;
  // Padding without weight adds nothing, whatever lane it falls into.
  for (std::size_t i = n_; i < room; ++i) z_[i] = weight_[i] = 0.0;
}

double Mixture::scatter() const noexcept {
  const auto at = [&](double p) {
    const double place = p * static_cast<double>(n_ - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, n_ - 1);
    return z_[low] + (place - static_cast<double>(low)) * (z_[high] - z_[low]);
  };
  // The interquartile range of a normal distribution is 1.349 sigma.
  return (at(0.75) - at(0.25)) / 1.349;
}

double Mixture::density(double x) const noexcept {
  return kernel_sum(z_.data(), weight_.data(), padded(n_), x, 1.0 / sigma_) / (sigma_ * root_two_pi);
}

double Mixture::cumulative(double x) const noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double t = (z_[i] - x) / (sigma_ * std::numbers::sqrt2);
    if (t < 6.0) sum += weight_[i] * (t < -6.0 ? 2.0 : std::erfc(t));  // beyond: less than 1e-16
  }
  return 0.5 * sum;
}

double Mixture::quantile(double p) const noexcept {
  double low = z_[0] - 10.0 * sigma_, high = z_[n_ - 1] + 10.0 * sigma_;
  double reached = 0.0, x = z_[n_ - 1];
  for (std::size_t i = 0; i < n_; ++i) {  // start at the quantile of the centres
    reached += weight_[i];
    if (reached >= p) {
      x = z_[i];
      break;
    }
  }
  for (int step = 0; step < 100; ++step) {
    const double excess = cumulative(x) - p;
    (excess > 0.0 ? high : low) = x;
    const double slope = density(x);
    // Newton's step where it stays in the bracket, else halving: it always ends.
    double next = x - excess / slope;
    if (!(next > low && next < high)) next = 0.5 * (low + high);  // also where the slope vanishes
    if (std::abs(next - x) < 1e-9) return next;
    x = next;
  }
  return x;
}

double Mixture::mean() const noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < n_; ++i) sum += weight_[i] * z_[i];
  return sum;
}

double Mixture::mode() const noexcept {
  // From the highest of the centres upwards: mean shift (Cheng 1995, IEEE PAMI 17, 790) never leaves the hill that it is on.
  double x = z_[0], highest = -1.0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double height = density(z_[i]);
    if (height > highest) highest = height, x = z_[i];
  }
  const double scale = 1.0 / sigma_;
  for (int step = 0; step < 1000; ++step) {
    const double shift = shifted_sum(z_.data(), weight_.data(), n_, x, scale) / kernel_sum(z_.data(), weight_.data(), padded(n_), x, scale);
    x += shift;
    if (std::abs(shift) < 1e-7 * sigma_) break;
  }
  return x;
}

double Mixture::squared_integral() const noexcept {
  constexpr double reach = 9.0;  // beyond, a pair adds less than 1e-17 of itself
  // The integral of the product of two Gaussians is a Gaussian of their distance, sqrt(2) as wide.
  const double width = std::numbers::sqrt2 * sigma_;
  double same = 0.0, pairs = 0.0;
  for (std::size_t i = 0, end = 0; i < n_; ++i) {
    while (end < n_ && z_[end] - z_[i] <= reach * width) ++end;
    same += weight_[i] * weight_[i];
    if (end > i + 1) pairs += weight_[i] * kernel_sum(&z_[i + 1], &weight_[i + 1], padded(end - i - 1), z_[i], 1.0 / width);
  }
  return (same + 2.0 * pairs) / (width * root_two_pi);
}

}  // namespace skyfold::knn

// A PDF as a mixture of Gaussians: density, quantiles, mode and the integral of its square, without a grid. Kernels of one width, of which
// there can be a thousand, have shorter sums than those with a width each.
#include "mixture.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../../common/simd.hpp"

namespace skyfold {
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

/// What Newton's method needs of a mixture at x.
struct Height {
  double cumulative = 0.0, density = 0.0;
};

/// exp(u^2) erfc(u) for u >= 0: the rational function of Cody 1969 (Math. Comp. 23, 631) for 0.47 <= u <= 4. Below, it is off by
/// 1e-11; above, by nothing that counts, once it is multiplied by exp(-u^2).
SKYFOLD_INLINE Lanes scaled_erfc(const Lanes& u) {
  Lanes p = u * 2.15311535474403846e-8 + 5.64188496988670089e-1;
  p = p * u + 8.88314979438837594;
  p = p * u + 6.61191906371416295e1;
  p = p * u + 2.98635138197400131e2;
  p = p * u + 8.81952221241769090e2;
  p = p * u + 1.71204761263407058e3;
  p = p * u + 2.05107837782607147e3;
  p = p * u + 1.23033935479799725e3;
  Lanes q = u + 1.57449261107098347e1;
  q = q * u + 1.17693950891312499e2;
  q = q * u + 5.37181101862009858e2;
  q = q * u + 1.62138957456669019e3;
  q = q * u + 3.29079923573345963e3;
  q = q * u + 4.36261909014324716e3;
  q = q * u + 3.43936767414372164e3;
  q = q * u + 1.23033935480374942e3;
  return p / q;
}

/// Distribution function and density of components with a width each; n is a multiple of the lanes.
SKYFOLD_CLONES
Height height_of(const double* z, const double* inverse, const double* weight, std::size_t n, double x) {
  Lanes density = {}, cumulative = {};
  for (std::size_t i = 0; i < n; i += n_lanes) {
    const Lanes scale = load(inverse + i), w = load(weight + i);
    const Lanes t = (x - load(z + i)) * (scale * (0.5 * std::numbers::sqrt2));
    const Lanes u = t < 0.0 ? -t : t;
    Lanes exponent = -(u * u);
    exponent = exponent < lowest_exponent ? Lanes{} + lowest_exponent : exponent;
    const Lanes e = exponential(exponent);
    // Farther than 20 the rational function would multiply a number that is 0 anyway.
    const Lanes near = u > 20.0 ? Lanes{} + 20.0 : u;
    const Lanes tail = e * scaled_erfc(near) * 0.5;
    density += e * (w * scale);
    cumulative += w * (t < 0.0 ? tail : 1.0 - tail);
  }
  return {(cumulative[0] + cumulative[1]) + (cumulative[2] + cumulative[3]),
          ((density[0] + density[1]) + (density[2] + density[3])) / root_two_pi};
}

}  // namespace

void Mixture::set(std::span<const double> z, std::span<const double> weight) {
  has_widths_ = false;
  sort(z, {}, weight);
}

void Mixture::set(std::span<const double> z, std::span<const double> sigma, std::span<const double> weight) {
  has_widths_ = true;
  sort(z, sigma, weight);
  for (std::size_t i = 0; i < n_; ++i) inverse_[i] = 1.0 / own_[i];
}

void Mixture::sort(std::span<const double> z, std::span<const double> sigma, std::span<const double> weight) {
  n_ = z.size();
  const std::size_t room = padded(n_) + n_lanes;  // a sum may begin anywhere
  if (z_.size() < room) {
    z_.resize(room);
    weight_.resize(room);
  }
  if (has_widths_ && own_.size() < room) {
    own_.resize(room);
    inverse_.resize(room);
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {  // insertion sort: there are few, at most 1000
    std::size_t place = i;
    for (; place > 0 && z_[place - 1] > z[i]; --place) {
      z_[place] = z_[place - 1];
      weight_[place] = weight_[place - 1];
      if (has_widths_) own_[place] = own_[place - 1];
    }
    z_[place] = z[i];
    weight_[place] = weight[i];
    if (has_widths_) own_[place] = sigma[i];
  }
  for (std::size_t i = 0; i < n_; ++i) sum += weight_[i];
  for (std::size_t i = 0; i < n_; ++i) weight_[i] /= sum;
  // Padding without weight adds nothing, whatever lane it falls into.
  for (std::size_t i = n_; i < room; ++i) z_[i] = weight_[i] = 0.0;
  if (has_widths_)
    for (std::size_t i = n_; i < room; ++i) own_[i] = inverse_[i] = 1.0;
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
  if (has_widths_) return height_of(z_.data(), inverse_.data(), weight_.data(), padded(n_), x).density;
  return kernel_sum(z_.data(), weight_.data(), padded(n_), x, 1.0 / sigma_) / (sigma_ * root_two_pi);
}

double Mixture::cumulative(double x) const noexcept {
  if (has_widths_) return height_of(z_.data(), inverse_.data(), weight_.data(), padded(n_), x).cumulative;
  double sum = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double t = (z_[i] - x) / (sigma_ * std::numbers::sqrt2);
    if (t < 6.0) sum += weight_[i] * (t < -6.0 ? 2.0 : std::erfc(t));  // beyond: less than 1e-16
  }
  return 0.5 * sum;
}

double Mixture::quantile(double p) const noexcept {
  double low = z_[0] - 10.0 * sigma_of(0), high = z_[n_ - 1] + 10.0 * sigma_of(n_ - 1);
  double reached = 0.0, x = z_[n_ - 1];
  bool is_reached = false;
  for (std::size_t i = 0; i < n_; ++i) {  // start at the quantile of the centres
    reached += weight_[i];
    if (!is_reached && reached >= p) {
      x = z_[i];
      is_reached = true;
    }
    if (!has_widths_ && is_reached) break;
    low = std::min(low, z_[i] - 10.0 * sigma_of(i));
    high = std::max(high, z_[i] + 10.0 * sigma_of(i));
  }
  // The error that is left is the square of the last step in units of the width: with widths of 0.001 and more far below 1e-9.
  const double last_step = has_widths_ ? 1e-7 : 1e-9;
  for (int step = 0; step < 100; ++step) {
    const Height at =
        has_widths_ ? height_of(z_.data(), inverse_.data(), weight_.data(), padded(n_), x) : Height{cumulative(x), density(x)};
    const double excess = at.cumulative - p;
    (excess > 0.0 ? high : low) = x;
    // Newton's step where it stays in the bracket, else halving: it always ends.
    double next = x - excess / at.density;
    if (!(next > low && next < high)) next = 0.5 * (low + high);  // also where the slope vanishes
    if (std::abs(next - x) < last_step) return next;
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
  for (int step = 0; step < 1000; ++step) {
    const double next = shift(x);
    x += next;
    if (std::abs(next) < (has_widths_ ? 1e-9 : 1e-7 * sigma_)) break;
  }
  return x;
}

/// A step of mean shift from x. Components with widths of their own count by 1 / sigma^2 besides, which makes the step zero where the
/// density's slope is (Carreira-Perpinan 2000, IEEE PAMI 22, 1318).
double Mixture::shift(double x) const noexcept {
  if (!has_widths_) {
    const double scale = 1.0 / sigma_;
    return shifted_sum(z_.data(), weight_.data(), n_, x, scale) / kernel_sum(z_.data(), weight_.data(), padded(n_), x, scale);
  }
  double shifted = 0.0, sum = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    const double t = (z_[i] - x) * inverse_[i];
    const double pull = weight_[i] * inverse_[i] * inverse_[i] * inverse_[i] * std::exp(-0.5 * t * t);
    shifted += pull * (z_[i] - x);
    sum += pull;
  }
  return sum > 0.0 ? shifted / sum : 0.0;
}

/// The integral of N(a, s) N(b, t) is N(a - b; 0, sqrt(s^2 + t^2)).
double Mixture::squared_integral_of_widths() const noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < n_; ++i) {
    double pairs = 0.5 * weight_[i] / (std::numbers::sqrt2 * own_[i]);
    for (std::size_t j = i + 1; j < n_; ++j) {
      const double width = std::sqrt(own_[i] * own_[i] + own_[j] * own_[j]), t = (z_[j] - z_[i]) / width;
      if (t < 9.0) pairs += weight_[j] / width * std::exp(-0.5 * t * t);
    }
    sum += weight_[i] * pairs;
  }
  return 2.0 * sum / root_two_pi;
}

double Mixture::squared_integral() const noexcept {
  if (has_widths_) return squared_integral_of_widths();
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

}  // namespace skyfold

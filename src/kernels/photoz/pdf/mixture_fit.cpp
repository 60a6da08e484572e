// A PDF as a sum of few Gaussians, by expectation and maximisation (Dempster, Laird & Rubin 1977, J. R. Stat. Soc. B 39, 1).
#include "mixture_fit.hpp"

#include <algorithm>
#include <cmath>

#include "../../common/simd.hpp"

namespace skyfold {
namespace {

constexpr std::size_t n_bins = 160;
constexpr int most_steps = 40;
constexpr double left_out = 1e-4;  // of the probability, at either end
constexpr double lowest_exponent = -700.0;

/// density[j] = height exp(-((z_j - mean) / sigma)^2 / 2); n_bins is a multiple of the lanes.
SKYFOLD_CLONES
void gaussian_at(const double* z, double mean, double sigma, double height, double* density) {
  const double scale = 1.0 / sigma;
  for (std::size_t j = 0; j < n_bins; j += n_lanes) {
    Lanes t;
    std::memcpy(&t, z + j, sizeof t);
    t = (t - mean) * scale;
    Lanes exponent = t * t * -0.5;
    exponent = exponent < lowest_exponent ? Lanes{} + lowest_exponent : exponent;
    const Lanes value = exponential(exponent) * height;
    std::memcpy(density + j, &value, sizeof value);
  }
}

}  // namespace

MixtureFit::MixtureFit(std::size_t gaussians)
    : mean_(gaussians),
      sigma_(gaussians),
      weight_(gaussians),
      z_(n_bins),
      probability_(n_bins),
      density_(gaussians * n_bins),
      sum_(n_bins) {}

void MixtureFit::fit(const RedshiftPdf& pdf) {
  begin(pdf);
  if (mean_.size() == 1) return;  // its moments are the best there is
  for (int i = 0; i < most_steps; ++i) step();
}

void MixtureFit::begin(const RedshiftPdf& pdf) {
  double low = pdf.quantile(left_out), high = pdf.quantile(1.0 - left_out);
  // A PDF without width has Gaussians all the same.
  if (!(high - low > 1e-6)) low -= 1e-6, high += 1e-6;
  width_ = (high - low) / static_cast<double>(n_bins);
  double before = pdf.cumulative(low), all = 0.0;
  for (std::size_t j = 0; j < n_bins; ++j) {
    const double after = pdf.cumulative(low + width_ * static_cast<double>(j + 1));
    z_[j] = low + width_ * (static_cast<double>(j) + 0.5);
    probability_[j] = std::max(0.0, after - before);
    all += probability_[j];
    before = after;
  }
  const auto n = static_cast<double>(mean_.size());
  std::size_t bin = 0;
  double left = probability_[0] / all;
  for (std::size_t k = 0; k < mean_.size(); ++k) {
    double mass = 0.0, once = 0.0, twice = 0.0;
    // A slice takes from the bins until it is full, parts of bins at its ends.
    while (mass < 1.0 / n - 1e-12) {
      const double part = std::min(left, 1.0 / n - mass), z = z_[bin] - z_[0];
      mass += part, once += part * z, twice += part * z * z;
      left -= part;
      if (left <= 0.0) {
        if (++bin == n_bins) break;
        left = probability_[bin] / all;
      }
    }
    bin = std::min(bin, n_bins - 1);
    mass = std::max(mass, 1e-300);
    const double mean = once / mass;
    mean_[k] = z_[0] + mean;
    sigma_[k] = std::sqrt(std::max(0.0, twice / mass - mean * mean) + width_ * width_ / 12.0);
    weight_[k] = 1.0 / n;
  }
  for (double& p : probability_) p /= all;
}

void MixtureFit::step() {
  std::ranges::fill(sum_, 0.0);
  for (std::size_t k = 0; k < mean_.size(); ++k) {
    gaussian_at(z_.data(), mean_[k], sigma_[k], weight_[k] / sigma_[k], &density_[k * n_bins]);
    for (std::size_t j = 0; j < n_bins; ++j) sum_[j] += density_[k * n_bins + j];
  }
  for (std::size_t j = 0; j < n_bins; ++j) sum_[j] = sum_[j] > 1e-290 ? probability_[j] / sum_[j] : 0.0;
  double all = 0.0;
  for (std::size_t k = 0; k < mean_.size(); ++k) {
    double mass = 0.0, once = 0.0, twice = 0.0;
    for (std::size_t j = 0; j < n_bins; ++j) {
      const double part = density_[k * n_bins + j] * sum_[j], t = z_[j] - mean_[k];
      mass += part, once += part * t, twice += part * t * t;
    }
    weight_[k] = mass;
    all += mass;
    // One that has lost all its part stays where it is, with no weight.
    if (!(mass > 1e-9)) continue;
    const double shift = once / mass;
    // Of a bin the probability is spread, not in its middle.
    sigma_[k] = std::sqrt(std::max(0.0, twice / mass - shift * shift) + width_ * width_ / 12.0);
    mean_[k] += shift;
  }
  for (double& w : weight_) w /= all;
}

}  // namespace skyfold

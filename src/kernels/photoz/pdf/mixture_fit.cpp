// A PDF as a sum of few Gaussians, by expectation and maximisation (Dempster, Laird & Rubin 1977, J. R. Stat. Soc. B 39, 1), four bins at
// a time.
#include "mixture_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "../../common/simd.hpp"

namespace skyfold {
namespace {

constexpr int most_steps = 16;
// Steps go farther than they say, which halves their number; the last one does not.
constexpr double longer = 1.9;
constexpr double left_out = 1e-4;  // of the probability, at either end
constexpr double reach = 7.0;      // in sigma: of what is farther a step sees nothing

/// What a Gaussian has of all bins: its sums, which its next place and width are made of.
enum Sum : std::size_t { mass, once, twice, n_sums };

SKYFOLD_INLINE Lanes load(const double* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
SKYFOLD_INLINE void store(const Lanes& lanes, double* to) { std::memcpy(to, &lanes, sizeof lanes); }

/// Adds up for each Gaussian which share of the bins is its own. Gaussian after Gaussian, so that its sums stay in registers.
/// @param density  of each Gaussian in the bins that it reaches, filled, shape [k x n_bins]
/// @param sums     filled, shape [k x n_sums x n_lanes]
SKYFOLD_CLONES
void share_out(const MixtureFit::Bins& bins, const MixtureFit::Gaussian* gaussians, std::size_t k, double* density, double* sums) {
  constexpr std::size_t n = MixtureFit::n_bins;
  constexpr std::size_t groups = n / n_lanes;
  std::array<double, n> shares;
  shares.fill(1e-290);
  struct Reach {
    std::size_t begin, end;  // bins, in lanes
  };
  std::array<Reach, MixtureFit::most_gaussians> reached;
  for (std::size_t i = 0; i < k; ++i) {
    const MixtureFit::Gaussian& g = gaussians[i];
    const double low = g.mean - reach * g.sigma, high = g.mean + reach * g.sigma, scale = 1.0 / g.sigma, height = g.weight * scale;
    std::size_t begin = 0, end = groups;
    while (begin < end && bins.middle[begin * n_lanes + n_lanes - 1] < low) ++begin;
    while (end > begin && bins.middle[(end - 1) * n_lanes] > high) --end;
    reached[i] = {begin, end};
    for (std::size_t j = begin; j < end; ++j) {
      const Lanes t = (load(&bins.middle[j * n_lanes]) - g.mean) * scale;
      Lanes exponent = t * t * -0.5;
      exponent = exponent < -700.0 ? Lanes{} - 700.0 : exponent;
      const Lanes here = exponential(exponent) * height;
      store(here, density + i * n + j * n_lanes);
      store(load(&shares[j * n_lanes]) + here, &shares[j * n_lanes]);
    }
  }
  for (std::size_t j = 0; j < n; ++j) shares[j] = bins.probability[j] / shares[j];
  for (std::size_t i = 0; i < k; ++i) {
    Lanes all = {}, first = {}, second = {};
    for (std::size_t j = reached[i].begin; j < reached[i].end; ++j) {
      const Lanes part = load(density + i * n + j * n_lanes) * load(&shares[j * n_lanes]);
      all = all + part;
      first = first + part * load(&bins.middle[j * n_lanes]);
      second = second + part * load(&bins.square[j * n_lanes]);
    }
    double* const own = sums + i * n_sums * n_lanes;
    store(all, own + mass * n_lanes), store(first, own + once * n_lanes), store(second, own + twice * n_lanes);
  }
}

}  // namespace

MixtureFit::MixtureFit(std::size_t gaussians)
    : mean_(gaussians),
      sigma_(gaussians),
      weight_(gaussians),
      gaussians_(gaussians),
      density_(gaussians * n_bins),
      sums_(gaussians * n_sums * n_lanes) {}

void MixtureFit::fit(const RedshiftPdf& pdf) {
  begin(pdf);
  if (mean_.size() > 1)  // else its moments are the best there is
    for (int i = 0; i < most_steps; ++i) step(i + 1 < most_steps ? longer : 1.0);
  for (std::size_t k = 0; k < mean_.size(); ++k) {
    mean_[k] = first_ + gaussians_[k].mean;
    sigma_[k] = gaussians_[k].sigma;
    weight_[k] = gaussians_[k].weight;
  }
}

void MixtureFit::begin(const RedshiftPdf& pdf) {
  double low = pdf.quantile(left_out), high = pdf.quantile(1.0 - left_out);
  // A PDF without width has Gaussians all the same.
  if (!(high - low > 1e-6)) low -= 1e-6, high += 1e-6;
  first_ = low;
  // Edges at equal steps and at equal steps of probability, half each: narrow hills on wide plains have bins of their own.
  std::array<double, n_bins + 1> edges{}, reached{};
  constexpr std::size_t half = n_bins / 2;
  for (std::size_t j = 0; j < half; ++j) {
    edges[j] = low + (high - low) * static_cast<double>(j) / half;
    edges[half + j] = pdf.quantile(left_out + (1.0 - 2.0 * left_out) * (static_cast<double>(j) + 0.5) / half);
  }
  edges.back() = high;
  std::ranges::sort(edges);
  pdf.cumulatives(edges, reached);
  const double all = std::max(1e-300, reached.back() - reached.front());
  for (std::size_t j = 0; j < n_bins; ++j) {
    const double width = edges[j + 1] - edges[j], middle = 0.5 * (edges[j] + edges[j + 1]) - first_;
    bins_.middle[j] = middle;
    // Of a bin the probability is spread, not in its middle.
    bins_.square[j] = middle * middle + width * width / 12.0;
    bins_.probability[j] = std::max(0.0, reached[j + 1] - reached[j]) / all;
  }
  least_variance_ = std::max(1e-14, 1e-8 * (high - low) * (high - low));
  slice();
}

/// Begins with slices of equal probability.
void MixtureFit::slice() {
  const double share = 1.0 / static_cast<double>(gaussians_.size());
  std::size_t bin = 0;
  double left = bins_.probability[0];
  for (Gaussian& gaussian : gaussians_) {
    double mass = 0.0, once = 0.0, twice = 0.0;
    // A slice takes from the bins until it is full, parts of bins at its ends.
    while (mass < share - 1e-12) {
      const double part = std::min(left, share - mass), x = bins_.middle[bin];
      mass += part, once += part * x, twice += part * bins_.square[bin];
      left -= part;
      if (left <= 0.0) {
        if (++bin == n_bins) break;
        left = bins_.probability[bin];
      }
    }
    bin = std::min(bin, n_bins - 1);
    mass = std::max(mass, 1e-300);
    gaussian.mean = once / mass;
    gaussian.sigma = std::sqrt(std::max(least_variance_, twice / mass - gaussian.mean * gaussian.mean));
    gaussian.weight = share;
  }
}

void MixtureFit::step(double relaxation) {
  share_out(bins_, gaussians_.data(), gaussians_.size(), density_.data(), sums_.data());
  double all = 0.0;
  for (std::size_t k = 0; k < gaussians_.size(); ++k) {
    Gaussian& g = gaussians_[k];
    const auto sum = [&](Sum which) {
      const double* lane = &sums_[(k * n_sums + which) * n_lanes];
      return (lane[0] + lane[1]) + (lane[2] + lane[3]);
    };
    const double weight = sum(mass);
    // One that has lost all its part stays where it is, with no weight.
    if (!(weight > 1e-9)) {
      g.weight = 0.0;
      continue;
    }
    const double mean = sum(once) / weight;
    const double variance = sum(twice) / weight - mean * mean;
    g.mean += relaxation * (mean - g.mean);
    const double old = g.sigma * g.sigma;
    g.sigma = std::sqrt(std::max({least_variance_, 0.25 * old, old + relaxation * (variance - old)}));
    g.weight = std::max(0.3 * weight, g.weight + relaxation * (weight - g.weight));
    all += g.weight;
  }
  // A PDF of which no bin has seen anything keeps equal parts.
  for (Gaussian& gaussian : gaussians_) gaussian.weight = all > 0.0 ? gaussian.weight / all : 1.0 / static_cast<double>(gaussians_.size());
}

}  // namespace skyfold

// Photo-z metrics of one set of objects (Sanchez et al. 2014, MNRAS 445, 1482; Schmidt et al. 2020, MNRAS 499, 1587): all orders
// are sorted once, so that a bootstrap realisation is one pass over counts without sorting.
#include "skyfold/kernels/validate/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "skyfold/kernels/validate/bootstrap.hpp"
#include "skyfold/kernels/validate/quality.hpp"
#include "skyfold/kernels/validate/weighted.hpp"

namespace skyfold::validation {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double one_sigma_low = 0.15865, one_sigma_high = 0.84135;
constexpr double most_bins = 1e5;  // of n_poisson: more is a redshift gone wrong
constexpr std::uint32_t is_spectroscopic = 1, is_last_of_equal = 2;

/// Members in increasing order of a value; equal values keep their order.
// By the member's number where values are equal, so that sums have one order, and with it one result.
std::vector<std::uint32_t> order_by(std::span<const double> values) {
  std::vector<std::uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return values[a] < values[b] || (values[a] == values[b] && a < b); });
  return order;
}

double mean_of(std::span<const double> values) {
  return values.empty() ? 0.0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

const std::array<MetricInfo, n_metrics>& metric_infos() noexcept {
  static constexpr std::array<MetricInfo, n_metrics> infos = {{
      {"mean_bias", "mean of dz = z_phot - z_spec", LimitKind::size},
      {"median_bias", "median of dz", LimitKind::size},
      {"sigma", "standard deviation of dz", LimitKind::below},
      {"sigma68", "half the central 68.27 % range of dz", LimitKind::below},
      {"out_2sigma", "fraction beyond 2 sigma of the mean", LimitKind::below},
      {"out_3sigma", "fraction beyond 3 sigma of the mean", LimitKind::below},
      {"mean_pull", "mean of dz / z_err", LimitKind::size},
      {"sigma_pull", "standard deviation of dz / z_err", LimitKind::from_one},
      {"within_err", "fraction with |dz| <= z_err", LimitKind::from_683},
      {"n_poisson", "difference of the histograms in Poisson errors", LimitKind::below},
      {"ks", "Kolmogorov-Smirnov distance of n(z)", LimitKind::below},
      {"median_scaled", "median of e = dz / (1 + z_spec)", LimitKind::size},
      {"nmad", "1.4826 median |e - median|", LimitKind::below},
      {"sigma_iqr", "interquartile range of e / 1.349", LimitKind::below},
      {"out_015", "fraction with |e| > 0.15", LimitKind::below},
      {"out_iqr", "fraction with |e| > max(0.06, 3 sigma_iqr)", LimitKind::below},
      {"pit_ks", "Kolmogorov-Smirnov distance of the PITs", LimitKind::below, true},
      {"pit_cvm", "Cramer-von Mises statistic of the PITs", LimitKind::below, true},
      {"pit_ad", "Anderson-Darling statistic of the PITs", LimitKind::below, true},
      {"pit_out", "fraction of PITs at 0 or 1", LimitKind::below, true},
      {"cde_loss", "conditional density loss", LimitKind::below, true},
      {"odds", "mean mass of the PDF about z_phot", LimitKind::above, true},
  }};
  return infos;
}

bool passes(Metric metric, double value, double limit) noexcept {
  switch (metric_infos()[place(metric)].limit) {
    case LimitKind::below:
      return value < limit;
    case LimitKind::size:
      return std::abs(value) < limit;
    case LimitKind::from_one:
      return std::abs(value - 1.0) < limit;
    case LimitKind::from_683:
      return std::abs(value - 0.6827) < limit;
    case LimitKind::above:
      return value > limit;
  }
  return false;
}

MetricSet::MetricSet(const Objects& objects, std::span<const std::uint32_t> members, const MetricRules& rules) : rules_(rules) {
  const std::size_t n = members.size();
  std::vector<double> dz(n), ratio(n);
  for (std::size_t k = 0; k < n; ++k) dz[k] = objects.z_phot[members[k]] - objects.z_spec[members[k]];
  // All that belongs to an object stands in the order of dz: a realisation then walks through memory once.
  std::vector<std::uint32_t> order = order_by(dz);
  dz_.resize(n);
  pull_.assign(n, 0.0);
  has_err_.assign(n, 0);
  within_.assign(n, 0);
  for (std::size_t k = 0; k < n; ++k) {
    dz_[k] = dz[order[k]];
    const std::uint32_t i = order[k] = members[order[k]];
    ratio[k] = dz_[k] / (1.0 + objects.z_spec[i]);
    if (!objects.weight.empty()) weight_.push_back(objects.weight[i]);
    if (!objects.key.empty()) key_.push_back(objects.key[i]);
    const double error = objects.z_err[i];
    // Without an error the object counts for all metrics but those of pulls.
    if (!(error > 0.0) || std::isinf(error)) continue;
    has_err_[k] = 1;
    pull_[k] = dz_[k] / error;
    within_[k] = std::abs(dz_[k]) <= error;
  }
  // Sums about the mean: squares of small differences of large numbers would lose their digits.
  dz_shift_ = mean_of(dz_);
  pull_shift_ = mean_of(pull_);
  for (std::size_t k = 0; k < n; ++k) pull_[k] = has_err_[k] ? pull_[k] - pull_shift_ : 0.0;
  sort_scaled(ratio);
  pool_redshifts(objects, order);
  bin_redshifts(objects, order);
  if (!objects.pit.empty()) sort_pits(objects, order);
}

void MetricSet::sort_scaled(std::span<const double> ratio) {
  // Another order than that of dz: weights are looked up by object, values stand in their own order.
  scaled_object_ = order_by(ratio);
  scaled_.reserve(ratio.size());
  for (const std::uint32_t k : scaled_object_) scaled_.push_back(ratio[k]);
}

void MetricSet::pool_redshifts(const Objects& objects, std::span<const std::uint32_t> order) {
  struct Redshift {
    double z;
    std::uint32_t place;
  };
  std::vector<Redshift> all;
  all.reserve(2 * order.size());
  for (std::uint32_t k = 0; k < order.size(); ++k) {
    // Two bits below the place: whose distribution it is, and whether equal values end here.
    all.push_back({objects.z_phot[order[k]], k << 2});
    all.push_back({objects.z_spec[order[k]], (k << 2) | is_spectroscopic});
  }
  std::sort(all.begin(), all.end(), [](const Redshift& a, const Redshift& b) { return a.z < b.z || (a.z == b.z && a.place < b.place); });
  pooled_.reserve(all.size());
  for (std::size_t k = 0; k < all.size(); ++k)
    // The values themselves are not kept: the distance of two distributions needs their order alone.
    pooled_.push_back(all[k].place | (k + 1 == all.size() || all[k + 1].z != all[k].z ? is_last_of_equal : 0));
}

void MetricSet::bin_redshifts(const Objects& objects, std::span<const std::uint32_t> order) {
  // Bins at multiples of the width, over the true redshifts; an estimate that lies outside is in none of them.
  const double width = rules_.poisson_width;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const std::uint32_t i : order) {
    low = std::min(low, std::floor(objects.z_spec[i] / width));
    high = std::max(high, std::floor(objects.z_spec[i] / width));
  }
  n_bins_ = order.empty() ? 0 : static_cast<std::size_t>(std::min(high - low + 1.0, most_bins));
  const auto bin_of = [&](double z) {
    const double bin = std::floor(z / width) - low;
    // All that is outside shares one bin behind the last, which is not looked at.
    return bin >= 0.0 && bin < static_cast<double>(n_bins_) ? static_cast<std::uint32_t>(bin) : static_cast<std::uint32_t>(n_bins_);
  };
  spec_bin_.reserve(order.size());
  phot_bin_.reserve(order.size());
  for (const std::uint32_t i : order) {
    spec_bin_.push_back(bin_of(objects.z_spec[i]));
    phot_bin_.push_back(bin_of(objects.z_phot[i]));
  }
}

void MetricSet::sort_pits(const Objects& objects, std::span<const std::uint32_t> order) {
  std::vector<double> pit;
  std::vector<std::uint32_t> whose;
  has_pdf_.assign(order.size(), 0);
  cde_.assign(order.size(), 0.0);
  odds_.assign(order.size(), 0.0);
  for (std::uint32_t k = 0; k < order.size(); ++k) {
    const std::uint32_t i = order[k];
    if (std::isnan(objects.pit[i])) continue;
    has_pdf_[k] = 1;
    cde_[k] = objects.cde[i];
    odds_[k] = objects.odds[i];
    pit.push_back(objects.pit[i]);
    whose.push_back(k);
  }
  const double low = rules_.pit_outlier, high = 1.0 - low;
  for (const std::uint32_t k : order_by(pit)) {
    pit_object_.push_back(whose[k]);
    pit_.push_back(pit[k]);
    // At 0 and 1 Anderson-Darling is infinite: PITs so near are counted as outliers, and stand here at the edge.
    const double clipped = std::clamp(pit[k], low, high);
    log_pit_.push_back(std::log(clipped));
    log_rest_.push_back(std::log1p(-clipped));
  }
  first_in_ = static_cast<std::size_t>(std::lower_bound(pit_.begin(), pit_.end(), low) - pit_.begin());
  first_above_ = static_cast<std::size_t>(std::upper_bound(pit_.begin(), pit_.end(), high) - pit_.begin());
}

Metrics MetricSet::measure(Scratch& scratch) const {
  scratch.counts.assign(size(), 1);
  return weight_.empty() ? measure_counts<false>(scratch) : measure_counts<true>(scratch);
}

Metrics MetricSet::measure(std::uint64_t realisation, Scratch& scratch) const {
  scratch.counts.resize(size());
  // Poisson counts instead of draws with replacement: an object's count does not depend on the others, so any set can be drawn alone.
  poisson_counts(key_, realisation, scratch.counts);
  return weight_.empty() ? measure_counts<false>(scratch) : measure_counts<true>(scratch);
}

template <bool weighted>
double MetricSet::weight_of(const Scratch& scratch, std::size_t i) const noexcept {
  if constexpr (weighted)
    return weight_[i] * static_cast<double>(scratch.counts[i]);
  else
    return static_cast<double>(scratch.counts[i]);
}

template <bool weighted>
Metrics MetricSet::measure_counts(Scratch& scratch) const {
  Metrics metrics;
  metrics.fill(nan);
  double sum = 0.0, n = 0.0;
  moments<weighted>(scratch, metrics, sum, n);
  // A standard deviation needs two objects; a realisation may have drawn fewer.
  if (n < 2.0) {
    metrics.fill(nan);
    return metrics;
  }
  const SortedWeights dz{dz_, scratch.before};
  const double mean = metrics[place(Metric::mean_bias)], sigma = metrics[place(Metric::sigma)];
  metrics[place(Metric::median_bias)] = quantile(dz, 0.5);
  metrics[place(Metric::sigma68)] = 0.5 * (quantile(dz, one_sigma_high) - quantile(dz, one_sigma_low));
  metrics[place(Metric::out_2sigma)] = share_beyond(dz, mean, 2.0 * sigma);
  metrics[place(Metric::out_3sigma)] = share_beyond(dz, mean, 3.0 * sigma);
  scaled<weighted>(scratch, metrics);
  redshift_distributions<weighted>(scratch, sum, n, metrics);
  if (!has_pdf_.empty()) pits<weighted>(scratch, metrics);
  return metrics;
}

/// Means and standard deviations, and the sums of weights in order of dz.
template <bool weighted>
void MetricSet::moments(Scratch& scratch, Metrics& metrics, double& sum, double& n) const {
  scratch.before.resize(size() + 1);
  double first = 0.0, second = 0.0, with_err = 0.0, n_err = 0.0, pull = 0.0, pull_square = 0.0, within = 0.0;
  for (std::size_t i = 0; i < size(); ++i) {
    // Shifted by a typical value: the difference of the two large sums below would lose the digits of a small scatter.
    const double w = weight_of<weighted>(scratch, i), d = dz_[i] - dz_shift_, w_err = has_err_[i] ? w : 0.0;
    scratch.before[i] = sum;
    sum += w;
    n += static_cast<double>(scratch.counts[i]);
    first += w * d;
    second += w * d * d;
    with_err += w_err;
    n_err += has_err_[i] ? static_cast<double>(scratch.counts[i]) : 0.0;
    pull += w_err * pull_[i];
    pull_square += w_err * pull_[i] * pull_[i];
    within += within_[i] ? w : 0.0;
  }
  scratch.before[size()] = sum;
  const double mean = first / sum;
  metrics[place(Metric::mean_bias)] = dz_shift_ + mean;
  metrics[place(Metric::sigma)] = std::sqrt(std::max(second / sum - mean * mean, 0.0));
  // Errors may be missing where redshifts are not: then what needs them stays NaN.
  if (n_err < 2.0) return;
  const double mean_pull = pull / with_err;
  metrics[place(Metric::mean_pull)] = pull_shift_ + mean_pull;
  metrics[place(Metric::sigma_pull)] = std::sqrt(std::max(pull_square / with_err - mean_pull * mean_pull, 0.0));
  metrics[place(Metric::within_err)] = within / with_err;
}

template <bool weighted>
void MetricSet::scaled(Scratch& scratch, Metrics& metrics) const {
  constexpr double least_outlier = 0.06, iqr_of_sigma = 1.349;
  scratch.before_scaled.resize(size() + 1);
  double sum = 0.0;
  for (std::size_t k = 0; k < size(); ++k) {
    scratch.before_scaled[k] = sum;
    sum += weight_of<weighted>(scratch, scaled_object_[k]);
  }
  scratch.before_scaled[size()] = sum;
  const SortedWeights e{scaled_, scratch.before_scaled};
  // 1.349: what makes it equal to sigma for a Gaussian.
  const double middle = quantile(e, 0.5), sigma_iqr = (quantile(e, 0.75) - quantile(e, 0.25)) / iqr_of_sigma;
  metrics[place(Metric::median_scaled)] = middle;
  metrics[place(Metric::nmad)] = sigma_of_median_deviation * median_deviation(e, middle);
  metrics[place(Metric::sigma_iqr)] = sigma_iqr;
  metrics[place(Metric::out_015)] = share_beyond(e, 0.0, outlier_limit);
  metrics[place(Metric::out_iqr)] = share_beyond(e, 0.0, std::max(least_outlier, 3.0 * sigma_iqr));
}

template <bool weighted>
void MetricSet::redshift_distributions(Scratch& scratch, double sum, double n, Metrics& metrics) const {
  double ahead = 0.0, largest = 0.0;  // of the cumulative distribution of z_phot before that of z_spec
  for (const std::uint32_t entry : pooled_) {
    const double w = weight_of<weighted>(scratch, entry >> 2);
    ahead += entry & is_spectroscopic ? -w : w;
    // Between equal values the distributions are on their way: they are compared behind them.
    if (entry & is_last_of_equal) largest = std::max(largest, std::abs(ahead));
  }
  metrics[place(Metric::ks)] = largest / sum;
  scratch.difference.assign(n_bins_ + 1, 0.0);
  scratch.spectroscopic.assign(n_bins_ + 1, 0.0);
  for (std::size_t i = 0; i < size(); ++i) {
    const double w = weight_of<weighted>(scratch, i);
    scratch.spectroscopic[spec_bin_[i]] += w;
    scratch.difference[spec_bin_[i]] -= w;
    scratch.difference[phot_bin_[i]] += w;
  }
  // Bins without true redshifts have no Poisson error, and are left out.
  double squares = 0.0, bins = 0.0;
  for (std::size_t k = 0; k < n_bins_; ++k) {
    if (!(scratch.spectroscopic[k] > 0.0)) continue;
    squares += scratch.difference[k] * scratch.difference[k] / scratch.spectroscopic[k];
    ++bins;
  }
  // Weights have no Poisson errors; scaled to counts they have, nearly.
  metrics[place(Metric::n_poisson)] = std::sqrt(squares / bins * (n / sum));
}

/// With F the cumulative distribution of the PITs u, a step function, the integrals over the steps of (F - u)^2 and of
/// (F - u)^2 / (u (1 - u)) = F^2 / u + (1 - F)^2 / (1 - u) - 1 are elementary; collected by the steps of F they need no
/// function of u but those prepared.
template <bool weighted>
void MetricSet::pits(const Scratch& scratch, Metrics& metrics) const {
  double sum = 0.0, n = 0.0, cde = 0.0, odds = 0.0;
  for (std::size_t i = 0; i < size(); ++i) {
    const double w = has_pdf_[i] ? weight_of<weighted>(scratch, i) : 0.0;
    sum += w;
    n += has_pdf_[i] ? static_cast<double>(scratch.counts[i]) : 0.0;
    cde += w * cde_[i];
    odds += w * odds_[i];
  }
  if (n < 2.0) return;
  double before = 0.0, reached = 0.0, largest = 0.0, cramer = 0.0, anderson = 0.0, out = 0.0;
  const double scale = 1.0 / sum;
  for (std::size_t k = 0; k < pit_.size(); ++k) {
    const double w = weight_of<weighted>(scratch, pit_object_[k]);
    // Not drawn in this realisation: no step of F.
    if (w == 0.0) continue;
    reached += w;
    out += k < first_in_ || k >= first_above_ ? w : 0.0;
    // Rounding may carry the last step past 1.
    const double after = std::min(reached * scale, 1.0), u = pit_[k], x = u - before, y = u - after;
    largest = std::max({largest, std::abs(x), std::abs(y)});
    cramer += (after - before) * (x * x + x * y + y * y);
    anderson += (after - before) * ((after + before) * log_pit_[k] + (2.0 - after - before) * log_rest_[k]);
    before = after;
  }
  metrics[place(Metric::pit_ks)] = largest;
  // By the number of objects and not the sum of weights: both statistics grow with the size of the sample.
  metrics[place(Metric::pit_cvm)] = n * cramer / 3.0;
  metrics[place(Metric::pit_ad)] = n * (-1.0 - anderson);
  metrics[place(Metric::pit_out)] = out / sum;
  metrics[place(Metric::cde_loss)] = cde / sum;
  metrics[place(Metric::odds)] = odds / sum;
}

}  // namespace skyfold::validation

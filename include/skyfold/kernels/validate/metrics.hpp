#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skyfold::validation {

/// Measures of the quality of photometric redshifts.
///
/// With dz = z_phot - z_spec, e = dz / (1 + z_spec), z_err the estimated error of z_phot, weights w, and the number n of
/// objects. Means, fractions and distributions are weighted; quantiles as `SortedWeights` defines them. Most follow
/// Sanchez et al. 2014, MNRAS 445, 1482 (arXiv:1406.4407) and, for the PDFs, Schmidt et al. 2020, MNRAS 499, 1587.
enum class Metric : std::uint8_t {
  mean_bias,      ///< mean of dz
  median_bias,    ///< median of dz
  sigma,          ///< sqrt(mean of (dz - mean_bias)^2)
  sigma68,        ///< (Q(0.84135) - Q(0.15865)) / 2 of dz
  out_2sigma,     ///< fraction with |dz - mean_bias| > 2 sigma
  out_3sigma,     ///< fraction with |dz - mean_bias| > 3 sigma
  mean_pull,      ///< mean of dz / z_err over the objects with an error; 0 for honest errors
  sigma_pull,     ///< standard deviation of dz / z_err about its mean, as sigma; 1 for honest errors
  within_err,     ///< fraction of the objects with an error that have |dz| <= z_err; 0.683 for honest Gaussian errors
  n_poisson,      ///< sqrt(mean over bins of (N_phot - N_spec)^2 / N_spec), see MetricRules; bins without N_spec left out
  ks,             ///< largest difference of the cumulative distributions of z_phot and z_spec
  median_scaled,  ///< median of e
  nmad,           ///< 1.4826 median |e - median_scaled|
  sigma_iqr,      ///< (Q(0.75) - Q(0.25)) / 1.349 of e
  out_015,        ///< fraction with |e| > 0.15
  out_iqr,        ///< fraction with |e| > max(0.06, 3 sigma_iqr)
  pit_ks,         ///< largest difference of the cumulative distribution F of the PITs from the uniform one
  pit_cvm,        ///< n integral of (F(u) - u)^2 du (Cramer-von Mises)
  pit_ad,         ///< n integral of (F(u) - u)^2 / (u (1 - u)) du (Anderson-Darling), PITs clipped to [o, 1 - o], o = pit_outlier
  pit_out,        ///< fraction with PIT < o or PIT > 1 - o
  cde_loss,       ///< mean of integral p^2 dz - 2 p(z_spec) (Izbicki & Lee 2017); the lower the better
  odds,           ///< mean mass of the PDF within z_phot +- odds_width (1 + z_phot)
};
inline constexpr std::size_t n_metrics = 22;
using Metrics = std::array<double, n_metrics>;

[[nodiscard]] constexpr std::size_t place(Metric metric) noexcept { return static_cast<std::size_t>(metric); }

/// How a value is held against a limit.
enum class LimitKind : std::uint8_t {
  below,     ///< passes when value < limit
  size,      ///< when |value| < limit
  from_one,  ///< when |value - 1| < limit
  from_683,  ///< when |value - 0.6827| < limit
  above,     ///< when value > limit
};

struct MetricInfo {
  std::string_view name;     ///< as in products and options
  std::string_view meaning;  ///< in a few words, for tables
  LimitKind limit = LimitKind::below;
  bool of_pdf = false;
};
/// What is known of each metric, in the order of the enumeration.
[[nodiscard]] const std::array<MetricInfo, n_metrics>& metric_infos() noexcept;
/// True when the value is within the limit; a value that is not a number never is.
[[nodiscard]] bool passes(Metric metric, double value, double limit) noexcept;

/// Objects with known and estimated redshifts, column by column. All redshifts are finite, all z_spec > -1, all weights
/// positive; NaN in z_err means no error, NaN in pit, cde and odds no PDF.
struct Objects {
  std::vector<double> z_spec, z_phot, z_err;  ///< shape [n]
  std::vector<double> weight;                 ///< shape [n]; empty: all count the same
  std::vector<double> pit, cde, odds;         ///< shape [n], see PdfMeasures; empty: no PDFs at all
  std::vector<std::uint64_t> key;             ///< for the bootstrap, shape [n]; may be empty without one

  [[nodiscard]] std::size_t size() const noexcept { return z_spec.size(); }
};

struct MetricRules {
  double poisson_width = 0.05;  ///< of the bins of n_poisson, [k width, (k + 1) width) for whole k; weights are scaled to sum n
  double pit_outlier = 1e-4;    ///< PITs nearer to 0 or 1 than that are outliers
};

/// A set of objects prepared for measuring: sorted once, so that a realisation of the bootstrap takes O(n) without
/// sorting and without allocating. Every metric of fewer than two objects is NaN; so are those of dz/err for fewer
/// than two objects with an error, and those of PDFs for fewer than two PDFs.
class MetricSet {
 public:
  /// Reused memory of one thread.
  struct Scratch {
    std::vector<std::uint8_t> counts;
    std::vector<double> before, before_scaled, difference, spectroscopic;
  };

  /// @param members  which of the objects belong to the set; their order does not matter for the counts of the
  ///                 bootstrap, but decides how sums are rounded
  MetricSet(const Objects& objects, std::span<const std::uint32_t> members, const MetricRules& rules);

  [[nodiscard]] std::size_t size() const noexcept { return dz_.size(); }
  /// Every object once.
  [[nodiscard]] Metrics measure(Scratch& scratch) const;
  /// A realisation of the bootstrap.
  [[nodiscard]] Metrics measure(std::uint64_t realisation, Scratch& scratch) const;

 private:
  void sort_scaled(std::span<const double> scaled);
  void pool_redshifts(const Objects& objects, std::span<const std::uint32_t> order);
  void bin_redshifts(const Objects& objects, std::span<const std::uint32_t> order);
  void sort_pits(const Objects& objects, std::span<const std::uint32_t> order);
  template <bool weighted>
  [[nodiscard]] Metrics measure_counts(Scratch& scratch) const;
  template <bool weighted>
  void moments(Scratch& scratch, Metrics& metrics, double& sum, double& n) const;
  template <bool weighted>
  void scaled(Scratch& scratch, Metrics& metrics) const;
  template <bool weighted>
  void redshift_distributions(Scratch& scratch, double sum, double n, Metrics& metrics) const;
  template <bool weighted>
  void pits(const Scratch& scratch, Metrics& metrics) const;
  template <bool weighted>
  [[nodiscard]] double weight_of(const Scratch& scratch, std::size_t i) const noexcept;

  MetricRules rules_;
  // All in increasing order of dz, unless said otherwise.
  std::vector<double> dz_, weight_, pull_, cde_, odds_;
  std::vector<std::uint8_t> has_err_, within_, has_pdf_;
  std::vector<std::uint64_t> key_;
  double dz_shift_ = 0.0, pull_shift_ = 0.0;  // sums are taken about these, so that little cancels
  std::vector<double> scaled_;                // e, increasing
  std::vector<std::uint32_t> scaled_object_;  // whose
  std::vector<std::uint32_t> pooled_;         // z_spec and z_phot, increasing: object, last of equal values, is z_spec
  std::vector<std::uint32_t> spec_bin_, phot_bin_;
  std::size_t n_bins_ = 0;                        // the bin behind them is for z_phot outside of all
  std::vector<double> pit_, log_pit_, log_rest_;  // increasing
  std::vector<std::uint32_t> pit_object_;
  std::size_t first_in_ = 0, first_above_ = 0;  // places in pit_: outliers are before and from there
};

}  // namespace skyfold::validation

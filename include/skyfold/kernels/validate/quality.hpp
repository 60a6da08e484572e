#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace skyfold {

/// What the streaming measures below and the exact ones of metrics.hpp have in common.
/// @{
inline constexpr double outlier_limit = 0.15;                ///< of |dz|
inline constexpr double sigma_of_median_deviation = 1.4826;  ///< what makes a median |x - median| the sigma of a Gaussian
/// (z_phot - z_spec) / (1 + z_spec)
[[nodiscard]] inline double scaled_error(double z_phot, double z_spec) noexcept { return (z_phot - z_spec) / (1.0 + z_spec); }
/// @}

/// Point-estimate quality of photometric redshifts, with dz = (z_phot - z_spec) / (1 + z_spec).
struct PhotozQuality {
  std::int64_t objects = 0;  ///< with both redshifts
  double bias = 0.0;         ///< median of dz
  double nmad = 0.0;         ///< 1.4826 median |dz - median dz|
  double outliers = 0.0;     ///< fraction with |dz| > 0.15
  /// Fraction with |z_phot - z_spec| <= z_err of those with an error; 0.683 for Gaussian errors, NaN without any.
  double within_error = std::numeric_limits<double>::quiet_NaN();
};

/// Collects dz in a fine histogram, so that the memory does not depend on the number of objects and the sums of ranks
/// can be added: medians are exact to 2e-5.
class QualitySums {
 public:
  QualitySums();
  /// Adds an object; ignored when either redshift is NaN.
  void add(double z_phot, double z_spec, double z_err) noexcept;
  [[nodiscard]] PhotozQuality quality() const;
  /// All counts, to be summed element by element over ranks.
  [[nodiscard]] std::span<std::int64_t> counts() noexcept { return counts_; }

 private:
  std::vector<std::int64_t> counts_;
};

/// One line for people.
[[nodiscard]] std::string describe_quality(const PhotozQuality& quality);

}  // namespace skyfold

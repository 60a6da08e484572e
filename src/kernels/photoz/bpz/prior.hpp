#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold::bpz {

/// Types that the prior knows: early, spiral, irregular.
inline constexpr std::size_t n_types = 3;

/// Benitez 2000, ApJ 536, 571, equations 22 to 24.
struct PriorParameters {
  std::array<double, 2> f = {}, k = {};  ///< fraction of early and spiral galaxies at m_ref, and how it falls
  std::array<double, n_types> alpha = {}, z0 = {}, km = {};
  double m_ref = 20.0, m_min = 20.0;  ///< mag; where the fractions are; brighter objects count as m_min
};

/// Names of the published sets: des-sva1, des-y1, hdfn.
[[nodiscard]] std::vector<std::string> prior_names();
[[nodiscard]] PriorParameters prior_named(const std::string& name);
/// As the arrays of a model, and back.
[[nodiscard]] Table table_of(const PriorParameters& p);
[[nodiscard]] PriorParameters prior_from(const Table& table);

/// Fractions of the types at a magnitude, sum 1; what is left for irregulars is not below 0.
[[nodiscard]] std::array<double, n_types> type_fractions(const PriorParameters& p, double magnitude);
/// p(z | type, magnitude) on a grid, sum 1: without the tails below 0.01 / n_z, which are 0.
[[nodiscard]] std::vector<double> redshift_prior(const PriorParameters& p, std::size_t type, double magnitude, std::span<const double> z);

/// ln p(T, z | m) for templates in order of type, in steps of 0.1 mag; -infinity where the prior is 0.
class LogPrior {
 public:
  /// @param of_type       templates of each type
  /// @param interpolated  mixtures between each template and the next, which have the same mixture of priors
  /// @param stride        values of a row, >= z.size(); those beyond the grid are -infinity
  LogPrior(const PriorParameters& p, std::array<std::size_t, n_types> of_type, std::size_t interpolated, const std::vector<double>& z,
           std::size_t stride);

  /// Row of a template for an object of this magnitude: rounded to 0.1, within [m_min, 32].
  [[nodiscard]] const double* row(double magnitude, std::size_t t) const noexcept {
    return &values_[(step_of(magnitude) * rows_ + row_of_[t]) * stride_];
  }

 private:
  [[nodiscard]] std::size_t step_of(double magnitude) const noexcept;

  double m_min_;
  std::size_t stride_, rows_ = 0;
  std::vector<std::size_t> row_of_;  ///< of each template; those of one type share one
  AlignedVector<double> values_;     ///< [magnitudes][rows][stride]
};

}  // namespace skyfold::bpz

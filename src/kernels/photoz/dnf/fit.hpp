#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "search.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold::dnf {

/// Redshift of one object from its neighbours.
struct Estimate {
  double z = 0.0;
  double err_fit = 0.0;       ///< NaN for a single neighbour
  double err_param2 = 0.0;    ///< square of the error that the magnitude errors cause; 0 for means
  std::size_t n = 0;          ///< neighbours that survived
  bool is_few = false;        ///< no more neighbours than coefficients: a mean
  bool is_deficient = false;  ///< the neighbours' magnitudes do not determine the coefficients: a mean
};

/// Turns neighbours into redshifts; holds buffers. One per thread.
class LocalFit {
 public:
  /// Ordinary least squares of z on (magnitudes, 1), up to four passes (De Vicente et al. 2016, section 3.1);
  /// after each, neighbours with |r| < 3 mean|r| are kept, unless no more than bands + 1 would remain.
  /// err_fit = sqrt(sum r^2 / (n - bands - 1)), err_param^2 = sum (slope_b err_b)^2. Falls back to the mean.
  ///
  /// @param z      of the neighbours, [n]
  /// @param query, error  magnitudes of the object and their errors, [bands]
  Estimate fit(const Neighbours& neighbours, std::span<const double> z, std::size_t bands, const double* query, const double* error);

  /// Mean of z weighted by 1 / distance over the neighbours nearer than their mean distance;
  /// err_fit is the weighted standard deviation. Neighbours at distance zero, if any, are alone in the mean.
  Estimate weighted_mean(const Neighbours& neighbours, std::span<const double> z);

  /// z - estimate of each neighbour, and its weight in the estimate: 0 when it was dropped; shape [n].
  [[nodiscard]] std::span<const double> residual() const noexcept { return {residual_.data(), n_}; }
  [[nodiscard]] std::span<const double> weight() const noexcept { return {weight_.data(), n_}; }

 private:
  void start(const Neighbours& neighbours, std::span<const double> z, std::size_t bands);
  bool solve(std::size_t bands, std::size_t n);
  bool solve_by_qr(std::size_t bands);
  void predict(std::size_t bands, const double* query);
  Estimate mean(Estimate estimate);

  std::size_t n_ = 0, stride_ = 0;
  const double* mag_ = nullptr;  // [bands x source_stride_]
  std::size_t source_stride_ = 0;
  AlignedVector<double> z_, weight_, residual_, centred_, centred_z_;
  std::vector<double> centre_, slope_, normal_;
  double centre_z_ = 0.0, at_query_ = 0.0;
};

}  // namespace skyfold::dnf

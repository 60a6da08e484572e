#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "skyfold/kernels/nz/sums.hpp"

namespace skyfold::nz {

/// A number with its errors; NaN where there is none.
struct Measured {
  double value = std::numeric_limits<double>::quiet_NaN();
  double bootstrap = value, jackknife = value;
};

/// Mean and standard deviation of an n(z), by the middles of its cells; NaN for an empty one.
struct Moments {
  double mean, width;
};
[[nodiscard]] Moments moments_of(const RedshiftCells& cells, std::span<const double> n);
/// Integral of the smaller of two: 1 for equal ones, 0 for ones that share no cell.
[[nodiscard]] double overlap_of(const RedshiftCells& cells, std::span<const double> a, std::span<const double> b);

/// Covariance of the columns of `rows`, which has a row after the other, without rows that have a NaN; NaN for fewer than two rows.
/// @param is_jackknife  rows are those of a delete-one jackknife: (n - 1)/n times the sum of squares in place of 1/(n - 1)
[[nodiscard]] std::vector<double> covariance(std::span<const double> rows, std::size_t columns, bool is_jackknife, int threads);

/// The n(z) of all estimators and bins, each of unit integral over the cells: of the sample, of the realisations of the bootstrap, and of
/// the sample without each of the patches. NaN where nothing lies in the cells.
class Distributions {
 public:
  Distributions(const SumsLayout& layout, const Sums& sums);

  [[nodiscard]] const SumsLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] std::size_t patches() const noexcept { return patches_; }
  /// @param result  0: the sample; k + 1: realisation k
  [[nodiscard]] std::span<const double> n(std::size_t estimator, std::size_t bin, std::size_t result = 0) const;
  [[nodiscard]] std::span<const double> without(std::size_t patch, std::size_t estimator, std::size_t bin) const;

  /// n(z) of (estimator, bin), of whatever result.
  using View = std::function<std::span<const double>(std::size_t estimator, std::size_t bin)>;
  /// A number of them, with its errors by both ways. An estimator that has no patches has no jackknife error: what it gives is NaN.
  [[nodiscard]] Measured measure(const std::function<double(const View&)>& number) const;
  /// All bins of an estimator side by side, [results or patches][bins x cells]: what covariances are of.
  [[nodiscard]] std::vector<double> realisations(std::size_t estimator) const;
  [[nodiscard]] std::vector<double> jackknife(std::size_t estimator) const;

 private:
  SumsLayout layout_;
  std::size_t patches_;
  std::vector<double> results_, without_;
};

}  // namespace skyfold::nz

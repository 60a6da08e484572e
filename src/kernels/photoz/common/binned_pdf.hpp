#pragma once

#include <span>
#include <string>
#include <vector>

#include "estimates.hpp"

namespace skyfold {

/// A PDF given as the probabilities of redshift bins: its density is constant in each of them. Set anew for each object; no object
/// allocates.
class BinnedPdf {
 public:
  /// @param edges  of the bins, ascending, shape [n + 1], n >= 1
  explicit BinnedPdf(std::vector<double> edges);

  [[nodiscard]] std::size_t bins() const noexcept { return edges_.size() - 1; }
  [[nodiscard]] std::span<const double> edges() const noexcept { return edges_; }
  [[nodiscard]] double centre(std::size_t bin) const noexcept { return 0.5 * (edges_[bin] + edges_[bin + 1]); }

  /// Takes probabilities, >= 0, of any sum above 0; they are scaled to the sum 1. Shape [n].
  void set(std::span<const double> probability);
  [[nodiscard]] std::span<const double> probability() const noexcept { return probability_; }

  [[nodiscard]] double mean() const noexcept;
  /// Centre of the bin of the greatest density, the first of equal ones.
  [[nodiscard]] double mode() const noexcept;
  [[nodiscard]] double density(double z) const noexcept;
  [[nodiscard]] double cumulative(double z) const noexcept;
  /// Redshift at which `cumulative` is p, 0 < p < 1.
  [[nodiscard]] double quantile(double p) const noexcept;
  /// Integral of the squared density.
  [[nodiscard]] double squared_integral() const noexcept;

  /// The row's PDF on the grid, where one is asked for: each value is the mean density of the part of the grid that is nearest to it, so
  /// that no bin is lost between two points; of unit integral by trapezes. When nothing lies on the grid, its nearer end holds all.
  /// @returns photoz_pdf_off_grid when less than half of the PDF lies on the grid, else 0
  [[nodiscard]] std::int32_t write(std::span<const double> grid, std::size_t row, const EstimateColumns& out) const;

 private:
  std::vector<double> edges_, probability_;
  std::vector<double> below_;  ///< sum of the probabilities below each edge, shape [n + 1]
};

/// Edges of equal bins from `low` to `high`. Throws DataError when the range is empty: `what` is the option of the number of bins.
[[nodiscard]] std::vector<double> equal_bins(double low, double high, long bins, const std::string& what);

/// Bins and their probabilities as a table of a model (columns `z_low`, `z_high`, `probability`), and back.
[[nodiscard]] Table binned_table(std::span<const double> edges, std::span<const double> probability);
[[nodiscard]] BinnedPdf binned_pdf(const Table& table);

/// The weighted redshift distribution of a training set, as such a table, in equal bins over its range of redshifts.
/// Throws DataError when all redshifts are equal, no weight is above 0, or there are more bins than objects.
[[nodiscard]] Table redshift_distribution(const TrainingSet& set, long bins, const std::string& what);

}  // namespace skyfold

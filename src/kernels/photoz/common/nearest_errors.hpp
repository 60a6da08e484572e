#pragma once

#include <span>
#include <vector>

#include "feature_rows.hpp"
#include "index_cache.hpp"
#include "plane_cells.hpp"
#include "skyfold/table/features.hpp"

namespace skyfold {

/// Errors of estimates, for any estimator: how wrong it is for the nearest objects whose redshifts are known (NNE, the nearest-neighbour
/// error of Oyaizu et al. 2008, ApJ 689, 709). Several estimators of the same objects share one search.
///
/// Distances are Euclidean in the features that are given, over those that an object has. Residuals should be of objects that the
/// estimator was not trained on: of those that it was they are too small.
class NearestNeighbourErrors {
 public:
  static constexpr std::size_t usual_neighbours = 100;
  /// What is taken of the neighbours' residuals.
  enum class Measure : std::uint8_t {
    absolute,   ///< the 68 % quantile of |z_phot - z_spec|
    half_width  ///< half the interval between the 16 and 84 % quantiles of z_phot - z_spec: a bias does not count (Sadeh et al. 2016)
  };

  /// @param feature   scaled as distances are to be measured, NaN where missing, row-major, shape [n x n_features]
  /// @param residual  z_phot - z_spec, shape [n x n_estimators]; objects with one that is no number are left out
  /// Throws DataError when no object is left.
  NearestNeighbourErrors(std::size_t n_features, std::vector<double> feature, std::span<const double> residual,
                         std::size_t n_estimators = 1, std::size_t neighbours = usual_neighbours);
  /// As a table of a model (columns `feature` and `residual`), and back.
  explicit NearestNeighbourErrors(const Table& table, std::size_t neighbours = usual_neighbours);
  [[nodiscard]] Table table() const;

  [[nodiscard]] std::size_t estimators() const noexcept { return n_estimators_; }
  /// Errors of the objects of a block, shape [n_objects x n_estimators]; NaN for an object without features, or with a set of them that
  /// no known object has. Does not depend on the block or on threads.
  /// @param farthest  filled unless empty: distance of the farthest of the neighbours, NaN without any, shape [n_objects]
  void estimate(const Features& objects, Measure measure, std::span<double> error, int threads, std::span<double> farthest = {}) const;
  /// Nearly the same for a fiftieth of the time, for objects with the features that most known objects have, once the errors of the known
  /// objects themselves (of 80,000 at most) were found: planes through the logarithms of these, in cells of up to 32. Other objects, and
  /// all with fewer than 64 neighbours, than which cells would be no smaller, are searched for.
  void estimate_by_cell(const Features& objects, Measure measure, std::span<double> error, int threads) const;

 private:
  [[nodiscard]] std::shared_ptr<const PlaneCells> make_cells(std::uint64_t mask, Measure measure) const;
  /// Errors at a place; gives the distance of the farthest neighbour.
  double find_errors(const FeatureIndex& index, const double* place, Measure measure, NeighbourSearch& search, std::span<double> residuals,
                     double* error) const;
  void estimate_mask(std::uint64_t mask, const std::vector<std::uint32_t>& list, const Features& objects, Measure measure,
                     std::span<double> error, int threads, std::span<double> farthest) const;

  std::size_t neighbours_, n_estimators_;
  FeatureRows rows_;              ///< features and masks; ids, redshifts and weights are left empty
  std::vector<double> residual_;  ///< [n x n_estimators]
  std::uint64_t usual_mask_ = 0;  ///< of features, that most known objects have
  FeatureMetric metric_;
  mutable IndexCache<FeatureIndex> indices_;
  mutable IndexCache<PlaneCells> cells_[2];  ///< by measure
};

/// Quantile by linear interpolation between order statistics, as skyfold::quantile, without a copy: the values are reordered.
[[nodiscard]] double quantile_in_place(std::span<double> values, double p);

}  // namespace skyfold

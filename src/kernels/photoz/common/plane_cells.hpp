#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "feature_rows.hpp"

namespace skyfold {

/// A smooth function of place, known at points, by planes through the points of each leaf of their tree: what costs a search at each
/// point costs a descent of the tree and a few products anywhere else.
class PlaneCells {
 public:
  /// @param index   of the points
  /// @param values  called for each point: (its place, shape [index.dimensions()]; its values, to be filled, shape [n_values])
  PlaneCells(std::shared_ptr<const FeatureIndex> index, const FeatureRows& rows, std::size_t n_values,
             const std::function<void(const double* place, double* value)>& values);

  [[nodiscard]] const FeatureIndex& index() const noexcept { return *index_; }
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// Values at a place, within those at the points of its cell.
  void evaluate(const double* place, double* value) const noexcept;

 private:
  struct Line {
    double constant, least, greatest;
  };
  std::shared_ptr<const FeatureIndex> index_;
  std::size_t n_values_;
  std::vector<double> centre_;  ///< [leaves x dimensions]
  std::vector<Line> line_;      ///< [leaves x n_values]
  std::vector<double> slope_;   ///< [leaves x n_values x dimensions]
};

}  // namespace skyfold

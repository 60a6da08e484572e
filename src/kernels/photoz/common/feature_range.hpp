#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// The range that the training objects cover in each feature. Trees say of an object beyond it what they say of those at its edge.
class FeatureRange {
 public:
  /// Covers all that there is.
  explicit FeatureRange(std::size_t features);
  /// Of training objects.
  /// @param value  row-major, shape [objects x features]; NaN where missing
  FeatureRange(std::span<const float> value, std::size_t features);
  /// From the columns that `add_to` gave; models that were made before have none, and cover all that there is.
  [[nodiscard]] static FeatureRange of(const Table& table);

  /// Adds the columns `low` and `high` to a table with a row for each feature.
  void add_to(Table& table) const;
  /// True for an object with a feature beyond the range; missing ones are not.
  /// @param value  of the object, shape [features]
  [[nodiscard]] bool is_outside(const float* value) const noexcept;

 private:
  std::vector<float> low_, high_;
};

}  // namespace skyfold

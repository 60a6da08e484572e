#pragma once

#include <cstdint>
#include <vector>

#include "../../forest/growth.hpp"
#include "options.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold::tpz {

/// Training objects in the order of (redshift, id): a row is then a rank, and nothing depends on the order of the sample.
struct TrainingRows {
  std::vector<std::int64_t> id;
  std::vector<double> z;
  std::vector<float> weight;  ///< mean 1
  Photometry photometry;

  [[nodiscard]] std::size_t size() const noexcept { return z.size(); }
};

/// The objects with a weight and at least one band. Throws DataError for a redshift that is no number, too few objects, or one redshift.
[[nodiscard]] TrainingRows training_rows(const TrainingSet& set);
/// The rows of a list.
[[nodiscard]] TrainingRows subset(const TrainingRows& rows, const std::vector<std::uint32_t>& wanted);
/// Attributes of a copy of the training set, row-major: copy 0 is the set itself, others have each detected magnitude drawn from a
/// Gaussian about it, as wide as its error (at least 0.001, at most 0.3; none without an error), by id.
[[nodiscard]] std::vector<float> attributes_of(const TrainingRows& rows, const FeatureLayer& layer, std::uint64_t seed, std::uint32_t copy);
/// Standardised features in single precision, as trees compare them.
[[nodiscard]] std::vector<float> attributes_of(const Photometry& photometry, const FeatureLayer& layer);

/// What trees split by, with its values.
struct GrowthTarget {
  std::vector<double> y;
  std::vector<std::uint16_t> label;
  std::vector<float> basis;
  [[nodiscard]] forest::Target target(const Options& o) const;
};
[[nodiscard]] GrowthTarget growth_target(const TrainingRows& rows, const Options& o);

}  // namespace skyfold::tpz

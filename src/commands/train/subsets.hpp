#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sample.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// The sample after the cuts, and its two parts: rows of the sample, increasing.
struct TrainSubsets {
  std::vector<std::pair<std::string, std::size_t>> cuts;  ///< what each cut removed, in their order
  std::vector<std::size_t> training, held_out;
};

/// Applies the cuts, and draws the training objects by id, so that neither the order nor the number of files matters.
/// Throws DataError when nothing is left to train on.
[[nodiscard]] TrainSubsets make_subsets(const TrainSample& sample, const TrainOptions& o);

/// Limiting magnitude of each band, for objects that are not detected in it: where the signal to noise of the training objects is
/// 1, which is also the error that non-detections are given. Objects too bright to reach that give their faintest detection; those
/// without errors the 90 % quantile. Throws DataError for a band without any detection.
[[nodiscard]] std::vector<double> limits_of(const TrainSample& sample, const std::vector<std::size_t>& rows, const TrainOptions& o);

/// Rows of the sample for an algorithm, non-detections at the limits.
[[nodiscard]] TrainingSet training_set(const TrainSample& sample, const std::vector<std::size_t>& rows, const std::vector<double>& limits);

/// Rows of the sample as a table. Of a sample that is a product of skyfold all its columns; of others id, redshift, magnitudes and
/// errors under the sample's names, with `undetected` for non-detections, so that import and photoz take them as they are.
[[nodiscard]] Table sample_table(const TrainSample& sample, const std::vector<std::size_t>& rows, const TrainOptions& o);

}  // namespace skyfold

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "distributions.hpp"
#include "sample.hpp"
#include "skyfold/dataset/parts.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

/// What the photometric reference catalogue says of the training objects.
struct ReferenceResult {
  std::vector<std::string> space;         ///< features in which distances were measured
  std::int64_t objects = 0;               ///< of the reference
  std::int64_t counted = 0, covered = 0;  ///< those with all features, and of them those inside at least one ball
  std::vector<double> weight;             ///< of the training objects, sum 1
  std::vector<double> held_out_weight;    ///< of the held-out ones, sum 1, where they are wanted
  PhotometricDistributions distributions;
};

/// Streams the reference catalogue past the training objects: distributions, balls, and the file of coverage.
///
/// @param held_out       objects that are weighted by the same rule, for themselves; empty: none
/// @param kept           what an earlier attempt at the same comparison has left is taken over, and what is done is kept for the next
/// @param coverage_path  file to write, in which each reference object has its id (or row number, from 0) and the number of balls
///                       that contain it; "" for none
[[nodiscard]] ReferenceResult compare_with_reference(const TrainOptions& o, const TrainingSet& training, const TrainingSet& held_out,
                                                     const PhotozModel& model, const std::shared_ptr<Parts>& kept,
                                                     const std::string& coverage_path, const std::string& provenance, int threads);

/// A weighted sample: ids, redshifts, spread magnitudes and errors, and the number of the copy.
[[nodiscard]] Table weighted_sample(const TrainOptions& o, const TrainSample& sample, const std::vector<std::size_t>& rows,
                                    const std::vector<double>& weight);

}  // namespace skyfold

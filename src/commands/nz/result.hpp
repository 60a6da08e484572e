#pragma once

#include <string>
#include <vector>

#include "options.hpp"
#include "skyfold/kernels/nz/distributions.hpp"

namespace skyfold {

/// Numbers of the n(z) of one estimator in one bin.
struct BinNumbers {
  std::size_t estimator = 0, bin = 0;
  nz::Measured mean, width;
  nz::Measured shift, stretch;  ///< of the mean, and of the width as a ratio, from the reference to this one
};

/// How much two bins of one estimator share.
struct BinOverlap {
  std::size_t estimator = 0, bin = 0, other = 0;
  nz::Measured overlap;
};

/// Which of stack and training is nearer to the truth in a bin, as far as they tell themselves. The sample is finite, so training scatters;
/// stacks hardly do, and what training differs from them by beyond its scatter is taken for theirs.
struct TrainingJudgement {
  double difference;      ///< integral of |training - stack|, 0 to 2
  double noise;           ///< the same of training's realisations and training, in the mean; NaN without realisations
  bool is_binned;         ///< weights are those of training objects in the bin; else they reach across its edges
  nz::Estimator trusted;  ///< stack or training
};

/// What nz leaves.
struct NzResult {
  const NzOptions& options;
  const nz::Sums& sums;
  const nz::Distributions& n;
  bool is_training_binned;  ///< each training object is in a bin of its own
  std::vector<BinNumbers> numbers = {};
  std::vector<BinOverlap> overlaps = {};
  std::vector<TrainingJudgement> judged = {};  ///< [bins]; none without a training sample
  std::string reference = {};                  ///< estimator or file; "" for none

  [[nodiscard]] const nz::SumsLayout& layout() const noexcept { return n.layout(); }
  /// Place of an estimator; -1 when it is not there.
  [[nodiscard]] int place_of(nz::Estimator estimator) const noexcept;
  /// Part of the weight of an estimator in a bin that lies below and above the cells of redshift.
  [[nodiscard]] double outside(std::size_t estimator, std::size_t bin) const;
  /// The estimator that is written as text and FITS.
  [[nodiscard]] std::size_t chosen() const;
};
/// Measures all numbers. Throws DataError for a bin without an object, or without any probability in the cells.
void measure(NzResult& result);

}  // namespace skyfold

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../common/estimates.hpp"
#include "../common/index_cache.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "tuning.hpp"

namespace skyfold::knn {

/// The training rows of a model's table `training`, and back.
[[nodiscard]] TrainingRows training_rows(const Table& training);
[[nodiscard]] Table training_table(const TrainingRows& rows);

/// Estimates redshifts from the nearest training objects: a mixture of Gaussians at their redshifts.
class KnnKernel final : public PhotozKernel {
 public:
  /// @param options  with neighbours and sigma chosen
  KnnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

  void run(const Table& in, Table& out, int threads) const override;

 private:
  struct Worker;
  struct Block;
  enum class Point : std::uint8_t { median, mode, mean };
  void run_mask(std::uint64_t mask, const std::vector<std::uint32_t>& objects, const Block& block, const EstimateColumns& output,
                int threads) const;
  void estimate(const MaskIndex& index, std::size_t object, std::int32_t flags, Worker& worker, const EstimateColumns& output) const;
  std::int32_t band_flags(std::size_t object, const Block& block) const;

  Options options_;
  Point point_;
  FeatureLayer layer_;
  TrainingRows rows_;
  Metric metric_;
  Spacing spacing_;
  mutable IndexCache<MaskIndex> indices_;  ///< by the mask of features
};

}  // namespace skyfold::knn

#pragma once

#include <memory>

#include "../common/neighbour_kernel.hpp"
#include "tuning.hpp"

namespace skyfold::knn {

/// Estimates redshifts from the nearest training objects: a mixture of Gaussians at their redshifts.
class KnnKernel final : public NeighbourKernel {
 public:
  /// @param options  with neighbours and sigma chosen
  KnnKernel(const Options& options, const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf);

 private:
  class Maker;
  enum class Point : std::uint8_t { median, mode, mean };
  std::unique_ptr<Estimator> make_estimator(Table& out) const override;

  Options options_;
  Point point_;
};

}  // namespace skyfold::knn

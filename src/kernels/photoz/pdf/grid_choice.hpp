#pragma once

#include "skyfold/kernels/photoz/calibration.hpp"

namespace skyfold {

/// A grid that is fine enough for the PDFs of a model, over its default range.
struct GridChoice {
  long points = 0;
  double step = 0.0;  ///< between them
  double lost = 0.0;  ///< of the CDE loss on the held-out objects, against a grid far finer
};
/// The coarsest of a few grids on which held-out objects lose at most 0.01 of their CDE loss; the finest one where all lose more.
[[nodiscard]] GridChoice choose_grid(const HeldOutEstimates& held_out, const Calibration& calibration, const PhotozModel& model,
                                     int threads);

}  // namespace skyfold

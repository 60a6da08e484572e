#pragma once

#include <string>

#include "kernel.hpp"
#include "training.hpp"

namespace skyfold::tpz {

/// Mean abs(z_phot - z) / (1 + z) of objects by trees that have not seen them, with z_phot the median of the shares, and the same after
/// the values of one feature have been exchanged at random among these objects (Breiman 2001, Mach. Learn. 45, 5): what the
/// feature is worth.
struct Importance {
  double error = 0.0;
  std::vector<double> permuted;  ///< [features]
};
/// @param unseen  the objects, their attributes, and the trees that have not seen them
[[nodiscard]] Importance measure_importance(const Unseen& unseen, const FeatureLayer& layer, std::uint64_t seed, int threads);
/// `feature`, `error`, `permuted_error`: a row for each feature.
[[nodiscard]] Table importance_table(const Importance& importance, const FeatureLayer& layer);

/// What the trees that have not seen a training object say of it: `z_phot`, `z_err` and the distribution function of the PDF at the true
/// redshift (`pit`), in the order of the training rows; NaN where all trees have seen it.
[[nodiscard]] Table out_of_bag_table(const Unseen& unseen, const Options& o, int threads);

}  // namespace skyfold::tpz

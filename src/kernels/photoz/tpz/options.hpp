#pragma once

#include <string>

#include "skyfold/table/features.hpp"

namespace skyfold::tpz {

/// Options as they are given; 0, "auto" and no features stand for what belongs to the split (docs/tpz.md).
struct Options {
  FeatureOptions features{{}, ""};
  std::string split = "density";  ///< density, variance, gini, entropy
  std::string growth = "auto";    ///< extra: drawn thresholds, all rows; bootstrap: best thresholds, a bootstrap sample
  std::string pdf = "auto";       ///< mixture, histogram
  std::string point = "auto";     ///< median, mean, mode
  long trees = 0;                 ///< of all copies together
  long copies = 0;                ///< of the training set, the first as it is, the others with magnitudes drawn within their errors
  long attributes = 0;            ///< tried at each node; 0: all of them, or three
  long leaf = 0;                  ///< rows of a leaf: at least (extra), or at most as long as a split is possible (bootstrap)
  long classes = 50;              ///< of gini and entropy
  double sigma = 0.0;             ///< width of the mixture's Gaussians; 0: chosen
  double scatter = -1.0;          ///< part of the spread of the leaves' redshifts that is added; -1: chosen
  long bins = 200;                ///< of the histogram
  double smoothing = 3.0;         ///< of the histogram, in bins
};
void describe_options(OptionSet& option, Options& o);
/// With everything filled in that belongs to the split, and to the number of training objects.
[[nodiscard]] Options resolved(Options o, std::size_t objects);

}  // namespace skyfold::tpz

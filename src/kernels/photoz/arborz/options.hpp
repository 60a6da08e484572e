#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../../forest/boosting.hpp"
#include "isotonic.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/table/features.hpp"

namespace skyfold::arborz {

struct Options {
  FeatureOptions features{{"reference", "colours", "magnitudes"}, ""};
  long bins = 60;          ///< of equal population
  double width = 0.05;     ///< a bin that is wider is cut into equal parts, as far as its objects suffice
  long gap = 2;            ///< bins on either side of a bin whose objects are neither signal nor background
  long trees = 200;        ///< of each bin
  double shrinkage = 0.1;  ///< of each tree's part
  std::string calibration = "platt";
  std::string point = "median";
};
void describe_options(OptionSet& option, Options& o);

/// A bin's classifier: boosted trees, and the curve by which their sum becomes a probability: the isotonic one if there is one, else
/// 1 / (1 + exp(-(slope sum + offset))).
struct BinClassifier {
  std::vector<forest::SmallTree> trees;
  double slope = 1.0, offset = 0.0;
  IsotonicCurve curve = {};

  [[nodiscard]] double probability(double sum) const noexcept;
};

/// Edges of the bins, ascending. Throws DataError when there are more bins than objects, or one redshift.
[[nodiscard]] std::vector<double> bin_edges(std::vector<double> z, const Options& o);

/// What stands for the classes in calibrations (Platt 1999): (n + 1) / (n + 2) for the n signals, 1 / (n + 2) for the n others. Weights are
/// scaled to the mean 1.
struct PlattTargets {
  double of[2];     ///< by class
  double count[2];  ///< weight of each class
  double scale;     ///< of the weights
};
[[nodiscard]] PlattTargets platt_targets(std::span<const std::uint8_t> is_signal, std::span<const double> weight);

/// Slope and offset of the logistic curve that fits classes best (Platt 1999; Newton's method as in Lin, Lin & Weng 2007, Mach. Learn.
/// 68, 267), with Platt's targets, which are a little less than sure.
struct LogisticLine {
  double slope, offset;
};
[[nodiscard]] LogisticLine fit_logistic(std::span<const double> score, std::span<const std::uint8_t> is_signal,
                                        std::span<const double> weight);

/// Standardised features, in single precision; missing ones are at the mean of the training set, which is 0.
[[nodiscard]] std::vector<float> filled_attributes(const Photometry& photometry, const FeatureLayer& layer);

/// A classifier for each bin, in tasks of one. Three quarters of the objects (drawn by id) grow trees, the others calibrate.
[[nodiscard]] std::vector<BinClassifier> train_bins(const TrainingSet& set, const FeatureLayer& layer, std::span<const double> edges,
                                                    const Options& o, TrainingTasks& tasks);

}  // namespace skyfold::arborz

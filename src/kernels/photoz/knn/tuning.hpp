#pragma once

#include <string>
#include <vector>

#include "../common/feature_rows.hpp"
#include "../common/mixture.hpp"
#include "skyfold/table/features.hpp"

namespace skyfold::knn {

struct Options {
  FeatureOptions features;
  std::string metric = "learned";  ///< learned, standard
  long neighbours = 0;             ///< 0: chosen
  double sigma = 0.0;              ///< width of the kernels, in redshift; 0: chosen
  double scatter = 0.5;            ///< part of the neighbours' scatter that widens the kernels
  std::string point = "median";    ///< median, mode, mean
};

/// Turns neighbours into a mixture: Gaussians at their redshifts with weights w / d, where w is the training weight and d the
/// distance, at least a hundredth of the median spacing of the training objects; of width sqrt(sigma^2 + (scatter s)^2), where s
/// is the spread of the neighbours' redshifts. One per thread.
class MixtureMaker {
 public:
  MixtureMaker(const FeatureRows& rows, double spacing, double scatter) : rows_(rows), least_distance_(0.01 * spacing), scatter_(scatter) {}

  /// Centres and weights; `widen` gives the width.
  Mixture& centres(std::span<const Neighbour> neighbours);
  Mixture& widen(double sigma);

 private:
  const FeatureRows& rows_;
  double least_distance_, scatter_;
  Mixture mixture_;
  std::vector<double> z_, weight_;
};

/// What the held-out quarter says.
struct Tuning {
  std::vector<long> neighbours;  ///< the grid
  std::vector<double> sigma;
  std::vector<double> loss;                         ///< mean CDE loss, shape [neighbours x sigma]
  std::size_t objects = 0;                          ///< held-out objects that it rests on
  std::size_t best_neighbours = 0, best_sigma = 0;  ///< places in the grid

  [[nodiscard]] double best_loss() const noexcept { return loss[best_neighbours * sigma.size() + best_sigma]; }
  /// True when the best value is the first or last of a grid of several.
  [[nodiscard]] bool neighbours_at_edge() const noexcept { return is_edge(best_neighbours, neighbours.size()); }
  [[nodiscard]] bool sigma_at_edge() const noexcept { return is_edge(best_sigma, sigma.size()); }

 private:
  static bool is_edge(std::size_t place, std::size_t n) noexcept { return n > 1 && (place == 0 || place + 1 == n); }
};

/// Chooses the number of neighbours and sigma by the CDE loss of a quarter of the training set (drawn by id; of a large one, 5,000
/// objects of that quarter) after training on the other three quarters. The number of neighbours is that of the least loss; sigma is
/// the largest whose loss with it is worse by at most a thousandth: where the neighbours' scatter makes the width, sigma hardly
/// matters, and the wider PDFs are the safer ones. What the options give is kept.
/// Needs at least 40 objects.
[[nodiscard]] Tuning tune(const FeatureRows& rows, const Options& o, std::uint64_t seed, int threads);

}  // namespace skyfold::knn

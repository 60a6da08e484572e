#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/kernels/photoz/training_tasks.hpp"

namespace skyfold::annz2 {

/// What models say of objects that none of them was trained on.
struct HeldOutAnswers {
  std::size_t models = 0;
  std::vector<double> z, weight;        ///< true redshifts and weights, shape [n]
  std::vector<double> answer, scatter;  ///< and nearest-neighbour errors, shape [n x models]

  [[nodiscard]] std::size_t size() const noexcept { return z.size(); }
};

/// How good a model is: means over bins of redshift with as many objects each, of dz = (z_model - z) / (1 + z).
struct Merit {
  double bias = 0.0;      ///< |mean dz|
  double sigma68 = 0.0;   ///< half the width between the 16 and 84 % quantiles of dz
  double outliers = 0.0;  ///< share with |dz| > 0.15
  double place = 0.0;     ///< mean over bins and measures of the number of models that are better; equal ones count half
};
/// @param measures  bias, scatter, outliers, or all: by which `place` is found
[[nodiscard]] std::vector<Merit> judge(const HeldOutAnswers& held_out, const std::string& measures);

/// How far the distribution of the probability integral transforms of the truth is from a flat one: the greatest distance between the
/// distribution functions, in steps of 0.01. Each model's PDF is N(answer, scatter).
class Flatness {
 public:
  /// @param most  objects that are looked at
  Flatness(const HeldOutAnswers& held_out, std::size_t most);
  [[nodiscard]] double distance(std::span<const double> weights) const;
  /// How far a flat one would be in half of all samples of this size.
  [[nodiscard]] double by_chance() const noexcept { return by_chance_; }

 private:
  std::size_t n_, models_;
  double by_chance_;
  std::vector<float> pit_;  ///< of each model, [models x n]
  std::vector<double> weight_;
};

/// Drops models of less than 0.01 of the weight, but keeps at least five; the sum becomes 1.
void prune(std::span<double> weights);

/// Weights of the models that make the PIT as flat as a random search finds, and of weights that are as flat as chance allows those of
/// the best places: half of the tries are drawn, better places more likely heavy; the others are steps from the best one. Depends on the
/// seed alone.
[[nodiscard]] std::vector<double> find_weights(const Flatness& flatness, std::span<const Merit> merits, std::size_t tries,
                                               std::uint64_t seed, TrainingTasks& tasks);

}  // namespace skyfold::annz2

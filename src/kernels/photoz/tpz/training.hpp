#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "rows.hpp"
#include "shares.hpp"

namespace skyfold::tpz {

/// Grows all trees of the options on some rows, in tasks of a few trees.
/// @param step  name of the tasks; draws of steps of different names differ
[[nodiscard]] std::vector<forest::Tree> grow_forest(const TrainingRows& rows, const FeatureLayer& layer, const Options& o,
                                                    std::uint64_t seed, TrainingTasks& tasks, const std::string& step);

/// Objects, and the trees that have not seen them.
struct Unseen {
  const TrainingRows* objects;
  const std::vector<forest::Tree>* trees;
  const std::vector<double>* z;      ///< of the rows that the trees were grown on
  const std::vector<float>* weight;  ///< likewise
  const FeatureLayer* layer;
  std::uint64_t seed = 0;
  bool is_out_of_bag = false;  ///< the objects grew the trees, each but those whose bootstrap sample lacks it; else none of them
};
/// Calls use(object, shares, thread) for each object that there is a tree for, with the shares of the trees that have not seen it.
/// @param value  attributes of the objects, row-major
void for_unseen(const Unseen& unseen, std::span<const float> value, bool leaves_are_equal, int threads,
                const std::function<void(std::size_t object, std::span<const Share> shares, int thread)>& use);

/// Objects with what trees that have not seen them say of them.
struct Judged {
  std::vector<double> z, weight;           ///< true redshift, weight
  std::vector<std::vector<Share>> shares;  ///< [objects]
};
[[nodiscard]] Judged judge(const Unseen& unseen, int threads);

/// Loss of the grid of widths; the choice is the cell of the least loss.
struct WidthGrid {
  std::vector<double> sigma, scatter, loss;  ///< loss: [sigma x scatter], mean CDE loss
  std::size_t objects = 0, best = 0;
  [[nodiscard]] double best_sigma() const noexcept { return sigma[best / scatter.size()]; }
  [[nodiscard]] double best_scatter() const noexcept { return scatter[best % scatter.size()]; }
};
[[nodiscard]] WidthGrid choose_width(const Judged& judged, std::span<const double> z, const Options& o, int threads);

}  // namespace skyfold::tpz

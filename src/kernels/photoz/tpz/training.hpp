#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rows.hpp"
#include "shares.hpp"

namespace skyfold::tpz {

/// Grows all trees of the options on some rows, in tasks of a few trees.
/// @param step  name of the tasks; draws of steps of different names differ
[[nodiscard]] std::vector<forest::Tree> grow_forest(const TrainingRows& rows, const FeatureLayer& layer, const Options& o,
                                                    std::uint64_t seed, TrainingTasks& tasks, const std::string& step);

/// Objects with what trees that have not seen them say of them.
struct Judged {
  std::vector<std::uint32_t> row;          ///< of the training rows that the shares are of
  std::vector<double> z, weight;           ///< true redshift, weight
  std::vector<std::vector<Share>> shares;  ///< [objects]
};
/// Objects that no tree has seen, at most `most` of them.
[[nodiscard]] Judged judge_held_out(const TrainingRows& held_out, std::span<const float> held_out_value, const TrainingRows& grown_on,
                                    const std::vector<forest::Tree>& trees, int threads);

/// Loss of the grid of widths; the choice is the cell of the least loss.
struct WidthGrid {
  std::vector<double> sigma, scatter, loss;  ///< loss: [sigma x scatter], mean CDE loss
  std::size_t objects = 0, best = 0;
  [[nodiscard]] double best_sigma() const noexcept { return sigma[best / scatter.size()]; }
  [[nodiscard]] double best_scatter() const noexcept { return scatter[best % scatter.size()]; }
};
[[nodiscard]] WidthGrid choose_width(const Judged& judged, std::span<const double> z, const Options& o, int threads);

}  // namespace skyfold::tpz

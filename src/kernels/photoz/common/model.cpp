// What training checks of its set, whatever the algorithm.
#include "model.hpp"

#include <cmath>

#include "skyfold/core/error.hpp"

namespace skyfold {

void check_redshifts(const TrainingSet& set) {
  for (std::size_t i = 0; i < set.z.size(); ++i)
    if (!std::isfinite(set.z[i]))
      throw DataError(fmt::format("training row {}: redshift {} (must be a number to train on)", i + 1, set.z[i]));
}

void check_training_set(const TrainingSet& set, const std::string& algorithm, std::size_t least) {
  if (set.z.size() < least)
    throw DataError(fmt::format("the training set has {} objects ({} needs at least {})", set.z.size(), algorithm, least));
  check_redshifts(set);
}

}  // namespace skyfold

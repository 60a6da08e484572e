#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "options.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"

namespace skyfold {

class Ranks;

/// What every rank must know to train: rank 0, which reads the sample, has it, and the others get it. Collective.
///
/// @param o    of which the bands and the redshift's name travel
/// @param key  hash of what tasks depend on
void share_training(const Ranks& ranks, TrainOptions& o, TrainingSet& set, std::uint64_t& key);

/// Texts by name, of rank 0 for all. Collective.
void share_texts(const Ranks& ranks, std::map<std::string, std::string>& texts);

}  // namespace skyfold

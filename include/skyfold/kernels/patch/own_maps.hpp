#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/kernels/patch/patch_kernel.hpp"

namespace skyfold {

/// Measurements of sources each on a map of its own, as the catalogues of a survey's channels are on the channels' maps: one block of
/// columns, which has no suffix.
///
/// @param map_column  of whole numbers: the map of a source, from 1; a source of a number beyond is not measured
/// A column of values that are in the map's unit has a unit where all maps have the same one.
[[nodiscard]] std::unique_ptr<Kernel> make_own_maps_kernel(const PatchOptions& o, std::vector<PatchMap> maps,
                                                           const PatchPositions& positions, const std::string& map_column);

}  // namespace skyfold

#pragma once

#include <string>

#include "skyfold/commands/command.hpp"
#include "skyfold/kernels/mock/map.hpp"

namespace skyfold {

/// Makes a map of synthetic sources: `output` (FITS), the truth in OUTPUT.truth.h5 and, for a mask latitude above 0, the mask
/// in OUTPUT.mask.fits; collective.
ExitCode run_map_mock(const MapMockOptions& o, const std::string& output, const CommandContext& context);

}  // namespace skyfold

#pragma once

#include <string>

#include "skyfold/commands/command.hpp"
#include "skyfold/kernels/mock/photometry.hpp"

namespace skyfold {

/// Makes a catalogue of stars of a galaxy with their measurements (docs/measurements.md); collective.
ExitCode run_photometry_mock(const MockOptions& objects, const PhotometryMockOptions& o, const std::string& output,
                             const CommandContext& context);

}  // namespace skyfold

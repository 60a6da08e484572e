#pragma once

#include <string>

#include "skyfold/commands/command.hpp"
#include "skyfold/kernels/mock/nights.hpp"

namespace skyfold {

/// Makes a folder tree of nights of FITS files, and beside it the list of them, TREE.csv (docs/mock.md); collective.
ExitCode run_night_mock(const NightMockOptions& o, const std::string& tree, const CommandContext& context);

}  // namespace skyfold

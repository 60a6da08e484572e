#pragma once

#include <string>

#include "schema.hpp"
#include "skyfold/commands/command.hpp"
#include "skyfold/farm/farm.hpp"

namespace skyfold {

/// What an import has done; nothing when an earlier attempt did it all.
struct ImportResult {
  std::int64_t rows = 0, dropped = 0;
};

/// Makes a catalogue of the inputs, and prints the closing table; collective. The result depends on the inputs and the
/// options alone.
/// @param o  its ordering becomes `none` for an input without positions that is taken in any order
ImportResult import_catalogue(ImportOptions& o, const CommandContext& context);

}  // namespace skyfold

#pragma once

#include "schema.hpp"
#include "skyfold/commands/command.hpp"

namespace skyfold {

/// Makes a catalogue of objects with their measurements: `o.measurements` joined to the catalogue `o.objects` by `o.join`; collective. The
/// result depends on inputs and options alone.
void import_measurements(ImportOptions& o, const CommandContext& context);

}  // namespace skyfold

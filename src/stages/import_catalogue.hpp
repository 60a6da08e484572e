#pragma once

#include <string>

#include "import_schema.hpp"
#include "skyfold/farm/farm.hpp"
#include "skyfold/stages/stage.hpp"

namespace skyfold {

/// What an import has done.
struct ImportResult {
  std::int64_t rows = 0, dropped = 0;
  std::size_t files = 0;
  FarmReport report;
};

/// Makes a catalogue of the inputs; collective. The result depends on the inputs and the options alone.
ImportResult import_catalogue(const ImportOptions& o, const StageContext& context);

}  // namespace skyfold

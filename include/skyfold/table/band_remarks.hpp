#pragma once

#include <string>
#include <vector>

#include "skyfold/table/photometry.hpp"

namespace skyfold {

/// What to say about bands that `resolve_bands` has guessed: other magnitudes with errors that could have been taken, and bands that are
/// left out for want of errors.
[[nodiscard]] std::vector<std::string> band_remarks(const BandOptions& bands, const Schema& schema);

}  // namespace skyfold

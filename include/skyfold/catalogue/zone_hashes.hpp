#pragma once

#include <string>

#include "skyfold/farm/ranks.hpp"

namespace skyfold {

/// Reads back a group of columns that ranks have written, and gives each the hashes of its zones; collective. For files that are
/// no catalogues: PDFs, samples.
///
/// @param is_undoable  a kill in the middle must leave the file as it was: saves its structure before
void add_zone_hashes(const Ranks& ranks, const std::string& path, const std::string& group, bool is_undoable);

}  // namespace skyfold

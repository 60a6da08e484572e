#pragma once

#include <functional>
#include <string>
#include <vector>

#include "skyfold/commands/command.hpp"
#include "skyfold/io/healpix_map.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {

/// Runs the units of a scan on threads of this process.
[[nodiscard]] ScanRunner on_threads(int threads);

/// Makes a file that gets its name when all is on the disk, and goes when something fails.
/// @param fill  writes it, at the path that it is given
/// Throws what `fill` throws, IoError, and DataError when an input of the process has changed.
void write_whole(const std::string& path, const CommandContext& context, const std::function<void(const std::string& partial)>& fill);

/// Writes columns of values in the layout's numbering, in pieces, with the checksum of the data, and gives the file its name when all is
/// on the disk. T: float or double, as the layout says.
///
/// @param columns  shape [layout.columns][pixels of the map]; NaN for none
/// Throws IoError, and DataError when an input of the process has changed.
template <class T>
void write_map(const std::string& path, const HealpixMapLayout& layout, const std::vector<std::vector<T>>& columns,
               const CommandContext& context);

}  // namespace skyfold

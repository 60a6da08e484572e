#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "skyfold/sky/region.hpp"

namespace skyfold {

/// The largest pixels that make up a region exactly, as UNIQ numbers (4^(order + 1) + pixel), increasing: so coarse ones come first.
///
/// @param region  of whole pixels of `order`
[[nodiscard]] std::vector<std::int64_t> moc_cells(const Region& region, int order);

/// Writes a region as a MOC (IVOA MOC 2.0, FITS serialisation, NUNIQ, which readers of MOC 1.1 know, too). Equal regions have equal bytes.
/// The file is on the disk. Throws IoError.
/// @param order  of the finest pixels that it could have (MOCORDER)
void write_moc(const std::string& path, const Region& region, int order);
/// Reads one (MOC 1.1 or 2.0 of SPACE, FITS, NUNIQ or RANGE, ICRS). Throws IoError, or DataError for a file that is none.
[[nodiscard]] Region read_moc(const std::string& path);

}  // namespace skyfold

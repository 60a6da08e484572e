#pragma once

#include <memory>
#include <string>

#include "source_fits_header.hpp"

namespace skyfold {

/// A table that can be decoded: plain, uncompressed, with the rows and columns that its name selects.
struct FitsTable {
  std::shared_ptr<const InputFile> file;  ///< the input itself, or a copy
  FitsHeader header;
};

/// Finds a table of a FITS file and makes it plain.
/// @param name  of the file, perhaps with a selection in brackets: `a.fits[2][mag<20]`
/// @param hdu   number (0 is the primary HDU) or EXTNAME; "" is that of LDAC_OBJECTS, else the largest with coordinates, else the first
/// with rows
[[nodiscard]] FitsTable open_fits_table(const std::string& name, const std::string& hdu);

}  // namespace skyfold

#pragma once

#include "skyfold/io/source.hpp"

namespace skyfold {

/// Opens a table extension of a FITS file.
/// @param hdu  number (0 is the primary HDU) or EXTNAME; "" is that of LDAC_OBJECTS, else the largest with coordinates, else the first with
/// rows
[[nodiscard]] std::unique_ptr<Source> open_fits_source(const std::string& path, const std::string& hdu);

/// Opens a plain table of a file that is open, by its header.
[[nodiscard]] std::unique_ptr<Source> open_fits_table_at(const std::shared_ptr<const class InputFile>& file,
                                                         const class FitsHeader& header);

/// Opens the one table of a copy that `plain_table` has made.
[[nodiscard]] std::unique_ptr<Source> open_plain_fits(const std::shared_ptr<const class InputFile>& copy);

}  // namespace skyfold

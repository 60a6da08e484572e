#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "skyfold/io/source.hpp"
#include "source_fits_columns.hpp"

namespace skyfold {

/// Opens a table extension of a FITS file.
/// @param hdu  number (0 is the primary HDU) or EXTNAME; "" is that of LDAC_OBJECTS, else the largest with coordinates, else the first with
/// rows
[[nodiscard]] std::unique_ptr<Source> open_fits_source(const std::string& path, const std::string& hdu);

/// What the headers of tables with the same columns share.
struct FitsTableLayout {
  std::int64_t row_bytes = 0;
  std::vector<FitsColumn> columns;
  std::vector<LeftOut> left_out;
  Schema schema;
};
/// The layout of the table that a header describes.
[[nodiscard]] std::shared_ptr<const FitsTableLayout> fits_table_layout(const std::string& path, const FitsHeader& header);

/// Opens a plain table of a file that is open, by its layout and the place of its rows.
[[nodiscard]] std::unique_ptr<Source> open_fits_table_at(const std::shared_ptr<const InputFile>& file,
                                                         const std::shared_ptr<const FitsTableLayout>& layout, std::int64_t data_begin,
                                                         std::int64_t rows);

/// Opens the one table of a copy that `plain_table` has made.
[[nodiscard]] std::unique_ptr<Source> open_plain_fits(const std::shared_ptr<const class InputFile>& copy);

}  // namespace skyfold

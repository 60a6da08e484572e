#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source_file.hpp"

/// What our decoder of FITS tables does not read itself becomes a plain copy first: a file without a name in the system's folder for
/// temporary files (TMPDIR), which the system removes when it is closed or the process dies. Each process has its own.
namespace skyfold {

/// A FITS file as it can be decoded: itself, or a copy of what gzip has packed, which messages call `shown`.
[[nodiscard]] std::shared_ptr<const InputFile> open_fits(const std::string& path, const std::string& shown);

/// A copy of one tile-compressed table, made plain by CFITSIO, in a child process. Throws DataError when that fails.
/// @param hdu  number of the table, from 0; in the copy it is 1
[[nodiscard]] std::shared_ptr<const InputFile> uncompressed_table(const InputFile& file, std::int64_t hdu);

/// The same of one tile-compressed image.
[[nodiscard]] std::shared_ptr<const InputFile> uncompressed_image(const InputFile& file, std::int64_t hdu);

/// A table that is made by ourselves: `fill` gives its header and rows, piece by piece, behind a primary HDU.
[[nodiscard]] std::shared_ptr<const InputFile> plain_table(
    const std::string& path, const std::function<void(const std::function<void(std::string_view)>& add)>& fill);

/// Throws UsageError for a filter of rows or columns that could make CFITSIO open another file or address, or takes random rows.
void check_filter(const std::string& filter, const std::string& shown);

/// A copy of one plain table with the rows and columns that filters of CFITSIO's select, made by it in a child process. Throws UsageError
/// for filters that it does not understand.
/// @param hdu    number of the table, from 0; in the copy it is 1
/// @param shown  what messages call it
[[nodiscard]] std::shared_ptr<const InputFile> selected_table(const InputFile& file, std::int64_t hdu,
                                                              const std::vector<std::string>& filters, const std::string& shown);

}  // namespace skyfold

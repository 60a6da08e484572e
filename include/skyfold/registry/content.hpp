#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace skyfold {

/// Hash of a file's bytes: XXH3 (64 bit) of the hashes of its blocks of 16 MiB, which threads take in turns.
/// Throws IoError when it cannot be read.
[[nodiscard]] std::string file_hash(const std::string& path, int threads = 1);

/// Hash of the columns of a product, whatever file holds them: names, types, widths and values in blocks of 65,536 rows.
/// A FITS product has the hash of the HDF5 product of the same rows; that of a catalogue is its fingerprint. A model's
/// parameters, which are no columns, enter through its checksum. "" for a file that is no table of skyfold.
///
/// @param verify  reads all values, also where the file names its fingerprint
[[nodiscard]] std::string content_hash(const std::string& path, bool verify = false);

/// Rows of the main table of a product: of /object, or the largest group; 0 for a file without tables.
[[nodiscard]] std::int64_t content_rows(const std::string& path);

/// The first place where two products differ, for people: "group /object, column z_phot, row 12: 0.5 and 0.25"; rows
/// count from 1. None when all columns are equal.
[[nodiscard]] std::optional<std::string> first_difference(const std::string& path, const std::string& other);

}  // namespace skyfold

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "skyfold/io/healpix_map.hpp"
#include "skyfold/io/source.hpp"

/// The sum of a map's data, by which damage is found (DATASUM: FITS Standard 4.0, section 4.4.2.7).
namespace skyfold {

/// What the header says of it; nothing without a DATASUM that is a number, or when inputs are not verified.
[[nodiscard]] std::optional<std::uint32_t> stated_data_sum(const HealpixMapFile& map);
/// The sum of the data as they are, which units read in pieces.
[[nodiscard]] std::uint32_t data_sum_of(const HealpixMapFile& map, const ScanRunner& run = scan_here);
/// Throws DataError when the two differ.
void compare_data_sums(const HealpixMapFile& map, std::uint32_t stated, std::uint32_t found);

/// Fills in DATASUM of a map that HealpixMapWriter made.
void write_data_sum(const std::string& path, std::uint32_t sum);

}  // namespace skyfold

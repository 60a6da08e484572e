#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "skyfold/io/hdf5.hpp"
#include "skyfold/table/table.hpp"

/// Hashes by which damage is found when rows are read: one for each zone of each column. Catalogues have them in /index/zones, other
/// products in the attribute `zone_hashes` of their datasets.
namespace skyfold {

inline constexpr const char* zone_hashes_name = "zone_hashes";

/// Rows of the zones of a column outside of catalogues: a power of two, at most 65,536, and as few as stay within 1 MiB.
[[nodiscard]] std::int64_t rows_of_hashed_zone(const ColumnInfo& column);

/// Hashes of the zones of a column, 16 hexadecimal digits each; of a part of one that begins at a zone, too.
[[nodiscard]] std::string zone_hashes_of(const ColumnInfo& column, std::span<const std::byte> bytes);
/// The attribute `zone_hashes` of the columns of a group that have it, by name. Throws IoError.
[[nodiscard]] std::map<std::string, std::string> read_zone_hashes(const std::string& path, const ColumnGroup& group);
/// Sets the attribute `zone_hashes` of columns of a group, by name. Throws IoError.
void write_zone_hashes(const std::string& path, const std::string& group, const std::map<std::string, std::string>& hashes);

}  // namespace skyfold

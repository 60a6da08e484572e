// Hashes of the zones of a column, as the text of an attribute: for files that have no index of zones.
#include "skyfold/io/zone_hashes.hpp"

#include <algorithm>

#include "skyfold/core/hash.hpp"

namespace skyfold {

std::int64_t rows_of_hashed_zone(const ColumnInfo& column) {
  constexpr std::int64_t most_rows = 65'536, most_bytes = 1 << 20;
  std::int64_t rows = most_rows;
  while (rows > 1 && rows * static_cast<std::int64_t>(column.bytes_per_row()) > most_bytes) rows /= 2;
  return rows;
}

std::string zone_hashes_of(const ColumnInfo& column, std::span<const std::byte> bytes) {
  const std::size_t zone_bytes = static_cast<std::size_t>(rows_of_hashed_zone(column)) * column.bytes_per_row();
  std::string text;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(zone_bytes, bytes.size())))
    text += hex64(hash_bytes(bytes.first(std::min(zone_bytes, bytes.size()))));
  return text;
}

}  // namespace skyfold

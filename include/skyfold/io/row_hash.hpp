#pragma once

#include <cstdint>

#include "skyfold/io/row_file.hpp"

namespace skyfold {

/// What `hash_bytes` makes of the rows of all columns, one column after the other, as they are in the file: the checksum of a resumed job.
[[nodiscard]] std::uint64_t hash_of_rows(RowWriter& file, RowRange rows, std::uint64_t chained);

}  // namespace skyfold

#pragma once

#include <string>

#include "skyfold/farm/ranks.hpp"
#include "skyfold/io/compression.hpp"

namespace skyfold {

/// Makes `packed` of the finished product `path`, with compressed columns, and reads all of it back to compare; collective. The ranks
/// compress chunks, rank 0 stores them in order, so the bytes are the same for any number of ranks. What a death leaves at
/// `packed` is made anew. Throws IoError, DataError.
void pack_product(const Ranks& ranks, const std::string& path, const std::string& packed, Compression compression);

}  // namespace skyfold

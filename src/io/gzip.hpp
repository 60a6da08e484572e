#pragma once

#include <string>

#include "skyfold/core/file.hpp"
#include "source_file.hpp"

namespace skyfold {

/// True for the first bytes of gzip's format.
[[nodiscard]] bool is_gzip(const InputFile& file);
/// Up to `bytes` bytes of what a gzip file holds, fewer where it is damaged or ends.
[[nodiscard]] std::string unpacked_start(const InputFile& file, std::size_t bytes);
/// Writes what a gzip file holds, all of its members, to `out`. Throws DataError when it is damaged, IoError when it ends early.
void unpack(const InputFile& file, const File& out);

}  // namespace skyfold

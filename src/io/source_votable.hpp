#pragma once

#include <memory>
#include <string>

#include "skyfold/io/source.hpp"

namespace skyfold {

/// True for a file that begins like XML and has the root element of a VOTable soon.
[[nodiscard]] bool is_votable(const std::string& start) noexcept;
/// Bytes of a file that `is_votable` wants to see.
inline constexpr std::int64_t votable_start = 4096;

/// The first table of a VOTable (TABLEDATA, BINARY, BINARY2) as an input: read once into a plain table in a file without a name, from which
/// its rows come. Throws DataError for the first cell that cannot be read.
[[nodiscard]] std::unique_ptr<Source> open_votable_source(const std::string& path);

}  // namespace skyfold

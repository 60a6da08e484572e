#pragma once

#include <cstdint>
#include <string>

namespace skyfold {

/// Hash of all bytes of an HDF5 file but the values of its datasets: of names, types, attributes, and where the values lie. It
/// stays the same while rows are written. Throws IoError.
[[nodiscard]] std::uint64_t structure_hash(const std::string& path);

}  // namespace skyfold

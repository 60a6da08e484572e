#pragma once

#include <string>

namespace skyfold {

/// Throws IoError when a file is of a kind that is known by its first bytes but not read (compressed files, archives
/// and others; FITS in gzip is read), saying what to do; UsageError when it is a pipe or a device. Does nothing for a file that is
/// missing or empty.
void refuse_foreign(const std::string& path);

/// What holds the tables of a product, by the first bytes of its file; `other` for all else. Throws IoError for one that cannot be opened.
enum class Container { hdf5, fits, other };
[[nodiscard]] Container container_of(const std::string& path);

}  // namespace skyfold

#pragma once

#include "skyfold/io/source.hpp"

namespace skyfold {

/// Opens a table in an HDF5 file: a group of datasets of one length, or a dataset of compounds.
///
/// The library is not thread-safe: open and read from one thread at a time.
/// @param group  path in the file; "" is the only table there, or /object
[[nodiscard]] std::unique_ptr<Source> open_hdf5_source(const std::string& path, const std::string& group, const ScanRunner& run);

}  // namespace skyfold

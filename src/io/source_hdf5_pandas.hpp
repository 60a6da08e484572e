#pragma once

#include <string>

#include "source_hdf5_schema.hpp"

/// What pandas' to_hdf writes: columns of one type together in blocks, their names beside them.
namespace skyfold {

/// True for a group that holds a frame of pandas, in its format "fixed" or "table".
[[nodiscard]] bool is_pandas_frame(hid_t file, const std::string& group);

/// The frame as a table with a column for each of its columns. Objects and categories, which pandas pickles, are left out.
/// Throws DataError for a frame whose columns have no plain names.
[[nodiscard]] H5Table pandas_table(const std::string& path, hid_t file, const std::string& group);

}  // namespace skyfold

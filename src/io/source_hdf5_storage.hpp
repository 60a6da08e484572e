#pragma once

#include <cstdint>
#include <string>

#include "source_hdf5_schema.hpp"

/// What is checked about the storage of a dataset before the library is let read it.
namespace skyfold {

/// Rows of a dataset and elements per row; rank 0 for anything but an array.
struct H5Shape {
  int rank = 0;
  hsize_t rows = 0, width = 1;
};

/// Message for an object that cannot be opened.
[[nodiscard]] std::string damaged_hdf5(const std::string& path, const std::string& what);
/// Path of the file that an object is in.
[[nodiscard]] std::string file_of(hid_t object);

[[nodiscard]] H5Shape shape_of(hid_t dataset);

/// Bytes of an element in the file: texts and arrays of varying length stand elsewhere, and have another size than in memory.
[[nodiscard]] std::size_t bytes_in_file(hid_t dataset, hid_t type);

/// Checks that the values of a dataset can be in the file, or that it was never written but has a fill value; returns the rows that
/// are best read together.
/// Throws IoError for a filter that the library does not have, DataError for values that are not there.
[[nodiscard]] std::int64_t check_storage(const std::string& path, hid_t dataset, const std::string& name, const H5Shape& shape);

/// Throws DataError unless every chunk of the table is in the file and has the size that its filters can leave; chunks that were
/// never written count where the dataset has a fill value of its own.
/// The library relies on it when it reads.
void check_hdf5_chunks(const std::string& path, hid_t file, const H5Table& table);

/// Whether the chunks of some rows unpack to their full size. The library takes a shorter one for whole, with whatever memory holds behind
/// it for the rest; checksums say nothing about that. Those of filters other than deflate and zstd are not looked at.
[[nodiscard]] bool are_chunks_whole(hid_t dataset, hsize_t first_row, hsize_t rows);

}  // namespace skyfold

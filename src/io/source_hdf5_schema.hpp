#pragma once

#include <string>
#include <vector>

#include "hdf5_handle.hpp"
#include "hdf5_storage.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {

/// A column of a table in HDF5.
struct H5Column {
  ColumnInfo info;
  std::string dataset;            ///< path in the file
  std::string member;             ///< of a compound dataset; "" otherwise
  bool is_unsigned_64 = false;    ///< read as such, then checked to fit i8
  bool is_variable_text = false;  ///< texts of any length
  bool is_bitfield = false;
  std::vector<hsize_t> array_dims;      ///< of elements that are arrays themselves; else empty
  bool is_element = false;              ///< one element of each row of the dataset or member
  hsize_t element = 0;                  ///< which
  std::string missing_text;             ///< text that stands for missing; "" for none
  H5T_cset_t charset = H5T_CSET_ASCII;  ///< of texts; the library converts none into another
};

/// A table in an HDF5 file.
struct H5Table {
  std::string group;  ///< group or compound dataset it is in
  std::int64_t rows = 0;
  std::int64_t chunk_rows = 1;  ///< pieces that are multiples of it read every chunk once
  bool is_compound = false;
  std::vector<H5Column> columns;
  std::vector<LeftOut> left_out;
};

/// What to say of a file that is not HDF5.
[[nodiscard]] std::string unopened_hdf5(const std::string& path);
/// Opens a file for reading, without locks and without the library's own error messages. Throws IoError.
[[nodiscard]] Hdf5Input open_hdf5_input(const std::string& path);

/// Finds the wanted (or the only) table and its columns. Widths of texts of any length are not known yet (0).
/// Throws UsageError when several tables could be meant, DataError when there is none or it is not one.
[[nodiscard]] H5Table find_hdf5_table(const std::string& path, hid_t file, const std::string& group);

/// Type in memory of one element of the column's dataset or member.
[[nodiscard]] Hdf5Type memory_type(const H5Column& column);

}  // namespace skyfold

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/table/table.hpp"

namespace skyfold {

/// Keys and values at the end of a Parquet file.
using ParquetMetadata = std::vector<std::pair<std::string, std::string>>;

/// Columns that become one, of structures of lists: the form of nested tables.
struct ParquetStruct {
  std::string name;
  std::vector<std::pair<std::string, std::string>> fields;  ///< name of each, and the column that has its values
};

/// Names, units, UCDs and descriptions of columns as the keys IVOA.VOTable-Parquet.version and .content (IVOA note "VOTable in Parquet").
[[nodiscard]] ParquetMetadata parquet_metadata(const Schema& schema);

/// Throws DataError for the first text that is no UTF-8, as those of Parquet are.
/// @param path       that the rows are from, and the number of their first there, for the message
void check_utf8(const Table& table, const std::string& path, std::int64_t first_row);

/// Writes a table to a new Parquet file, compressed by zstd: the same bytes for the same rows. Columns with more than one number per row
/// become lists; what stands for missing becomes null; texts must be UTF-8. The file is not yet on the disk. Throws IoError.
/// @param structs  columns of the table that are nested in others, which stand behind the rest; null where the last field begins with NaN
void write_parquet(const std::string& path, const Table& table, const ParquetMetadata& metadata,
                   const std::vector<ParquetStruct>& structs = {});

/// Writes the footers of Parquet files with the same columns into one file, from which readers learn where all rows are (`_metadata`).
/// @param names  of the files, relative to `folder`, in which the new file lies, too
void write_parquet_index(const std::string& path, const std::string& folder, const std::vector<std::string>& names);

}  // namespace skyfold

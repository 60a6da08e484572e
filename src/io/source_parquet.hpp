#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "parquet_types.hpp"
#include "skyfold/io/source.hpp"
#include "source_file.hpp"

namespace skyfold {

/// A Parquet file of a table, and how its rows are stored.
struct ParquetFile {
  std::string path;
  FileStamp stamp;
  std::int64_t rows = 0;
  std::vector<std::int64_t> row_groups = {};  ///< rows of each
};

/// What stands at the end of a Parquet file.
struct ParquetFooter {
  ParquetFile file;
  std::vector<ParquetElement> columns;
  std::vector<std::pair<std::string, std::string>> metadata;  ///< keys and values
};
/// Throws IoError or DataError for a file that is damaged.
[[nodiscard]] ParquetFooter parquet_footer(const std::string& path);

/// The footers of many files, in their order, read by `run`. Throws DataError, for one of which the columns differ from the first's.
[[nodiscard]] std::vector<ParquetFooter> parquet_footers(const std::vector<std::string>& paths, const ScanRunner& run);

/// Files with the same columns, one behind the other, as one table.
/// @param path  that messages name
[[nodiscard]] std::unique_ptr<Source> open_parquet_files(const std::string& path, std::vector<ParquetFooter> footers,
                                                         const ScanRunner& run);

/// A Parquet file as an input (Apache Parquet format, read by DuckDB in a child process).
[[nodiscard]] std::unique_ptr<Source> open_parquet_source(const std::string& path, const ScanRunner& run);

}  // namespace skyfold

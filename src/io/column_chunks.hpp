#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "hdf5_handle.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/io/hdf5.hpp"

/// Compressed columns: chunks of whole rows, one behind the other.
namespace skyfold {

/// Bytes of what `shuffle` takes for one element of a column.
[[nodiscard]] std::size_t element_bytes_of(const ColumnInfo& column);
/// Rows of a chunk of a column: those of a hashed zone, which zones of 65,536 rows are made of.
[[nodiscard]] std::int64_t rows_of_chunk(const ColumnInfo& column, std::int64_t rows);

/// Tells a dataset that is created of its chunks and filters.
void set_chunks(hid_t creation, const ColumnInfo& column, std::int64_t rows, Compression compression, const std::string& what);
/// Where the chunks of a dataset lie. Throws DataError that begins with `where` for one that is stored in another way than
/// skyfold's, IoError for one that lies beyond the end of the file.
[[nodiscard]] ColumnChunks chunks_of(hid_t dataset, const ColumnInfo& column, std::int64_t rows, std::uintmax_t file_size,
                                     const std::string& where);
/// Makes the library read and write filter 32015.
bool register_zstd();

/// Reads values of compressed columns. The chunk of each column that was read in parts lately is kept. Any thread.
class ChunkReader {
 public:
  explicit ChunkReader(const ColumnPlaces& places) : latest_(places.group.schema.size()) {}

  /// Throws IoError, or DataError that names the rows of a chunk that is damaged.
  /// @param first_byte  of the column's values
  void read(const File& file, const ColumnPlaces& places, std::size_t column, std::int64_t first_byte, std::span<std::byte> to);

 private:
  struct Chunk {
    std::size_t number = 0;
    std::vector<std::byte> values;
  };
  [[nodiscard]] std::shared_ptr<const Chunk> chunk(const File& file, const ColumnPlaces& places, std::size_t column, std::size_t number);

  std::mutex mutex_;
  std::vector<std::shared_ptr<const Chunk>> latest_;  ///< by column
};

}  // namespace skyfold

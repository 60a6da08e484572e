// Compressed columns as they are stored, and their values.
#include "column_chunks.hpp"

#include <fmt/core.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "skyfold/io/zone_hashes.hpp"

namespace skyfold {
namespace {

constexpr H5Z_filter_t zstd_filter = 32015;  // registered with the HDF Group

/// The library's call for filter 32015: compresses or restores `*buffer`, which malloc has made. Returns 0 for an error.
std::size_t filter_zstd(unsigned flags, std::size_t, const unsigned*, std::size_t bytes, std::size_t* room, void** buffer) {
  const bool restores = (flags & H5Z_FLAG_REVERSE) != 0;
  // The buffers change hands by malloc and free: so HDF5 wants it of a filter, whatever allocator the program has.
  const unsigned long long whole = restores ? ZSTD_getFrameContentSize(*buffer, bytes) : ZSTD_compressBound(bytes);
  if (whole == 0 || whole >= ZSTD_CONTENTSIZE_ERROR || whole > (1ULL << 30)) return 0;  // ERROR and UNKNOWN are the largest numbers
  void* made = std::malloc(whole);
  if (!made) return 0;
  const std::size_t size = restores ? ZSTD_decompress(made, whole, *buffer, bytes) : ZSTD_compress(made, whole, *buffer, bytes, 3);
  if (ZSTD_isError(size)) {
    std::free(made);
    return 0;
  }
  std::free(*buffer);
  *buffer = made;
  *room = whole;
  return size;
}

/// What the filters of a dataset are; `none` for others than ours.
Compression compression_of(hid_t creation) {
  std::vector<H5Z_filter_t> filters;
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    filters.push_back(H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr));
  }
  // The whole chain must be ours: one more filter, such as a checksum, would be left in the values that unpack_chunk makes.
  if (filters == std::vector<H5Z_filter_t>{H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE}) return Compression::shuffle_deflate;
  if (filters == std::vector<H5Z_filter_t>{H5Z_FILTER_SHUFFLE, zstd_filter}) return Compression::zstd;
  return Compression::none;
}

std::pair<std::int64_t, std::int64_t> place_of(hid_t dataset, hsize_t row, std::uintmax_t file_size, const std::string& where) {
  // By coordinates, not by number: HDF5 numbers only the chunks that are there, and a damaged file may lack one.
  const std::array<hsize_t, 2> first = {row, 0};
  unsigned skipped = 0;
  haddr_t offset = HADDR_UNDEF;
  hsize_t bytes = 0;
  if (H5Dget_chunk_info_by_coord(dataset, first.data(), &skipped, &offset, &bytes) < 0 || offset == HADDR_UNDEF || bytes == 0 ||
      skipped != 0)
    throw DataError(fmt::format("{}: the chunk of row {} is not there (damaged?)", where, row + 1));
  if (offset > file_size || bytes > file_size - offset)
    throw IoError(fmt::format("{} ends beyond the file's {} bytes (truncated)", where, file_size));
  return {static_cast<std::int64_t>(offset), static_cast<std::int64_t>(bytes)};
}

}  // namespace

bool register_zstd() {
  static const H5Z_class2_t kind = {H5Z_CLASS_T_VERS, zstd_filter, 1, 1, "zstd", nullptr, nullptr, filter_zstd};
  return H5Zregister(&kind) >= 0;
}

std::size_t element_bytes_of(const ColumnInfo& column) { return column.type == Type::text ? column.width : size_of(column.type); }

// A chunk is a zone of checksums: damage costs one zone, and no zone needs two chunks to be checked.
std::int64_t rows_of_chunk(const ColumnInfo& column, std::int64_t rows) { return std::min(rows, rows_of_hashed_zone(column)); }

void set_chunks(hid_t creation, const ColumnInfo& column, std::int64_t rows, Compression compression, const std::string& what) {
  const bool is_array = column.type != Type::text && column.width > 1;
  const std::array<hsize_t, 2> shape = {static_cast<hsize_t>(rows_of_chunk(column, rows)), column.width};
  check_hdf5(H5Pset_chunk(creation, is_array ? 2 : 1, shape.data()), what);
  check_hdf5(H5Pset_shuffle(creation), what);
  const unsigned zstd_level = 3;
  check_hdf5(compression == Compression::zstd ? H5Pset_filter(creation, zstd_filter, H5Z_FLAG_MANDATORY, 1, &zstd_level)
                                              : H5Pset_deflate(creation, 4),
             what);
}

ColumnChunks chunks_of(hid_t dataset, const ColumnInfo& column, std::int64_t rows, std::uintmax_t file_size, const std::string& where) {
  const Hdf5Properties creation(H5Dget_create_plist(dataset), where + ": cannot tell how it is stored");
  std::array<hsize_t, 2> shape = {0, 1};
  const bool is_array = column.type != Type::text && column.width > 1;
  ColumnChunks chunks;
  chunks.compression = compression_of(creation);
  if (chunks.compression == Compression::none || H5Pget_layout(creation) != H5D_CHUNKED ||
      H5Pget_chunk(creation, 2, shape.data()) != (is_array ? 2 : 1) || (is_array && shape[1] != column.width) || shape[0] == 0 ||
      shape[0] * column.bytes_per_row() > (1ULL << 30))
    throw DataError(where + " is neither contiguous nor compressed as skyfold does (run import on this file first)");
  chunks.rows = static_cast<std::int64_t>(shape[0]);
  for (std::int64_t row = 0; row < rows; row += chunks.rows)
    chunks.places.push_back(place_of(dataset, static_cast<hsize_t>(row), file_size, where));
  return chunks;
}

// The latest chunk of each column is kept, since blocks of rows are smaller than chunks and follow one another. Two threads may
// unpack the same one at once: that costs time, waiting for each other would cost more.
std::shared_ptr<const ChunkReader::Chunk> ChunkReader::chunk(const File& file, const ColumnPlaces& places, std::size_t column,
                                                             std::size_t number) {
  const auto same = [number](const std::shared_ptr<const Chunk>& kept) { return kept && kept->number == number; };
  {
    const std::lock_guard lock(mutex_);
    if (same(latest_[column])) return latest_[column];
  }
  const ColumnInfo& info = places.group.schema[column];
  const ColumnChunks& chunks = places.chunks[column];
  const auto [offset, bytes] = chunks.places[number];
  std::vector<std::byte> stored(static_cast<std::size_t>(bytes));
  file.read(offset, stored);
  auto made = std::make_shared<Chunk>();
  made->number = number;
  // Of full size, also the last one: HDF5 stores chunks whole, with fill values behind the last row.
  made->values.resize(static_cast<std::size_t>(chunks.rows) * info.bytes_per_row());
  if (!unpack_chunk(chunks.compression, stored, element_bytes_of(info), made->values)) {
    const std::int64_t first = static_cast<std::int64_t>(number) * chunks.rows;
    throw DataError(fmt::format("{}, column {}, rows {} to {}: damaged (the compressed chunk has no such content)", file.path(), info.name,
                                first + 1, std::min(first + chunks.rows, places.group.rows)));
  }
  const std::lock_guard lock(mutex_);
  return latest_[column] = std::move(made);
}

void ChunkReader::read(const File& file, const ColumnPlaces& places, std::size_t column, std::int64_t first_byte, std::span<std::byte> to) {
  const std::size_t chunk_bytes = static_cast<std::size_t>(places.chunks[column].rows) * places.group.schema[column].bytes_per_row();
  for (auto at = static_cast<std::size_t>(first_byte); !to.empty();) {
    const std::shared_ptr<const Chunk> source = chunk(file, places, column, at / chunk_bytes);
    const std::size_t within = at % chunk_bytes, count = std::min(to.size(), chunk_bytes - within);
    std::memcpy(to.data(), source->values.data() + within, count);
    to = to.subspan(count);
    at += count;
  }
}

}  // namespace skyfold

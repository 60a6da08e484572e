// How the values of an HDF5 dataset are stored, checked before they are read: filters that this library has, chunks that are there
// and of the right size. A chunk that was never written would read as zeros, which look like data.
#include "source_hdf5_storage.hpp"

#include <fmt/core.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "hdf5_links.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

constexpr std::uint64_t largest_chunk = std::uint64_t{1} << 30;  // bytes; a larger one is taken for damage
constexpr H5Z_filter_t zstd_filter = 32015;                      // registered with the HDF Group
constexpr hsize_t few_chunks = 1000;                             // of which each is looked at more closely

void check_filters(const std::string& where, hid_t creation) {
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    char name[64] = "";
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, sizeof name, name, nullptr);
    if (filter >= 0 && H5Zfilter_avail(filter) <= 0)
      throw IoError(fmt::format("{}: is compressed with filter {} '{}', which this HDF5 library does not have", where, filter, name));
  }
}

struct Chunks {
  hsize_t dims[2] = {1, 1};
  hsize_t bytes = 0;  ///< of one chunk, without filters
};

Chunks chunks_of(const std::string& where, hid_t creation, std::size_t element_bytes, int rank) {
  Chunks chunks;
  hsize_t* dims = chunks.dims;
  // A chunk without rows or elements would make the loop over chunks endless.
  if (H5Pget_chunk(creation, 2, dims) != rank || dims[0] == 0 || dims[1] == 0)
    throw DataError(fmt::format("{}: its chunks have another shape than its values (damaged?)", where));
  if (dims[0] > largest_chunk || dims[1] > largest_chunk || dims[0] * dims[1] > largest_chunk / element_bytes)
    throw DataError(fmt::format("{}: has chunks of more than {} MiB (damaged?)", where, largest_chunk >> 20));
  chunks.bytes = dims[0] * dims[1] * element_bytes;
  return chunks;
}

/// An open dataset with what its storage says.
struct Storage {
  Storage(const std::string& path, hid_t dataset, const std::string& name)
      : where(fmt::format("{}: dataset {}", path, name)),
        creation(H5Dget_create_plist(dataset), damaged_hdf5(path, name)),
        type(H5Dget_type(dataset), damaged_hdf5(path, name)),
        element_bytes(bytes_in_file(dataset, type)),
        layout(H5Pget_layout(creation)),
        has_fill_value(fills(creation)) {
    if (element_bytes == 0) throw DataError(fmt::format("{}: has a damaged type", where));
  }

  std::string where;
  Hdf5Properties creation;
  Hdf5Type type;
  std::size_t element_bytes;
  H5D_layout_t layout;
  bool has_fill_value;  ///< which the library gives for what was never written

 private:
  static bool fills(hid_t creation) {
    H5D_fill_value_t kind = H5D_FILL_VALUE_UNDEFINED;
    H5D_fill_time_t time = H5D_FILL_TIME_NEVER;
    return H5Pfill_value_defined(creation, &kind) >= 0 && kind == H5D_FILL_VALUE_USER_DEFINED && H5Pget_fill_time(creation, &time) >= 0 &&
           time != H5D_FILL_TIME_NEVER;
  }
};

/// Filters of a dataset: bits of those that leave the size as it is, and of all.
struct Filters {
  unsigned all = 0, same_size = 0, checksums = 0;
};

Filters filters_of(hid_t creation) {
  Filters filters;
  for (int i = 0; i < std::min(32, H5Pget_nfilters(creation)); ++i) {
    unsigned flags = 0, bit = 1U << i;
    std::size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr);
    filters.all |= bit;
    // Shuffling orders bytes anew, a checksum adds four of them; all other filters may change the size.
    if (filter == H5Z_FILTER_SHUFFLE) filters.same_size |= bit;
    if (filter == H5Z_FILTER_FLETCHER32) filters.checksums |= bit;
  }
  return filters;
}

/// Filters that were not applied to the chunk at `place`. The library walks through all chunks to find them.
unsigned skipped_filters(const Storage& storage, hid_t dataset, const hsize_t* place) {
  unsigned skipped = 0;
  haddr_t address = HADDR_UNDEF;
  hsize_t bytes = 0;
  if (H5Dget_chunk_info_by_coord(dataset, place, &skipped, &address, &bytes) < 0)
    throw DataError(fmt::format("{}: a chunk cannot be found (damaged?)", storage.where));
  return skipped;
}

void check_chunks(const Storage& storage, hid_t dataset, const H5Shape& shape) {
  const Chunks chunks = chunks_of(storage.where, storage.creation, storage.element_bytes, shape.rank);
  const Filters filters = filters_of(storage.creation);
  // Finding a chunk's mask walks through all of them, so asking for each would take time with the square of their number.
  const bool few = shape.rows / chunks.dims[0] * (shape.width / chunks.dims[1] + 1) <= few_chunks;
  for (hsize_t row = 0; row < shape.rows; row += chunks.dims[0])
    for (hsize_t element = 0; element < shape.width; element += chunks.dims[1]) {
      const hsize_t place[2] = {row, element};
      hsize_t bytes = 0;
      // A program that writes chunk by chunk and dies leaves a file that opens well and has zeros in the rest.
      const bool is_there = H5Dget_chunk_storage_size(dataset, place, &bytes) >= 0 && bytes > 0;
      // Whoever gave a fill value meant unwritten chunks to have it.
      if (!is_there && storage.has_fill_value) continue;
      if (!is_there)
        throw DataError(fmt::format("{}: the chunk of row {} was never written (an interrupted run?)", storage.where, row + 1));
      const unsigned used = filters.all & ~(few ? skipped_filters(storage, dataset, place) : 0U);
      // Compressed chunks may have any size; others have exactly theirs, and four bytes for a checksum.
      const bool size_is_known = (used & ~filters.same_size & ~filters.checksums) == 0;
      if (size_is_known && bytes != chunks.bytes + ((used & filters.checksums) ? 4 : 0))
        throw DataError(
            fmt::format("{}: the chunk of row {} has {} bytes instead of {} (damaged?)", storage.where, row + 1, bytes, chunks.bytes));
    }
}

}  // namespace

std::string damaged_hdf5(const std::string& path, const std::string& what) {
  return fmt::format("{}: {} cannot be opened (damaged?)", path, what);
}

std::string file_of(hid_t object) {
  char name[4096] = "";
  H5Fget_name(object, name, sizeof name);
  return name;
}

std::size_t bytes_in_file(hid_t dataset, hid_t type) {
  const H5T_class_t kind = H5Tget_class(type);
  // The file holds references to such texts, of another size than the pointers in memory.
  if (kind == H5T_VLEN || (kind == H5T_STRING && H5Tis_variable_str(type) > 0)) {
    std::size_t address = 8, length = 8;
    const Hdf5Object file(H5Iget_file_id(dataset), "HDF5: the file of a dataset");
    const Hdf5Properties creation(H5Fget_create_plist(file), "HDF5: the properties of a file");
    H5Pget_sizes(creation, &address, &length);
    return 4 + address + 4;  // how many; where its collection is; which one there
  }
  if (kind == H5T_ARRAY) {
    const Hdf5Type base(H5Tget_super(type), "HDF5: an element type cannot be opened (damaged file?)");
    const std::size_t in_memory = H5Tget_size(base);
    return in_memory == 0 ? 0 : H5Tget_size(type) / in_memory * bytes_in_file(dataset, base);
  }
  std::size_t bytes = H5Tget_size(type);
  for (int i = 0; kind == H5T_COMPOUND && i < H5Tget_nmembers(type); ++i) {
    const Hdf5Type member(H5Tget_member_type(type, static_cast<unsigned>(i)),
                          "HDF5: the type of a member cannot be opened (damaged file?)");
    bytes += bytes_in_file(dataset, member) - H5Tget_size(member);
  }
  return bytes;
}

H5Shape shape_of(hid_t dataset) {
  const Hdf5Space space(H5Dget_space(dataset), damaged_hdf5(file_of(dataset), "the shape of a dataset"));
  hsize_t dims[H5S_MAX_RANK] = {};
  H5Shape shape;
  if (H5Sget_simple_extent_type(space) != H5S_SIMPLE) return shape;
  shape.rank = H5Sget_simple_extent_dims(space, dims, nullptr);
  if (shape.rank >= 1) shape.rows = dims[0];
  if (shape.rank == 2) shape.width = dims[1];
  return shape;
}

std::int64_t check_storage(const std::string& path, hid_t dataset, const std::string& name, const H5Shape& shape) {
  check_own_values(path, dataset, name);
  if (shape.rows == 0) return 1;
  const Storage storage(path, dataset, name);
  check_filters(storage.where, storage.creation);
  if (storage.layout == H5D_CHUNKED)
    return static_cast<std::int64_t>(chunks_of(storage.where, storage.creation, storage.element_bytes, shape.rank).dims[0]);
  if (storage.layout != H5D_CONTIGUOUS && storage.layout != H5D_COMPACT)
    throw DataError(fmt::format("{}: is stored in another way than contiguous, compact or chunked", storage.where));
  // A truncated file announces more than it has.
  hsize_t bytes = H5Dget_storage_size(dataset), file_bytes = 0;
  if (bytes == 0 && storage.has_fill_value) return 1;
  if (H5Fget_filesize(dataset, &file_bytes) >= 0) bytes = std::min(bytes, file_bytes);
  // Divided, not multiplied: announced rows times bytes may overflow.
  const hsize_t stored = bytes / storage.element_bytes / std::max<hsize_t>(1, shape.width);
  if (stored < shape.rows) throw DataError(fmt::format("{}: announces {} rows, of which {} are stored", storage.where, shape.rows, stored));
  return 1;
}

void check_hdf5_chunks(const std::string& path, hid_t file, const H5Table& table) {
  for (const H5Column& column : table.columns) {
    const std::string& name = column.dataset;
    const Hdf5Dataset dataset = open_own_dataset(path, file, name, damaged_hdf5(path, name));
    const Storage storage(path, dataset, name);
    if (storage.layout == H5D_CHUNKED) check_chunks(storage, dataset, shape_of(dataset));
    if (table.is_compound) break;  // all its columns are in one dataset
  }
}

namespace {

/// What makes values of a stored chunk: one filter that compresses, among others that do not.
struct Packing {
  H5Z_filter_t filter = 0;
  unsigned bit = 0;                      ///< in masks of filters that were skipped
  std::size_t inner_sums = 0, sums = 0;  ///< checksums of four bytes, before and after it
};

std::optional<Packing> packing_of(hid_t creation) {
  std::optional<Packing> packing;
  std::size_t sums = 0;
  for (int i = 0; i < std::min(32, H5Pget_nfilters(creation)); ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr);
    if (filter == H5Z_FILTER_FLETCHER32) {
      ++(packing ? packing->sums : sums);
    } else if (filter == H5Z_FILTER_DEFLATE || filter == zstd_filter) {
      if (packing) return std::nullopt;
      packing = Packing{filter, 1U << i, sums, 0};
    } else if (filter != H5Z_FILTER_SHUFFLE) {
      return std::nullopt;
    }
  }
  return packing;
}

/// Whether a deflated stream holds so many bytes.
bool inflates_to(std::size_t bytes, std::span<const unsigned char> stored) {
  z_stream stream = {};
  if (inflateInit(&stream) != Z_OK) return false;
  std::array<unsigned char, 1 << 15> scratch;
  stream.next_in = const_cast<unsigned char*>(stored.data());  // zlib's interface is older than const
  stream.avail_in = static_cast<uInt>(stored.size());
  int state = Z_OK;
  while (state == Z_OK && stream.total_out <= bytes) {  // a damaged one may have no end
    stream.next_out = scratch.data();
    stream.avail_out = static_cast<uInt>(scratch.size());
    state = inflate(&stream, Z_NO_FLUSH);
  }
  const std::size_t size = stream.total_out;
  inflateEnd(&stream);
  return state == Z_STREAM_END && size == bytes;
}

bool is_whole(const Packing& packing, std::span<const unsigned char> stored, unsigned skipped, std::size_t chunk_bytes) {
  if ((skipped & packing.bit) != 0) return stored.size() >= chunk_bytes;
  if (stored.size() < 4 * packing.sums) return false;
  stored = stored.first(stored.size() - 4 * packing.sums);
  const std::size_t expected = chunk_bytes + 4 * packing.inner_sums;
  if (packing.filter == zstd_filter) return ZSTD_getFrameContentSize(stored.data(), stored.size()) == expected;
  return inflates_to(expected, stored);
}

}  // namespace

bool are_chunks_whole(hid_t dataset, hsize_t first_row, hsize_t rows) {
  const Hdf5Properties creation(H5Dget_create_plist(dataset), "a dataset's storage is damaged");
  const std::optional<Packing> packing = packing_of(creation);
  if (H5Pget_layout(creation) != H5D_CHUNKED || !packing) return true;
  const H5Shape shape = shape_of(dataset);
  const Hdf5Type type(H5Dget_type(dataset), "a dataset's type is damaged");
  hsize_t dims[2] = {1, 1};
  if (H5Pget_chunk(creation, 2, dims) != shape.rank || dims[0] == 0 || dims[1] == 0) return false;
  const std::size_t chunk_bytes = dims[0] * dims[1] * bytes_in_file(dataset, type);
  std::vector<unsigned char> stored;
  for (hsize_t row = first_row / dims[0] * dims[0]; row < first_row + rows; row += dims[0])
    for (hsize_t element = 0; element < shape.width; element += dims[1]) {
      const hsize_t place[2] = {row, element};
      hsize_t bytes = 0;
      if (H5Dget_chunk_storage_size(dataset, place, &bytes) < 0 || bytes == 0) continue;  // never written: check_storage has had its say
      std::uint32_t skipped = 0;
      stored.resize(bytes);
      if (H5Dread_chunk(dataset, H5P_DEFAULT, place, &skipped, stored.data()) < 0) return false;
      if (!is_whole(*packing, stored, skipped, chunk_bytes)) return false;
    }
  return true;
}

}  // namespace skyfold

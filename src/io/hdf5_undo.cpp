// Undo for changes of an HDF5 file's structure: all bytes but the large datasets are saved beside it first, and put back by the
// next attempt if a kill came in between.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <span>
#include <utility>

#include "hdf5_handle.hpp"
#include "hdf5_storage.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/structure.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using Extent = std::pair<std::uint64_t, std::uint64_t>;  // offset, bytes

constexpr std::uint64_t large_dataset = 1 << 20;  // smaller ones are saved with the structure

std::string undo_path(const std::string& path) { return path + ".undo"; }

/// Where the datasets of at least so many bytes lie.
std::vector<Extent> dataset_extents(const std::string& path, std::uint64_t least_bytes) {
  struct Found {
    std::uint64_t least_bytes;
    std::vector<Extent> extents;
  } found{least_bytes, {}};
  // No exception may pass through the library: errors are its own negative numbers here.
  const auto collect = [](hid_t root, const char* name, const H5O_info_t* info, void* data) -> herr_t {
    if (info->type != H5O_TYPE_DATASET) return 0;
    const hid_t dataset = H5Dopen2(root, name, H5P_DEFAULT);
    if (dataset < 0) return -1;
    auto& all = *static_cast<Found*>(data);
    const haddr_t offset = H5Dget_offset(dataset);
    const hsize_t bytes = H5Dget_storage_size(dataset);
    // Chunked datasets have no one place, and are saved with all the rest.
    if (offset != HADDR_UNDEF && bytes >= all.least_bytes) all.extents.emplace_back(offset, bytes);
    return H5Dclose(dataset);
  };
  read_hdf5(path, path + ": cannot open as an HDF5 file", [&](hid_t file) {
    check_hdf5(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, collect, &found), path + ": cannot list its datasets");
    return 0;
  });
  // Names have no order in the file; what lies between the extents is what has to be saved.
  std::sort(found.extents.begin(), found.extents.end());
  return found.extents;
}

std::vector<Extent> between(const std::vector<Extent>& extents, std::uint64_t size) {
  std::vector<Extent> gaps;
  std::uint64_t at = 0;
  for (const auto& [offset, bytes] : extents) {
    if (offset > at) gaps.emplace_back(at, offset - at);
    at = std::max(at, offset + bytes);
  }
  if (at < size) gaps.emplace_back(at, size - at);
  return gaps;
}

template <class T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T get(std::string_view& in) {
  T value{};
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return value;
}

}  // namespace

void save_structure(const std::string& path) {
  const std::vector<Extent> large = dataset_extents(path, large_dataset);
  const File file = File::for_reading(path);
  const auto size = static_cast<std::uint64_t>(file.size());
  std::string saved, bytes;
  // The size, too: what was added behind the end is cut off again.
  put(saved, size);
  for (const auto& [offset, count] : between(large, size)) {
    bytes.resize(count);
    file.read(static_cast<std::int64_t>(offset), std::as_writable_bytes(std::span(bytes)));
    put(saved, offset);
    put(saved, count);
    saved += bytes;
  }
  // Last: a file that was cut short is known by it.
  put(saved, hash_text(saved));
  // On the disk before the first byte of the product changes.
  write_durably(undo_path(path), saved);
}

std::uint64_t structure_hash(const std::string& path) {
  const File file = File::for_reading(path);
  const std::int64_t size = file.size();
  std::uint64_t hash = hash_text(std::to_string(size));
  std::vector<std::byte> bytes;
  // Everything but the values, also of small datasets: rows change while a run fills them, the structure does not.
  for (const auto& [offset, count] : between(dataset_extents(path, 1), static_cast<std::uint64_t>(size))) {
    bytes.resize(count);
    file.read(static_cast<std::int64_t>(offset), bytes);
    hash = hash_bytes(bytes, hash);
  }
  return hash;
}

void roll_back(const std::string& path) {
  if (!fs::exists(undo_path(path))) return;
  const std::string saved = read_file(undo_path(path));
  std::string_view rest = saved;
  if (rest.size() < 2 * sizeof(std::uint64_t)) return;
  std::string_view sum = rest.substr(rest.size() - sizeof(std::uint64_t));
  rest.remove_suffix(sizeof(std::uint64_t));
  if (get<std::uint64_t>(sum) != hash_text(std::string(rest))) return;  // it was cut short: nothing had been changed yet
  File product = File::for_update(path);
  const auto size = get<std::uint64_t>(rest);
  while (!rest.empty()) {
    const auto offset = get<std::uint64_t>(rest), count = get<std::uint64_t>(rest);
    // Putting back twice does no harm, should a kill come here.
    product.write(static_cast<std::int64_t>(offset), rest.substr(0, count));
    rest.remove_prefix(count);
  }
  product.resize(static_cast<std::int64_t>(size));
  product.sync();
  product.close();
  remove_file(undo_path(path));  // small datasets may be written again from now on
}

}  // namespace skyfold

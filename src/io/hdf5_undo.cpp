#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "hdf5_handle.hpp"
#include "skyfold/core/files.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/io/hdf5.hpp"

namespace skyfold {
namespace {

namespace fs = std::filesystem;
using Extent = std::pair<std::uint64_t, std::uint64_t>;   // offset, bytes

constexpr std::uint64_t large_dataset = 1 << 20;   // smaller ones are saved with the structure

std::string undo_path(const std::string& path) { return path + ".undo"; }

/// Where the large datasets lie: all other bytes of the file are structure.
std::vector<Extent> large_extents(const std::string& path) {
  silence_hdf5();
  const Hdf5File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), path + ": cannot open as an HDF5 file");
  std::vector<Extent> extents;
  const auto collect = [](hid_t root, const char* name, const H5O_info_t* info, void* data) -> herr_t {
    if (info->type != H5O_TYPE_DATASET) return 0;
    const Hdf5Dataset dataset(H5Dopen2(root, name, H5P_DEFAULT), "cannot open an HDF5 dataset");
    const haddr_t offset = H5Dget_offset(dataset);
    const hsize_t bytes = H5Dget_storage_size(dataset);
    if (offset != HADDR_UNDEF && bytes >= large_dataset) static_cast<std::vector<Extent>*>(data)->emplace_back(offset, bytes);
    return 0;
  };
  check_hdf5(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, collect, &extents), path + ": cannot list its datasets");
  std::sort(extents.begin(), extents.end());
  return extents;
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

[[noreturn]] void fail(const std::string& path) { throw IoError(fmt::format("{}: {}", path, std::strerror(errno))); }

struct Descriptor {
  Descriptor(const std::string& name, int flags) : number(open(name.c_str(), flags | O_CLOEXEC, 0644)) {
    if (number < 0) fail(name);
  }
  ~Descriptor() { close(number); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number;
};

}  // namespace

void save_structure(const std::string& path) {
  const std::vector<Extent> large = large_extents(path);
  const std::uint64_t size = fs::file_size(path);
  std::string saved;
  put(saved, size);
  {
    const Descriptor file(path, O_RDONLY);
    std::string bytes;
    for (const auto& [offset, count] : between(large, size)) {
      bytes.resize(count);
      if (pread(file.number, bytes.data(), count, static_cast<off_t>(offset)) != static_cast<ssize_t>(count)) fail(path);
      put(saved, offset);
      put(saved, count);
      saved += bytes;
    }
  }
  put(saved, hash_text(saved));
  write_durably(undo_path(path), saved);
}

void roll_back(const std::string& path) {
  std::ifstream file(undo_path(path), std::ios::binary);
  if (!file) return;
  const std::string saved{std::istreambuf_iterator<char>(file), {}};
  std::string_view rest = saved;
  if (rest.size() < 2 * sizeof(std::uint64_t)) return;
  std::string_view sum = rest.substr(rest.size() - sizeof(std::uint64_t));
  rest.remove_suffix(sizeof(std::uint64_t));
  if (get<std::uint64_t>(sum) != hash_text(std::string(rest))) return;  // it was cut short: nothing had been changed yet
  const Descriptor product(path, O_RDWR);
  const auto size = get<std::uint64_t>(rest);
  while (!rest.empty()) {
    const auto offset = get<std::uint64_t>(rest), count = get<std::uint64_t>(rest);
    if (pwrite(product.number, rest.data(), count, static_cast<off_t>(offset)) != static_cast<ssize_t>(count)) fail(path);
    rest.remove_prefix(count);
  }
  if (ftruncate(product.number, static_cast<off_t>(size)) != 0 || fsync(product.number) != 0) fail(path);
  fs::remove(undo_path(path));  // small datasets may be written again from now on
}

}  // namespace skyfold

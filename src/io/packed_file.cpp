// A second copy of a product, with its large columns compressed.
#include "skyfold/io/packed_file.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "column_chunks.hpp"
#include "hdf5_storage.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/io/zone_hashes.hpp"

namespace skyfold {
namespace {

constexpr const char* compression_name = "compression";
constexpr std::size_t least_bytes = 64 << 10;

bool is_packed(const ColumnGroup& group) {
  // The index is read in small pieces at random places, and small groups gain nothing: both stay plain.
  return !group.path.starts_with("/index") && static_cast<std::size_t>(group.rows) * bytes_per_row(group.schema) >= least_bytes;
}

std::vector<ColumnGroup> groups_of(const std::string& path) {
  std::vector<ColumnGroup> groups;
  for (const std::string& name : column_groups(path)) groups.push_back(open_columns(path, name).group);
  return groups;
}

}  // namespace

std::vector<PackedChunk> chunks_to_pack(const std::string& path) {
  std::vector<PackedChunk> chunks;
  for (const ColumnGroup& group : groups_of(path)) {
    if (!is_packed(group)) continue;
    for (const ColumnInfo& column : group.schema) {
      const std::int64_t rows = rows_of_chunk(column, group.rows);
      for (std::int64_t begin = 0; begin < group.rows; begin += rows)
        chunks.push_back({group.path, column, {begin, std::min(begin + rows, group.rows)}});
    }
  }
  return chunks;
}

void create_packed(const std::string& path, const std::string& packed, Compression compression) {
  std::vector<ColumnGroup> large;
  std::map<std::string, Table> small;
  std::map<std::string, std::map<std::string, std::string>> hashes;
  for (ColumnGroup& group : groups_of(path)) {
    hashes[group.path] = read_zone_hashes(path, group);
    if (is_packed(group)) {
      group.compression = compression;
      large.push_back(group);
    } else {
      small.emplace(group.path, read_columns(path, group.path));
    }
  }
  Attributes attributes = read_attributes(path);
  // The only attribute that differs from those of the plain file: the fingerprint is of the values, and stays.
  attributes[compression_name] = name_of(compression);
  create_columns(packed, large, attributes);
  add_columns(packed, small);
  add_links(packed, read_links(path));
  for (const auto& [group, of_columns] : hashes)
    if (!of_columns.empty()) write_zone_hashes(packed, group, of_columns);
}

std::string stored_form(const PackedChunk& chunk, std::int64_t rows, std::span<const std::byte> values, Compression compression) {
  const std::size_t whole = static_cast<std::size_t>(rows_of_chunk(chunk.column, rows)) * chunk.column.bytes_per_row();
  // Readers expect chunks of full size; zeros behind the last row are never read.
  if (values.size() == whole) return packed_chunk(compression, values, element_bytes_of(chunk.column));
  std::vector<std::byte> filled(whole);
  std::memcpy(filled.data(), values.data(), values.size());
  return packed_chunk(compression, filled, element_bytes_of(chunk.column));
}

void write_chunks(const std::string& packed, std::span<const PackedChunk> chunks, std::span<const std::string> stored) {
  File file = File::for_update(packed);
  write_hdf5(file, false, [&](hid_t root) {
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const std::string name = chunks[i].group + "/" + chunks[i].column.name, what = packed + ": cannot write " + name;
      const Hdf5Dataset dataset(H5Dopen2(root, name.c_str(), H5P_DEFAULT), what);
      // H5Dwrite_chunk stores what is given, unseen: the filters' work was done by the ranks, and the mask 0 says that all were applied.
      const hsize_t first[2] = {static_cast<hsize_t>(chunks[i].rows.begin), 0};
      check_hdf5(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, first, stored[i].size(), stored[i].data()), what);
    }
  });
  // Not synced here: pack_product syncs once, after all rounds.
  file.close();
}

std::string compression_of_product(const std::string& path) {
  const Attributes attributes = read_attributes(path);
  const auto found = attributes.find(compression_name);
  return found == attributes.end() ? name_of(Compression::none) : found->second;
}

}  // namespace skyfold

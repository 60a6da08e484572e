#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "skyfold/io/compression.hpp"
#include "skyfold/plan/plan.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

/// A group of a columnar HDF5 file: one dataset per column, contiguous unless it is compressed.
struct ColumnGroup {
  std::string path;  ///< e.g. "/object"
  Schema schema;
  std::int64_t rows = 0;
  Compression compression = Compression::none;  ///< of one to be created
};

/// Text attributes of the root group.
using Attributes = std::map<std::string, std::string>;

/// Creates `path` with these groups and attributes and reserves all its space on the disk; the values are undefined
/// until written through a RowFile. Everything is laid out by (groups, attributes) alone, without time stamps, so two
/// files with the same content have the same bytes. Throws IoError (folder missing, disk full, ...).
void create_columns(const std::string& path, const std::vector<ColumnGroup>& groups, const Attributes& attributes);

/// Writes small tables (models, indexes, samples) in one go: create_columns and the values, by group path.
void write_columns(const std::string& path, const std::map<std::string, Table>& groups, const Attributes& attributes);

/// Adds groups with their values to an existing file, replacing groups of the same path.
void add_columns(const std::string& path, const std::map<std::string, Table>& groups);

/// Gives datasets of a file a second name in its root group, by that name: "/meas_offset" -> "/index/meas_offset/first_row". A name that
/// exists is replaced.
void add_links(const std::string& path, const std::map<std::string, std::string>& targets);
/// The second names of a file: datasets in the root group that are those of groups of columns.
[[nodiscard]] std::map<std::string, std::string> read_links(const std::string& path);

/// Saves all bytes of a file that a change of its structure (add_columns, write_attributes) could overwrite, as
/// `path`.undo: everything but its large datasets. A process killed in the middle of such a change leaves a file that the
/// HDF5 library may not open; `roll_back` puts it back as it was. Throws IoError.
void save_structure(const std::string& path);
/// Puts a file back to what it was at `save_structure`, if that was called; may be repeated.
void roll_back(const std::string& path);

/// The chunks of a compressed column.
struct ColumnChunks {
  Compression compression = Compression::none;
  std::int64_t rows = 0;                                      ///< of each chunk; the last one is filled up
  std::vector<std::pair<std::int64_t, std::int64_t>> places;  ///< first byte in the file and number of bytes, in order of rows
};

/// Where the columns of a group lie.
struct ColumnPlaces {
  ColumnGroup group;
  std::vector<std::int64_t> offsets;      ///< first byte of each column in the file; 0 for one that is compressed
  std::vector<ColumnChunks> chunks = {};  ///< of each column; of compression none for a contiguous one

  [[nodiscard]] bool is_compressed(std::size_t column) const {
    return column < chunks.size() && chunks[column].compression != Compression::none;
  }
};
/// Opens a group written by create_columns. Throws IoError when the file cannot be read, DataError when the group is
/// absent or not columns of one length, stored contiguously or compressed by skyfold.
[[nodiscard]] ColumnPlaces open_columns(const std::string& path, const std::string& group);
/// True when the file has the group.
[[nodiscard]] bool has_columns(const std::string& path, const std::string& group);
/// Paths of all groups of columns of a file, by name. Throws as open_columns.
[[nodiscard]] std::vector<std::string> column_groups(const std::string& path);
/// A whole group in memory.
[[nodiscard]] Table read_columns(const std::string& path, const std::string& group);

/// Text attributes of the root group; empty for an HDF5 file that is not ours.
[[nodiscard]] Attributes read_attributes(const std::string& path);
/// Sets text attributes of the root group, replacing those that exist.
void write_attributes(const std::string& path, const Attributes& attributes);

}  // namespace skyfold

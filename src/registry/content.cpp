// The content of a file, apart from its format: hashes of columns by name, type and values, by which a catalogue and its FITS copy
// are the same thing, and the first difference between two files.
#include "skyfold/registry/content.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/io/source.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t file_block = 16 << 20;
constexpr const char* main_group = "/object";

/// Columns of one length in a file.
struct Group {
  std::string path;
  Schema schema;  ///< by name
  std::int64_t rows = 0;
};

/// The tables of a file of any format; the index of a catalogue follows from them and is left out.
class Content {
 public:
  explicit Content(const std::string& path) : path_(path) {
    const Container container = container_of(path);
    if (container == Container::hdf5) {
      // Without comparing zone checksums: content that differs from them is what a hash of the content is to show.
      for (const std::string& group : column_groups(path)) {
        // Two catalogues of the same rows may have indexes of different versions.
        if (group.starts_with("/index")) continue;
        const RowReader& reader = readers_.emplace(group, RowReader(path, group, ZoneCheck::off)).first->second;
        groups_.push_back({group, reader.schema(), reader.rows()});
      }
    } else if (container == Container::fits) {
      try {
        // The first table, as every command reads a FITS file without being told more.
        source_ = open_source(path, {});
      } catch (const Error&) {  // FITS without a table
        return;
      }
      groups_.push_back({main_group, source_->schema(), source_->rows()});
      for (ColumnInfo& column : groups_[0].schema) column.source = column.name;
    }
    for (Group& group : groups_)
      // FITS keeps the order of columns, HDF5 lists them by name: the hash must not know the difference.
      std::sort(group.schema.begin(), group.schema.end(), [](const ColumnInfo& a, const ColumnInfo& b) { return a.name < b.name; });
  }

  [[nodiscard]] const std::vector<Group>& groups() const noexcept { return groups_; }

  void read(const Group& group, RowRange rows, Table& block) const {
    if (!source_) return readers_.at(group.path).read(rows, block);
    std::vector<BadCell> bad;
    source_->read({rows.begin, rows.size(), 0, 0}, block, bad);
    if (!bad.empty()) throw DataError(fmt::format("{}, row {}, column {}: {}", path_, bad[0].row + 1, bad[0].column, bad[0].problem));
  }

 private:
  std::string path_;
  std::map<std::string, RowReader> readers_;  ///< by group
  std::unique_ptr<Source> source_;
  std::vector<Group> groups_;
};

RowRange block_at(std::int64_t begin, std::int64_t rows) { return {begin, std::min(begin + zone_rows, rows)}; }

std::string described(const ColumnInfo& column) { return fmt::format("{}:{}:{}", column.name, name_of(column.type), column.width); }

/// As the fingerprint of a catalogue (docs/formats.md).
std::uint64_t group_hash(const Content& content, const Group& group) {
  // Blocks of all columns are read at a time, hashes go column by column: so those of the blocks are kept.
  std::vector<std::vector<std::uint64_t>> blocks(group.schema.size());
  Table table(group.schema);
  for (std::int64_t begin = 0; begin < group.rows; begin += zone_rows) {
    content.read(group, block_at(begin, group.rows), table);
    for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i].push_back(hash_bytes(table[i].bytes()));
  }
  std::uint64_t hash = hash_text(std::to_string(group.rows));
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    hash = hash_text(described(group.schema[i]), hash);
    for (const std::uint64_t& block : blocks[i]) hash = hash_bytes(std::as_bytes(std::span(&block, 1)), hash);
  }
  return hash;
}

std::string cell_text(const Column& column, std::size_t element) {
  const std::size_t width = column.info().width;
  if (column.info().type == Type::text) return "'" + std::string(column.text(element / width)) + "'";
  if (column.info().type == Type::f4 || column.info().type == Type::f8) return shortest(column.number(element / width, element % width));
  return std::to_string(column.integer(element / width, element % width));
}

std::optional<std::string> group_difference(const Content& a, const Group& in_a, const Content& b, const Group& in_b) {
  const std::string where = "group " + in_a.path;
  for (std::size_t i = 0; i < std::max(in_a.schema.size(), in_b.schema.size()); ++i) {
    const std::string left = i < in_a.schema.size() ? described(in_a.schema[i]) : "none",
                      right = i < in_b.schema.size() ? described(in_b.schema[i]) : "none";
    // By the sorted list: the first place where the lists part names a column that the other file lacks.
    if (left != right) return fmt::format("{}: column {} and column {}", where, left, right);
  }
  if (in_a.rows != in_b.rows) return fmt::format("{}: {} and {} rows", where, in_a.rows, in_b.rows);
  Table left(in_a.schema), right(in_b.schema);
  for (std::int64_t begin = 0; begin < in_a.rows; begin += zone_rows) {
    a.read(in_a, block_at(begin, in_a.rows), left);
    b.read(in_b, block_at(begin, in_b.rows), right);
    for (std::size_t i = 0; i < left.columns(); ++i) {
      const auto here = left[i].bytes(), there = right[i].bytes();
      // Bytes, not values: NaN is equal to itself, and 0.0 is not -0.0.
      const auto place = std::mismatch(here.begin(), here.end(), there.begin()).first;
      if (place == here.end()) continue;
      const ColumnInfo& column = left[i].info();
      const std::size_t element = static_cast<std::size_t>(place - here.begin()) / size_of(column.type);
      return fmt::format("{}, column {}, row {}: {} and {}", where, column.name,
                         begin + static_cast<std::int64_t>(element / column.width) + 1, cell_text(left[i], element),
                         cell_text(right[i], element));
    }
  }
  return {};
}

/// Of a folder, which is one input: the names of all its files, and their hashes.
std::string folder_hash(const std::string& folder, int threads) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  std::uint64_t hash = 0;
  for (const std::string& file : files)
    hash = hash_text(file_hash(file, threads), hash_text(std::filesystem::path(file).lexically_relative(folder).string(), hash));
  return hex64(hash);
}

}  // namespace

std::string file_hash(const std::string& path, int threads) {
  if (std::filesystem::is_directory(path)) return folder_hash(path, threads);
  const File file = File::for_reading(path);
  const std::int64_t size = file.size();
  // Blocks of fixed size, whatever the threads: a hash of their hashes, which can be made in parallel.
  std::vector<std::uint64_t> blocks(static_cast<std::size_t>((size + file_block - 1) / file_block));
  std::vector<std::vector<std::byte>> buffers(static_cast<std::size_t>(threads));
  parallel_for(blocks.size(), 1, threads, [&](std::size_t begin, std::size_t end, int thread) {
    std::vector<std::byte>& buffer = buffers[static_cast<std::size_t>(thread)];
    for (std::size_t i = begin; i < end; ++i) {
      const std::int64_t first = static_cast<std::int64_t>(i) * file_block;
      buffer.resize(static_cast<std::size_t>(std::min(file_block, size - first)));
      file.read(first, buffer);
      blocks[i] = hash_bytes(buffer);
    }
  });
  return hex64(hash_bytes(std::as_bytes(std::span(blocks))));
}

std::string content_hash(const std::string& path, bool verify) {
  std::string checksum, fingerprint;
  if (container_of(path) == Container::hdf5) {
    const Attributes attributes = read_attributes(path);
    if (const auto found = attributes.find("fingerprint"); found != attributes.end()) {
      if (!is_hex64(found->second)) throw DataError(path + ": its fingerprint is not 16 hexadecimal digits (damaged)");
      fingerprint = found->second;
    }
    // A model has one of its attributes, which are part of its content as its tables are.
    if (const auto found = attributes.find("checksum"); found != attributes.end()) checksum = found->second;
  }
  const Content content(path);
  if (content.groups().empty()) return "";
  if (content.groups().size() == 1 && content.groups()[0].path == main_group && checksum.empty()) {
    // The usual product: then the hash is the fingerprint that catalogues have as an attribute. It is believed unless all rows are to be
    // read again: it was made of these rows when the file was finished. Where there are measurements too, it tells nothing of them.
    if (!fingerprint.empty() && !verify) return fingerprint;
    return hex64(group_hash(content, content.groups()[0]));
  }
  std::uint64_t hash = hash_text(checksum);
  for (const Group& group : content.groups()) {
    const std::uint64_t mine = group_hash(content, group);
    // With the group's name: two tables that changed places are another content.
    hash = hash_bytes(std::as_bytes(std::span(&mine, 1)), hash_text(group.path, hash));
  }
  return hex64(hash);
}

std::int64_t content_rows(const std::string& path) {
  std::int64_t rows = 0;
  const Content content(path);
  for (const Group& group : content.groups()) {
    if (group.path == main_group) return group.rows;
    rows = std::max(rows, group.rows);
  }
  return rows;
}

std::optional<std::string> first_difference(const std::string& path, const std::string& other) {
  const Content a(path), b(other);
  for (std::size_t i = 0; i < std::max(a.groups().size(), b.groups().size()); ++i) {
    const std::string left = i < a.groups().size() ? a.groups()[i].path : "none",
                      right = i < b.groups().size() ? b.groups()[i].path : "none";
    if (left != right) return fmt::format("group {} and group {}", left, right);
    if (const auto difference = group_difference(a, a.groups()[i], b, b.groups()[i])) return difference;
  }
  return {};
}

}  // namespace skyfold

// One way to open a table and to read its rows, with one rule for cells that cannot be read.
#include "skyfold/dataset/dataset.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/catalogue_input.hpp"
#include "skyfold/io/coordinates.hpp"
#include "skyfold/io/foreign.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr const char* objects_group = "/object";
constexpr std::int64_t rows_in_memory = 1 << 20;  // of a block, while a table is read whole

/// Of a catalogue or product of skyfold; nothing for all else, also for what cannot be read: that is told by open_source.
std::optional<Attributes> product_attributes(const std::string& path, const std::string& format) {
  if (format != "auto" && format != "hdf5") return std::nullopt;
  try {
    if (container_of(path) != Container::hdf5) return std::nullopt;
    Attributes attributes = read_attributes(path);
    if (attributes.contains("product_class") || attributes.contains("skyfold_format")) return attributes;
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): see above
  }
  return std::nullopt;
}

/// Products have tables beside their objects, such as indexes.
SourceOptions with_group(SourceOptions o, bool is_product) {
  if (o.group.empty() && is_product) o.group = objects_group;
  return o;
}

}  // namespace

Dataset::Dataset(const std::string& path, SourceOptions o, const ScanRunner& run) {
  const std::optional<Attributes> attributes = product_attributes(path, o.format);
  if (attributes && o.group.empty()) require_objects(path, *attributes);
  options_ = with_group(std::move(o), attributes.has_value());
  source_ = open_source(path, options_, run);
  if (attributes && options_.group == objects_group && is_catalogue(*attributes))
    catalogue_ = std::make_unique<Catalogue>(path, *attributes);
}

void Dataset::use_degrees(const std::string& lon, const std::string& lat) { source_ = in_degrees(std::move(source_), lon, lat, options_); }

ColumnInfo Dataset::column(const std::string& name, const std::string& named_by) const {
  const auto index = find_column(schema(), name);
  if (!index) throw UsageError(describe_missing_column(path(), schema(), name, named_by));
  ColumnInfo column = schema()[*index];
  column.source = name;
  return column;
}

ColumnInfo Dataset::number_column(const std::string& name, const std::string& named_by, Type type) const {
  ColumnInfo number = column(name, named_by);
  if (number.type == Type::text || number.width != 1) {
    std::vector<std::string> remarks;
    if (!named_by.empty()) remarks.push_back("named by " + named_by);
    if (std::string mixture = source_->mixture(*find_column(schema(), name)); !mixture.empty()) remarks.push_back(std::move(mixture));
    throw DataError(fmt::format("{}: column {} is not a column of numbers{}", path(), name,
                                remarks.empty() ? "" : fmt::format(" ({})", join(remarks, "; "))));
  }
  number.type = type;
  // Whole numbers of other types keep what stands for missing.
  if (type == Type::f8) number.null = {};  // NaN stands for it
  return number;
}

void Dataset::each_block(const Schema& columns, std::int64_t block_rows, const std::function<void(const Table&, std::int64_t)>& use) const {
  Schema named = columns;
  for (ColumnInfo& column : named)
    if (column.source.empty()) column.source = column.name;
  Table block(named);
  for (const Piece& piece : source_->pieces(block_rows)) {
    read_piece(*source_, piece, block);
    use(block, piece.first_row);
  }
}

Table Dataset::read(const Schema& columns) const {
  // In blocks even though all stays in memory: readers need memory of their own for what they convert.
  Table all(columns, static_cast<std::size_t>(rows()));
  each_block(columns, rows_in_memory,
             [&](const Table& block, std::int64_t first_row) { put_rows(block, all, static_cast<std::size_t>(first_row)); });
  return all;
}

bool is_own_product(const std::string& path) { return product_attributes(path, "hdf5").has_value(); }

std::vector<BadCell> read_piece_and_bad_cells(const Source& source, const Piece& piece, Table& out) {
  std::vector<BadCell> bad;
  // Readers go column by column; users read rows.
  source.read(piece, out, bad);
  std::ranges::stable_sort(bad, {}, &BadCell::row);
  return bad;
}

void read_piece(const Source& source, const Piece& piece, Table& out) {
  const std::vector<BadCell> bad = read_piece_and_bad_cells(source, piece, out);
  if (!bad.empty()) throw DataError(describe_bad_cell(source.path(), bad.front()));
}

std::string describe_bad_cell(const std::string& path, const BadCell& bad) {
  return fmt::format("{}, row {}{}: {}", path, bad.row + 1, bad.column.empty() ? "" : ", column " + bad.column, bad.problem);
}

std::string describe_missing_column(const std::string& path, const Schema& schema, const std::string& name, const std::string& named_by) {
  std::vector<std::string> names;
  for (const ColumnInfo& column : schema) names.push_back(column.name);
  const std::string nearest = nearest_name(name, names);
  return fmt::format("{}: no column '{}'{}{}", path, name, named_by.empty() ? "" : fmt::format(" (named by {})", named_by),
                     nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest));
}

}  // namespace skyfold

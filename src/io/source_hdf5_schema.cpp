// Where the table is in an HDF5 file, and what its columns are: a group of datasets of one length, a dataset of compounds, or a
// table of pandas; with the units that astropy keeps beside it.
#include "source_hdf5_schema.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "hdf5_links.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_hdf5_pandas.hpp"
#include "source_hdf5_storage.hpp"
#include "source_hdf5_types.hpp"
#include "source_text_header.hpp"

namespace skyfold {
namespace {

constexpr int deepest_group = 16;                                   // groups may contain themselves
constexpr std::size_t most_candidates = 1000;                       // tables in a file, when one is looked for
constexpr hsize_t longest_meta = 1 << 20;                           // lines
constexpr std::string_view meta_ending = ".__table_column_meta__";  // of the text beside a table of astropy

std::string text_of(char* owned) {
  std::string text = owned ? owned : "";
  H5free_memory(owned);
  return text;
}

// --- tables ---------------------------------------------------------------------------------------

/// What a group has, by name.
struct Names {
  std::vector<std::string> objects;  ///< of this file, or of links to somewhere in it
  std::vector<std::string> foreign;  ///< links to other files
};

/// Names of the objects in a group, in order of name, without the texts that astropy keeps beside its tables.
Names names_in(hid_t group) {
  Names names;
  const auto add = [](hid_t, const char* text, const H5L_info_t* link, void* found) -> herr_t {
    const std::string name = text;
    if (name.ends_with(meta_ending)) return 0;
    const bool is_own = link->type == H5L_TYPE_HARD || link->type == H5L_TYPE_SOFT;
    (is_own ? static_cast<Names*>(found)->objects : static_cast<Names*>(found)->foreign).push_back(name);
    return 0;
  };
  // In order of name, so that columns come in the same order whatever wrote the file.
  H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names);
  return names;
}

bool is_soft_link(hid_t file, const std::string& name) {
  H5L_info_t info;
  return H5Lget_info(file, name.c_str(), &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_SOFT;
}

std::string child(const std::string& group, const std::string& name) { return group == "/" ? "/" + name : group + "/" + name; }

H5O_type_t kind_of_object(hid_t file, const std::string& name) {
  H5O_info_t info;
  if (H5Oget_info_by_name2(file, name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return H5O_TYPE_UNKNOWN;
  return info.type;
}

/// Adds the dataset to the table's columns, or to those left out.
void add_dataset(const std::string& path, hid_t file, const std::string& name, H5Table& table, std::vector<std::int64_t>& lengths) {
  H5Column column;
  column.dataset = child(table.group, name);
  column.info.name = column.info.source = name;
  const Hdf5Dataset dataset = open_own_dataset(path, file, column.dataset, damaged_hdf5(path, column.dataset));
  const H5Shape shape = shape_of(dataset);
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, column.dataset));
  // Objects that are no columns are common beside a table, such as axes and texts: they are left out, not a reason to refuse it.
  std::string reason = set_type(type, column);
  if (shape.rank < 1 || shape.rank > 2) reason = fmt::format("it has {} dimensions (1 or 2 are needed)", std::max(0, shape.rank));
  if (shape.rank == 2 && reason.empty()) {
    if (column.info.type == Type::text)
      reason = "arrays of texts are not supported";
    else if (!column.array_dims.empty())
      reason = "arrays of arrays are not supported";
    else if (shape.width == 0 || shape.width >= widest_array)
      reason = "its arrays are empty or too wide";
    column.info.width = shape.width;
  }
  if (!reason.empty()) {
    table.left_out.push_back({name, reason});
    return;
  }
  table.chunk_rows = std::max(table.chunk_rows, check_storage(path, dataset, column.dataset, shape));
  set_attributes(dataset, column.info);
  lengths.push_back(static_cast<std::int64_t>(shape.rows));
  table.columns.push_back(std::move(column));
}

H5Table group_table(const std::string& path, hid_t file, const std::string& name) {
  H5Table table;
  table.group = name;
  const Hdf5Group group(H5Gopen2(file, name.c_str(), H5P_DEFAULT), damaged_hdf5(path, name));
  std::vector<std::int64_t> lengths;
  const Names names = names_in(group);
  // Throws, and names the link: a table that lacks a column for no visible reason would be worse.
  for (const std::string& link : names.foreign) check_own_path(path, file, child(name, link));
  for (const std::string& dataset : names.objects) {
    if (is_soft_link(file, child(name, dataset))) check_own_path(path, file, child(name, dataset));
    if (kind_of_object(file, child(name, dataset)) == H5O_TYPE_DATASET) add_dataset(path, file, dataset, table, lengths);
  }
  if (table.columns.empty()) throw DataError(fmt::format("{}: group {} has no columns", path, name));
  table.rows = lengths.front();
  for (std::size_t i = 1; i < lengths.size(); ++i)
    if (lengths[i] != table.rows)
      throw DataError(fmt::format("{}: datasets {} ({} rows) and {} ({} rows) do not make a table", path, table.columns[0].dataset,
                                  table.rows, table.columns[i].dataset, lengths[i]));
  return table;
}

H5Table compound_table(const std::string& path, hid_t file, const std::string& name) {
  H5Table table;
  table.group = name;
  table.is_compound = true;
  const Hdf5Dataset dataset = open_own_dataset(path, file, name, damaged_hdf5(path, name));
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, name));
  const H5Shape shape = shape_of(dataset);
  if (H5Tget_class(type) != H5T_COMPOUND || shape.rank != 1)
    throw DataError(
        fmt::format("{}: dataset {} is not a table (a one-dimensional dataset of compounds, or a group of "
                    "datasets)",
                    path, name));
  table.rows = static_cast<std::int64_t>(shape.rows);
  table.chunk_rows = check_storage(path, dataset, name, shape);
  for (int i = 0; i < H5Tget_nmembers(type); ++i) {
    H5Column column;
    column.dataset = name;
    column.member = column.info.name = column.info.source = text_of(H5Tget_member_name(type, static_cast<unsigned>(i)));
    const Hdf5Type member(H5Tget_member_type(type, static_cast<unsigned>(i)), damaged_hdf5(path, column.info.name));
    const std::string reason = set_type(member, column);
    const std::string unit = fmt::format("FIELD_{}_UNIT", i), units = unit + "S";  // as PyTables numbers what belongs to a member
    column.info.unit = text_attribute(dataset, {unit.c_str(), units.c_str()});
    if (reason.empty())
      table.columns.push_back(std::move(column));
    else
      table.left_out.push_back({column.info.name, reason});
  }
  return table;
}

/// What astropy keeps beside a table: the columns as in an ECSV header, with their units.
void read_meta(const std::string& path, hid_t file, H5Table& table) {
  const std::string place = table.group + std::string(meta_ending);
  if (H5Lexists(file, place.c_str(), H5P_DEFAULT) <= 0) return;
  const Hdf5Dataset dataset = open_own_dataset(path, file, place, damaged_hdf5(path, place));
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, place));
  const H5Shape shape = shape_of(dataset);
  H5Column text;
  if (shape.rank != 1 || shape.rows > longest_meta || !set_type(type, text).empty() || text.info.type != Type::text ||
      text.is_variable_text)
    return;
  static_cast<void>(check_storage(path, dataset, place, shape));
  Table lines({text.info}, shape.rows);
  if (H5Dread(dataset, memory_type(text), H5S_ALL, H5S_ALL, H5P_DEFAULT, lines[0].bytes().data()) < 0) return;
  // As if it were the head of an ECSV file, which the reader for text understands already.
  std::vector<std::string> comments = {" %ECSV 1.0"};
  for (std::size_t i = 0; i < lines.rows(); ++i) comments.push_back(" " + std::string(lines[0].text(i)));
  TextHeader header;
  for (const H5Column& column : table.columns) header.columns.push_back(column.info);
  header.declared.resize(header.columns.size());
  apply_ecsv(comments, header);
  for (std::size_t i = 0; i < table.columns.size(); ++i) table.columns[i].info = header.columns[i];
}

/// A place in the file where a table may be.
struct TablePlace {
  enum class Kind { group, compound, pandas };
  std::string name;
  Kind kind = Kind::group;
};

/// True when a dataset looks like a column or, if compound, like a table.
bool is_one_dimensional(const std::string& path, hid_t file, const std::string& name, bool& is_compound) {
  const Hdf5Dataset dataset = open_own_dataset(path, file, name, damaged_hdf5(path, name));
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, name));
  is_compound = H5Tget_class(type) == H5T_COMPOUND;
  H5Column column;
  const int rank = shape_of(dataset).rank;
  return is_compound ? rank == 1 : (rank == 1 || rank == 2) && set_type(type, column).empty();
}

/// What is found in a file.
struct Found {
  std::vector<TablePlace> tables;
  std::vector<std::string> foreign;  ///< links to other files
};

void find_tables(const std::string& path, hid_t file, const std::string& name, int depth, Found& found) {
  // Hard links may make a group its own descendant.
  if (depth > deepest_group || found.tables.size() > most_candidates) return;
  if (is_pandas_frame(file, name)) return found.tables.push_back({name, TablePlace::Kind::pandas});
  const Hdf5Group group(H5Gopen2(file, name.c_str(), H5P_DEFAULT), damaged_hdf5(path, name));
  if (text_attribute(group, {"CLASS"}) == "TINDEX") return;  // PyTables' index of a table
  bool has_column = false;
  const Names names = names_in(group);
  for (const std::string& link : names.foreign) found.foreign.push_back(child(name, link));
  for (const std::string& object : names.objects) {
    const std::string place = child(name, object);
    const bool is_link = is_soft_link(file, place);
    if (is_link) check_own_path(path, file, place);
    const H5O_type_t kind = kind_of_object(file, place);
    bool is_compound = false;
    if (kind == H5O_TYPE_GROUP && !is_link)
      find_tables(path, file, place, depth + 1, found);  // else it is found where it is
    else if (kind == H5O_TYPE_DATASET && is_one_dimensional(path, file, place, is_compound)) {
      if (!is_compound)
        has_column = true;
      else if (!is_link)
        found.tables.push_back({place, TablePlace::Kind::compound});
    }
  }
  // After those below it: a group with columns and with groups in it is one table among several.
  if (has_column) found.tables.push_back({name, TablePlace::Kind::group});
}

H5Table table_at(const std::string& path, hid_t file, const TablePlace& place) {
  switch (place.kind) {
    case TablePlace::Kind::pandas:
      return pandas_table(path, file, place.name);
    case TablePlace::Kind::compound:
      return compound_table(path, file, place.name);
    default:
      return group_table(path, file, place.name);
  }
}

/// The only place with columns.
H5Table only_table(const std::string& path, hid_t file) {
  Found found;
  find_tables(path, file, "/", 0, found);
  if (found.tables.empty() && !found.foreign.empty()) check_own_path(path, file, found.foreign.front());
  if (found.tables.empty()) throw DataError(fmt::format("{}: has no table (a group of datasets of one length)", path));
  // With several the user chooses: none is more likely than the others.
  if (found.tables.size() == 1) return table_at(path, file, found.tables.front());
  std::vector<std::string> names;
  for (const TablePlace& place : found.tables) names.push_back(place.name);
  std::sort(names.begin(), names.end());
  throw UsageError(fmt::format("{}: has several tables: {} (choose one with input.group)", path, join(names, ", ")));
}

H5Table wanted_table(const std::string& path, hid_t file, const std::string& group) {
  std::string name = group.starts_with('/') ? group : "/" + group;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  try {
    check_own_path(path, file, name);
  } catch (const DataError&) {
    throw DataError(fmt::format("{}: has no group or dataset {} (input.group)", path, name));
  }
  const H5O_type_t kind = kind_of_object(file, name);
  if (kind == H5O_TYPE_GROUP) return is_pandas_frame(file, name) ? pandas_table(path, file, name) : group_table(path, file, name);
  if (kind == H5O_TYPE_DATASET) return compound_table(path, file, name);
  throw DataError(fmt::format("{}: has no group or dataset {} (input.group)", path, name));
}

/// True when the file has what skyfold's own files have. A link there has to be one of this file.
bool has_objects(const std::string& path, hid_t file) {
  if (H5Lexists(file, "/object", H5P_DEFAULT) <= 0) return false;
  check_own_path(path, file, "/object");
  return kind_of_object(file, "/object") == H5O_TYPE_GROUP;
}

}  // namespace

std::string unopened_hdf5(const std::string& path) { return fmt::format("{}: cannot be opened as HDF5 (truncated or damaged?)", path); }

Hdf5Input open_hdf5_input(const std::string& path) { return {path, unopened_hdf5(path)}; }

H5Table find_hdf5_table(const std::string& path, hid_t file, const std::string& group) {
  const auto find = [&] {
    if (!group.empty()) return wanted_table(path, file, group);
    // Skyfold's own files have indexes beside the objects, which are groups of columns, too.
    if (has_objects(path, file)) return group_table(path, file, "/object");
    return only_table(path, file);
  };
  H5Table table = find();
  if (table.is_compound) read_meta(path, file, table);
  std::vector<std::string> names;
  for (const H5Column& column : table.columns) names.push_back(column.info.name);
  check_names(path, names);
  return table;
}

}  // namespace skyfold

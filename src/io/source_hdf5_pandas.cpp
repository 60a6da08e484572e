// Tables of pandas (HDFStore) in HDF5: the formats "fixed", in blocks of columns of one type, and "table", in compounds of PyTables.
// Names of columns are pickled there: the few codes of protocol 0 that lists of texts need are read, and nothing is executed.
#include "source_hdf5_pandas.hpp"

#include <fmt/core.h>

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "hdf5_links.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_hdf5_storage.hpp"
#include "source_hdf5_types.hpp"

namespace skyfold {
namespace {

constexpr const char* index_name = "index";
constexpr hsize_t most_columns = 1 << 20;

using Names = std::vector<std::string>;

void add_utf8(unsigned code, std::string& text) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 63)); };
  if (code < 0x80)
    text += static_cast<char>(code);
  else if (code < 0x800)
    text += {static_cast<char>(0xC0 | (code >> 6)), tail(0)};
  else if (code < 0x10000)
    text += {static_cast<char>(0xE0 | (code >> 12)), tail(6), tail(0)};
  else
    text += {static_cast<char>(0xF0 | ((code >> 18) & 7)), tail(12), tail(6), tail(0)};
}

/// Text of Python's raw-unicode-escape: Latin-1, \uXXXX and \UXXXXXXXX.
std::string unescaped(std::string_view raw) {
  std::string text;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    unsigned code = static_cast<unsigned char>(raw[i]);
    const std::size_t digits = raw.substr(i, 2) == "\\u" ? 4 : raw.substr(i, 2) == "\\U" ? 8 : 0;
    if (digits > 0 && i + 2 + digits <= raw.size()) {
      code = 0;
      for (const char c : raw.substr(i + 2, digits)) code = code * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
      i += 1 + digits;
    }
    add_utf8(code, text);
  }
  return text;
}

/// A list of names as PyTables keeps it: pickled by protocol 0, which is text. Nothing for anything else.
std::optional<Names> pickled_names(std::string_view pickle) {
  Names names;
  std::map<std::string, std::string, std::less<>> memo;
  while (!pickle.empty()) {
    const char code = pickle.front();
    pickle.remove_prefix(1);
    // A list must end: a pickle that was cut off is none.
    if (code == '.') return names;
    // Mark, list, append: they build the list that we are making anyway.
    if (std::string_view("(la").find(code) != std::string_view::npos) continue;
    const std::size_t end = pickle.find('\n');
    if (end == std::string_view::npos || std::string_view("VILpg").find(code) == std::string_view::npos) return std::nullopt;
    const std::string_view word = pickle.substr(0, end);
    pickle.remove_prefix(end + 1);
    // V a text, I and L whole numbers, p and g: keep, and take what was kept.
    if (code == 'V')
      names.push_back(unescaped(word));
    else if (code == 'I' || code == 'L')
      names.emplace_back(word.substr(0, word.find('L')));
    // Equal names are written once and fetched by their number; a list of columns has none, but its index may.
    else if (code == 'g')
      names.push_back(memo[std::string(word)]);
    else if (!names.empty())
      memo[std::string(word)] = names.back();  // also after the list itself, where it is of no use
  }
  return std::nullopt;
}

std::string child(const std::string& group, const std::string& name) { return group == "/" ? "/" + name : group + "/" + name; }

[[noreturn]] void throw_names(const std::string& path, const std::string& place) {
  throw DataError(
      fmt::format("{}: the names of the columns of {}, a table of pandas, cannot be read (columns of several levels?)", path, place));
}

/// Names that stand in a dataset: texts or whole numbers.
Names names_in_dataset(const std::string& path, hid_t file, const std::string& place) {
  const Hdf5Dataset dataset = open_own_dataset(path, file, place, damaged_hdf5(path, place));
  const H5Shape shape = shape_of(dataset);
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, place));
  H5Column column;
  // A limit before memory is asked for: the file says how long its list is.
  if (shape.rank != 1 || shape.rows > most_columns || !set_type(type, column).empty() || column.is_variable_text) throw_names(path, place);
  static_cast<void>(check_storage(path, dataset, place, shape));
  const bool is_text = column.info.type == Type::text;
  if (!is_text) column.info.type = Type::i8;
  Table table({column.info}, shape.rows);
  if (shape.rows > 0 && (!are_chunks_whole(dataset, 0, shape.rows) ||
                         H5Dread(dataset, memory_type(column), H5S_ALL, H5S_ALL, H5P_DEFAULT, table[0].bytes().data()) < 0))
    throw_names(path, place);
  Names names;
  for (std::size_t i = 0; i < shape.rows; ++i)
    names.push_back(is_text ? std::string(table[0].text(i)) : std::to_string(table[0].integer(i)));
  return names;
}

/// Times are whole nanoseconds; "not a time" is the smallest integer.
void set_time(H5Column& column) {
  column.info.unit = "ns";
  column.info.description = "since 1970-01-01";
  column.info.null = missing_i8;
}

void add(H5Table& table, H5Column column, const std::string& name, const std::string& reason) {
  column.info.name = column.info.source = name;
  if (reason.empty())
    table.columns.push_back(std::move(column));
  else
    table.left_out.push_back({name, reason});
}

void set_rows(const std::string& path, H5Table& table, const std::string& place, const H5Shape& shape) {
  const auto rows = static_cast<std::int64_t>(shape.rows);
  if (!table.columns.empty() && rows != table.rows)
    throw DataError(fmt::format("{}: {} has {} rows, others of its table have {}", path, place, rows, table.rows));
  table.rows = rows;
}

/// The columns of a block of format "fixed".
void add_block(const std::string& path, hid_t file, std::int64_t block, H5Table& table) {
  // pandas keeps all columns of one type as one matrix, a row of it for each of our rows.
  const Names names = names_in_dataset(path, file, child(table.group, fmt::format("block{}_items", block)));
  const std::string place = child(table.group, fmt::format("block{}_values", block));
  const Hdf5Dataset dataset = open_own_dataset(path, file, place, damaged_hdf5(path, place));
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, place));
  const H5Shape shape = shape_of(dataset);
  H5Column column;
  column.dataset = place;
  column.is_element = true;
  std::string reason = set_type(type, column);
  if (H5Tget_class(type) == H5T_VLEN)
    reason = "objects, such as texts, are pickled by pandas (format='table' writes texts)";
  else if (!column.array_dims.empty())
    reason = "arrays inside a block are not supported";
  // `transposed`: rows of the matrix are rows of the table.
  else if (shape.rank != 2 || shape.width != names.size() || integer_attribute(dataset, "transposed") != 1)
    throw DataError(fmt::format("{}: {} does not have the {} columns that pandas names", path, place, names.size()));
  if (reason.empty()) {
    set_rows(path, table, place, shape);
    table.chunk_rows = std::max(table.chunk_rows, check_storage(path, dataset, place, shape));
    if (text_attribute(dataset, {"value_type"}).starts_with("datetime64")) set_time(column);
  }
  // An element of the matrix's rows for each name, in their order; of a block that cannot be read every name is told.
  for (const std::string& name : names) {
    add(table, column, name, reason);
    ++column.element;
  }
}

/// The whole of a one-dimensional dataset beside the blocks; left out where skyfold has no such column.
void add_whole(const std::string& path, hid_t file, const std::string& place, const std::string& name, H5Table& table) {
  const Hdf5Dataset dataset = open_own_dataset(path, file, place, damaged_hdf5(path, place));
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, place));
  const H5Shape shape = shape_of(dataset);
  H5Column column;
  column.dataset = place;
  std::string reason = set_type(type, column);
  if (reason.empty() && shape.rank != 1) reason = fmt::format("it has {} dimensions", shape.rank);
  if (reason.empty()) {
    set_rows(path, table, place, shape);
    table.chunk_rows = std::max(table.chunk_rows, check_storage(path, dataset, place, shape));
  }
  if (text_attribute(dataset, {"kind"}).starts_with("datetime64") || text_attribute(dataset, {"value_type"}).starts_with("datetime64"))
    set_time(column);
  add(table, column, name, reason);
}

H5Table fixed_series(const std::string& path, hid_t file, hid_t group, const std::string& place) {
  H5Table table;
  table.group = place;
  const std::string name = text_attribute(group, {"name"});
  add_whole(path, file, child(place, "values"), name.empty() || name.ends_with('.') ? "values" : name, table);  // "N." is no name
  if (text_attribute(group, {"index_variety"}) == "regular") add_whole(path, file, child(place, "index"), index_name, table);
  return table;
}

H5Table fixed_frame(const std::string& path, hid_t file, hid_t group, const std::string& name) {
  H5Table table;
  table.group = name;
  // Columns of several levels would need names made up of them.
  if (text_attribute(group, {"axis0_variety"}) != "regular") throw_names(path, name);
  const std::int64_t blocks = integer_attribute(group, "nblocks").value_or(0);
  for (std::int64_t block = 0; block < std::min<std::int64_t>(blocks, most_columns); ++block) add_block(path, file, block, table);
  if (!table.columns.empty() && text_attribute(group, {"axis1_variety"}) == "regular")
    add_whole(path, file, child(name, "axis1"), index_name, table);
  return table;
}

/// The columns of a member of the compound of format "table": one, or those of a block.
void add_member(const std::string& path, hid_t dataset, hid_t type, const std::string& member, const std::string& missing_text,
                H5Table& table) {
  const auto attribute = [&](const char* ending) { return text_attribute(dataset, {(member + ending).c_str()}); };
  const std::optional<Names> names = pickled_names(attribute("_kind"));  // those of an index have another form
  const bool is_block = H5Tget_class(type) == H5T_ARRAY;
  H5Column column;
  column.dataset = child(table.group, "table");
  column.member = member;
  column.is_element = is_block;
  std::string reason = set_type(type, column);
  if (attribute("_meta") == "category") reason = "categories of pandas are not supported (write them as texts)";
  if (attribute("_dtype").starts_with("datetime64") || attribute("_kind").starts_with("datetime64")) set_time(column);
  if (column.info.type == Type::text) column.missing_text = missing_text;
  // The index, or a column that was made searchable: its member is called by its name.
  if (!is_block && !names) return add(table, column, member, reason);
  const hsize_t width = is_block && !column.array_dims.empty() ? column.array_dims[0] : 1;
  if (column.array_dims.size() > 1) reason = "arrays inside a block are not supported";
  if (!names || (reason.empty() && names->size() != width)) throw_names(path, column.dataset);
  for (const std::string& name : *names) {
    add(table, column, name, reason);
    ++column.element;
  }
}

H5Table table_frame(const std::string& path, hid_t file, hid_t group, const std::string& name) {
  H5Table table;
  table.group = name;
  table.is_compound = true;
  const std::string place = child(name, "table");
  const Hdf5Dataset dataset = open_own_dataset(path, file, place, damaged_hdf5(path, place));
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, place));
  const H5Shape shape = shape_of(dataset);
  if (H5Tget_class(type) != H5T_COMPOUND || shape.rank != 1) throw_names(path, place);
  table.rows = static_cast<std::int64_t>(shape.rows);
  table.chunk_rows = check_storage(path, dataset, place, shape);
  const std::string missing_text = text_attribute(group, {"nan_rep"});
  for (int i = 0; i < H5Tget_nmembers(type); ++i) {
    char* owned = H5Tget_member_name(type, static_cast<unsigned>(i));
    const std::string member = owned ? owned : "";
    H5free_memory(owned);
    const Hdf5Type member_type(H5Tget_member_type(type, static_cast<unsigned>(i)), damaged_hdf5(path, member));
    add_member(path, dataset, member_type, member, missing_text, table);
  }
  return table;
}

std::string kind_of(hid_t group) { return text_attribute(group, {"pandas_type"}); }

}  // namespace

bool is_pandas_frame(hid_t file, const std::string& group) {
  const Hdf5Group opened(H5Gopen2(file, group.c_str(), H5P_DEFAULT), damaged_hdf5(file_of(file), group));
  const std::string kind = kind_of(opened);
  return kind == "frame" || kind == "frame_table" || kind == "series" || kind == "series_table";
}

H5Table pandas_table(const std::string& path, hid_t file, const std::string& group) {
  const Hdf5Group opened(H5Gopen2(file, group.c_str(), H5P_DEFAULT), damaged_hdf5(path, group));
  const std::string kind = kind_of(opened);
  H5Table table = kind == "frame"    ? fixed_frame(path, file, opened, group)
                  : kind == "series" ? fixed_series(path, file, opened, group)
                                     : table_frame(path, file, opened, group);
  if (table.columns.empty()) throw DataError(fmt::format("{}: {}, a table of pandas, has no columns of numbers or texts", path, group));
  return table;
}

}  // namespace skyfold

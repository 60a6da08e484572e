#include "source_hdf5_schema.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "source_convert.hpp"
#include "source_hdf5_storage.hpp"

namespace skyfold {
namespace {

constexpr int deepest_group = 16;                                // groups may contain themselves
constexpr std::size_t most_candidates = 1000;                    // tables in a file, when one is looked for
constexpr std::size_t longest_text = 65536;                      // bytes of a fixed-width text cell
constexpr hsize_t widest_array = hsize_t{1} << 20;               // elements of an array cell

std::string text_of(char* owned) {
  std::string text = owned ? owned : "";
  H5free_memory(owned);
  return text;
}

// --- attributes -----------------------------------------------------------------------------------

/// An attribute that holds one value.
struct Attribute {
  Attribute(hid_t object, const char* name)
      : id(H5Aopen(object, name, H5P_DEFAULT), damaged_hdf5(file_of(object), name)),
        type(H5Aget_type(id), damaged_hdf5(file_of(object), name)),
        space(H5Aget_space(id), damaged_hdf5(file_of(object), name)),
        kind(H5Sget_simple_extent_npoints(space) == 1 ? H5Tget_class(type) : H5T_NO_CLASS) {}

  Hdf5Attribute id;
  Hdf5Type type;
  Hdf5Space space;
  H5T_class_t kind;   ///< none for anything but one value
};

std::string text_value(const Attribute& attribute) {
  if (H5Tis_variable_str(attribute.type) > 0) {
    const Hdf5Type memory(H5Tcopy(H5T_C_S1), "no text type");
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(attribute.type));
    char* text = nullptr;
    return H5Aread(attribute.id, memory, &text) < 0 ? "" : text_of(text);
  }
  const std::size_t size = H5Tget_size(attribute.type);
  if (size == 0 || size > longest_text) return "";
  std::string text(size, '\0');
  if (H5Aread(attribute.id, attribute.type, text.data()) < 0) return "";
  text.resize(std::min(text.find('\0'), size));
  return std::string(trim(text));
}

/// The first of these attributes that is a text; "" when there is none.
std::string text_attribute(hid_t object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (H5Aexists(object, name) <= 0) continue;
    const Attribute attribute(object, name);
    if (attribute.kind == H5T_STRING) return text_value(attribute);
  }
  return "";
}

std::optional<std::int64_t> integer_attribute(hid_t object, const char* name) {
  if (H5Aexists(object, name) <= 0) return std::nullopt;
  const Attribute attribute(object, name);
  std::int64_t value = 0;
  if (attribute.kind != H5T_INTEGER || H5Aread(attribute.id, H5T_NATIVE_INT64, &value) < 0) return std::nullopt;
  return value;
}

// --- types ----------------------------------------------------------------------------------------

std::string set_integer(hid_t type, H5Column& column) {
  const std::size_t size = H5Tget_size(type);
  const bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
  if (size > 8) return fmt::format("integers of {} bytes are not supported", size);
  if (size == 1 && !is_signed) column.info.type = Type::u1;
  else if (size < 4 || (size == 4 && is_signed)) column.info.type = Type::i4;
  else column.info.type = Type::i8;
  column.is_unsigned_64 = size > 4 && !is_signed;
  if (column.is_unsigned_64) column.info.null = missing_i8;
  return "";
}

std::string set_text(hid_t type, H5Column& column) {
  column.info.type = Type::text;
  column.is_variable_text = H5Tis_variable_str(type) > 0;
  column.charset = H5Tget_cset(type);
  column.info.width = column.is_variable_text ? 0 : H5Tget_size(type);
  if (column.info.width > longest_text) return fmt::format("texts of {} bytes are not supported", column.info.width);
  return "";
}

std::string set_enum(hid_t type, H5Column& column) {
  const Hdf5Type base(H5Tget_super(type), "HDF5: an element type cannot be opened (damaged file?)");
  if (H5Tget_nmembers(type) == 2 && H5Tget_size(type) == 1) {  // true and false, as h5py writes them
    column.info.type = Type::u1;
    return "";
  }
  return set_integer(base, column);
}

std::string set_type(hid_t type, H5Column& column);

std::string set_array(hid_t type, H5Column& column) {
  const Hdf5Type base(H5Tget_super(type), "HDF5: an element type cannot be opened (damaged file?)");
  hsize_t dims[H5S_MAX_RANK] = {};
  const int rank = H5Tget_array_ndims(type);
  if (rank < 1 || rank > H5S_MAX_RANK || H5Tget_array_dims2(type, dims) < 0) return "its array type is damaged";
  hsize_t width = 1;
  for (int i = 0; i < rank; ++i) width = std::min(width * std::min(dims[i], widest_array), widest_array);
  if (width == 0 || width >= widest_array) return "its arrays are empty or too wide";
  const H5T_class_t kind = H5Tget_class(base);
  if (kind != H5T_INTEGER && kind != H5T_FLOAT) return "arrays of its element type are not supported";
  std::string reason = set_type(base, column);
  column.info.width = width;
  column.array_dims.assign(dims, dims + rank);
  return reason;
}

/// Sets type and width of a column; returns the reason when skyfold has no such column.
std::string set_type(hid_t type, H5Column& column) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: return set_integer(type, column);
    case H5T_FLOAT: column.info.type = H5Tget_size(type) <= 4 ? Type::f4 : Type::f8; return "";
    case H5T_STRING: return set_text(type, column);
    case H5T_ENUM: return set_enum(type, column);
    case H5T_ARRAY: return set_array(type, column);
    case H5T_BITFIELD:
      column.info.type = Type::u1;
      column.is_bitfield = true;
      return H5Tget_size(type) == 1 ? "" : "bit fields of several bytes are not supported";
    case H5T_COMPOUND: return "compounds inside a group or a compound are not supported";
    case H5T_VLEN: return "arrays of varying length are not supported";
    default: return "its type is not supported";
  }
}

hid_t native_type(const H5Column& column) {
  if (column.is_bitfield) return H5T_NATIVE_B8;
  switch (column.info.type) {
    case Type::f4: return H5T_NATIVE_FLOAT;
    case Type::f8: return H5T_NATIVE_DOUBLE;
    case Type::i4: return H5T_NATIVE_INT32;
    case Type::i8: return column.is_unsigned_64 ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
    default: return H5T_NATIVE_UINT8;
  }
}

void set_attributes(hid_t object, ColumnInfo& info) {
  info.unit = text_attribute(object, {"unit", "units", "UNIT", "UNITS"});
  info.ucd = text_attribute(object, {"ucd", "UCD"});
  info.description = text_attribute(object, {"description", "DESCRIPTION"});
  if (info.type == Type::i4 || info.type == Type::i8 || info.type == Type::u1)
    if (const auto null = integer_attribute(object, "null")) info.null = null;
}

// --- tables ---------------------------------------------------------------------------------------

/// Names of the objects in a group, in order of name.
std::vector<std::string> names_in(hid_t group) {
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5L_info_t* link, void* list) -> herr_t {
    if (link->type == H5L_TYPE_HARD) static_cast<std::vector<std::string>*>(list)->emplace_back(name);
    return 0;
  };
  H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names);
  return names;
}

std::string child(const std::string& group, const std::string& name) {
  return group == "/" ? "/" + name : group + "/" + name;
}

H5O_type_t kind_of_object(hid_t file, const std::string& name) {
  H5O_info_t info;
  if (H5Oget_info_by_name2(file, name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return H5O_TYPE_UNKNOWN;
  return info.type;
}

/// Adds the dataset to the table's columns, or to those left out.
void add_dataset(const std::string& path, hid_t file, const std::string& name, H5Table& table,
                 std::vector<std::int64_t>& lengths) {
  H5Column column;
  column.dataset = child(table.group, name);
  column.info.name = column.info.source = name;
  const Hdf5Dataset dataset(H5Dopen2(file, column.dataset.c_str(), H5P_DEFAULT), damaged_hdf5(path, column.dataset));
  const H5Shape shape = shape_of(dataset);
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, column.dataset));
  std::string reason = set_type(type, column);
  if (shape.rank < 1 || shape.rank > 2)
    reason = fmt::format("it has {} dimensions (1 or 2 are needed)", std::max(0, shape.rank));
  if (shape.rank == 2 && reason.empty()) {
    if (column.info.type == Type::text) reason = "arrays of texts are not supported";
    else if (!column.array_dims.empty()) reason = "arrays of arrays are not supported";
    else if (shape.width == 0 || shape.width >= widest_array) reason = "its arrays are empty or too wide";
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
  for (const std::string& dataset : names_in(group))
    if (kind_of_object(file, child(name, dataset)) == H5O_TYPE_DATASET)
      add_dataset(path, file, dataset, table, lengths);
  if (table.columns.empty()) throw DataError(fmt::format("{}: group {} has no columns", path, name));
  table.rows = lengths.front();
  for (std::size_t i = 1; i < lengths.size(); ++i)
    if (lengths[i] != table.rows)
      throw DataError(fmt::format("{}: datasets {} ({} rows) and {} ({} rows) do not make a table", path,
                                  table.columns[0].dataset, table.rows, table.columns[i].dataset, lengths[i]));
  return table;
}

H5Table compound_table(const std::string& path, hid_t file, const std::string& name) {
  H5Table table;
  table.group = name;
  table.is_compound = true;
  const Hdf5Dataset dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), damaged_hdf5(path, name));
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, name));
  const H5Shape shape = shape_of(dataset);
  if (H5Tget_class(type) != H5T_COMPOUND || shape.rank != 1)
    throw DataError(fmt::format("{}: dataset {} is not a table (a one-dimensional dataset of compounds, or a group of "
                                "datasets)", path, name));
  table.rows = static_cast<std::int64_t>(shape.rows);
  table.chunk_rows = check_storage(path, dataset, name, shape);
  for (int i = 0; i < H5Tget_nmembers(type); ++i) {
    H5Column column;
    column.dataset = name;
    column.member = column.info.name = column.info.source = text_of(H5Tget_member_name(type, static_cast<unsigned>(i)));
    const Hdf5Type member(H5Tget_member_type(type, static_cast<unsigned>(i)), damaged_hdf5(path, column.info.name));
    const std::string reason = set_type(member, column);
    if (reason.empty()) table.columns.push_back(std::move(column));
    else table.left_out.push_back({column.info.name, reason});
  }
  return table;
}

/// A place in the file where a table may be.
struct Candidate {
  std::string name;
  bool is_compound = false;
};

/// True when a dataset looks like a column or, if compound, like a table.
bool is_one_dimensional(const std::string& path, hid_t file, const std::string& name, bool& is_compound) {
  const Hdf5Dataset dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), damaged_hdf5(path, name));
  const Hdf5Type type(H5Dget_type(dataset), damaged_hdf5(path, name));
  is_compound = H5Tget_class(type) == H5T_COMPOUND;
  H5Column column;
  const int rank = shape_of(dataset).rank;
  return is_compound ? rank == 1 : (rank == 1 || rank == 2) && set_type(type, column).empty();
}

void add_candidates(const std::string& path, hid_t file, const std::string& name, int depth,
                    std::vector<Candidate>& candidates) {
  const Hdf5Group group(H5Gopen2(file, name.c_str(), H5P_DEFAULT), damaged_hdf5(path, name));
  if (depth > deepest_group || candidates.size() > most_candidates) return;
  bool has_column = false;
  for (const std::string& object : names_in(group)) {
    const std::string place = child(name, object);
    const H5O_type_t kind = kind_of_object(file, place);
    bool is_compound = false;
    if (kind == H5O_TYPE_GROUP) add_candidates(path, file, place, depth + 1, candidates);
    else if (kind == H5O_TYPE_DATASET && is_one_dimensional(path, file, place, is_compound)) {
      if (is_compound) candidates.push_back({place, true});
      else has_column = true;
    }
  }
  if (has_column) candidates.push_back({name, false});
}

H5Table table_at(const std::string& path, hid_t file, const Candidate& candidate) {
  return candidate.is_compound ? compound_table(path, file, candidate.name) : group_table(path, file, candidate.name);
}

/// The only place with columns.
H5Table only_table(const std::string& path, hid_t file) {
  std::vector<Candidate> candidates;
  add_candidates(path, file, "/", 0, candidates);
  if (candidates.empty()) throw DataError(fmt::format("{}: has no table (a group of datasets of one length)", path));
  if (candidates.size() == 1) return table_at(path, file, candidates.front());
  std::vector<std::string> names;
  for (const Candidate& candidate : candidates) names.push_back(candidate.name);
  std::sort(names.begin(), names.end());
  throw UsageError(fmt::format("{}: has several tables: {} (choose one with input.group)", path, join(names, ", ")));
}

H5Table wanted_table(const std::string& path, hid_t file, const std::string& group) {
  std::string name = group.starts_with('/') ? group : "/" + group;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  const H5O_type_t kind = kind_of_object(file, name);
  if (kind == H5O_TYPE_GROUP) return group_table(path, file, name);
  if (kind == H5O_TYPE_DATASET) return compound_table(path, file, name);
  throw DataError(fmt::format("{}: has no group or dataset {} (input.group)", path, name));
}

}  // namespace

Hdf5File open_hdf5_input(const std::string& path) {
  silence_hdf5();
  const Hdf5Properties access(H5Pcreate(H5P_FILE_ACCESS), "HDF5 has no file access properties");
  H5Pset_file_locking(access, false, true);  // inputs are only read, often from file systems without locks
  return Hdf5File(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access),
                  fmt::format("{}: cannot be opened as HDF5 (truncated or damaged?)", path));
}

H5Table find_hdf5_table(const std::string& path, hid_t file, const std::string& group) {
  const auto find = [&] {
    if (!group.empty()) return wanted_table(path, file, group);
    if (kind_of_object(file, "/object") == H5O_TYPE_GROUP) return group_table(path, file, "/object");
    return only_table(path, file);
  };
  H5Table table = find();
  std::vector<std::string> names;
  for (const H5Column& column : table.columns) names.push_back(column.info.name);
  check_names(path, names);
  return table;
}

Hdf5Type memory_type(const H5Column& column) {
  const std::string what = "HDF5 has no type for column " + column.info.name;
  if (column.info.type == Type::text) {
    Hdf5Type text(H5Tcopy(H5T_C_S1), what);
    H5Tset_size(text, column.is_variable_text ? H5T_VARIABLE : column.info.width);
    H5Tset_strpad(text, H5T_STR_NULLPAD);
    H5Tset_cset(text, column.charset);
    return text;
  }
  if (column.array_dims.empty()) return Hdf5Type(H5Tcopy(native_type(column)), what);
  const auto rank = static_cast<unsigned>(column.array_dims.size());
  return Hdf5Type(H5Tarray_create2(native_type(column), rank, column.array_dims.data()), what);
}

}  // namespace skyfold

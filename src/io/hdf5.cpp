// Columnar HDF5 files, made with the HDF5 library and filled by position without it: contiguous datasets, allocated at once, in
// groups, with texts as attributes (docs/formats.md).
#include "skyfold/io/hdf5.hpp"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>
#include <tuple>

#include "column_chunks.hpp"
#include "hdf5_handle.hpp"
#include "hdf5_links.hpp"
#include "hdf5_storage.hpp"
#include "skyfold/core/file.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/row_file.hpp"
#include "skyfold/io/zone_hashes.hpp"
#include "source_child.hpp"
#include "source_file.hpp"

namespace skyfold {
namespace {

/// Starts the library before main, and never ends it: its ending (in an exit handler, or in MPI_Finalize where MPI runs
/// before the library) crashes on a file whose last bytes found no room, which cannot be closed. We close all others.
bool start_hdf5() { return H5dont_atexit() >= 0 && H5open() >= 0 && refuse_external_links() && register_zstd(); }
[[maybe_unused]] const bool is_started = start_hdf5();

Hdf5Type file_type(const ColumnInfo& column) {
  const std::string what = "HDF5 type of column " + column.name;
  switch (column.type) {
    case Type::f4:
      // Little-endian whatever the machine: ranks write these bytes themselves.
      return {H5Tcopy(H5T_IEEE_F32LE), what};
    case Type::f8:
      return {H5Tcopy(H5T_IEEE_F64LE), what};
    case Type::i4:
      return {H5Tcopy(H5T_STD_I32LE), what};
    case Type::i8:
      return {H5Tcopy(H5T_STD_I64LE), what};
    case Type::u1:
      return {H5Tcopy(H5T_STD_U8LE), what};
    case Type::text:
      break;
  }
  Hdf5Type text(H5Tcopy(H5T_C_S1), what);
  check_hdf5(H5Tset_size(text, column.width), what);
  // Padded, not terminated: a text may fill its cell.
  check_hdf5(H5Tset_strpad(text, H5T_STR_NULLPAD), what);
  return text;
}

/// Type and width of a dataset as a column, or nothing for a type that is none of ours.
std::optional<ColumnInfo> column_of(hid_t type) {
  ColumnInfo column;
  if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0) {
    column.type = Type::text;
    column.width = H5Tget_size(type);
    return column;
  }
  // Booleans of h5py: an enumeration of one byte.
  if (H5Tget_class(type) == H5T_ENUM && H5Tget_size(type) == 1) {
    column.type = Type::u1;
    return column;
  }
  // Little-endian alone: rows are read without the library, so a big-endian column would be read as other numbers.
  const std::array<std::pair<hid_t, Type>, 5> known = {{{H5T_IEEE_F32LE, Type::f4},
                                                        {H5T_IEEE_F64LE, Type::f8},
                                                        {H5T_STD_I32LE, Type::i4},
                                                        {H5T_STD_I64LE, Type::i8},
                                                        {H5T_STD_U8LE, Type::u1}}};
  for (const auto& [id, mine] : known)
    if (H5Tequal(type, id) > 0) {
      column.type = mine;
      return column;
    }
  return std::nullopt;
}

Hdf5Type text_type() {
  Hdf5Type type(H5Tcopy(H5T_C_S1), "HDF5 text type");
  check_hdf5(H5Tset_size(type, H5T_VARIABLE), "HDF5 text type");
  check_hdf5(H5Tset_cset(type, H5T_CSET_UTF8), "HDF5 text type");
  return type;
}

void set_text(hid_t object, const std::string& name, const std::string& value) {
  const std::string what = "cannot write HDF5 attribute " + name;
  // An attribute keeps its type for life: the new text gets a new one.
  if (H5Aexists(object, name.c_str()) > 0) check_hdf5(H5Adelete(object, name.c_str()), what);
  const Hdf5Type type = text_type();
  const Hdf5Space scalar(H5Screate(H5S_SCALAR), what);
  const Hdf5Attribute attribute(H5Acreate2(object, name.c_str(), type, scalar, H5P_DEFAULT, H5P_DEFAULT), what);
  const char* text = value.c_str();
  check_hdf5(H5Awrite(attribute, type, &text), what);
}

/// A text attribute; "" when absent or of another type.
std::string get_text(hid_t object, const char* name) {
  if (H5Aexists(object, name) <= 0) return {};
  const Hdf5Attribute attribute(H5Aopen(object, name, H5P_DEFAULT), "cannot open HDF5 attribute");
  const Hdf5Type stored(H5Aget_type(attribute), "cannot read HDF5 attribute");
  const Hdf5Space shape(H5Aget_space(attribute), "cannot read HDF5 attribute");
  // Only texts of the kind that set_text writes: what other programs have under these names says nothing to us.
  if (H5Tget_class(stored) != H5T_STRING || H5Tis_variable_str(stored) <= 0 || H5Sget_simple_extent_npoints(shape) != 1) return {};
  const Hdf5Type type = text_type();
  char* text = nullptr;
  if (H5Aread(attribute, type, &text) < 0 || !text) return {};
  std::string value(text);
  // The library's own allocator: free() may be another one.
  H5free_memory(text);
  return value;
}

void describe_dataset(hid_t dataset, const ColumnInfo& column) {
  for (const auto& [name, value] : {std::pair{"unit", column.unit}, std::pair{"ucd", column.ucd},
                                    std::pair{"description", column.description}, std::pair{"source", column.source}})
    if (!value.empty()) set_text(dataset, name, value);
  if (column.null) set_text(dataset, "null", std::to_string(*column.null));
}

void create_dataset(hid_t group, const ColumnInfo& column, std::int64_t rows, Compression compression) {
  const std::string what = "cannot create HDF5 dataset " + column.name;
  const Hdf5Properties properties(H5Pcreate(H5P_DATASET_CREATE), what);
  if (compression == Compression::none) {
    check_hdf5(H5Pset_layout(properties, H5D_CONTIGUOUS), what);
    // Early and without fill values: every dataset has its place in the file, and no byte is written twice.
    check_hdf5(H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY), what);
  } else {
    set_chunks(properties, column, rows, compression, what);
  }
  check_hdf5(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER), what);
  // Times would make two runs with the same result differ in their bytes.
  check_hdf5(H5Pset_obj_track_times(properties, false), what);
  const bool is_array = column.type != Type::text && column.width > 1;
  const std::array<hsize_t, 2> shape = {static_cast<hsize_t>(rows), column.width};
  // One dimension for a plain column, two for arrays: h5py and pandas then see what they expect.
  const Hdf5Space space(H5Screate_simple(is_array ? 2 : 1, shape.data(), nullptr), what);
  const Hdf5Type type = file_type(column);
  const Hdf5Dataset dataset(H5Dcreate2(group, column.name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), what);
  describe_dataset(dataset, column);
}

/// Creates the group, those above it, and its datasets.
void create_group(hid_t file, const ColumnGroup& layout) {
  const std::string what = "cannot create HDF5 group " + layout.path;
  const Hdf5Properties links(H5Pcreate(H5P_LINK_CREATE), what);
  check_hdf5(H5Pset_create_intermediate_group(links, 1), what);
  const Hdf5Properties properties(H5Pcreate(H5P_GROUP_CREATE), what);
  check_hdf5(H5Pset_obj_track_times(properties, false), what);
  const Hdf5Group group(H5Gcreate2(file, layout.path.c_str(), links, properties, H5P_DEFAULT), what);
  for (const ColumnInfo& column : layout.schema) create_dataset(group, column, layout.rows, layout.compression);
}

/// The HDF5 library does not survive a file that may not grow, so the limit is looked at before.
void check_size_limit(const std::string& path, const std::vector<ColumnGroup>& groups) {
  // Without attributes and headers: what lies just below the limit fails when it is made, with the system's message.
  rlim_t bytes = 0;
  for (const ColumnGroup& group : groups) bytes += static_cast<rlim_t>(group.rows) * bytes_per_row(group.schema);
  rlimit limit = {};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes > limit.rlim_cur)
    throw IoError(fmt::format("{}: needs {} bytes, more than the limit on file sizes allows (ulimit -f)", path,
                              grouped(static_cast<long long>(bytes))));
}

template <class Action>
auto read_file_of_columns(const std::string& path, const Action& action) {
  require_hdf5(path);
  return read_hdf5(path, path + ": cannot open as an HDF5 file (damaged?)", action);
}

/// Names of the members of a group in increasing order of creation offset in the file would depend on the library;
/// the order of names does not.
std::vector<std::string> member_names(hid_t group) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  check_hdf5(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), "cannot list an HDF5 group");
  return names;
}

void add_member(ColumnPlaces& places, hid_t group, const std::string& name, const std::string& path) {
  const std::string where = fmt::format("{}: {}/{}", path, places.group.path, name);
  const Hdf5Dataset dataset = open_own_dataset(path, group, name, where + " is not a dataset");
  const Hdf5Type type(H5Dget_type(dataset), where + " has no type");
  const Hdf5Space space(H5Dget_space(dataset), where + " has no shape");
  std::optional<ColumnInfo> column = column_of(type);
  std::array<hsize_t, 2> shape = {0, 1};
  const int rank = H5Sget_simple_extent_ndims(space);
  if (!column || rank < 1 || rank > 2) throw DataError(where + " is not a column (run import on this file first)");
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  if (rank == 2) column->width = shape[1];
  const auto rows = static_cast<std::int64_t>(shape[0]);
  if (!places.group.schema.empty() && rows != places.group.rows)
    throw DataError(fmt::format("{} has {} rows, {} has {}", where, rows, places.group.schema[0].name, places.group.rows));
  // The byte at which ranks read and write; compressed ones have chunks instead.
  const haddr_t offset = H5Dget_offset(dataset);
  const std::uintmax_t file_size = std::filesystem::file_size(path);
  const bool is_contiguous = offset != HADDR_UNDEF;
  places.chunks.push_back(rows > 0 && !is_contiguous ? chunks_of(dataset, *column, rows, file_size, where) : ColumnChunks());
  // Divided, since a product of what a damaged file says may overflow: 2^61 rows of 8 bytes would be none.
  const std::uintmax_t values = offset > file_size ? 0 : (file_size - offset) / size_of(column->type);
  if (rows > 0 && is_contiguous && (offset > file_size || column->width > values / static_cast<std::uintmax_t>(rows)))
    throw IoError(fmt::format("{} ends beyond the file's {} bytes (truncated)", where, grouped(static_cast<long long>(file_size))));
  column->name = name;
  column->unit = get_text(dataset, "unit");
  column->ucd = get_text(dataset, "ucd");
  column->description = get_text(dataset, "description");
  column->source = get_text(dataset, "source");
  if (const auto null = parse_integer(get_text(dataset, "null"))) column->null = *null;
  places.group.rows = rows;
  places.group.schema.push_back(*column);
  places.offsets.push_back(rows > 0 && is_contiguous ? static_cast<std::int64_t>(offset) : 0);
}

}  // namespace

namespace {

void lay_out(const File& file, const std::vector<ColumnGroup>& groups, const Attributes& attributes) {
  write_hdf5(file, true, [&](hid_t root) {
    for (const auto& [name, value] : attributes) set_text(root, name, value);
    for (const ColumnGroup& group : groups) create_group(root, group);
  });
}

void fill_group(hid_t root, const std::string& path, const std::string& name, const Table& table) {
  // A kill may have left a half of it.
  if (H5Lexists(root, name.c_str(), H5P_DEFAULT) > 0) check_hdf5(H5Ldelete(root, name.c_str(), H5P_DEFAULT), path + ": " + name);
  create_group(root, {name, table.schema(), static_cast<std::int64_t>(table.rows())});
  for (std::size_t i = 0; i < table.columns() && table.rows() > 0; ++i) {
    const std::string dataset_path = name + "/" + table[i].info().name, what = path + ": cannot write " + dataset_path;
    const Hdf5Dataset dataset(H5Dopen2(root, dataset_path.c_str(), H5P_DEFAULT), what);
    const Hdf5Type type = file_type(table[i].info());
    check_hdf5(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, table[i].bytes().data()), what);
    if (name == "/object") set_text(dataset, zone_hashes_name, zone_hashes_of(table[i].info(), table[i].bytes()));  // of a sample
  }
}

void fill(const File& file, const std::map<std::string, Table>& groups) {
  write_hdf5(file, false, [&](hid_t root) {
    for (const auto& [name, table] : groups) fill_group(root, file.path(), name, table);
  });
}

void finish(File& file) {
  file.sync();
  file.close();
}

}  // namespace

void create_columns(const std::string& path, const std::vector<ColumnGroup>& groups, const Attributes& attributes) {
  check_size_limit(path, groups);
  File file = File::created(path);
  lay_out(file, groups, attributes);
  file.reserve(0, file.size());  // early allocation leaves a sparse file: a full disk would show only when rows are written
  file.close();
}

void write_columns(const std::string& path, const std::map<std::string, Table>& groups, const Attributes& attributes) {
  File file = File::created(path);
  lay_out(file, {}, attributes);
  fill(file, groups);
  finish(file);
}

void add_columns(const std::string& path, const std::map<std::string, Table>& groups) {
  File file = File::for_update(path);
  fill(file, groups);
  finish(file);
}

void add_links(const std::string& path, const std::map<std::string, std::string>& targets) {
  if (targets.empty()) return;
  File file = File::for_update(path);
  write_hdf5(file, false, [&](hid_t root) {
    for (const auto& [name, target] : targets) {
      if (H5Lexists(root, name.c_str(), H5P_DEFAULT) > 0) check_hdf5(H5Ldelete(root, name.c_str(), H5P_DEFAULT), path + ": " + name);
      check_hdf5(H5Lcreate_hard(root, target.c_str(), root, name.c_str(), H5P_DEFAULT, H5P_DEFAULT), path + ": cannot link " + name);
    }
  });
  finish(file);
}

std::map<std::string, std::string> read_links(const std::string& path) {
  struct Found {
    std::map<haddr_t, std::string> in_root;
    std::map<std::string, std::string> links;
  } found;
  const auto collect_root = [](hid_t root, const char* name, const H5L_info_t* link, void* data) -> herr_t {
    H5O_info_t info;
    // Whatever has no address of its own (soft and external links) is no second name.
    if (link->type != H5L_TYPE_HARD || H5Oget_info_by_name(root, name, &info, H5P_DEFAULT) < 0) return 0;
    if (info.type == H5O_TYPE_DATASET) static_cast<Found*>(data)->in_root[info.addr] = std::string("/") + name;
    return 0;
  };
  const auto compare = [](hid_t, const char* name, const H5O_info_t* info, void* data) -> herr_t {
    auto& all = *static_cast<Found*>(data);
    // Each object is visited once, by the first of its names; those of the root have no slash.
    if (const auto same = all.in_root.find(info->addr); same != all.in_root.end() && std::string_view(name).find('/') != std::string::npos)
      all.links[same->second] = std::string("/") + name;
    return 0;
  };
  return read_file_of_columns(path, [&](hid_t file) {
    check_hdf5(H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect_root, &found), path + ": cannot list its datasets");
    if (!found.in_root.empty())
      check_hdf5(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, compare, &found), path + ": cannot list its datasets");
    return found.links;
  });
}

namespace {

ColumnPlaces places_in(hid_t file, const std::string& path, const std::string& group) {
  if (H5Lexists(file, group.c_str(), H5P_DEFAULT) <= 0)
    throw DataError(fmt::format("{}: no group {} (not a skyfold catalogue: run import on it first)", path, group));
  check_own_path(path, file, group);
  const Hdf5Group opened(H5Gopen2(file, group.c_str(), H5P_DEFAULT), path + ": cannot open HDF5 group " + group);
  ColumnPlaces places;
  places.group.path = group;
  for (const std::string& name : member_names(opened)) add_member(places, opened, name, path);
  if (places.group.schema.empty()) throw DataError(fmt::format("{}: group {} has no columns", path, group));
  return places;
}

ColumnPlaces places_of(const std::string& path, const std::string& group) {
  return read_file_of_columns(path, [&](hid_t file) { return places_in(file, path, group); });
}

Attributes attributes_in(hid_t file, const std::string& path) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  check_hdf5(H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), path + ": cannot read the attributes");
  Attributes attributes;
  for (const std::string& name : names) attributes[name] = get_text(file, name.c_str());
  return attributes;
}

/// Paths of all groups of a file, the root left out.
std::vector<std::string> group_paths(hid_t file, const std::string& path) {
  std::vector<std::string> paths;
  const auto collect = [](hid_t, const char* name, const H5O_info_t* info, void* data) -> herr_t {
    if (info->type == H5O_TYPE_GROUP && std::string_view(name) != ".")
      static_cast<std::vector<std::string>*>(data)->push_back(std::string("/") + name);
    return 0;
  };
  check_hdf5(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, collect, &paths), path + ": cannot list its groups (damaged)");
  return paths;
}

std::vector<std::string> groups_of_columns(hid_t file, const std::string& path) {
  std::vector<std::string> groups = group_paths(file, path);
  // A group is one of columns if it can be opened as one; but a file with links to others is refused as a whole.
  std::erase_if(groups, [&](const std::string& group) {
    try {
      (void)places_in(file, path, group);
      return false;
    } catch (const ForeignBytesError&) {
      throw;
    } catch (const Error&) {  // it holds groups, or no columns
      return true;
    }
  });
  return groups;
}

/// Looks at all of a file's metadata in a child process first: on a damaged file this library can crash or loop, which
/// the child does in our place. Once for each state of a file.
void check_sound(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) return;  // opening it says what is wrong
  static std::set<std::tuple<std::string, std::uintmax_t, std::filesystem::file_time_type>> sound;
  // Size and time of change: what another process has written meanwhile is looked at anew.
  const auto state = std::tuple(path, std::filesystem::file_size(path), std::filesystem::last_write_time(path));
  // Every command opens its files several times; a child process costs milliseconds.
  if (sound.contains(state)) return;
  // Before the fork, so that the child need not start the library.
  H5open();
  const auto look = [&](hid_t file) {
    (void)attributes_in(file, path);
    for (const std::string& group : group_paths(file, path)) {
      try {
        (void)places_in(file, path, group);
      } catch (const Error&) {  // a group that is not columns may be of use to nobody; who needs it will say so
      }
    }
    return std::string();
  };
  constexpr std::uintmax_t slowest = 2 << 20;  // bytes per second, of files that are structure mostly: tens of thousands of columns
  const auto most_cpu_s = static_cast<unsigned>(std::min<std::uintmax_t>(3 + std::filesystem::file_size(path) / slowest, 60));
  (void)run_in_child([&] { return read_file_of_columns(path, look); }, path + ": is damaged (the HDF5 library crashes on it)", most_cpu_s);
  sound.insert(state);
}

}  // namespace

ColumnPlaces open_columns(const std::string& path, const std::string& group) {
  check_sound(path);
  return places_of(path, group);
}

bool has_columns(const std::string& path, const std::string& group) {
  return read_file_of_columns(path, [&](hid_t file) {
    std::string above;
    for (const std::string& part : split(group.substr(1), '/')) {  // H5Lexists wants every group above to exist
      above += "/" + part;
      if (H5Lexists(file, above.c_str(), H5P_DEFAULT) <= 0) return false;
    }
    return true;
  });
}

std::vector<std::string> column_groups(const std::string& path) {
  check_sound(path);
  return read_file_of_columns(path, [&](hid_t file) { return groups_of_columns(file, path); });
}

Table read_columns(const std::string& path, const std::string& group) {
  const RowReader reader(path, group);
  Table table(reader.schema());
  reader.read({0, reader.rows()}, table);
  return table;
}

Attributes read_attributes(const std::string& path) {
  check_sound(path);
  return read_file_of_columns(path, [&](hid_t file) { return attributes_in(file, path); });
}

void write_attributes(const std::string& path, const Attributes& attributes) {
  File file = File::for_update(path);
  write_hdf5(file, false, [&](hid_t root) {
    for (const auto& [name, value] : attributes) set_text(root, name, value);
  });
  finish(file);
}

void write_zone_hashes(const std::string& path, const std::string& group, const std::map<std::string, std::string>& hashes) {
  File file = File::for_update(path);
  write_hdf5(file, false, [&](hid_t root) {
    for (const auto& [name, text] : hashes) {
      const std::string dataset_path = group + "/" + name;
      const Hdf5Dataset dataset(H5Dopen2(root, dataset_path.c_str(), H5P_DEFAULT), path + ": cannot write the hashes of " + dataset_path);
      set_text(dataset, zone_hashes_name, text);
    }
  });
  finish(file);
}

}  // namespace skyfold

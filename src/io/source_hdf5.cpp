// HDF5 tables of any program as inputs: groups of datasets, compounds, tables of pandas. Files are looked at in a child process
// first, since the library can crash on damaged ones; then rows are read by hyperslabs.
#include "source_hdf5.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>

#include "hdf5_links.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/io/row_file.hpp"
#include "source_child.hpp"
#include "source_convert.hpp"
#include "source_file.hpp"
#include "source_hdf5_storage.hpp"
#include "zone_checks.hpp"

namespace skyfold {
namespace {

constexpr hsize_t block_rows = 65536;           // rows of texts or compounds in memory at once
constexpr hsize_t scan_rows = 16 * block_rows;  // rows whose texts are measured together

/// The library is not thread-safe, and units of a scan may run on threads.
std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// Elements of a dataset per row: one for texts and for elements that are arrays themselves.
hsize_t elements_per_row(const H5Column& column) {
  return column.is_element || column.info.type == Type::text || !column.array_dims.empty() ? 1 : column.info.width;
}

/// Reads rows of a one- or two-dimensional dataset into packed memory; false when the library cannot.
/// @param element  of each row, the first that is read
bool read_rows(hid_t dataset, hid_t type, hsize_t first, hsize_t rows, hsize_t element, hsize_t width, std::byte* out) {
  const Hdf5Space file_space(H5Dget_space(dataset), "a dataset's shape is damaged");
  // For one dimension the library looks at the first numbers alone.
  const hsize_t start[2] = {first, element}, count[2] = {rows, width};
  if (H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, nullptr, count, nullptr) < 0) return false;
  if (!are_chunks_whole(dataset, first, rows)) return false;
  const Hdf5Space memory(H5Screate_simple(H5Sget_simple_extent_ndims(file_space), count, nullptr), "no memory space");
  return H5Dread(dataset, type, memory, file_space, H5P_DEFAULT, out) >= 0;
}

/// Values of rows as they are in memory, with the texts that the library allocated for them.
class Values {
 public:
  Values(hid_t dataset, Hdf5Type type, bool has_owned_text) : dataset_(dataset), type_(std::move(type)), owned_(has_owned_text) {}
  ~Values() { release(); }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;

  [[nodiscard]] std::size_t element_bytes() const { return H5Tget_size(type_); }

  /// Reads rows in place of those before; false when the library cannot.
  [[nodiscard]] bool read(hsize_t first, hsize_t rows, hsize_t element, hsize_t width) {
    release();
    bytes.assign(rows * width * element_bytes(), std::byte{0});  // null texts, should reading stop half way
    return read_rows(dataset_, type_, first, rows, element, width, bytes.data());
  }

  AlignedVector<std::byte> bytes;

 private:
  void release() noexcept {
    if (!owned_ || bytes.empty()) return;
    const hsize_t count = bytes.size() / element_bytes();
    const hid_t space = H5Screate_simple(1, &count, nullptr);
    // Texts of any length are allocated by the library, one by one: it alone can free them.
    H5Dvlen_reclaim(type_, space, H5P_DEFAULT, bytes.data());
    H5Sclose(space);
  }

  hid_t dataset_;
  Hdf5Type type_;
  bool owned_;
};

std::string_view text_at(const std::byte* cell) {
  const char* text = nullptr;
  std::memcpy(&text, cell, sizeof text);
  return text ? std::string_view(text) : std::string_view();
}

/// A member of a compound, as it is read: where it stands in memory.
struct Member {
  const H5Column* column = nullptr;  ///< the first of those that are in it
  std::size_t offset = 0, bytes = 0;
};

/// The members that columns are in, each once, one behind the other.
// Only what is wanted is read: a compound in memory may have fewer members than the one in the file, found by their names.
std::vector<Member> members_of(const std::vector<const H5Column*>& columns) {
  std::vector<Member> members;
  std::size_t size = 0;
  for (const H5Column* column : columns) {
    if (std::ranges::any_of(members, [&](const Member& m) { return m.column->member == column->member; })) continue;
    const std::size_t bytes = H5Tget_size(memory_type(*column));
    members.push_back({column, size, bytes});
    size += bytes;
  }
  return members;
}

Hdf5Type members_type(const std::vector<Member>& members) {
  Hdf5Type compound(H5Tcreate(H5T_COMPOUND, members.back().offset + members.back().bytes), "HDF5 has no type for these columns");
  for (const Member& member : members) H5Tinsert(compound, member.column->member.c_str(), member.offset, memory_type(*member.column));
  return compound;
}

/// Bytes of a column inside its member: where they begin and how many they are.
std::pair<std::size_t, std::size_t> part_of(const H5Column& column, const Member& member) {
  if (!column.is_element || column.array_dims.empty()) return {member.offset, member.bytes};
  // Of the outer dimension: a block of pandas is an array with one element for each column.
  const std::size_t bytes = member.bytes / column.array_dims[0];
  return {member.offset + column.element * bytes, bytes};
}

/// Datasets of an input's columns, open; one for a dataset of compounds.
struct OpenTable {
  OpenTable(const std::string& path, const H5Table& table) : file(open_hdf5_input(path)) {
    try {
      for (const H5Column& column : table.columns)
        if (!table.is_compound || datasets.empty())
          datasets.push_back(open_own_dataset(path, file, column.dataset, fmt::format("{}: {} cannot be opened", path, column.dataset)));
    } catch (const Error&) {
      file.check();  // the disk's reason is the better one
      throw;
    }
    file.check();
  }

  Hdf5Input file;
  std::vector<Hdf5Dataset> datasets;
};

class Hdf5Source final : public Source {
 public:
  Hdf5Source(const std::string& path, H5Table table, ZoneCheck check = ZoneCheck::on)
      : path_(path), stamp_(stamp_of(path)), table_(std::move(table)) {
    for (const H5Column& column : table_.columns) schema_.push_back(column.info);
    (void)datasets();
    if (check == ZoneCheck::on && !table_.is_compound && !table_.columns.empty()) find_hashes();
  }
  ~Hdf5Source() override { std::erase(lately_read(), this); }

  const std::string& path() const noexcept override { return path_; }
  const Schema& schema() const noexcept override { return schema_; }
  const std::vector<LeftOut>& left_out() const noexcept override { return table_.left_out; }
  std::int64_t rows() const noexcept override { return table_.rows; }

  std::vector<Piece> pieces(std::int64_t rows) const override {
    const std::int64_t chunk = table_.chunk_rows;
    // Pieces of whole chunks: a chunk that two pieces share would be decompressed twice.
    const bool align = chunk <= 16 * rows;  // else a piece would need too much memory
    return even_pieces(table_.rows, align ? (rows + chunk - 1) / chunk * chunk : rows);
  }

  void read(const Piece& piece, Table& out, std::vector<BadCell>& bad) const override {
    const std::vector<std::size_t> matched = match_columns(*this, out);
    for (std::size_t i = 0; i < matched.size(); ++i) check_widening(path_, schema_[matched[i]], out[i].info());
    out.resize(static_cast<std::size_t>(piece.rows));
    if (matched.empty() || piece.rows == 0) return;
    verify(piece, matched);
    try {
      if (table_.is_compound)
        read_members(piece, matched, out, bad);
      else
        for (std::size_t i = 0; i < matched.size(); ++i) read_dataset(piece, matched[i], out[i], bad);
    } catch (const Error&) {
      if (open_) open_->file.check();  // the disk's reason is the better one
      throw;
    }
    open_->file.check();
  }

 private:
  /// The inputs that are open, that which was read last at the end.
  static std::vector<const Hdf5Source*>& lately_read() {
    static std::vector<const Hdf5Source*> sources;
    return sources;
  }

  /// Opens the file again if it was closed for others, so that any number of files can be inputs.
  const std::vector<Hdf5Dataset>& datasets() const {
    constexpr std::size_t most_open = 32;
    std::vector<const Hdf5Source*>& lately = lately_read();
    std::erase(lately, this);
    // Between closing and opening the name may have become that of another file.
    if (!open_ && stamp_of(path_) != stamp_) throw IoError(fmt::format("{}: the file has changed since it was opened", path_));
    if (!open_) open_.emplace(path_, table_);
    lately.push_back(this);
    if (lately.size() > most_open) {
      // The one that was not read for the longest time.
      lately.front()->open_.reset();
      lately.erase(lately.begin());
    }
    return open_->datasets;
  }

  /// Samples and other products of skyfold have hashes of their zones.
  void find_hashes() {
    const std::string& first = table_.columns.front().dataset;
    ColumnPlaces places{{first.substr(0, first.rfind('/')), {}, table_.rows}, {}};
    checked_as_.resize(table_.columns.size());
    for (std::size_t c = 0; c < table_.columns.size(); ++c) {
      const std::string& dataset = table_.columns[c].dataset;
      // Compressed chunks have checksums of their own, in zlib's and zstd's forms.
      const haddr_t offset = H5Dget_offset(open_->datasets[c]);
      if (offset == HADDR_UNDEF || table_.rows == 0 || dataset.substr(0, dataset.rfind('/')) != places.group.path) continue;
      const std::string name = dataset.substr(places.group.path.size() + 1);
      checked_as_[c] = find_column(places.group.schema, name);
      if (checked_as_[c]) continue;  // another element of the same rows
      checked_as_[c] = places.group.schema.size();
      places.group.schema.push_back(
          // As rows of bytes: a checksum is of the stored bytes, whatever type and width they are read as.
          {name, Type::u1, static_cast<std::size_t>(H5Dget_storage_size(open_->datasets[c])) / static_cast<std::size_t>(table_.rows)});
      places.offsets.push_back(static_cast<std::int64_t>(offset));
    }
    if (!places.offsets.empty()) checks_ = ZoneChecks::of(path_, places);
  }

  void verify(const Piece& piece, const std::vector<std::size_t>& matched) const {
    if (!checks_) return;
    const File file = File::for_reading(path_);
    for (const std::size_t c : matched)
      if (checked_as_[c]) checks_->check(file, *checked_as_[c], {piece.first_row, piece.first_row + piece.rows});
  }

  [[noreturn]] void throw_unreadable(const std::string& dataset, std::int64_t first, hsize_t rows) const {
    throw IoError(fmt::format("{}: rows {} to {} of {} cannot be read (truncated or damaged?)", path_, first + 1,
                              first + static_cast<std::int64_t>(rows), dataset));
  }

  void read_dataset(const Piece& piece, std::size_t c, Column& to, std::vector<BadCell>& bad) const {
    const H5Column& column = table_.columns[c];
    const hid_t dataset = datasets()[c];
    const hsize_t width = elements_per_row(column);
    const auto first = static_cast<hsize_t>(piece.first_row), rows = static_cast<hsize_t>(piece.rows);
    // HDF5 converts into the caller's memory where nothing has to be checked or widened.
    if (!column.is_variable_text && !column.is_unsigned_64 && same_layout(column.info, to.info())) {
      if (!read_rows(dataset, memory_type(column), first, rows, column.element, width, to.bytes().data()))
        throw_unreadable(column.dataset, piece.first_row, rows);
      clean_texts(column, to.bytes());
      return;
    }
    Values values(dataset, memory_type(column), column.is_variable_text);
    for (hsize_t begin = 0; begin < rows; begin += block_rows) {
      const hsize_t count = std::min(block_rows, rows - begin);
      const std::int64_t row = piece.first_row + static_cast<std::int64_t>(begin);
      if (!values.read(first + begin, count, column.element, width)) throw_unreadable(column.dataset, row, count);
      store(column, values.bytes, row, begin, count, to, bad);
    }
  }

  void read_members(const Piece& piece, const std::vector<std::size_t>& matched, Table& out, std::vector<BadCell>& bad) const {
    std::vector<const H5Column*> columns;
    bool owned = false;
    for (const std::size_t c : matched) owned |= columns.emplace_back(&table_.columns[c])->is_variable_text;
    const std::vector<Member> members = members_of(columns);
    Values values(datasets().front(), members_type(members), owned);
    AlignedVector<std::byte> cells;
    const std::size_t record = values.element_bytes();
    const auto rows = static_cast<hsize_t>(piece.rows);
    for (hsize_t begin = 0; begin < rows; begin += block_rows) {
      const hsize_t count = std::min(block_rows, rows - begin);
      const std::int64_t row = piece.first_row + static_cast<std::int64_t>(begin);
      if (!values.read(static_cast<hsize_t>(row), count, 0, 1)) throw_unreadable(table_.group, row, count);
      for (std::size_t i = 0; i < columns.size(); ++i) {
        // Elements of an array member are columns of their own here, but one member there.
        const Member& member = *std::ranges::find_if(members, [&](const Member& m) { return m.column->member == columns[i]->member; });
        const auto [offset, bytes] = part_of(*columns[i], member);
        cells.resize(count * bytes);
        for (hsize_t k = 0; k < count; ++k) std::memcpy(cells.data() + k * bytes, values.bytes.data() + k * record + offset, bytes);
        store(*columns[i], cells, row, begin, count, out[i], bad);
      }
    }
  }

  /// Texts of fixed width without padding, and without what stands for missing.
  static void clean_texts(const H5Column& column, std::span<std::byte> values) {
    if (column.info.type != Type::text || column.is_variable_text) return;
    const std::size_t width = column.info.width;
    strip_padding(values, width);
    if (column.missing_text.empty()) return;
    for (std::size_t at = 0; at < values.size(); at += width) {
      const char* cell = reinterpret_cast<const char*>(values.data() + at);
      if (std::string_view(cell, strnlen(cell, width)) == column.missing_text)
        std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(at), width, std::byte{0});
    }
  }

  /// Puts values, as the library gave them, into rows `begin ...` of a column of the output.
  void store(const H5Column& column, std::span<std::byte> values, std::int64_t first_row, hsize_t begin, hsize_t rows, Column& to,
             std::vector<BadCell>& bad) const {
    const std::size_t bytes = to.info().bytes_per_row();
    const std::span<std::byte> place = to.bytes().subspan(begin * bytes, rows * bytes);
    if (column.is_variable_text) return store_texts(column, values, first_row, place, to.info().width, bad);
    if (column.is_unsigned_64) check_unsigned(column, values, first_row, bad);
    clean_texts(column, values);
    if (same_layout(column.info, to.info()))
      std::memcpy(place.data(), values.data(), values.size());
    else
      widen(column.info, to.info(), first_row, values, place, bad);
  }

  static void store_texts(const H5Column& column, std::span<const std::byte> values, std::int64_t first_row, std::span<std::byte> place,
                          std::size_t width, std::vector<BadCell>& bad) {
    std::fill(place.begin(), place.end(), std::byte{0});
    for (std::size_t i = 0; i < place.size() / width; ++i) {
      const std::string_view text = text_at(values.data() + i * sizeof(char*));
      if (!text.empty()) std::memcpy(place.data() + i * width, text.data(), std::min(width, text.size()));
      if (text.size() > width)
        bad.push_back({first_row + static_cast<std::int64_t>(i), column.info.name,
                       fmt::format("text of {} bytes is cut to the column's {}", text.size(), width)});
    }
    strip_padding(place, width);
  }

  static void check_unsigned(const H5Column& column, std::span<std::byte> values, std::int64_t first_row, std::vector<BadCell>& bad) {
    for (std::size_t i = 0; i < values.size() / sizeof(std::uint64_t); ++i) {
      std::uint64_t value = 0;
      std::memcpy(&value, values.data() + i * sizeof value, sizeof value);
      if (value <= static_cast<std::uint64_t>(INT64_MAX)) continue;
      std::memcpy(values.data() + i * sizeof value, &*column.info.null, sizeof value);
      bad.push_back({first_row + static_cast<std::int64_t>(i / column.info.width), column.info.name,
                     fmt::format("{} is beyond the range of 64-bit integers", value)});
    }
  }

  std::string path_;
  FileStamp stamp_;
  H5Table table_;
  Schema schema_;
  mutable std::optional<OpenTable> open_;
  std::vector<std::optional<std::size_t>> checked_as_;  ///< number of the column's bytes in the checks
  std::unique_ptr<ZoneChecks> checks_;                  ///< none for a file without hashes
};

/// Processor time that looking at a file may take: a damaged one can make the library loop for ever.
unsigned most_cpu_s(const std::string& path) {
  constexpr std::uintmax_t slowest = 10 << 20;  // bytes per second
  return 2 + static_cast<unsigned>(std::filesystem::file_size(path) / slowest);
}

/// The longest text of each column of any-length texts in rows `first ...`, separated by blanks.
std::string longest_texts(const std::string& path, const H5Table& table, hsize_t first) {
  const Hdf5Input file = open_hdf5_input(path);
  const hsize_t end = std::min(first + scan_rows, static_cast<hsize_t>(table.rows));
  std::string widths;
  for (const H5Column& column : table.columns) {
    if (!column.is_variable_text) continue;
    const Hdf5Dataset dataset = open_own_dataset(path, file, column.dataset, path + ": cannot be opened");
    Values values(dataset, table.is_compound ? members_type(members_of({&column})) : memory_type(column), true);
    std::size_t longest = 1;
    for (hsize_t begin = first; begin < end; begin += block_rows) {
      const hsize_t count = std::min(block_rows, end - begin);
      if (!values.read(begin, count, 0, 1)) throw IoError(fmt::format("{}: texts of {} cannot be read", path, column.info.name));
      for (hsize_t i = 0; i < count; ++i) longest = std::max(longest, text_at(values.bytes.data() + i * sizeof(char*)).size());
    }
    widths += fmt::format("{} ", longest);
  }
  file.check();
  return widths;
}

/// Measures the texts of any length. Runs in a child process, see `check_in_child`.
void set_text_widths(const std::string& path, const ScanRunner& run, H5Table& table) {
  std::vector<H5Column*> columns;
  for (H5Column& column : table.columns)
    if (column.is_variable_text) columns.push_back(&column);
  if (columns.empty()) return;
  for (H5Column* column : columns) column->info.width = 1;
  const std::size_t units = (static_cast<std::size_t>(table.rows) + scan_rows - 1) / scan_rows;
  // In the child, too: a text's place is a pointer into the file, and a damaged one leads anywhere.
  const auto measure = [&](std::size_t unit) {
    const std::lock_guard lock(library_mutex());
    return run_in_child([&] { return longest_texts(path, table, unit * scan_rows); },
                        fmt::format("{}: is damaged (the HDF5 library crashes on its texts)", path), most_cpu_s(path));
  };
  for (const std::string& widths : run(units, measure)) {
    const std::vector<std::string> numbers = split(widths, ' ');
    for (std::size_t i = 0; i < columns.size(); ++i)
      columns[i]->info.width = std::max<std::size_t>(columns[i]->info.width, std::stoul(numbers[i]));
  }
}

H5Table found_table(const std::string& path, const std::string& group, bool checks_chunks) {
  return read_hdf5(path, unopened_hdf5(path), [&](hid_t file) {
    H5Table table = find_hdf5_table(path, file, group);
    if (checks_chunks) check_hdf5_chunks(path, file, table);
    return table;
  });
}

/// Finds the table and reads its first rows once in a child process: on damaged files this library can crash or loop,
/// which the child does in our place. One process does it for all.
void check_in_child(const std::string& path, const std::string& group, const ScanRunner& run) {
  const auto check = [&] {
    H5Table table = found_table(path, group, true);
    // The texts are not measured yet: here it matters only that the library survives reading them.
    for (H5Column& column : table.columns) column.info.width = std::max<std::size_t>(1, column.info.width);
    const std::int64_t rows = std::min(table.rows, std::min<std::int64_t>(table.chunk_rows, block_rows));
    const Hdf5Source source(path, std::move(table), ZoneCheck::off);  // all columns, wanted or not
    Table first(source.schema());
    std::vector<BadCell> bad;
    source.read({0, rows, 0, 0}, first, bad);
    return std::string();
  };
  const auto unit = [&](std::size_t) {
    const std::lock_guard lock(library_mutex());
    H5open();
    return run_in_child(check, fmt::format("{}: is damaged (the HDF5 library crashes on it)", path), most_cpu_s(path));
  };
  static_cast<void>(run(1, unit));
}

H5Table checked_table(const std::string& path, const std::string& group, const ScanRunner& run) {
  check_in_child(path, group, run);
  // Again in this process, which got nothing but "it lived" from the child.
  H5Table table = found_table(path, group, false);
  set_text_widths(path, run, table);
  return table;
}

}  // namespace

std::unique_ptr<Source> open_hdf5_source(const std::string& path, const std::string& group, const ScanRunner& run) {
  return std::make_unique<Hdf5Source>(path, checked_table(path, group, run));
}

}  // namespace skyfold

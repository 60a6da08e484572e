// Compares what is read with the checksums of its zones, each zone once: whole zones from the bytes at hand, parts of zones with
// the rest read from the file.
#include "zone_checks.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "hdf5_links.hpp"
#include "hdf5_storage.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/verification.hpp"
#include "skyfold/io/zone_hashes.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t indexed_zone_rows = 65'536;  // of the hashes in /index/zones
constexpr std::size_t read_bytes = 1 << 20;         // of a zone, at a time
constexpr std::size_t digits = 16;                  // of a hash as text

std::int64_t zones_of(std::int64_t rows, std::int64_t zone_rows) { return (rows + zone_rows - 1) / zone_rows; }

[[noreturn]] void throw_unusable(const std::string& path, const std::string& column) {
  throw DataError(
      fmt::format("{}, column {}: the hashes of its zones are damaged (--verify-inputs off reads the column all the same)", path, column));
}

/// What /index/zones of a finished catalogue says of a column. One that somebody added has no hashes.
ZoneHashes indexed_hashes(hid_t zones, const std::string& path, const std::string& column, std::int64_t rows) {
  ZoneHashes found;
  if (H5Lexists(zones, column.c_str(), H5P_DEFAULT) <= 0) return found;
  const std::string name = column + "/hash", what = fmt::format("{}: /index/zones/{} cannot be opened (damaged?)", path, name);
  const Hdf5Dataset dataset = open_own_dataset(path, zones, name, what);
  const Hdf5Type type(H5Dget_type(dataset), what);
  const Hdf5Space space(H5Dget_space(dataset), what);
  const haddr_t offset = H5Dget_offset(dataset);
  found.zone_rows = indexed_zone_rows;
  found.zones = zones_of(rows, indexed_zone_rows);
  // The place in the file is taken only if what lies there is known to be hashes of all zones.
  if (H5Tequal(type, H5T_STD_I64LE) <= 0 || H5Sget_simple_extent_npoints(space) != found.zones || offset == HADDR_UNDEF)
    throw_unusable(path, column);
  found.place = static_cast<std::int64_t>(offset);
  return found;
}

/// The attribute of a dataset; nothing where there is none, no hash where it is not a text.
std::optional<std::string> attribute_of(hid_t dataset, const std::string& what) {
  if (H5Aexists(dataset, zone_hashes_name) <= 0) return std::nullopt;
  const Hdf5Attribute attribute(H5Aopen(dataset, zone_hashes_name, H5P_DEFAULT), what);
  const Hdf5Type stored(H5Aget_type(attribute), what), type(H5Tcopy(H5T_C_S1), what);
  const Hdf5Space shape(H5Aget_space(attribute), what);
  check_hdf5(H5Tset_size(type, H5T_VARIABLE), what);
  check_hdf5(H5Tset_cset(type, H5T_CSET_UTF8), what);
  char* text = nullptr;
  if (H5Tget_class(stored) != H5T_STRING || H5Tis_variable_str(stored) <= 0 || H5Sget_simple_extent_npoints(shape) != 1 ||
      H5Aread(attribute, type, &text) < 0 || !text)
    return "";
  std::string value(text);
  H5free_memory(text);
  return value;
}

/// The hashes in the attribute of a column outside of catalogues.
ZoneHashes attached_hashes(hid_t file, const std::string& path, const std::string& group, const ColumnInfo& column, std::int64_t rows) {
  ZoneHashes found;
  const std::string name = group + "/" + column.name;
  const std::string what = fmt::format("{}: {} cannot be opened (damaged?)", path, name);
  const Hdf5Dataset dataset = open_own_dataset(path, file, name, what);
  const std::optional<std::string> text = attribute_of(dataset, what);
  if (!text) return found;
  found.zone_rows = rows_of_hashed_zone(column);
  found.zones = zones_of(rows, found.zone_rows);
  // Before memory is taken for them: the number of rows comes from the file, too.
  if (text->size() != digits * static_cast<std::size_t>(found.zones)) throw_unusable(path, column.name);
  for (std::size_t at = 0; at < text->size(); at += digits) {
    const std::string hash = text->substr(at, digits);
    if (!is_hex64(hash)) throw_unusable(path, column.name);
    found.values.push_back(std::stoull(hash, nullptr, 16));
  }
  return found;
}

std::vector<ZoneHashes> hashes_in(hid_t file, const std::string& path, const ColumnGroup& group) {
  const bool is_indexed =
      group.path == "/object" && H5Lexists(file, "/index", H5P_DEFAULT) > 0 && H5Lexists(file, "/index/zones", H5P_DEFAULT) > 0;
  std::vector<ZoneHashes> hashes;
  if (is_indexed) {
    if (H5Aexists(file, "fingerprint") <= 0) return hashes;  // it is being finished
    check_own_path(path, file, "/index/zones");
    const Hdf5Group zones(H5Gopen2(file, "/index/zones", H5P_DEFAULT), path + ": /index/zones cannot be opened (damaged?)");
    for (const ColumnInfo& column : group.schema) hashes.push_back(indexed_hashes(zones, path, column.name, group.rows));
  } else if (!group.path.starts_with("/index")) {
    for (const ColumnInfo& column : group.schema) hashes.push_back(attached_hashes(file, path, group.path, column, group.rows));
  }
  if (std::ranges::all_of(hashes, [](const ZoneHashes& column) { return column.zones == 0; })) hashes.clear();
  return hashes;
}

}  // namespace

std::map<std::string, std::string> read_zone_hashes(const std::string& path, const ColumnGroup& group) {
  return read_hdf5(path, path + ": cannot open as an HDF5 file (damaged?)", [&](hid_t file) {
    std::map<std::string, std::string> hashes;
    for (const ColumnInfo& column : group.schema) {
      const std::string name = group.path + "/" + column.name, what = fmt::format("{}: {} cannot be opened (damaged?)", path, name);
      if (const auto text = attribute_of(open_own_dataset(path, file, name, what), what)) hashes[column.name] = *text;
    }
    return hashes;
  });
}

std::unique_ptr<ZoneChecks> ZoneChecks::of(const std::string& path, const ColumnPlaces& places) {
  if (!is_verifying_inputs() || places.group.rows == 0) return nullptr;
  std::vector<ZoneHashes> hashes =
      read_hdf5(path, path + ": cannot open as an HDF5 file (damaged?)", [&](hid_t file) { return hashes_in(file, path, places.group); });
  for (std::size_t i = 0; i < hashes.size(); ++i)
    if (places.is_compressed(i)) hashes[i].zones = 0;  // each chunk has a checksum, which is looked at whenever it is restored
  return hashes.empty() ? nullptr : std::make_unique<ZoneChecks>(places, std::move(hashes));
}

ZoneChecks::ZoneChecks(const ColumnPlaces& places, std::vector<ZoneHashes> hashes)
    : places_(places), hashes_(std::move(hashes)), states_(hashes_.size()) {}

void ZoneChecks::check(const File& file, std::size_t column, std::int64_t first_row, std::span<const std::byte> bytes) {
  check(file, column, {first_row, first_row + static_cast<std::int64_t>(bytes.size() / places_.group.schema[column].bytes_per_row())},
        bytes);
}

void ZoneChecks::check(const File& file, std::size_t column, RowRange rows) { check(file, column, rows, {}); }

void ZoneChecks::check(const File& file, std::size_t column, RowRange read, std::span<const std::byte> bytes) {
  const ZoneHashes& hashes = hashes_[column];
  if (hashes.zones == 0 || read.size() == 0) return;
  ColumnState& state = states_[column];
  // Several threads may read the first rows of a column at the same time.
  std::call_once(state.is_ready, [&] { make_ready(file, column); });
  for (std::int64_t zone = read.begin / hashes.zone_rows; zone * hashes.zone_rows < read.end; ++zone) {
    std::atomic<bool>& is_whole = state.is_whole[static_cast<std::size_t>(zone)];
    if (is_whole.load(std::memory_order_relaxed)) continue;
    const RowRange rows{zone * hashes.zone_rows, std::min((zone + 1) * hashes.zone_rows, places_.group.rows)};
    compare(file, column, rows, hashes.values[static_cast<std::size_t>(zone)], bytes.empty() ? rows.begin : read.begin, bytes);
    // Two threads may check one zone at the same time, which costs time alone.
    is_whole.store(true, std::memory_order_relaxed);
  }
}

void ZoneChecks::make_ready(const File& file, std::size_t column) {
  ZoneHashes& hashes = hashes_[column];
  if (hashes.place >= 0) {
    hashes.values.resize(static_cast<std::size_t>(hashes.zones));
    file.read(hashes.place, std::as_writable_bytes(std::span(hashes.values)));
  }
  states_[column].is_whole = std::make_unique<std::atomic<bool>[]>(static_cast<std::size_t>(hashes.zones));
}

/// Hashes the rows of a zone before `first_row`, those of `bytes`, and those after them.
void ZoneChecks::compare(const File& file, std::size_t column, RowRange zone, std::uint64_t hash, std::int64_t first_row,
                         std::span<const std::byte> bytes) const {
  const ColumnInfo& info = places_.group.schema[column];
  const auto width = static_cast<std::int64_t>(info.bytes_per_row());
  const std::int64_t end_row = first_row + std::ssize(bytes) / width;
  RunningHash sum;
  std::vector<std::byte> block;
  const auto add_from_file = [&](RowRange rows) {
    const std::int64_t end = places_.offsets[column] + rows.end * width;
    for (std::int64_t at = places_.offsets[column] + rows.begin * width; at < end; at += std::ssize(block)) {
      block.resize(std::min(read_bytes, static_cast<std::size_t>(end - at)));
      file.read(at, block);
      sum.add(block);
    }
  };
  // What the caller has read is not read again: only the rest of the zone comes from the file.
  const RowRange here{std::max(zone.begin, first_row), std::min(zone.end, end_row)};
  add_from_file({zone.begin, here.begin});
  sum.add(bytes.subspan(static_cast<std::size_t>((here.begin - first_row) * width), static_cast<std::size_t>(here.size() * width)));
  add_from_file({here.end, zone.end});
  if (sum.value() != hash)
    throw DataError(fmt::format(
        "{}, column {}, rows {} to {}: damaged (their hash is not the one that was written with them; --verify-inputs off reads "
        "them all the same)",
        file.path(), info.name, zone.begin + 1, zone.end));
}

}  // namespace skyfold

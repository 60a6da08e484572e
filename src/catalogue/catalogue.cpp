// A finished catalogue, open for reading: what its attributes say, and searches by key, tile and value that read a few blocks of
// the file (docs/formats.md has the layout).
#include "skyfold/catalogue/catalogue.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>

#include "skyfold/catalogue/attribute_value.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/core/verification.hpp"
#include "skyfold/sky/healpix.hpp"
#include "zone_ranges.hpp"

namespace skyfold {
namespace {

constexpr const char* format_name = "skyfold catalogue";
constexpr const char* format_version = "1";
// 12,288 pixels of 3.4 square degrees: an index of 98 kB, which narrows a search in billions of rows to some 100,000.
constexpr int index_order = 5;

CatalogueLayout read_layout(const std::string& path, const RowReader& reader, const Attributes& attributes) {
  const auto text = [&](const char* name) {
    const auto found = attributes.find(name);
    return found == attributes.end() ? std::string() : found->second;
  };
  if (text("format_version") != format_version)
    throw DataError(fmt::format("{}: catalogue format {} (this program reads {})", path, text("format_version"), format_version));
  // The fingerprint is written last of all: a catalogue without one was never finished.
  if (text("fingerprint").empty()) throw DataError(path + ": unfinished catalogue (the run that makes it did not end)");
  if (!is_hex64(text("fingerprint"))) throw DataError(path + ": its fingerprint is not 16 hexadecimal digits (damaged)");
  CatalogueLayout layout;
  layout.schema = reader.schema();
  layout.rows = reader.rows();
  try {
    layout.ordering = ordering_named(text("ordering"));
  } catch (const UsageError& error) {
    // The user gave no option: what stands in a file is data.
    throw DataError(fmt::format("{}: its {} (damaged)", path, error.what()));
  }
  layout.attribute = text("attribute");
  layout.roles = {text("column_id"), text("column_ra"), text("column_dec"), text("column_tile")};
  layout.creator = text("creator");
  layout.provenance = text("provenance");
  layout.product_class = text("product_class");
  return layout;
}

/// The path, if it is that of a catalogue. Throws DataError that says what it is instead.
const std::string& checked(const std::string& path, const Attributes& attributes) {
  const auto format = attributes.find("skyfold_format");
  if (format == attributes.end()) throw DataError(path + ": not a skyfold catalogue (run import on it first)");
  if (format->second != format_name) throw DataError(fmt::format("{}: is a {}, not a catalogue", path, format->second));
  return path;
}

/// Finds keys among the sorted keys of a catalogue: halving steps on the disk until what is left fits a window that
/// is read at once and kept, since the next search is usually near.
class KeySearch {
 public:
  explicit KeySearch(const Catalogue& catalogue) : catalogue_(catalogue), column_(*find_column(catalogue.schema(), healpix_column)) {}

  std::int64_t row_of(std::int64_t key, RowRange within) {
    narrow_by_index(key, within);
    // A million rows are two reads at most; further halving on the disk would cost a read for each step.
    while (within.size() > window_rows && !(within.begin >= window_.begin && within.end <= window_.end)) {
      const std::int64_t middle = within.begin + within.size() / 2;
      if (key_at(middle) < key)
        within.begin = middle + 1;
      else
        within.end = middle;
    }
    if (within.size() == 0) return within.begin;
    fill_window(within);
    const auto first = keys_.begin() + (within.begin - window_.begin), last = keys_.begin() + (within.end - window_.begin);
    return window_.begin + (std::lower_bound(first, last, key) - keys_.begin());
  }

 private:
  static constexpr std::int64_t window_rows = 1 << 18;

  void narrow_by_index(std::int64_t key, RowRange& within) const {
    const auto& index = catalogue_.order5();
    const auto pixel = static_cast<std::size_t>(pixel_of(key, index_order));
    // Keys beyond the sphere end a search at the last pixel.
    if (key < 0 || pixel + 1 >= index.size()) return;
    within.begin = std::clamp(index[pixel], within.begin, within.end);
    within.end = std::clamp(index[pixel + 1], within.begin, within.end);
  }
  std::int64_t key_at(std::int64_t row) const {
    std::int64_t key = 0;
    catalogue_.reader().read(column_, {row, row + 1}, std::as_writable_bytes(std::span(&key, 1)));
    return key;
  }
  void fill_window(RowRange rows) {
    if (rows.begin >= window_.begin && rows.end <= window_.end) return;
    window_ = rows;
    keys_.resize(static_cast<std::size_t>(rows.size()));
    catalogue_.reader().read(column_, rows, std::as_writable_bytes(std::span(keys_)));
  }

  const Catalogue& catalogue_;
  std::size_t column_;
  RowRange window_;
  std::vector<std::int64_t> keys_;
};

/// By its unit, its UCD or, where it has neither, its name.
bool is_magnitude(const ColumnInfo& column) {
  if (!column.unit.empty() || !column.ucd.empty()) return lower(column.unit) == "mag" || column.ucd.starts_with("phot.mag");
  return lower(column.name).find("mag") != std::string::npos;
}

/// Reads one value of a numeric column.
class ValueReader {
 public:
  ValueReader(const Catalogue& catalogue, const std::string& column)
      : catalogue_(catalogue), table_({catalogue.schema()[*find_column(catalogue.schema(), column)]}) {}
  AttributeValue at(std::int64_t row) {
    catalogue_.reader().read({row, row + 1}, table_);
    return attribute_value(table_[0], 0);
  }

 private:
  const Catalogue& catalogue_;
  Table table_;
};

}  // namespace

Attributes catalogue_attributes(const CatalogueLayout& layout) {
  return {{"skyfold_format", format_name},
          {"format_version", format_version},
          {"ordering", name_of(layout.ordering)},
          {"attribute", layout.attribute},
          {"frame", "ICRS"},
          {"creator", layout.creator},
          {"provenance", layout.provenance},
          {"column_id", layout.roles.id},
          {"column_ra", layout.roles.ra},
          {"column_dec", layout.roles.dec},
          {"column_tile", layout.roles.tile},
          {"product_class", layout.product_class}};
}

void create_catalogue(const std::string& path, const CatalogueLayout& layout) {
  create_columns(path, {{"/object", layout.schema, layout.rows}}, catalogue_attributes(layout));
}

Catalogue::Catalogue(const std::string& path, const Attributes& attributes) : reader_(checked(path, attributes)) {
  layout_ = read_layout(path, reader_, attributes);
  fingerprint_ = attributes.at("fingerprint");
  // Other orders have indexes of their own, which are read when they are needed.
  if (layout_.ordering != Ordering::healpix) return;
  Table index({{"first_row", Type::i8}});
  const RowReader entries(path, "/index/order5");
  entries.read({0, entries.rows()}, index);
  const auto first = index[0].values<std::int64_t>();
  order5_.assign(first.begin(), first.end());
  // A search trusts the index: a damaged one would give wrong rows, not none.
  if (std::ssize(order5_) != pixel_count(index_order) + 1 || order5_.front() != 0 || order5_.back() != rows() ||
      !std::is_sorted(order5_.begin(), order5_.end()))
    throw DataError(path + ": damaged index of order-5 pixels");
}

std::vector<OrderedRows::Tile> Catalogue::tiles() const {
  const Table index = read_columns(path(), "/index/tile");
  const auto first = index.at("first_row").values<std::int64_t>();
  // Every row is in a tile, and every tile has rows: otherwise rows would be computed twice, or never.
  const bool is_whole = rows() == 0 ? first.empty() : !first.empty() && first.front() == 0 && first.back() < rows();
  if (!is_whole || std::ranges::adjacent_find(first, std::greater_equal<>()) != first.end())
    throw DataError(path() + ": damaged index of tiles");
  std::vector<OrderedRows::Tile> tiles;
  for (std::size_t i = 0; i < index.rows(); ++i)
    tiles.push_back({std::string(index.at("name").text(i)), {first[i], i + 1 < index.rows() ? first[i + 1] : rows()}});
  return tiles;
}

Table Catalogue::zone_statistics(const std::string& column) const {
  Table zones = read_columns(path(), zones_group(column));
  if (!is_verifying_inputs() || !has_columns(path(), range_hashes_group)) return zones;
  const Table hashes = read_columns(path(), range_hashes_group);
  const Column *name = hashes.find("name"), *hash = hashes.find("hash");
  const bool is_usable = name && hash && name->info().type == Type::text && hash->info().type == Type::i8;
  std::size_t row = 0;
  while (is_usable && row < hashes.rows() && name->text(row) != column) ++row;
  const bool has_statistics = zones.find("min") && zones.find("max") && zones.find("missing");
  if (!is_usable || row == hashes.rows() || !has_statistics || hash->integer(row) != static_cast<std::int64_t>(hash_of_ranges(zones)))
    throw DataError(
        fmt::format("{}, column {}: the ranges of its zones are damaged (their hash is not the one that was written with them, and "
                    "rows would be missed; --verify-inputs off believes them all the same)",
                    path(), column));
  return zones;
}

OrderedRows Catalogue::ordered_rows() const {
  OrderedRows rows;
  rows.rows = layout_.rows;
  if (layout_.ordering == Ordering::healpix)
    // A function, not the keys: cutting asks for a few rows out of billions.
    rows.row_of_key = [search = std::make_shared<KeySearch>(*this)](std::int64_t key, RowRange within) {
      return search->row_of(key, within);
    };
  if (layout_.ordering == Ordering::tile) rows.tiles = tiles();
  if (layout_.ordering != Ordering::attribute) return rows;
  rows.attribute = layout_.attribute;
  const ColumnInfo& column = schema()[*find_column(schema(), layout_.attribute)];
  rows.attribute_is_whole = is_whole(column.type);
  rows.attribute_is_magnitude = is_magnitude(column);
  // Missing values stand at the end of the order (finalise_catalogue checks it): their number tells where values end.
  const Table zones = zone_statistics(layout_.attribute);
  for (const std::int64_t missing : zones.at("missing").values<std::int64_t>()) rows.attribute_missing += missing;
  rows.attribute_at = [reader = std::make_shared<ValueReader>(*this, layout_.attribute)](std::int64_t row) { return reader->at(row); };
  return rows;
}

bool is_catalogue(const std::string& path) { return is_catalogue(read_attributes(path)); }

bool is_catalogue(const Attributes& attributes) {
  const auto format = attributes.find("skyfold_format");
  return format != attributes.end() && format->second == format_name && attributes.contains("fingerprint");
}

}  // namespace skyfold

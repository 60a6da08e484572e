// The last step of a catalogue: every row is read back, the order is checked, and indexes, statistics of zones and the fingerprint
// are added. Zones are examined by all ranks and put together in their order, so the file does not depend on the ranks.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numbers>
#include <utility>

#include "skyfold/catalogue/attribute_value.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/catalogue/finalise.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/hash.hpp"
#include "skyfold/core/signals.hpp"
#include "skyfold/sky/healpix.hpp"
#include "zone_ranges.hpp"

namespace skyfold {
namespace {

constexpr int index_order = 5;
// The lowest 64-bit number stands for "no value" in the statistics; a zone that really has it as minimum is looked at anyway.
constexpr std::int64_t nothing_measured = std::numeric_limits<std::int64_t>::min();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Statistics of one column in one zone.
struct ZoneColumn {
  double min = nan, max = nan;                                              // NaN when nothing is measured
  std::int64_t whole_min = nothing_measured, whole_max = nothing_measured;  // of whole numbers
  std::int64_t missing = 0;
  std::uint64_t hash = 0;
};

/// A run of rows that share a tile or an order-5 pixel, and the mean direction of its objects.
struct Step {
  std::int64_t row = 0, pixel = 0;
  std::string name;
};

/// All that consolidation must know of a zone; travels between ranks as text.
struct Zone {
  std::vector<ZoneColumn> columns;
  std::int64_t first_key = 0, last_key = 0;            // of the ordering healpix
  AttributeValue first_value = 0.0, last_value = 0.0;  // of the ordering attribute
  bool is_ordered = true;
  std::vector<Step> steps;
};

void put(std::string& out, const void* data, std::size_t size) { out.append(static_cast<const char*>(data), size); }

// Bytes, since ranks exchange texts (Ranks::run_units); unpack reads them in the same order.
std::string pack(const Zone& zone) {
  std::string out;
  put(out, zone.columns.data(), zone.columns.size() * sizeof(ZoneColumn));
  const std::int64_t head[] = {zone.first_key, zone.last_key, zone.is_ordered, std::ssize(zone.steps)};
  put(out, head, sizeof head);
  put(out, &zone.first_value, sizeof zone.first_value);
  put(out, &zone.last_value, sizeof zone.last_value);
  for (const Step& step : zone.steps) {
    const std::int64_t numbers[] = {step.row, step.pixel, std::ssize(step.name)};
    put(out, numbers, sizeof numbers);
    out += step.name;
  }
  return out;
}

template <class T>
void get(const char*& at, T& value) {
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
}

// Both ends are the same program on the same kind of machine: numbers travel as they stand in memory.
Zone unpack(const std::string& text, std::size_t columns) {
  Zone zone;
  const char* at = text.data();
  zone.columns.resize(columns);
  for (ZoneColumn& column : zone.columns) get(at, column);
  std::int64_t head[4];
  get(at, head);
  get(at, zone.first_value);
  get(at, zone.last_value);
  zone.first_key = head[0];
  zone.last_key = head[1];
  zone.is_ordered = head[2] != 0;
  zone.steps.resize(static_cast<std::size_t>(head[3]));
  for (Step& step : zone.steps) {
    std::int64_t numbers[3];
    get(at, numbers);
    step.row = numbers[0];
    step.pixel = numbers[1];
    step.name.assign(at, static_cast<std::size_t>(numbers[2]));
    at += numbers[2];
  }
  return zone;
}

template <class T>
void measure(std::span<const T> values, std::optional<std::int64_t> null, ZoneColumn& zone) {
  using Limits = std::numeric_limits<T>;
  // Infinities are values like others: they may be the minimum and the maximum of a zone.
  T low = Limits::has_infinity ? Limits::infinity() : Limits::max(), high = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  std::int64_t missing = 0;
  for (const T value : values) {
    const bool is_missing = std::is_floating_point_v<T> ? value != value : null && *null == static_cast<std::int64_t>(value);
    missing += is_missing;
    if (is_missing) continue;
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  zone.missing = missing;
  if (missing == std::ssize(values)) return;
  zone.min = static_cast<double>(low);
  zone.max = static_cast<double>(high);
  if constexpr (std::is_integral_v<T>) {
    // As a double, 2^53 + 1 would round to 2^53, and a search by zones would miss it.
    zone.whole_min = low;
    zone.whole_max = high;
  }
}

ZoneColumn measure(const Column& column) {
  ZoneColumn zone;
  // Over the bytes, missing values and padding included: it tells whether the file is as it was, not whether values are equal.
  zone.hash = hash_bytes(column.bytes());
  const auto null = column.info().null;
  switch (column.info().type) {
    case Type::f4:
      measure(column.values<float>(), null, zone);
      break;
    case Type::f8:
      measure(column.values<double>(), null, zone);
      break;
    case Type::i4:
      measure(column.values<std::int32_t>(), null, zone);
      break;
    case Type::i8:
      measure(column.values<std::int64_t>(), null, zone);
      break;
    case Type::u1:
      measure(column.values<std::uint8_t>(), null, zone);
      break;
    case Type::text:
      break;
  }
  return zone;
}

void find_pixels(const Column& keys, std::int64_t first_row, Zone& zone) {
  const auto values = keys.values<std::int64_t>();
  std::int64_t pixel = -1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool is_key = values[i] >= 0 && values[i] < pixel_count(max_healpix_order);
    // A key out of range would lie outside the index.
    if (!is_key || (i > 0 && values[i] < values[i - 1])) zone.is_ordered = false;
    // Rows of one pixel follow one another, so its first row is all that the index needs.
    if (pixel_of(values[i], index_order) == pixel) continue;
    pixel = pixel_of(values[i], index_order);
    zone.steps.push_back({first_row + static_cast<std::int64_t>(i), pixel, {}});
  }
  zone.first_key = values.front();
  zone.last_key = values.back();
}

void find_tiles(const Column& names, std::int64_t first_row, Zone& zone) {
  for (std::size_t i = 0; i < names.bytes().size() / names.info().width; ++i) {
    const std::string_view name = names.text(i);
    // By the text without padding, as everything else compares tiles.
    if (!zone.steps.empty() && zone.steps.back().name == name) continue;
    if (!zone.steps.empty() && name < zone.steps.back().name) zone.is_ordered = false;
    zone.steps.push_back({first_row + static_cast<std::int64_t>(i), 0, std::string(name)});
  }
}

/// Those without a value are at the end.
bool follows(AttributeValue before, AttributeValue after) { return std::isnan(after) || before <= after; }

/// Checks that values increase.
void find_values(const Column& column, std::int64_t rows, Zone& zone) {
  zone.first_value = zone.last_value = attribute_value(column, 0);
  for (std::int64_t i = 1; i < rows; ++i) {
    const AttributeValue before = std::exchange(zone.last_value, attribute_value(column, static_cast<std::size_t>(i)));
    if (!follows(before, zone.last_value)) zone.is_ordered = false;
  }
}

/// @param buffer  has all columns; reused from zone to zone
Zone examine(const RowReader& reader, const CatalogueLayout& layout, RowRange rows, Table& buffer) {
  Zone zone;
  reader.read(rows, buffer);
  for (std::size_t i = 0; i < buffer.columns(); ++i) {
    const std::string& name = buffer[i].info().name;
    zone.columns.push_back(measure(buffer[i]));
    if (name == healpix_column && layout.ordering == Ordering::healpix) find_pixels(buffer[i], rows.begin, zone);
    if (name == layout.roles.tile && layout.ordering == Ordering::tile) find_tiles(buffer[i], rows.begin, zone);
    if (name == layout.attribute && layout.ordering == Ordering::attribute) find_values(buffer[i], rows.size(), zone);
  }
  return zone;
}

// Each zone was checked by the rank that read it; here are the seams between them.
bool follows(const Zone& before, const Zone& after, Ordering ordering) {
  if (ordering == Ordering::healpix) return before.last_key <= after.first_key;
  if (ordering == Ordering::tile && !before.steps.empty()) return before.steps.back().name <= after.steps.front().name;
  return ordering != Ordering::attribute || follows(before.last_value, after.first_value);
}

void check_order(const std::vector<Zone>& zones, Ordering ordering, const std::string& path) {
  for (std::size_t i = 0; i < zones.size(); ++i) {
    if (!zones[i].is_ordered || (i > 0 && !follows(zones[i - 1], zones[i], ordering)))
      throw IoError(fmt::format("{}: rows are not in order (zone {})", path, i));
  }
}

Table order5_index(const std::vector<Zone>& zones, std::int64_t rows) {
  const ColumnInfo info{"first_row", Type::i8, 1, "", "", "first row of each order-5 pixel; the last entry is the number of rows", ""};
  Table index({info}, static_cast<std::size_t>(pixel_count(index_order)) + 1);
  const auto first = index[0].values<std::int64_t>();
  std::size_t filled = 0;
  for (const Zone& zone : zones)
    for (const Step& step : zone.steps)
      // Pixels without rows begin where the next one with rows does.
      while (filled <= static_cast<std::size_t>(step.pixel)) first[filled++] = step.row;
  while (filled < first.size()) first[filled++] = rows;
  return index;
}

/// Centre and box of the objects of a tile, degrees; RA of the box is unwrapped around the centre.
struct Box {
  double ra = nan, dec = nan, ra_min = nan, ra_max = nan, dec_min = nan, dec_max = nan;
};

Box box_of(const RowReader& reader, const Roles& roles, RowRange rows) {
  Table position({{roles.ra, Type::f8}, {roles.dec, Type::f8}});
  reader.read(rows, position);
  const auto ra = position[0].values<double>(), dec = position[1].values<double>();
  constexpr double radians = std::numbers::pi / 180.0;
  double x = 0.0, y = 0.0, z = 0.0;
  for (std::size_t i = 0; i < ra.size(); ++i) {
    x += std::cos(dec[i] * radians) * std::cos(ra[i] * radians);
    y += std::cos(dec[i] * radians) * std::sin(ra[i] * radians);
    z += std::sin(dec[i] * radians);
  }
  Box box;
  // The mean of directions, not of angles: a tile may lie across RA = 0.
  box.ra = std::fmod(std::atan2(y, x) / radians + 360.0, 360.0);
  box.dec = std::atan2(z, std::hypot(x, y)) / radians;
  box.ra_min = box.ra_max = box.ra;
  box.dec_min = box.dec_max = box.dec;
  for (std::size_t i = 0; i < ra.size(); ++i) {
    // The nearest of the equal longitudes: the box of a tile at RA 359.9 to 0.1 is 0.2 degrees wide, not 359.8.
    const double unwrapped = box.ra + std::remainder(ra[i] - box.ra, 360.0);
    box.ra_min = std::min(box.ra_min, unwrapped);
    box.ra_max = std::max(box.ra_max, unwrapped);
    box.dec_min = std::min(box.dec_min, dec[i]);
    box.dec_max = std::max(box.dec_max, dec[i]);
  }
  return box;
}

std::vector<Step> merged_tiles(const std::vector<Zone>& zones) {
  std::vector<Step> tiles;
  for (const Zone& zone : zones)
    for (const Step& step : zone.steps)
      // A tile that goes on in the next zone is one tile.
      if (tiles.empty() || tiles.back().name != step.name) tiles.push_back(step);
  return tiles;
}

Table tile_index(const std::vector<Step>& tiles, const std::vector<Box>& boxes) {
  std::size_t width = 1;
  for (const Step& tile : tiles) width = std::max(width, tile.name.size());
  Schema schema = {{"name", Type::text, width}, {"first_row", Type::i8}};
  const char* names[] = {"ra", "dec", "ra_min", "ra_max", "dec_min", "dec_max"};
  for (const char* name : names) schema.push_back({name, Type::f8, 1, "deg"});
  Table index(schema, tiles.size());
  const auto text = index[0].values<char>();
  std::fill(text.begin(), text.end(), '\0');
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    std::copy(tiles[i].name.begin(), tiles[i].name.end(), text.begin() + static_cast<std::ptrdiff_t>(i * width));
    index[1].values<std::int64_t>()[i] = tiles[i].row;
    const Box& box = boxes[i];
    const double values[] = {box.ra, box.dec, box.ra_min, box.ra_max, box.dec_min, box.dec_max};
    for (std::size_t k = 0; k < 6; ++k) index[2 + k].values<double>()[i] = values[k];
  }
  return index;
}

/// @param type  of the column: the range of 64-bit integers is one of 64-bit integers
Table zone_table(const std::vector<Zone>& zones, std::size_t column, Type type) {
  // All other types are held by a double exactly.
  ColumnInfo low{"min", type == Type::i8 ? Type::i8 : Type::f8}, high{"max", low.type};
  if (type == Type::i8) low.null = high.null = nothing_measured;
  Table table({low, high, {"missing", Type::i8}, {"hash", Type::i8}}, zones.size());
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const ZoneColumn& zone = zones[i].columns[column];
    if (type == Type::i8) {
      table[0].values<std::int64_t>()[i] = zone.whole_min;
      table[1].values<std::int64_t>()[i] = zone.whole_max;
    } else {
      table[0].values<double>()[i] = zone.min;
      table[1].values<double>()[i] = zone.max;
    }
    table[2].values<std::int64_t>()[i] = zone.missing;
    table[3].values<std::int64_t>()[i] = static_cast<std::int64_t>(zone.hash);
  }
  return table;
}

/// A hash of what the zones of a column are said to hold: rows are skipped by it, and nothing else would tell that it is wrong.
Table range_hashes(const Schema& schema, const std::map<std::string, Table>& groups) {
  std::size_t width = 1;
  for (const ColumnInfo& column : schema) width = std::max(width, column.name.size());
  Table hashes({{"name", Type::text, width}, {"hash", Type::i8}}, schema.size());
  std::ranges::fill(hashes[0].values<char>(), '\0');
  for (std::size_t i = 0; i < schema.size(); ++i) {
    std::ranges::copy(schema[i].name, hashes[0].values<char>().begin() + static_cast<std::ptrdiff_t>(i * width));
    hashes[1].values<std::int64_t>()[i] = static_cast<std::int64_t>(hash_of_ranges(groups.at(zones_group(schema[i].name))));
  }
  return hashes;
}

/// Hash of names, types and content of all columns; where the bytes lie in the file does not enter.
std::string fingerprint_of(const Schema& schema, std::int64_t rows, const std::vector<Zone>& zones) {
  std::uint64_t hash = hash_text(std::to_string(rows));
  for (std::size_t i = 0; i < schema.size(); ++i) {
    // Descriptions and units may be improved without making another catalogue of it.
    hash = hash_text(fmt::format("{}:{}:{}", schema[i].name, name_of(schema[i].type), schema[i].width), hash);
    for (const Zone& zone : zones) hash = hash_bytes(std::as_bytes(std::span(&zone.columns[i].hash, 1)), hash);
  }
  return hex64(hash);
}

}  // namespace

namespace {

/// Adds what the zones told to the file. By one process.
void consolidate(const std::string& path, const CatalogueLayout& layout, const std::vector<Zone>& zones,
                 const std::map<std::string, Table>& groups) {
  fault_point("consolidate");
  // Adding groups changes the structure of the file: a kill in between could leave it unreadable.
  save_structure(path);
  fault_point("structure saved");
  add_columns(path, groups);
  fault_point("index added");
  // Last: it says that all the rest is there.
  write_attributes(path, {{"fingerprint", fingerprint_of(layout.schema, layout.rows, zones)}});
  fault_point("consolidated");
}

/// How steps are done together: by ranks, or by one process.
struct Together {
  std::function<void(const std::function<void()>&)> all, first;
  std::function<std::vector<std::string>(std::size_t, const std::function<std::string(std::size_t)>&)> units;
};

void finalise(const Together& together, const std::string& path) {
  std::optional<RowReader> reader;
  // Rows have no checksums yet: they are made here.
  together.all([&] { reader.emplace(path, "/object", ZoneCheck::off); });
  Attributes attributes;
  together.all([&] { attributes = read_attributes(path); });
  CatalogueLayout layout;
  layout.schema = reader->schema();
  layout.rows = reader->rows();
  layout.ordering = ordering_named(attributes["ordering"]);
  layout.attribute = attributes["attribute"];
  layout.roles = {attributes["column_id"], attributes["column_ra"], attributes["column_dec"], attributes["column_tile"]};

  const auto count = static_cast<std::size_t>((layout.rows + zone_rows - 1) / zone_rows);
  // One for all zones of this rank: a wide table's zone is hundreds of megabytes.
  Table buffer(layout.schema);
  const auto texts = together.units(count, [&](std::size_t i) {
    const std::int64_t begin = static_cast<std::int64_t>(i) * zone_rows;
    return pack(examine(*reader, layout, {begin, std::min(begin + zone_rows, layout.rows)}, buffer));
  });
  std::vector<Zone> zones;
  for (const std::string& text : texts) zones.push_back(unpack(text, layout.schema.size()));

  check_order(zones, layout.ordering, path);  // the indexes rely on it; every rank has the same zones

  std::map<std::string, Table> groups;
  if (layout.ordering == Ordering::healpix) groups.emplace("/index/order5", order5_index(zones, layout.rows));
  if (layout.ordering == Ordering::tile) {
    const std::vector<Step> tiles = merged_tiles(zones);
    const auto packed = together.units(tiles.size(), [&](std::size_t i) {
      const RowRange rows{tiles[i].row, i + 1 < tiles.size() ? tiles[i + 1].row : layout.rows};
      const Box box = layout.roles.ra.empty() ? Box{} : box_of(*reader, layout.roles, rows);
      return std::string(reinterpret_cast<const char*>(&box), sizeof box);
    });
    std::vector<Box> boxes(tiles.size());
    for (std::size_t i = 0; i < boxes.size(); ++i) std::memcpy(&boxes[i], packed[i].data(), sizeof(Box));
    groups.emplace("/index/tile", tile_index(tiles, boxes));
  }
  for (std::size_t i = 0; i < layout.schema.size(); ++i)
    groups.emplace(zones_group(layout.schema[i].name), zone_table(zones, i, layout.schema[i].type));
  if (!layout.schema.empty()) groups.emplace(range_hashes_group, range_hashes(layout.schema, groups));
  together.first([&] { consolidate(path, layout, zones, groups); });
}

}  // namespace

void finalise_catalogue(const Ranks& ranks, const std::string& path) {
  const PhaseScope scope(ranks.clock(), Phase::consolidate);
  finalise({[&](const auto& task) { ranks.together(task); }, [&](const auto& task) { ranks.on_first_only(task); },
            [&](std::size_t count, const auto& unit) { return ranks.run_units(count, unit); }},
           path);
}

void finalise_catalogue_alone(const std::string& path) {
  const auto run = [](const std::function<void()>& task) { task(); };
  finalise({run, run,
            [](std::size_t count, const auto& unit) {
              std::vector<std::string> texts;
              for (std::size_t i = 0; i < count; ++i) texts.push_back(unit(i));
              return texts;
            }},
           path);
}

}  // namespace skyfold

// The sources of a run of patch: where their coordinates are and in which frame, sorted along the sky and cut into patches.
#include "sources.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>

#include "../common/map_sources.hpp"
#include "skyfold/catalogue/attribute_value.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/sort.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"

namespace skyfold {
namespace {

constexpr const char* row_column = "row";
constexpr double degrees = 180.0 / std::numbers::pi, box_side_deg = 10.0;

/// Columns of position, their frame and the names of the sources: as named, or the first usual ones.
void find_columns(const Schema& schema, const PatchSourceOptions& o, const std::string& path, PatchSources& sources) {
  const TableRoles roles = find_roles(schema, asked_of_sources(path, o.lon, o.lat, o.frame, o.id));
  sources.lon = roles.position->lon;
  sources.lat = roles.position->lat;
  sources.frame = roles.position->frame;
  sources.id = roles.id;
  sources.remarks = roles.guesses;
  for (const std::string& name : {sources.lon, sources.lat}) {
    const ColumnInfo& column = schema[*find_column(schema, name)];
    if (column.type == Type::text || column.width != 1)
      throw DataError(fmt::format("{}: column {} is not a column of numbers", path, name));
  }
}

/// All columns of the input, coordinates in double precision.
Table read_table(const Dataset& dataset, const PatchSources& sources) {
  Schema schema;
  for (ColumnInfo column : dataset.schema()) {
    column.source = column.name;
    std::replace(column.name.begin(), column.name.end(), '/', '_');  // a slash would be a group in HDF5
    // Made anew: in another frame it would be another.
    if (column.name == healpix_column) continue;
    if (column.source == sources.lon || column.source == sources.lat) {
      column.type = Type::f8;
      column.null = {};
      column.unit = "deg";
    }
    schema.push_back(column);
  }
  return dataset.read(schema);
}

/// Sort keys: where the sources are in ICRS.
std::vector<std::int64_t> keys_of(const Table& table, const PatchSources& sources, const std::string& path) {
  // Always ICRS, whatever frame the sources have: products of patch are catalogues like others, and can be matched.
  const FrameRotation to_icrs(sources.frame, Frame::equatorial);
  std::vector<std::int64_t> keys(table.rows());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Position position{table.at(sources.lon).number(i), table.at(sources.lat).number(i)};
    if (!is_valid(position))
      throw DataError(fmt::format("{}, row {}: {} = {}, {} = {} (a source needs a position in degrees)", path, i + 1, sources.lon,
                                  shortest(position.ra), sources.lat, shortest(position.dec)));
    if (!to_icrs.is_identity()) {
      const Angles angles = angles_of(to_icrs(vector_of(angles_of(position.ra, position.dec))));
      position = {angles.phi * degrees, 90.0 - angles.theta * degrees};
    }
    keys[i] = healpix29(position);
  }
  return keys;
}

/// Patch of a row: a HEALPix pixel, or a box of 10 x 10 degrees in the catalogue's own coordinates.
std::string patch_of(const PatchSources& sources, const PatchSourceOptions& o, std::int64_t key, std::size_t row) {
  if (o.by == "healpix") {
    const int order = order_of_nside(o.nside);
    return fmt::format("order {} pixel {}", order, pixel_of(key, order));
  }
  const auto corner = [](double degree) { return static_cast<long>(std::floor(degree / box_side_deg) * box_side_deg); };
  double lon = std::fmod(sources.table.at(sources.lon).number(row), 360.0);
  if (lon < 0.0) lon += 360.0;
  // The pole itself belongs to the last box.
  return fmt::format("box {} {:+}", corner(lon), std::min(corner(sources.table.at(sources.lat).number(row)), 80L));
}

/// A table as it is, without order.
struct SourceTable {
  PatchSources sources;
  std::vector<std::int64_t> keys;
};

SourceTable read_source_table(const PatchSourceOptions& o, const std::string& path) {
  Dataset dataset(path, o.input);
  SourceTable read;
  PatchSources& sources = read.sources;
  find_columns(dataset.schema(), o, path, sources);
  dataset.use_degrees(sources.lon, sources.lat);
  for (const LeftOut& column : dataset.source().left_out())
    sources.remarks.push_back(fmt::format("column {} is left out: {}", column.column, column.reason));
  sources.table = read_table(dataset, sources);
  // HDF5 takes a slash in a name for a path: read_table has replaced it in the columns.
  for (std::string* name : {&sources.lon, &sources.lat, &sources.id}) std::replace(name->begin(), name->end(), '/', '_');
  if (sources.table.rows() == 0) throw DataError(fmt::format("{}: no sources", path));
  read.keys = keys_of(sources.table, sources, path);
  // A product of patch that is measured again keeps the numbers of its first table.
  if (!sources.table.find(row_column)) {
    const auto row =
        sources.table.add({row_column, Type::i8, 1, "", "meta.record", "row of the source in its table, from 0"}).values<std::int64_t>();
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<std::int64_t>(i);
  }
  return read;
}

/// A column as it can hold the values of two tables; nothing for texts and numbers, or arrays of other lengths.
std::optional<ColumnInfo> common_column(const ColumnInfo& a, const ColumnInfo& b) {
  ColumnInfo both = a;
  if (a.unit != b.unit) both.unit = "";
  if (a.type == Type::text && b.type == Type::text) {
    both.width = std::max(a.width, b.width);
    return both;
  }
  if (a.type == b.type && a.width == b.width && a.null == b.null) return both;
  if (a.type == Type::text || b.type == Type::text || a.width != 1 || b.width != 1) return std::nullopt;
  both.type = Type::f8;
  both.null = {};
  return both;
}

/// The columns that all tables have; what others there are is remarked upon.
Schema common_columns(const std::vector<SourceTable>& tables, const std::vector<std::string>& paths, std::vector<std::string>& remarks) {
  Schema common;
  std::vector<std::string> lost;
  for (ColumnInfo column : tables[0].sources.table.schema()) {
    bool is_common = true;
    for (std::size_t i = 1; i < tables.size() && is_common; ++i) {
      const Column* other = tables[i].sources.table.find(column.name);
      const auto both = other == nullptr ? std::nullopt : common_column(column, other->info());
      is_common = both.has_value();
      if (both) column = *both;
    }
    is_common ? common.push_back(column) : lost.push_back(column.name);
  }
  for (const SourceTable& table : tables)
    for (const ColumnInfo& column : table.sources.table.schema())
      if (!find_column(common, column.name) && std::find(lost.begin(), lost.end(), column.name) == lost.end()) lost.push_back(column.name);
  if (!lost.empty())
    remarks.push_back(fmt::format("columns that not all of the {} tables have alike are left out: {}", paths.size(), join(lost, ", ")));
  return common;
}

/// Rows of a table whose columns may be narrower.
void put_common_rows(const Table& from, Table& to, std::size_t at) {
  for (std::size_t c = 0; c < to.columns(); ++c) {
    const Column& column = from.at(to[c].info().name);
    const ColumnInfo &old = column.info(), &now = to[c].info();
    if (old.type == now.type && old.width == now.width) {
      copy_rows(column, 0, from.rows(), to[c], at);
    } else if (now.type == Type::text) {
      const auto out = to[c].values<char>();
      for (std::size_t i = 0; i < from.rows(); ++i) {
        const std::string_view text = column.text(i);
        const auto cell = out.subspan((at + i) * now.width, now.width);
        std::fill(std::copy(text.begin(), text.end(), cell.begin()), cell.end(), '\0');
      }
    } else {
      for (std::size_t i = 0; i < from.rows(); ++i) to[c].values<double>()[at + i] = column.number(i);
    }
  }
}

void check_alike(const std::vector<SourceTable>& tables, const std::vector<std::string>& paths) {
  const PatchSources& first = tables[0].sources;
  for (std::size_t i = 1; i < tables.size(); ++i) {
    const PatchSources& other = tables[i].sources;
    if (other.lon != first.lon || other.lat != first.lat || other.frame != first.frame)
      throw UsageError(
          fmt::format("{}: positions in {}, {} ({}), but in {}, {} ({}) of {} (tables of one run must have the same; see "
                      "--columns.lon, --columns.lat and --columns.frame)",
                      paths[i], other.lon, other.lat, letter_of(other.frame), first.lon, first.lat, letter_of(first.frame), paths[0]));
  }
}

void fill_text(Column& column, const std::vector<std::int32_t>& map, const std::vector<std::string>& texts) {
  const std::size_t width = column.info().width;
  const auto out = column.values<char>();
  std::fill(out.begin(), out.end(), '\0');
  for (std::size_t i = 0; i < map.size(); ++i) {
    const std::string& text = texts[static_cast<std::size_t>(map[i])];
    std::copy(text.begin(), text.end(), out.begin() + static_cast<std::ptrdiff_t>(i * width));
  }
}

/// Says of each source which map it is measured on.
void add_own_maps(PatchSources& sources, const std::vector<OwnMap>& own) {
  std::vector<std::string> labels, units;
  std::size_t label_width = 1, unit_width = 1;
  for (const OwnMap& map : own) {
    labels.push_back(map.label), units.push_back(map.unit);
    label_width = std::max(label_width, map.label.size()), unit_width = std::max(unit_width, map.unit.size());
  }
  for (const char* name : {own_map_column, own_channel_column, own_unit_column})
    if (!known_column(sources.table.schema(), std::array{std::string(name)}).empty())
      throw UsageError(fmt::format("the tables of sources have a column {}, which the product needs for the map of each source", name));
  const auto number =
      sources.table.add({own_map_column, Type::i4, 1, "", "meta.id", "map that the source is measured on, from 1"}).values<std::int32_t>();
  for (std::size_t i = 0; i < number.size(); ++i) number[i] = sources.own_map[i] + 1;
  fill_text(sources.table.add({own_channel_column, Type::text, label_width, "", "instr.bandpass", "channel of that map"}), sources.own_map,
            labels);
  fill_text(sources.table.add({own_unit_column, Type::text, unit_width, "", "meta.unit", "unit of that map"}), sources.own_map, units);
}

/// Several tables as one, one after the other.
SourceTable join_tables(const std::vector<SourceTable>& tables, const std::vector<std::string>& paths, const std::vector<OwnMap>& own) {
  check_alike(tables, paths);
  SourceTable all;
  PatchSources& sources = all.sources;
  sources.lon = tables[0].sources.lon, sources.lat = tables[0].sources.lat, sources.frame = tables[0].sources.frame;
  for (const SourceTable& table : tables)
    for (const std::string& remark : table.sources.remarks)
      if (std::find(sources.remarks.begin(), sources.remarks.end(), remark) == sources.remarks.end()) sources.remarks.push_back(remark);
  const Schema schema = common_columns(tables, paths, sources.remarks);
  // Ids of other names are no ids of all.
  const bool have_one_id =
      std::all_of(tables.begin(), tables.end(), [&](const SourceTable& t) { return t.sources.id == tables[0].sources.id; });
  if (have_one_id && find_column(schema, tables[0].sources.id)) sources.id = tables[0].sources.id;
  std::size_t rows = 0;
  for (const SourceTable& table : tables) rows += table.keys.size();
  sources.table = Table(schema, rows);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    put_common_rows(tables[i].sources.table, sources.table, all.keys.size());
    all.keys.insert(all.keys.end(), tables[i].keys.begin(), tables[i].keys.end());
    sources.own_map.insert(sources.own_map.end(), tables[i].keys.size(), static_cast<std::int32_t>(i));
  }
  add_own_maps(sources, own);
  return all;
}

/// The column that rows are ordered by, besides their place: as named, or a usual one of tiles.
void find_ordering(PatchSources& sources, const PatchSourceOptions& o) {
  const Schema schema = sources.table.schema();
  sources.ordering = ordering_named(o.ordering);
  if (sources.ordering != Ordering::tile) refuse_idle_options("--ordering tile", {{"columns.tile", !o.tile.empty()}});
  if (sources.ordering != Ordering::attribute)
    refuse_idle_options("--ordering attribute",
                        {{"ordering.column", !o.ordering_column.empty()}, {"partition.bins", o.bins != PatchSourceOptions().bins}});
  if (sources.ordering != Ordering::healpix) refuse_idle_options("--ordering healpix", {{"partition.by", o.by != PatchSourceOptions().by}});
  if (sources.ordering == Ordering::tile) {
    sources.tile = o.tile.empty() ? known_column(schema, known_columns::tile) : o.tile;
    if (sources.tile.empty()) throw UsageError(fmt::format("{}: no column of tiles found (name it with --columns.tile)", o.paths.front()));
    if (o.tile.empty()) sources.remarks.push_back(fmt::format("guessed columns.tile = {}", sources.tile));
  }
  if (sources.ordering != Ordering::attribute && sources.ordering != Ordering::tile) return;
  if (sources.ordering == Ordering::attribute && o.ordering_column.empty())
    throw UsageError("--ordering attribute needs --ordering.column");
  const std::string name = sources.ordering == Ordering::tile ? sources.tile : o.ordering_column;
  const auto column = find_column(schema, name);
  const char* option = sources.ordering == Ordering::tile ? "--columns.tile" : "--ordering.column";
  if (!column) throw UsageError(describe_missing_column(o.paths.front(), schema, name, option));
  const bool is_text = schema[*column].type == Type::text;
  if (is_text != (sources.ordering == Ordering::tile) || (!is_text && schema[*column].width != 1))
    throw UsageError(fmt::format("{}: column {} does not hold {} (named by {})", o.paths.front(), name,
                                 sources.ordering == Ordering::tile ? "texts" : "numbers", option));
  if (sources.ordering == Ordering::attribute) sources.attribute = name;
}

/// Rows in the order of the sky, or of tiles or values and within them of the sky; what has no value comes last.
std::vector<std::size_t> order_of(const PatchSources& sources, const std::vector<std::int64_t>& keys) {
  std::vector<std::size_t> order = stable_order(keys);
  if (sources.ordering == Ordering::tile) {
    const Column& tile = sources.table.at(sources.tile);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return tile.text(a) < tile.text(b); });
  }
  if (sources.ordering == Ordering::attribute) {
    const Column& column = sources.table.at(sources.attribute);
    std::vector<AttributeValue> values;
    for (std::size_t i = 0; i < keys.size(); ++i) values.push_back(attribute_value(column, i));
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      if (std::isnan(values[a]) || std::isnan(values[b])) return !std::isnan(values[a]) && std::isnan(values[b]);
      return values[a] < values[b];
    });
  }
  return order;
}

/// Brings the sources into their order.
PatchSources ordered(SourceTable&& unordered, const PatchSourceOptions& o) {
  PatchSources sources = std::move(unordered.sources);
  find_ordering(sources, o);
  const std::vector<std::size_t> order = order_of(sources, unordered.keys);
  sources.table = gather(sources.table, order);
  const auto key =
      sources.table.add({healpix_column, Type::i8, 1, "", "pos.healpix", "nested HEALPix index at order 29"}).values<std::int64_t>();
  std::vector<std::int32_t> own(sources.own_map.size());
  for (std::size_t i = 0; i < order.size(); ++i) key[i] = unordered.keys[order[i]];
  for (std::size_t i = 0; i < own.size(); ++i) own[i] = sources.own_map[order[i]];
  sources.own_map = std::move(own);
  return sources;
}

/// Bins of the attribute, as of a catalogue that is ordered by it.
void add_bins(PatchSources& sources, const PatchSourceOptions& o) {
  const Column& column = sources.table.at(sources.attribute);
  OrderedRows rows;
  rows.rows = static_cast<std::int64_t>(sources.table.rows());
  rows.attribute = sources.attribute;
  rows.attribute_at = [&](std::int64_t row) { return attribute_value(column, static_cast<std::size_t>(row)); };
  while (rows.attribute_missing < rows.rows && std::isnan(rows.attribute_at(rows.rows - 1 - rows.attribute_missing)))
    ++rows.attribute_missing;
  rows.attribute_is_whole = is_whole(column.info().type);
  PartitionOptions partition;
  partition.by = "attribute";
  partition.column = sources.attribute;
  partition.bins = o.bins;
  sources.patches = build_partitions(rows, partition);
}

/// Cuts the sky into patches, or the tiles or the range of the attribute.
void add_patches(PatchSources& sources, const PatchSourceOptions& o) {
  if (sources.ordering == Ordering::attribute) return add_bins(sources, o);
  const Column& key = sources.table.at(healpix_column);
  std::string last;
  for (std::size_t i = 0; i < sources.table.rows(); ++i) {
    const std::string patch =
        sources.ordering == Ordering::tile ? std::string(sources.table.at(sources.tile).text(i)) : patch_of(sources, o, key.integer(i), i);
    // Sources are in the order of the sky, so those of a pixel follow each other; a box has several runs of rows, a patch each.
    if (i == 0 || patch != last) sources.patches.push_back({std::ssize(sources.patches), patch, {static_cast<std::int64_t>(i), 0}, 0.0});
    Partition& current = sources.patches.back();
    current.rows.end = static_cast<std::int64_t>(i) + 1;
    current.cost = static_cast<double>(current.rows.size());
    last = patch;
  }
}

}  // namespace

void describe(OptionSet& option, PatchSourceOptions& o) {
  option("columns.lon", o.lon, "sources' column of longitude or right ascension; empty: guessed").unit("degrees");
  option("columns.lat", o.lat, "sources' column of latitude or declination; empty: guessed").unit("degrees");
  option("columns.frame", o.frame, "frame of these columns: G, C or E; empty: by their names");
  option("columns.id", o.id, "sources' column of names or ids; empty: guessed; none: they have none");
  option("columns.tile", o.tile, "sources' column of tiles (ordering tile); empty: guessed");
  option("partition.by", o.by, "patches of sky: HEALPix pixels, or boxes of 10 x 10 degrees").one_of({"healpix", "box"}).layout();
  option("partition.nside", o.nside, "NSide of the patches").range(1, 1024).layout();
  option("partition.bins", o.bins, "patches of --ordering attribute: fixed:N, equal:N or edges:a,b,...").layout();
  option("ordering.column", o.ordering_column, "column to order by (ordering attribute)");
  describe(option, o.input);
}

double patch_side_deg(const PatchSourceOptions& o) {
  return o.by == "box" ? box_side_deg : std::sqrt(pixel_area_deg2(order_of_nside(o.nside)));
}

PatchSources read_patch_sources(const PatchSourceOptions& o, const std::vector<OwnMap>& own) {
  std::vector<SourceTable> tables;
  for (const std::string& path : o.paths) tables.push_back(read_source_table(o, path));
  PatchSources sources = ordered(own.empty() ? std::move(tables.at(0)) : join_tables(tables, o.paths, own), o);
  add_patches(sources, o);
  return sources;
}

}  // namespace skyfold

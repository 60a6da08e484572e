// The sources of a run of patch: where their coordinates are and in which frame, sorted along the sky and cut into patches.
#include "sources.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>

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
void find_columns(const Schema& schema, const PatchSourceOptions& o, PatchSources& sources) {
  if (o.lon.empty() != o.lat.empty()) throw UsageError("give both --columns.lon and --columns.lat, or none");
  RolesAsked asked{.path = o.path,
                   .lon = RoleAsked{"columns.lon", o.lon},
                   .lat = RoleAsked{"columns.lat", o.lat},
                   .frame_option = "columns.frame",
                   .id = RoleAsked{"columns.id", o.id, false},
                   .id_names = known_columns::source_name};
  if (!o.frame.empty()) asked.frame = frame_named(o.frame);
  const TableRoles roles = find_roles(schema, asked);
  sources.lon = roles.position->lon;
  sources.lat = roles.position->lat;
  sources.frame = roles.position->frame;
  sources.id = roles.id;
  sources.remarks = roles.guesses;
  for (const std::string& name : {sources.lon, sources.lat}) {
    const ColumnInfo& column = schema[*find_column(schema, name)];
    if (column.type == Type::text || column.width != 1)
      throw DataError(fmt::format("{}: column {} is not a column of numbers", o.path, name));
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

}  // namespace

void describe(OptionSet& option, PatchSourceOptions& o) {
  option("columns.lon", o.lon, "sources' column of longitude or right ascension; empty: guessed").unit("degrees");
  option("columns.lat", o.lat, "sources' column of latitude or declination; empty: guessed").unit("degrees");
  option("columns.frame", o.frame, "frame of these columns: G, C or E; empty: by their names");
  option("columns.id", o.id, "sources' column of names or ids; empty: guessed; none: they have none");
  option("partition.by", o.by, "patches of sky: HEALPix pixels, or boxes of 10 x 10 degrees").one_of({"healpix", "box"}).layout();
  option("partition.nside", o.nside, "NSide of the patches").range(1, 1024).layout();
  describe(option, o.input);
}

double patch_side_deg(const PatchSourceOptions& o) {
  return o.by == "box" ? box_side_deg : std::sqrt(pixel_area_deg2(order_of_nside(o.nside)));
}

PatchSources read_patch_sources(const PatchSourceOptions& o) {
  Dataset dataset(o.path, o.input);
  PatchSources sources;
  find_columns(dataset.schema(), o, sources);
  dataset.use_degrees(sources.lon, sources.lat);
  for (const LeftOut& column : dataset.source().left_out())
    sources.remarks.push_back(fmt::format("column {} is left out: {}", column.column, column.reason));
  Table table = read_table(dataset, sources);
  // HDF5 takes a slash in a name for a path: read_table has replaced it in the columns.
  for (std::string* name : {&sources.lon, &sources.lat, &sources.id}) std::replace(name->begin(), name->end(), '/', '_');
  if (table.rows() == 0) throw DataError(fmt::format("{}: no sources", o.path));
  const std::vector<std::int64_t> keys = keys_of(table, sources, o.path);
  const std::vector<std::size_t> order = stable_order(keys);
  sources.table = gather(table, order);
  // A product of patch that is measured again keeps the numbers of its first table.
  if (!sources.table.find(row_column)) {
    const auto row =
        sources.table.add({row_column, Type::i8, 1, "", "meta.record", "row of the source in its table, from 0"}).values<std::int64_t>();
    for (std::size_t i = 0; i < order.size(); ++i) row[i] = static_cast<std::int64_t>(order[i]);
  }
  const auto key =
      sources.table.add({healpix_column, Type::i8, 1, "", "pos.healpix", "nested HEALPix index at order 29"}).values<std::int64_t>();
  std::string last;
  for (std::size_t i = 0; i < order.size(); ++i) {
    key[i] = keys[order[i]];
    const std::string patch = patch_of(sources, o, key[i], i);
    // Sources are in the order of the sky, so those of a pixel follow each other; a box has several runs of rows, a patch each.
    if (i == 0 || patch != last) sources.patches.push_back({std::ssize(sources.patches), patch, {static_cast<std::int64_t>(i), 0}, 0.0});
    Partition& current = sources.patches.back();
    current.rows.end = static_cast<std::int64_t>(i) + 1;
    current.cost = static_cast<double>(current.rows.size());
    last = patch;
  }
  return sources;
}

}  // namespace skyfold

// A table in the order that a run would put it in, as far as partitions need it: sorted keys, counts of tiles, or sorted values. What
// import's rows.cpp does for whole rows.
#include "skyfold/dataset/planned_catalogue.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "skyfold/catalogue/attribute_value.hpp"
#include "skyfold/catalogue/catalogue.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/ids.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t block_rows = 1 << 18;

void check_ordering(const Catalogue& catalogue, const PartitionOptions& partition) {
  const Ordering wanted = ordering_for(partition);
  const CatalogueLayout& layout = catalogue.layout();
  const bool suits =
      wanted == Ordering::none || (layout.ordering == wanted && (wanted != Ordering::attribute || layout.attribute == partition.column));
  if (!suits)
    throw UsageError(
        fmt::format("{}: ordered by {}, not for partitions by {} (photoz makes the re-ordered catalogue; or import with --ordering {})",
                    catalogue.path(), name_of(layout.ordering), partition.by, name_of(wanted)));
}

/// The columns of a plain table that decide its order.
struct OrderColumns {
  std::string ra, dec, tile;  ///< "" for none
};

OrderColumns columns_of(const Dataset& table, const CatalogueInput& in, Ordering wanted) {
  RolesAsked asked{.path = in.path, .lon = RoleAsked{"catalogue.ra", in.ra, false}, .lat = RoleAsked{"catalogue.dec", in.dec, false}};
  if (wanted == Ordering::tile) asked.tile = RoleAsked{"catalogue.tile", in.tile, false};
  asked.tile_names = known_columns::likely_tile;
  const TableRoles roles = find_roles(table.schema(), asked);
  say_guesses(roles);
  OrderColumns columns;
  const bool needs_positions = wanted == Ordering::healpix || wanted == Ordering::tile || !in.ra.empty() || !in.dec.empty();
  if (roles.position)
    columns = {roles.position->lon, roles.position->lat, ""};
  else if (needs_positions)
    throw UsageError(in.path + ": no coordinates found (name them with --catalogue.ra and --catalogue.dec, this run needs them)");
  if (wanted != Ordering::tile) return columns;
  columns.tile = roles.tile;
  if (columns.tile.empty()) throw UsageError(in.path + ": no column of tile names (name it with --catalogue.tile)");
  if (table.column(columns.tile, "--catalogue.tile").type != Type::text)
    throw UsageError(fmt::format("{}: column {} cannot be the tile: not text", in.path, columns.tile));
  return columns;
}

/// Bytes of a row as import would store it.
std::size_t stored_bytes(const Schema& schema, const CatalogueInput& in, const OrderColumns& columns) {
  std::size_t bytes = 0;
  for (const ColumnInfo& column : schema) {
    if (column.name == healpix_column) continue;
    bytes += column.name == columns.ra || column.name == columns.dec ? sizeof(double) : column.bytes_per_row();
  }
  const bool has_ids = !names_no_column(in.id, schema) && (!in.id.empty() || !known_column(schema, known_columns::id).empty());
  return bytes + (has_ids ? 0 : sizeof(std::int64_t)) + (columns.ra.empty() ? 0 : sizeof(std::int64_t));
}

/// HEALPix keys of all rows, sorted.
std::vector<std::int64_t> sorted_keys(const Dataset& table, const OrderColumns& columns) {
  std::vector<std::int64_t> keys;
  keys.reserve(static_cast<std::size_t>(table.rows()));
  const Schema schema = {table.number_column(columns.ra, "--catalogue.ra"), table.number_column(columns.dec, "--catalogue.dec")};
  table.each_block(schema, block_rows, [&](const Table& rows, std::int64_t first_row) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const Position at{rows[0].number(i), rows[1].number(i)};
      if (!is_valid(at))
        throw DataError(fmt::format("{}, row {}: {} = {}, {} = {} (no position in degrees)", table.path(),
                                    first_row + static_cast<std::int64_t>(i) + 1, columns.ra, shortest(at.ra), columns.dec,
                                    shortest(at.dec)));
      keys.push_back(healpix29(at));
    }
  });
  std::ranges::sort(keys);
  return keys;
}

/// Tiles in the order of their names, with as many rows as each has.
std::vector<OrderedRows::Tile> counted_tiles(const Dataset& table, const std::string& column) {
  std::map<std::string, std::int64_t, std::less<>> counts;
  table.each_block({table.column(column, "--catalogue.tile")}, block_rows, [&](const Table& rows, std::int64_t) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const auto known = counts.find(rows[0].text(i));
      ++(known != counts.end() ? known->second : counts[std::string(rows[0].text(i))]);
    }
  });
  std::vector<OrderedRows::Tile> tiles;
  std::int64_t begin = 0;
  for (const auto& [name, count] : counts) {
    tiles.push_back({name, {begin, begin + count}});
    begin += count;
  }
  return tiles;
}

/// Values of the attribute, sorted, those that are missing last.
std::vector<AttributeValue> sorted_values(const Dataset& table, const ColumnInfo& column) {
  std::vector<AttributeValue> values;
  table.each_block({column}, block_rows, [&](const Table& rows, std::int64_t) {
    for (std::size_t i = 0; i < rows.rows(); ++i) values.push_back(attribute_value(rows[0], i));
  });
  std::ranges::sort(values, [](AttributeValue a, AttributeValue b) { return std::isnan(b) ? !std::isnan(a) : a < b; });
  return values;
}

}  // namespace

PlannedCatalogue::PlannedCatalogue(const CatalogueInput& in, const PartitionOptions& o, bool is_given) : path_(in.path), partition_(o) {
  if (!is_plain_table(in)) {
    take_catalogue(o, is_given);
    remark_idle_source(in);
  } else {
    if (!is_given) partition_.by = "rows";  // until positions are found
    take_table(in, is_given);
    if (!is_given && rows_.row_of_key) partition_.by = o.by;
  }
  if (rows() == 0) throw DataError(path_ + ": no rows");
}

void PlannedCatalogue::take_catalogue(const PartitionOptions& o, bool is_given) {
  const auto catalogue = std::make_shared<const Catalogue>(path_);
  // A catalogue that was imported by tile is cut by tile unless the user says otherwise: it would be refused for nothing.
  partition_ = suited_partition(o, is_given, catalogue->layout().ordering);
  check_ordering(*catalogue, partition_);
  rows_ = catalogue->ordered_rows();
  bytes_per_row_ = skyfold::bytes_per_row(catalogue->schema());
  held_ = catalogue;
}

void PlannedCatalogue::take_table(const CatalogueInput& in, bool is_given) {
  Dataset table(in.path, in.source);
  const Ordering wanted = ordering_for(partition_);
  const OrderColumns columns = columns_of(table, in, wanted);
  if (!columns.ra.empty()) table.use_degrees(columns.ra, columns.dec);
  bytes_per_row_ = stored_bytes(table.schema(), in, columns);
  rows_.rows = table.rows();
  if (wanted == Ordering::tile) {
    rows_.tiles = counted_tiles(table, columns.tile);
  } else if (wanted == Ordering::attribute) {
    if (partition_.column.empty()) throw UsageError("--partition.column is missing (the column whose bins are the partitions)");
    const ColumnInfo& stored = table.schema()[*find_column(table.schema(), table.column(partition_.column, "--partition.column").name)];
    const ColumnInfo column = table.number_column(partition_.column, "--partition.column", stored.type);
    const auto values = std::make_shared<const std::vector<AttributeValue>>(sorted_values(table, column));
    rows_.attribute = partition_.column;
    rows_.attribute_is_whole = is_whole(stored.type);
    rows_.attribute_missing = std::ranges::count_if(*values, [](AttributeValue value) { return std::isnan(value); });
    rows_.attribute_at = [values](std::int64_t row) { return (*values)[static_cast<std::size_t>(row)]; };
  } else if (!columns.ra.empty() && (wanted == Ordering::healpix || !is_given)) {
    const auto keys = std::make_shared<const std::vector<std::int64_t>>(sorted_keys(table, columns));
    rows_.row_of_key = [keys](std::int64_t key, RowRange within) {
      return std::lower_bound(keys->begin() + within.begin, keys->begin() + within.end, key) - keys->begin();
    };
  }
  log_info(fmt::format("{} is no catalogue: planned as import would order it", in.path));
}

std::vector<Partition> PlannedCatalogue::partitions(const PartitionOptions& o) const { return build_partitions(rows_, o); }

}  // namespace skyfold

// What a table holds: columns with their units and ranges, and of a catalogue its order and where it came from.
#include "describe.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "skyfold/catalogue/measurements.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using Json = nlohmann::ordered_json;

bool is_whole(Type type) { return type == Type::i4 || type == Type::i8 || type == Type::u1; }

/// The range of a column over all its zones, exact for whole numbers; nothing where nothing is measured.
template <class T>
void put_range(const Catalogue& catalogue, const ColumnInfo& column, const Table& zones, Json& json) {
  const auto value = [&](const char* name, std::size_t i) {
    const Column& of = zones.at(name);
    return of.info().type == Type::i8 ? static_cast<T>(of.integer(i)) : static_cast<T>(of.number(i));
  };
  for (std::size_t i = 0; i < zones.rows(); ++i) {
    const auto first = static_cast<std::int64_t>(i) * zone_rows;
    const std::int64_t values = std::min(zone_rows, catalogue.rows() - first) * static_cast<std::int64_t>(column.width);
    // Nothing is measured in this zone: its minimum and maximum mean nothing.
    if (zones.at("missing").integer(i) == values) continue;
    const T low = value("min", i), high = value("max", i);
    json["min"] = json.contains("min") ? std::min(json["min"].get<T>(), low) : low;
    json["max"] = json.contains("max") ? std::max(json["max"].get<T>(), high) : high;
  }
}

Json about(const ColumnInfo& column) {
  return {{"name", column.name}, {"type", name_of(column.type)},     {"width", column.width}, {"unit", column.unit},
          {"ucd", column.ucd},   {"description", column.description}};
}

/// Statistics of a column over all its zones.
Json column_json(const Catalogue& catalogue, const ColumnInfo& column) {
  Json json = about(column);
  const Table zones = catalogue.zone_statistics(column.name);
  std::int64_t missing = 0;
  for (std::size_t i = 0; i < zones.rows(); ++i) missing += zones.at("missing").integer(i);
  if (is_whole(column.type))
    put_range<std::int64_t>(catalogue, column, zones, json);
  else if (column.type != Type::text)
    put_range<double>(catalogue, column, zones, json);
  json["missing"] = missing;
  return json;
}

/// Rows of each group of the ordering: order-5 pixels with objects, or tiles.
std::vector<double> group_sizes(const Catalogue& catalogue) {
  std::vector<double> sizes;
  if (catalogue.layout().ordering == Ordering::tile)
    for (const auto& tile : catalogue.tiles()) sizes.push_back(static_cast<double>(tile.rows.size()));
  // Rows of a pixel are those between its entry and the next one.
  const auto& index = catalogue.order5();
  for (std::size_t i = 0; i + 1 < index.size(); ++i)
    // Pixels without objects are no partitions.
    if (index[i + 1] > index[i]) sizes.push_back(static_cast<double>(index[i + 1] - index[i]));
  return sizes;
}

Json describe_catalogue(const Catalogue& catalogue) {
  const CatalogueLayout& layout = catalogue.layout();
  Json json = {{"path", catalogue.path()},
               {"rows", layout.rows},
               {"ordering", name_of(layout.ordering)},
               {"attribute", layout.attribute},
               {"creator", layout.creator},
               {"fingerprint", catalogue.fingerprint()},
               {"roles", {{"id", layout.roles.id}, {"ra", layout.roles.ra}, {"dec", layout.roles.dec}, {"tile", layout.roles.tile}}}};
  for (const ColumnInfo& column : layout.schema) json["columns"].push_back(column_json(catalogue, column));
  const std::vector<double> sizes = group_sizes(catalogue);
  if (!sizes.empty())
    json["partitions"] = {{"of", layout.ordering == Ordering::tile ? "tile" : "HEALPix NSide 32"},
                          {"count", sizes.size()},
                          {"rows_min", *std::min_element(sizes.begin(), sizes.end())},
                          {"rows_median", median(sizes)},
                          {"rows_max", *std::max_element(sizes.begin(), sizes.end())}};
  if (has_measurements(catalogue.path())) {
    const Measurements measurements(catalogue.path());
    const std::int64_t orphans = has_orphans(catalogue.path()) ? Measurements(catalogue.path(), Measurements::Which::orphans).rows() : 0;
    const MeasurementRoles& roles = measurements.roles();
    json["measurements"] = {{"rows", measurements.rows()},
                            {"orphans", orphans},
                            {"filter", roles.filter},
                            {"time", roles.time},
                            {"id", roles.id},
                            {"ra", roles.ra},
                            {"dec", roles.dec}};
    json["measurements"]["filters"] = measurements.dictionary(roles.filter);
    for (const ColumnInfo& column : measurements.schema())
      json["measurements"]["columns"].push_back({{"name", column.name}, {"type", name_of(column.type)}, {"unit", column.unit}});
  }
  // A catalogue of another writer may have none, or one that is no JSON: it is described all the same.
  const auto provenance = nlohmann::json::parse(layout.provenance, nullptr, false);
  if (!provenance.is_discarded()) json["provenance"] = provenance;
  return json;
}

/// Range and missing values of a column whose rows are read.
struct ReadRange {
  std::int64_t missing = 0;
  std::optional<double> low, high;
  std::optional<std::int64_t> whole_low, whole_high;

  void add(const Column& column, std::size_t rows) {
    const Type type = column.info().type;
    if (type == Type::text) return;
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t element = 0; element < column.info().width; ++element) {
        const double value = column.number(row, element);
        if (std::isnan(value))
          ++missing;
        else if (is_whole(type))
          widen(whole_low, whole_high, column.integer(row, element));  // a double would round it beyond 2^53
        else
          widen(low, high, value);
      }
  }
  void put(Json& json) const {
    if (low) json["min"] = *low, json["max"] = *high;
    if (whole_low) json["min"] = *whole_low, json["max"] = *whole_high;
    json["missing"] = missing;
  }

 private:
  template <class T>
  static void widen(std::optional<T>& low, std::optional<T>& high, T value) {
    low = low ? std::min(*low, value) : value;
    high = high ? std::max(*high, value) : value;
  }
};

Json describe_foreign(const Dataset& dataset) {
  Json json = {{"path", dataset.path()}, {"rows", dataset.rows()}, {"columns", Json::array()}};
  // Other programs' files have no statistics, or none that can be trusted: all rows are read, once.
  std::vector<ReadRange> ranges(dataset.schema().size());
  Schema columns;
  for (const ColumnInfo& column : dataset.schema()) columns.push_back(dataset.column(column.name, ""));
  // A table of others has no index, so all of it is read, once for all columns.
  dataset.each_block(columns, zone_rows, [&](const Table& rows, std::int64_t) {
    for (std::size_t i = 0; i < ranges.size(); ++i) ranges[i].add(rows[i], rows.rows());
  });
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    json["columns"].push_back(about(dataset.schema()[i]));
    ranges[i].put(json["columns"].back());
  }
  for (const LeftOut& left_out : dataset.source().left_out())
    json["left_out"].push_back({{"name", left_out.column}, {"reason", left_out.reason}});
  return json;
}

}  // namespace

Json describe_table(const Dataset& dataset) {
  return dataset.catalogue() ? describe_catalogue(*dataset.catalogue()) : describe_foreign(dataset);
}

}  // namespace skyfold

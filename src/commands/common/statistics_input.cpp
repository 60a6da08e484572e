// What all statistics of measurements begin with: the catalogue, which measurements count, and which columns say what an object is.
#include "statistics_input.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/catalogue_input.hpp"

namespace skyfold {
namespace {

Catalogue open_catalogue(const std::string& path) {
  const Attributes attributes = read_attributes(path);
  if (!is_catalogue(attributes))
    throw DataError(path + ": is no catalogue of skyfold (import makes one, and import --measurements adds to it)");
  require_objects(path, attributes);
  return Catalogue(path, attributes);
}

bool has_positions(const Catalogue& catalogue, const CurveSetup& setup) {
  const CatalogueLayout& layout = catalogue.layout();
  const auto is_number = [&](const std::string& name) {
    const auto column = find_column(layout.schema, name);
    return column && layout.schema[*column].type != Type::text;
  };
  return !setup.reader.columns().ra.empty() && is_number(layout.roles.ra) && is_number(layout.roles.dec);
}

Schema copied_columns(const CatalogueLayout& layout) {
  Schema copied;
  for (const std::string& name :
       {layout.roles.id, layout.roles.ra, layout.roles.dec, layout.roles.tile, layout.attribute, std::string(healpix_column)})
    if (const auto column = find_column(layout.schema, name); column && !find_column(copied, name))
      copied.push_back(layout.schema[*column]);
  return copied;
}

}  // namespace

StatisticsInput::StatisticsInput(const std::string& path, const CurveOptions& curves, const ObjectStatisticsOptions& statistics)
    : catalogue(open_catalogue(path)),
      measurements(path),
      setup(curve_setup(measurements, curves)),
      objects(object_options(statistics, setup, has_positions(catalogue, setup))),
      copied(copied_columns(catalogue.layout())) {}

double StatisticsInput::measurements_per_object() const noexcept {
  return static_cast<double>(measurements.rows()) / static_cast<double>(std::max<std::int64_t>(catalogue.rows(), 1));
}

void StatisticsInput::report() const {
  for (const std::string& line : setup.guesses) log_info(line);
  log_info(fmt::format("{}: {} objects, {} measurements, filters {}", measurements.path(), grouped(catalogue.rows()),
                       grouped(measurements.rows()), join(setup.filters, ", ")));
}

void require_different_names(const Schema& product, const std::string& catalogue) {
  std::vector<std::string> names;
  for (const ColumnInfo& column : product) {
    if (std::ranges::find(names, lower(column.name)) != names.end())
      throw UsageError(fmt::format("{}: the product would have two columns {} (filters or columns of objects are called alike)", catalogue,
                                   column.name));
    names.push_back(lower(column.name));
  }
}

}  // namespace skyfold

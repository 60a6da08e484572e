// The spectroscopic side of a match: a sample made by spec, or any table of positions and redshifts.
#include "spec_sample.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <numeric>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/sky/healpix.hpp"

namespace skyfold {
namespace {

Table read_product(const std::string& path) {
  Table sample = read_columns(path, "/object");
  // All that is used below, so that a file that only claims to be of spec is told by its first missing column.
  for (const char* name : {"id", "ra", "dec", "z", "z_err", "quality", "survey", "class", "group_size", "group_id"})
    if (!sample.find(name)) throw DataError(fmt::format("{}: no column {} (which spec makes)", path, name));
  return sample;
}

/// Columns of a plain table.
struct PlainColumns {
  std::string ra, dec, z, id;  ///< id "" for row numbers
};

PlainColumns columns_of(const MatchOptions& o, const Dataset& dataset, bool is_told) {
  const TableRoles roles = find_roles(dataset.schema(), {.path = o.spec,
                                                         .lon = RoleAsked{"spec.ra", o.spec_ra},
                                                         .lat = RoleAsked{"spec.dec", o.spec_dec},
                                                         .redshift = RoleAsked{"spec.z", o.spec_z},
                                                         .quality = RoleAsked{"quality", "", false}});
  std::vector<std::string> lines;
  const PlainColumns columns{roles.position->lon, roles.position->lat, roles.redshift,
                             whole_id_column(dataset, {"id", ""}, known_columns::target_id, lines)};
  if (!is_told) return columns;
  for (const std::string& line : lines) log_info(line);
  log_info(
      fmt::format("{} is a plain table: positions {} and {}, redshifts {}, ids {}; qualities and classes are unknown (spec tells them)",
                  o.spec, columns.ra, columns.dec, columns.z, columns.id.empty() ? "row numbers" : columns.id));
  // A warning and not a guess: what the numbers of a quality mean differs from survey to survey.
  if (!roles.quality.empty())
    log_warning(
        fmt::format("{}: column {} may tell which redshifts are good, and is not looked at (spec does that)", o.spec, roles.quality));
  return columns;
}

/// As the sample of spec, with what a table without qualities can tell.
Table empty_sample(std::size_t rows, const std::string& survey) {
  Table sample({{"id", Type::i8, 1, "", "meta.id;meta.main", "id of the object in its table"},
                {"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension (ICRS)"},
                {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination (ICRS)"},
                {"z", Type::f8, 1, "", "src.redshift", "spectroscopic redshift"},
                {"z_err", Type::f4, 1, "", "stat.error;src.redshift", "standard deviation of the redshift; NaN where not known"},
                {"quality", Type::i4, 1, "", "meta.code.qual", "quality of the redshift, 0 to 4 (4: trusted)"},
                {"survey", Type::text, std::max<std::size_t>(1, survey.size()), "", "meta.id", "table of the measurement"},
                {"class", Type::text, 6, "", "src.class", "galaxy, star or qso"},
                {"group_size", Type::i4, 1, "", "meta.number", "measurements of the object"},
                {"group_id", Type::i8, 1, "", "meta.id", "row of the object in its table, from 0"}},
               rows);
  std::ranges::fill(sample.at("z_err").values<float>(), std::numeric_limits<float>::quiet_NaN());
  // 0 is "not known" for spec, too: no cut on quality lets such objects pass.
  std::ranges::fill(sample.at("quality").values<std::int32_t>(), 0);
  std::ranges::fill(sample.at("class").values<char>(), '\0');
  std::ranges::fill(sample.at("group_size").values<std::int32_t>(), 1);
  const auto group = sample.at("group_id").values<std::int64_t>();
  std::iota(group.begin(), group.end(), std::int64_t{0});
  const auto names = sample.at("survey").values<char>();
  for (std::size_t row = 0; row < rows; ++row) std::ranges::copy(survey, names.begin() + static_cast<std::ptrdiff_t>(row * survey.size()));
  return sample;
}

Table read_plain(const MatchOptions& o, bool is_told) {
  Dataset dataset(o.spec, o.catalogue.source);
  const PlainColumns columns = columns_of(o, dataset, is_told);
  dataset.use_degrees(columns.ra, columns.dec);
  Schema schema = {dataset.number_column(columns.ra, "--spec.ra"), dataset.number_column(columns.dec, "--spec.dec"),
                   dataset.number_column(columns.z, "--spec.z")};
  if (!columns.id.empty() && find_column(schema, columns.id))
    throw UsageError(o.spec + ": one column is named for two of ra, dec, z and id");
  if (!columns.id.empty()) schema.push_back(dataset.number_column(columns.id, "", Type::i8));
  const Table table = dataset.read(schema);
  if (table.rows() == 0) throw DataError(o.spec + ": no rows");
  Table sample = empty_sample(table.rows(), std::filesystem::path(o.spec).stem().string());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const double z = table[2].number(row);
    if (!(z > -1.0 && z <= 20.0))
      throw DataError(fmt::format("{}, row {}, column {}: {} is no redshift (spec leaves out those of bad quality)", o.spec, row + 1,
                                  columns.z, shortest(z)));
    if (!columns.id.empty() && table[3].info().null == table[3].integer(row))
      throw DataError(fmt::format("{}, row {}, column {}: no id", o.spec, row + 1, columns.id));
    Position at{table[0].number(row), table[1].number(row)};
    // Into 0 to 360, as the sample of spec has it; what is no position is told below, with its row.
    if (is_valid(at)) at.ra = at.ra < 0.0 ? at.ra + 360.0 : at.ra >= 360.0 ? at.ra - 360.0 : at.ra;
    sample.at("ra").values<double>()[row] = at.ra;
    sample.at("dec").values<double>()[row] = at.dec;
    sample.at("z").values<double>()[row] = z;
    sample.at("id").values<std::int64_t>()[row] = columns.id.empty() ? static_cast<std::int64_t>(row) : table[3].integer(row);
  }
  return sample;
}

}  // namespace

Table read_spectroscopic_sample(const MatchOptions& o, bool is_told) {
  require_class(o.spec, {product_class::spectroscopic_sample, ""}, "spec");
  const bool is_plain = class_of(o.spec).empty();
  if (!is_plain)
    refuse_idle_options("a plain table as --spec",
                        {{"spec.ra", !o.spec_ra.empty()}, {"spec.dec", !o.spec_dec.empty()}, {"spec.z", !o.spec_z.empty()}});
  Table sample = is_plain ? read_plain(o, is_told) : read_product(o.spec);
  const auto ra = sample.at("ra").values<double>(), dec = sample.at("dec").values<double>();
  for (std::size_t i = 0; i < ra.size(); ++i)
    if (!is_valid({ra[i], dec[i]}))
      throw DataError(fmt::format("{}, row {}: ra = {}, dec = {} (no position in degrees)", o.spec, i + 1, ra[i], dec[i]));
  return sample;
}

}  // namespace skyfold

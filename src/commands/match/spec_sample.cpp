// The spectroscopic side of a match: a sample made by spec, or any table of positions and redshifts.
#include "spec_sample.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/table/algebra.hpp"

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

/// What products of skyfold may know of a redshift, under the names that samples have.
constexpr std::array known_of_redshifts = {"z_err", "quality", "survey", "class", "group_size"};

/// Those columns of a product that mean what their names say, with the types of a sample; none of a table of another program.
Schema known_columns_of(const Dataset& dataset, const std::string& product_class, const Table& sample) {
  Schema known;
  for (const char* name : known_of_redshifts) {
    const auto there = find_column(dataset.schema(), name);
    if (product_class.empty() || !there) continue;
    const ColumnInfo &theirs = dataset.schema()[*there], &ours = sample.at(name).info();
    if (theirs.type != ours.type || (theirs.width != 1 && theirs.type != Type::text)) continue;
    known.push_back(theirs);
  }
  return known;
}

PlainColumns columns_of(const MatchOptions& o, const Dataset& dataset, const std::string& product_class, bool is_told) {
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
  log_info(fmt::format(
      "{} is a {}: positions {} and {}, redshifts {}, ids {}; {}", o.spec,
      product_class.empty() ? "plain table" : "product of class " + product_class, columns.ra, columns.dec, columns.z,
      columns.id.empty() ? "row numbers" : columns.id,
      product_class.empty() ? "qualities and classes are unknown (spec tells them)" : "qualities and classes are taken where it has them"));
  // A warning and not a guess: what the numbers of a quality mean differs from survey to survey.
  if (!roles.quality.empty() && product_class.empty())
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
  const auto names = sample.at("survey").values<char>();
  for (std::size_t row = 0; row < rows; ++row) std::ranges::copy(survey, names.begin() + static_cast<std::ptrdiff_t>(row * survey.size()));
  return sample;
}

/// Columns of a table to be read: position, redshift and, where there is one, id.
Schema columns_to_read(const MatchOptions& o, const Dataset& dataset, const PlainColumns& columns) {
  Schema schema = {dataset.number_column(columns.ra, "--spec.ra"), dataset.number_column(columns.dec, "--spec.dec"),
                   dataset.number_column(columns.z, "--spec.z")};
  if (!columns.id.empty() && find_column(schema, columns.id))
    throw UsageError(o.spec + ": one column is named for two of ra, dec, z and id");
  if (!columns.id.empty()) schema.push_back(dataset.number_column(columns.id, "", Type::i8));
  return schema;
}

/// Rows that are spectroscopic objects: of a catalogue those with a redshift, of another table all.
std::vector<std::size_t> rows_with_redshift(const MatchOptions& o, const Table& table, const std::string& z_column, bool may_lack,
                                            bool is_told) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const double z = table[2].number(row);
    if (may_lack && std::isnan(z)) continue;
    if (!(z > -1.0 && z <= 20.0))
      throw DataError(fmt::format("{}, row {}, column {}: {} is no redshift (spec leaves out those of bad quality)", o.spec, row + 1,
                                  z_column, shortest(z)));
    rows.push_back(row);
  }
  if (rows.empty()) throw DataError(fmt::format("{}: {}", o.spec, table.rows() == 0 ? "no rows" : "no row has a redshift"));
  if (is_told && rows.size() < table.rows())
    log_info(fmt::format("{}: {} of {} objects have a redshift in {}; the others are left out", o.spec,
                         grouped(static_cast<long long>(rows.size())), grouped(static_cast<long long>(table.rows())), z_column));
  return rows;
}

/// The sample with some columns in place of its own: rows of `known` by number.
Table with_columns(const Table& sample, const Table& known, const std::vector<std::size_t>& rows) {
  Schema schema = sample.schema();
  for (ColumnInfo& column : schema)
    if (const Column* const theirs = known.find(column.name)) column.width = theirs->info().width;
  Table all(schema, rows.size());
  for (std::size_t c = 0; c < all.columns(); ++c) {
    if (const Column* const theirs = known.find(schema[c].name))
      gather_rows(*theirs, rows, all[c]);
    else
      copy_rows(sample[c], 0, rows.size(), all[c], 0);
  }
  return all;
}

Table read_table(const MatchOptions& o, const std::string& product_class, bool is_told) {
  Dataset dataset(o.spec, o.catalogue.source);
  const PlainColumns columns = columns_of(o, dataset, product_class, is_told);
  dataset.use_degrees(columns.ra, columns.dec);
  const Table table = dataset.read(columns_to_read(o, dataset, columns));
  const std::vector<std::size_t> rows = rows_with_redshift(o, table, columns.z, !product_class.empty(), is_told);
  Table sample = empty_sample(rows.size(), std::filesystem::path(o.spec).stem().string());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row = rows[i];
    if (!columns.id.empty() && table[3].info().null == table[3].integer(row))
      throw DataError(fmt::format("{}, row {}, column {}: no id", o.spec, row + 1, columns.id));
    Position at{table[0].number(row), table[1].number(row)};
    if (!is_valid(at))
      throw DataError(fmt::format("{}, row {}: ra = {}, dec = {} (no position in degrees)", o.spec, row + 1, at.ra, at.dec));
    // Into 0 to 360, as the sample of spec has it.
    at.ra = at.ra < 0.0 ? at.ra + 360.0 : at.ra >= 360.0 ? at.ra - 360.0 : at.ra;
    sample.at("ra").values<double>()[i] = at.ra;
    sample.at("dec").values<double>()[i] = at.dec;
    sample.at("z").values<double>()[i] = table[2].number(row);
    sample.at("id").values<std::int64_t>()[i] = columns.id.empty() ? static_cast<std::int64_t>(row) : table[3].integer(row);
    sample.at("group_id").values<std::int64_t>()[i] = static_cast<std::int64_t>(row);
  }
  const Schema known = known_columns_of(dataset, product_class, sample);
  return known.empty() ? sample : with_columns(sample, dataset.read(known), rows);
}

}  // namespace

Table read_spectroscopic_sample(const MatchOptions& o, bool is_told) {
  const std::string is = class_of(o.spec);
  const bool is_sample = is == product_class::spectroscopic_sample;
  if (is_sample)
    refuse_idle_options("a --spec that spec has not made",
                        {{"spec.ra", !o.spec_ra.empty()}, {"spec.dec", !o.spec_dec.empty()}, {"spec.z", !o.spec_z.empty()}});
  Table sample = is_sample ? read_product(o.spec) : read_table(o, is, is_told);
  const auto ra = sample.at("ra").values<double>(), dec = sample.at("dec").values<double>();
  for (std::size_t i = 0; i < ra.size(); ++i)
    if (!is_valid({ra[i], dec[i]}))
      throw DataError(fmt::format("{}, row {}: ra = {}, dec = {} (no position in degrees)", o.spec, i + 1, ra[i], dec[i]));
  return sample;
}

}  // namespace skyfold

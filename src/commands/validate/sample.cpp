// The sample that models are judged with: known redshifts, ids, weights, a magnitude for bins, and the columns that the models need.
// Every rank reads it whole.
#include "sample.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/repeated_ids.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/io/ids.hpp"
#include "skyfold/registry/process.hpp"
#include "skyfold/table/known_columns.hpp"

namespace skyfold {
namespace {

constexpr std::int64_t rows_per_piece = 1 << 20;
constexpr double largest_redshift = 100.0;  // sentinels such as 999 are no redshifts

bool is_integer(Type type) { return type == Type::i8 || type == Type::i4 || type == Type::u1; }

/// Bands as the user calls them, as the model does, or in one of the usual ways; none when none fits: the models may need none, and bins
/// of magnitude are left out.
TableRoles bands_of(const ValidateOptions& o, const Schema& schema, const PhotozModel* model, const FluxScale& scale,
                    const std::string& path) {
  const bool is_named = !o.bands.magnitude.empty() || !o.bands.error.empty() || scale.is_set();
  BandOptions bands;
  if (is_named) {
    if (model) bands = model->bands;
    bands.limits.clear();
    if (!o.bands.magnitude.empty()) bands.magnitude = o.bands.magnitude;
    if (!o.bands.error.empty()) bands.error = o.bands.error;
    if (scale.is_set()) bands.magnitude = scale.flux, bands.error = scale.flux_error;
    if (bands.bands.empty() && !bands.magnitude.empty()) bands.bands = bands_named(bands.magnitude, schema);
    if (bands.bands.empty() && !bands.magnitude.empty())
      throw UsageError(
          fmt::format("{}: no column is called as --bands.magnitude = {} says, for any of the usual bands", path, bands.magnitude));
  }
  return find_roles(schema, {.path = path, .magnitude = RoleAsked{"bands.magnitude", bands.magnitude, is_named}, .bands = bands});
}

std::string number_column(const Schema& schema, const std::string& name, const std::string& option, const std::string& path) {
  const auto found = find_column(schema, name);
  if (!found) throw UsageError(fmt::format("{}: no column '{}' (named by --{})", path, name, option));
  if (schema[*found].type == Type::text || schema[*found].width != 1)
    throw DataError(fmt::format("{}: column {} is not a column of numbers (named by --{})", path, name, option));
  return name;
}

std::string redshift_column(const ValidateOptions& o, const Schema& schema, const PhotozModel* model, const TableRoles& bands,
                            const std::string& path) {
  RoleAsked asked{"redshift", o.redshift};
  // In surveys whose band z is a column z, that is not the redshift, whatever a model was trained with.
  const auto is_magnitude = [&](const std::string& name) { return std::ranges::count(bands.columns.magnitude, name) > 0; };
  // The name that the model was trained with goes before a guess: a sample may have photometric redshifts under a more usual name.
  if (asked.given.empty() && model && find_column(schema, model->redshift) && !is_magnitude(model->redshift)) asked.given = model->redshift;
  RolesAsked roles{.path = path, .bands = bands.bands, .redshift = asked};
  if (!bands.columns.magnitude.empty()) roles.magnitude = RoleAsked{"bands.magnitude", bands.bands.magnitude};
  return number_column(schema, find_roles(schema, roles).redshift, "redshift", path);
}

std::string id_column(const ValidateOptions& o, const Schema& schema, const std::string& path) {
  if (names_no_column(o.id, schema)) return "";
  const std::string name = o.id.empty() ? known_column(schema, known_columns::id) : o.id;
  const auto found = find_column(schema, name);
  // Without ids the rows are numbered, which serves for models; tables of estimates are refused without ids, in validate.cpp.
  if (!found && o.id.empty()) return "";
  if (!found) throw UsageError(fmt::format("{}: no column '{}' (named by --id)", path, name));
  if (is_integer(schema[*found].type) && schema[*found].width == 1) return name;
  const bool is_real = (schema[*found].type == Type::f8 || schema[*found].type == Type::f4) && schema[*found].width == 1;
  if (is_real && !o.id.empty()) return name;  // each is checked to be whole as it is read
  if (o.id.empty())
    log_info(fmt::format("column {} is not used as ids: it is not a column of whole numbers{}", name,
                         is_real ? " (--id names it all the same)" : ""));
  if (o.id.empty()) return "";
  throw DataError(fmt::format("{}: column {} is not a column of whole numbers (named by --id)", path, name));
}

std::string magnitude_column(const ValidateOptions& o, const Schema& schema, const BandOptions& bands,
                             const std::vector<std::string>& magnitudes, const std::string& path) {
  if (o.magnitude == no_column) return "";
  if (!o.magnitude.empty()) return number_column(schema, o.magnitude, "magnitude", path);
  if (magnitudes.empty()) return "";
  const auto i_band = std::find(bands.bands.begin(), bands.bands.end(), "i");
  return i_band != bands.bands.end() ? magnitudes[static_cast<std::size_t>(i_band - bands.bands.begin())]
                                     : magnitudes[magnitudes.size() / 2];
}

/// The columns to read, each once, with a type that holds its values.
Schema columns_to_read(const Schema& schema, const ValidationSample& sample, const std::vector<std::string>& needed,
                       const std::string& path) {
  Schema columns;
  std::vector<std::string> names = needed;
  // After those that the models need, which may be among them: a column that has two roles is read once.
  for (const std::string& name : {sample.redshift, sample.id, sample.weight, sample.magnitude})
    if (!name.empty()) names.push_back(name);
  for (const std::string& name : names) {
    if (find_column(columns, name)) continue;
    const auto found = find_column(schema, name);
    if (!found) throw DataError(fmt::format("{}: no column {} (all samples must have the same columns)", path, name));
    ColumnInfo column = schema[*found];
    column.source = name;
    if (name == sample.id) column.type = Type::i8;
    columns.push_back(column);
  }
  return columns;
}

/// @param path, begin  the file of the rows, and where they begin in it
void append(const Table& rows, const std::string& path, std::int64_t begin, const std::vector<std::string>& needed,
            ValidationSample& sample) {
  const std::size_t first = sample.size();
  const auto numbers = [&](const std::string& name, std::vector<double>& values) {
    if (name.empty()) return;
    const Column& column = rows.at(name);
    for (std::size_t i = 0; i < rows.rows(); ++i) values.push_back(column.number(i));
  };
  numbers(sample.redshift, sample.z_spec);
  numbers(sample.weight, sample.weights);
  numbers(sample.magnitude, sample.magnitudes);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    // Numbered over all files, so that no two rows have one number.
    sample.ids.push_back(sample.id.empty() ? static_cast<std::int64_t>(first + i) : rows.at(sample.id).integer(i));
    if (!sample.id.empty() && rows.at(sample.id).info().null == sample.ids.back())
      throw DataError(fmt::format("{}, row {}, column {}: no id", path, begin + static_cast<std::int64_t>(i) + 1, sample.id));
  }
  sample.photometry.resize(first + rows.rows());
  for (const std::string& name : needed) {
    const Column& from = rows.at(name);
    // As bytes, in the type of the column: corrections and models see what they would see in photoz, to the last bit.
    const auto place = static_cast<std::ptrdiff_t>(first * from.info().bytes_per_row());
    std::ranges::copy(from.bytes(), sample.photometry.at(name).bytes().begin() + place);
  }
}

/// An object that occurs twice has the same photometry in both rows, as far as that is read.
void check_ids(const ValidationSample& sample) {
  // Bytes and not numbers are compared: two NaNs are the same, and the type does not matter.
  const auto has_same = [](const Column& column, std::size_t a, std::size_t b) {
    const std::size_t width = column.info().bytes_per_row();
    return std::ranges::equal(column.bytes().subspan(a * width, width), column.bytes().subspan(b * width, width));
  };
  const auto is_same_object = [&](std::size_t a, std::size_t b) {
    for (std::size_t c = 0; c < sample.photometry.columns(); ++c)
      if (!has_same(sample.photometry[c], a, b)) return false;
    if (!sample.magnitudes.empty())
      return std::bit_cast<std::uint64_t>(sample.magnitudes[a]) == std::bit_cast<std::uint64_t>(sample.magnitudes[b]);
    return sample.photometry.columns() > 0 || sample.z_spec[a] == sample.z_spec[b];
  };
  check_repeated_ids(sample.ids, is_same_object, fmt::format("{}, column {}", sample.paths.front(), sample.id));
}

void mark_usable(const ValidateOptions& o, ValidationSample& sample) {
  for (double& magnitude : sample.magnitudes)
    if (!(std::abs(magnitude) <= 90.0)) magnitude = std::numeric_limits<double>::quiet_NaN();  // sentinels, as everywhere
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const bool has_z = sample.z_spec[i] > -1.0 && sample.z_spec[i] <= largest_redshift;
    const bool has_weight = sample.weights.empty() || (sample.weights[i] > 0.0 && std::isfinite(sample.weights[i]));
    const bool is_within = has_z && sample.z_spec[i] >= o.z_min && sample.z_spec[i] <= o.z_max;
    sample.is_usable.push_back(is_within && has_weight);
    sample.no_z_spec += !has_z;
    sample.cut += has_z && !is_within;
    sample.no_weight += is_within && !has_weight;
    sample.usable += is_within && has_weight;
  }
}

}  // namespace

Schema sample_schema(const ValidateOptions& o) {
  const std::vector<std::string> paths = input_files(o.sample);
  for (const std::string& path : paths)
    // The empty class stands for tables of others; a model or a product without redshifts is refused before it is opened.
    require_class(path, {"", product_class::training_set, product_class::spectroscopic_sample, product_class::catalogue}, "sample");
  return Dataset(paths.front(), o.source).schema();
}

ValidationSample sample_columns(const ValidateOptions& o, const Schema& schema, const PhotozModel* model, const FluxScale& scale) {
  ValidationSample sample;
  sample.paths = input_files(o.sample);
  const std::string& path = sample.paths.front();
  const TableRoles bands = bands_of(o, schema, model, scale, path);
  sample.redshift = redshift_column(o, schema, model, bands, path);
  sample.id = id_column(o, schema, path);
  sample.weight = o.weight.empty() ? known_column(schema, known_columns::weight) : o.weight == no_column ? "" : o.weight;
  if (!sample.weight.empty()) number_column(schema, sample.weight, "weight", path);
  sample.magnitude = magnitude_column(o, schema, bands.bands, bands.columns.magnitude, path);
  log_info(fmt::format("known redshifts {}, ids {}, weights {}, bins of {}", sample.redshift, sample.id.empty() ? "row numbers" : sample.id,
                       sample.weight.empty() ? "none" : sample.weight, sample.magnitude.empty() ? "no magnitude" : sample.magnitude));
  return sample;
}

void read_sample(const ValidateOptions& o, const std::vector<std::string>& needed, ValidationSample& sample) {
  Schema columns;  // the first file's types: others are converted to them
  for (const std::string& path : sample.paths) {
    const Dataset dataset(path, o.source);
    const Schema here = columns_to_read(dataset.schema(), sample, needed, path);
    sample.has_copies |= find_column(dataset.schema(), copy_column).has_value();
    if (columns.empty()) {
      columns = here;
      for (const std::string& name : needed) sample.photometry.add(columns[*find_column(columns, name)]);
    }
    dataset.each_block(columns, rows_per_piece, [&](const Table& rows, std::int64_t begin) { append(rows, path, begin, needed, sample); });
  }
  // Weighted samples repeat objects on purpose and say so by their column of copies.
  if (!sample.id.empty() && !sample.has_copies) check_ids(sample);
  mark_usable(o, sample);
  if (sample.size() == 0) throw DataError(fmt::format("{}: no rows", sample.paths.front()));
  if (sample.usable == 0)
    throw DataError(fmt::format("{}: none of {} objects has a known redshift in column {} ({} to {}){}", sample.paths.front(),
                                grouped(std::ssize(sample.ids)), sample.redshift, shortest(o.z_min), shortest(o.z_max),
                                sample.no_weight > 0 ? " and a positive weight" : ""));
}

}  // namespace skyfold

// Known redshifts beside the PDFs: a weighted training sample, and n(z) of other origin to compare with.
#include "training.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/dataset.hpp"
#include "skyfold/dataset/roles.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"
#include "skyfold/table/known_columns.hpp"

namespace skyfold {
namespace {

constexpr const char *redshift_name = "its redshift", *id_name = "its id";  // no column of a table is called so

ColumnInfo number(const Dataset& dataset, const std::string& name, const std::string& named_by) {
  ColumnInfo column = dataset.number_column(name, named_by);
  column.source = name;
  return column;
}

void take(const Table& table, const NzOptions& o, const nz::TomographicBins& bins, std::int64_t first_row, nz::TrainingObjects& objects) {
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const double z = table[0].number(i), weight = table[1].number(i);
    if (!(weight >= 0.0) || !std::isfinite(weight))
      throw DataError(fmt::format("{}, row {}, column {}: {} (weights are numbers >= 0)", o.training,
                                  first_row + static_cast<std::int64_t>(i) + 1, o.training_weight, shortest(weight)));
    const std::int64_t id = table.columns() > 3 ? table[3].integer(i) : first_row + static_cast<std::int64_t>(i);
    objects.key.push_back(validation::bootstrap_key(static_cast<std::uint64_t>(o.seed), id));
    objects.bin.push_back(z > 0.0 ? bins.bin_of(table[2].number(i)) : -1);
    objects.weight.push_back(weight);
    objects.z.push_back(z);
  }
}

/// Balls that reach to the N-th neighbour among the objects of the same bin, where that is known, else among all.
nz::BallsOfBins balls_of(const NzOptions& o, const nz::TomographicBins& bins, const nz::TrainingObjects& objects,
                         std::span<const double> points, int threads) {
  const std::size_t dimensions = o.training_space.size(), neighbours = static_cast<std::size_t>(o.training_neighbours);
  nz::BallsOfBins result;
  for (std::size_t b = 0; b < bins.size(); ++b) {
    std::vector<std::uint32_t> rows;
    std::vector<double> places;
    for (std::uint32_t i = 0; i < objects.z.size(); ++i) {
      if (!objects.bin.empty() && objects.bin[i] != static_cast<int>(b)) continue;
      rows.push_back(i);
      places.insert(places.end(), &points[i * dimensions], &points[i * dimensions] + dimensions);
    }
    if (rows.size() <= neighbours)
      throw DataError(fmt::format("{}: {} objects with a redshift in bin {} ({}) (balls that reach to neighbour {} need more)", o.training,
                                  rows.size(), b + 1, bins.label(b), neighbours));
    const bool is_shared = objects.bin.empty() && b > 0;
    result.balls.push_back(is_shared ? result.balls.front() : std::make_shared<TrainingBalls>(places, dimensions, neighbours, threads));
    result.rows.push_back(std::move(rows));
  }
  return result;
}

/// Redshift, id and, where the sample has its column, the bin of the objects with a redshift, and their places in the space.
NzTraining read_in_space(const NzOptions& o, const nz::TomographicBins& bins, const Dataset& dataset, Schema columns, int threads) {
  const auto add = [&](const std::string& name) {
    if (find_column(columns, name)) return;
    columns.push_back(dataset.schema()[*find_column(dataset.schema(), name)]);
    columns.back().source = name;
  };
  std::vector<NumberExpression> space;
  for (const std::string& text : o.training_space)
    for (const std::string& name : space.emplace_back(text, dataset.schema(), "--training.space").columns()) add(name);
  const bool has_id = find_column(columns, id_name).has_value(), has_bin = find_column(dataset.schema(), bins.column).has_value();
  if (has_bin) add(bins.column);
  NzTraining training;
  nz::TrainingObjects& objects = training.objects;
  std::vector<double> points;
  dataset.each_block(columns, 65'536, [&](const Table& table, std::int64_t first_row) {
    const std::vector<double> places = points_of(space, table);
    for (std::size_t i = 0; i < table.rows(); ++i) {
      const double z = table[0].number(i);
      if (!(z > 0.0)) continue;
      const std::int64_t id = has_id ? table.at(id_name).integer(i) : first_row + static_cast<std::int64_t>(i);
      objects.key.push_back(validation::bootstrap_key(static_cast<std::uint64_t>(o.seed), id));
      objects.z.push_back(z);
      if (has_bin) objects.bin.push_back(bins.bin_of(table.at(bins.column).number(i)));
      points.insert(points.end(), &places[i * space.size()], &places[i * space.size()] + space.size());
    }
  });
  training.balls = balls_of(o, bins, objects, points, threads);
  training.has_ids = has_id;
  return training;
}

}  // namespace

std::vector<double> points_of(std::span<const NumberExpression> space, const Table& table) {
  std::vector<double> points(table.rows() * space.size()), values(table.rows());
  for (std::size_t k = 0; k < space.size(); ++k) {
    space[k].evaluate(table, 0, values);
    for (std::size_t i = 0; i < values.size(); ++i) points[i * space.size() + k] = values[i];
  }
  return points;
}

void require_all_bins(const NzOptions& o, const nz::TomographicBins& bins, const nz::TrainingObjects& objects) {
  std::vector<double> weights(bins.size(), 0.0);
  for (std::size_t i = 0; i < objects.bin.size(); ++i)
    if (objects.bin[i] >= 0) weights[static_cast<std::size_t>(objects.bin[i])] += objects.weight[i];
  for (std::size_t b = 0; b < weights.size(); ++b)
    if (!(weights[b] > 0.0))
      throw DataError(fmt::format("{}: bin {} ({}) has no object with a weight and a redshift (its n(z) would be empty)", o.training, b + 1,
                                  bins.label(b)));
}

NzTraining read_training(const NzOptions& o, const nz::TomographicBins& bins, int threads, std::vector<std::string>& lines) {
  const Dataset dataset(o.training, o.source);
  std::string redshift = o.training_redshift;
  if (redshift.empty()) {
    redshift = known_column(dataset.schema(), known_columns::redshift);
    if (redshift.empty()) throw UsageError(o.training + ": no column of redshifts found (name it with --training.redshift)");
    lines.push_back("guessed training.redshift = " + redshift);
  }
  Schema columns = {number(dataset, redshift, "--training.redshift")};
  const std::string id = whole_id_column(dataset, {"training.id", o.training_id, false}, known_columns::id, lines);
  const auto add_id = [&] {
    if (!id.empty()) columns.push_back({id_name, Type::i8, 1, "", "", "", id});
  };
  if (!o.training_space.empty()) {
    columns[0].name = redshift_name;
    add_id();
    return read_in_space(o, bins, dataset, columns, threads);
  }
  columns.push_back(number(dataset, o.training_weight, "--training.weight"));
  columns.push_back(number(dataset, bins.column, "--bins"));
  // One column may play two roles; a table has each name once.
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].name = fmt::format("column {}", i);
  add_id();
  NzTraining training;
  dataset.each_block(columns, 65'536,
                     [&](const Table& table, std::int64_t first_row) { take(table, o, bins, first_row, training.objects); });
  require_all_bins(o, bins, training.objects);
  return training;
}

std::vector<std::vector<double>> read_reference(const std::string& path, const nz::RedshiftCells& cells, std::size_t bins,
                                                const SourceOptions& source) {
  const Dataset dataset(path, source);
  if (dataset.schema().size() != bins + 1)
    throw DataError(fmt::format("{}: {} columns (redshift and one for each of {} bins)", path, dataset.schema().size(), bins));
  Schema columns;
  for (const ColumnInfo& column : dataset.schema()) columns.push_back(number(dataset, column.name, ""));
  const Table table = dataset.read(columns);
  std::vector<std::vector<double>> n(bins, std::vector<double>(cells.count, 0.0));
  for (std::size_t i = 0; i < table.rows(); ++i)
    if (!(table[0].number(i) > (i > 0 ? table[0].number(i - 1) : -1.0)))
      throw DataError(fmt::format("{}, row {}: redshift {} (must ascend)", path, i + 1, shortest(table[0].number(i))));
  for (std::size_t b = 0; b < bins; ++b) {
    for (std::size_t k = 0; k < cells.count; ++k) {
      const double z = cells.middle(k);
      for (std::size_t i = 0; i + 1 < table.rows(); ++i) {
        const double left = table[0].number(i), right = table[0].number(i + 1), t = (z - left) / (right - left);
        if (z >= left && z <= right) n[b][k] = (1.0 - t) * table[b + 1].number(i) + t * table[b + 1].number(i + 1);
      }
    }
    double total = 0.0;
    for (const double value : n[b]) total += value;
    if (!(total > 0.0)) throw DataError(fmt::format("{}: the n(z) of bin {} is not positive within the cells of redshift", path, b + 1));
    for (double& value : n[b]) value /= total * cells.width;
  }
  return n;
}

}  // namespace skyfold

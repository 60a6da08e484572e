// Trainings on a part of the set whose models estimate the rest of it: folds of a cross-validation. What such a model says of an object
// it has not seen is what calibration and combination of estimates need, and an honest measure where no sample is to spare.
#include "fold_training.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "skyfold/core/error.hpp"
#include "skyfold/core/quiet.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/dataset/part_values.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/photoz/estimator.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"
#include "skyfold/kernels/validate/quality.hpp"

namespace skyfold {
namespace {

constexpr std::uint32_t fold_stream = 0x666f6c64;  // "fold"
constexpr const char* held_out_class = "photoz_held_out";
constexpr const char* no_null = "none";

BandColumns columns_of(std::size_t bands) {
  BandColumns columns;
  for (std::size_t band = 0; band < bands; ++band) {
    columns.magnitude.push_back(fmt::format("mag {}", band));
    columns.error.push_back(fmt::format("error {}", band));
  }
  return columns;
}

/// Photometry as a catalogue would have it. Non-detections are at their limits, with the error 1, as a kernel would put them.
Table table_of(const TrainingSet& set, const BandColumns& columns) {
  const Photometry& photometry = set.photometry;
  Table table;
  table.resize(photometry.n_objects);
  for (std::size_t band = 0; band < photometry.n_bands; ++band) {
    const auto mag = table.add({columns.magnitude[band], Type::f8}).values<double>();
    for (std::size_t i = 0; i < mag.size(); ++i) mag[i] = photometry.mag[i * photometry.n_bands + band];
    const auto error = table.add({columns.error[band], Type::f8}).values<double>();
    for (std::size_t i = 0; i < error.size(); ++i) error[i] = photometry.mag_err[i * photometry.n_bands + band];
  }
  return table;
}

/// The columns of a table as text, since those of mixtures are as wide as their model makes them.
std::string text_of_schema(const Schema& schema) {
  std::string text;
  for (const ColumnInfo& c : schema)
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", c.name, static_cast<int>(c.type), c.width, c.unit, c.ucd, c.description,
                        c.null ? fmt::format("{}", *c.null) : no_null);
  return text;
}
Schema schema_from(const std::string& text) {
  Schema schema;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string> cells = split(line, '\t');
    ColumnInfo column{cells.at(0), static_cast<Type>(std::stoi(cells.at(1))), std::stoull(cells.at(2)), cells.at(3), cells.at(4),
                      cells.at(5)};
    if (cells.at(6) != no_null) column.null = std::stoll(cells.at(6));
    schema.push_back(std::move(column));
  }
  return schema;
}

std::string bytes_of(const Table& estimates) {
  PartWriter writer;
  const std::string schema = text_of_schema(estimates.schema());
  writer.list(std::vector<char>(schema.begin(), schema.end()));
  writer.table(estimates);
  return writer.bytes();
}
Table estimates_from(const std::string& bytes) {
  PartReader reader(bytes);
  const std::vector<char> schema = reader.list<char>();
  Table table = reader.table(schema_from({schema.begin(), schema.end()}));
  reader.end();
  return table;
}

/// Copies the rows of a fold to their places. A mixture of fewer Gaussians is filled up with some of no weight.
void place(const Table& fold, const std::vector<std::size_t>& rows, Table& all) {
  for (std::size_t c = 0; c < fold.columns(); ++c) {
    const ColumnInfo& from = fold[c].info();
    Column& column = all.at(from.name);
    const std::size_t have = from.bytes_per_row(), want = column.info().bytes_per_row();
    for (std::size_t k = 0; k < rows.size(); ++k) {
      std::byte* const to = column.bytes().data() + rows[k] * want;
      std::memcpy(to, fold[c].bytes().data() + k * have, have);
      if (want == have) continue;
      const std::size_t each = size_of(from.type);
      const std::byte* const last = to + have - each;
      for (std::size_t at = have; at < want; at += each)
        if (from.name == pdf_weights_column)
          std::memset(to + at, 0, each);
        else
          std::memcpy(to + at, last, each);
    }
  }
}

/// Columns that all folds have, as wide as the widest.
Schema common_schema(const std::vector<Table>& folds) {
  Schema schema = {{"id", Type::i8, 1, "", "meta.id", "identifier"},
                   {"z_spec", Type::f8, 1, "", "src.redshift", "known redshift"},
                   {"fold", Type::i4, 1, "", "meta.code", "fold of the object, which did not train the model that estimates it"}};
  for (const Table& fold : folds)
    for (const ColumnInfo& column : fold.schema())
      if (const auto there = find_column(schema, column.name))
        schema[*there].width = std::max(schema[*there].width, column.width);
      else
        schema.push_back(column);
  return schema;
}

std::vector<std::vector<std::size_t>> rows_of_folds(const TrainingSet& set, std::size_t folds) {
  std::vector<std::vector<std::size_t>> rows(folds);
  const std::vector<std::size_t> fold = parts_by_id(set, folds, fold_stream);
  for (std::size_t i = 0; i < fold.size(); ++i) rows[fold[i]].push_back(i);
  for (std::size_t k = 0; k < folds; ++k)
    if (rows[k].empty())
      throw DataError(
          fmt::format("fold {} of {} has none of {} training objects (fewer folds: --held_out.folds)", k + 1, folds, set.z.size()));
  return rows;
}

}  // namespace

TrainingSet subset_of(const TrainingSet& set, const std::vector<std::size_t>& rows) {
  TrainingSet some{.id = {},
                   .z = {},
                   .photometry = rows_of(set.photometry, rows),
                   .seed = set.seed,
                   .threads = set.threads,
                   .has_flux_errors = set.has_flux_errors};
  for (const std::size_t i : rows) {
    some.id.push_back(set.id[i]);
    some.z.push_back(set.z[i]);
    if (!set.weight.empty()) some.weight.push_back(set.weight[i]);
  }
  return some;
}

std::vector<std::size_t> parts_by_id(const TrainingSet& set, std::size_t parts, std::uint32_t stream) {
  std::vector<std::size_t> part;
  for (const std::int64_t id : set.id)
    part.push_back(
        static_cast<std::size_t>(ObjectRandom(set.seed, static_cast<std::uint64_t>(id), stream).uniform() * static_cast<double>(parts)));
  return part;
}

Table train_and_estimate(const PhotozAlgorithm& algorithm, const TrainingSet& fit, const TrainingSet& judged, const PhotozModel& described,
                         const PdfOptions& pdf, TrainingTasks& tasks) {
  // What an algorithm says of its training would be said once for each part.
  const QuietThread quiet;
  PhotozModel model = described;
  const auto [least, greatest] = std::ranges::minmax_element(fit.z);
  model.z_min = *least;
  model.z_max = *greatest;
  algorithm.train(fit, tasks, model);
  // The table below has NaN for what was not observed and no other sentinels, whatever the sample had.
  model.bands.nondetection.clear();
  model.bands.missing.clear();
  model.bands.nan = "missing";
  const BandColumns columns = columns_of(fit.photometry.n_bands);
  const auto kernel = photoz_estimator(model, columns, pdf).kernel;
  Table in = table_of(judged, columns);
  for (const std::string& name : kernel->needs())
    // An algorithm that wants more wants the id, to tell an object from itself.
    if (!in.find(name)) std::ranges::copy(judged.id, in.add({name, Type::i8}).values<std::int64_t>().begin());
  Table out(kernel->gives(), in.rows());
  kernel->run(in, out, fit.threads);
  return out;
}

Table held_out_estimates(const PhotozAlgorithm& algorithm, const TrainingSet& set, const PhotozModel& described, std::size_t folds,
                         const PdfOptions& pdf, TrainingTasks& tasks) {
  const std::vector<std::vector<std::size_t>> rows = rows_of_folds(set, folds);
  const std::vector<std::string> results = tasks.run("folds", folds, [&](std::size_t fold, int threads) {
    std::vector<std::size_t> others;
    for (std::size_t k = 0; k < folds; ++k)
      if (k != fold) others.insert(others.end(), rows[k].begin(), rows[k].end());
    // In the order of the set, so that the model is that of a sample without these objects.
    std::ranges::sort(others);
    TrainingSet fit = subset_of(set, others);
    fit.threads = threads;
    LocalTasks within(threads, [&](const std::string&, std::size_t, double done, double loss) { tasks.tell("folds", fold, done, loss); });
    try {
      return bytes_of(train_and_estimate(algorithm, fit, subset_of(set, rows[fold]), described, pdf, within));
    } catch (const DataError& error) {
      throw DataError(fmt::format("{} without fold {} of {}: {}", algorithm.name(), fold + 1, folds, error.what()));
    }
  });
  std::vector<Table> estimates;
  for (const std::string& bytes : results) estimates.push_back(estimates_from(bytes));
  Table all(common_schema(estimates), set.z.size());
  std::ranges::copy(set.id, all.at("id").values<std::int64_t>().begin());
  std::ranges::copy(set.z, all.at("z_spec").values<double>().begin());
  for (std::size_t fold = 0; fold < folds; ++fold) {
    for (const std::size_t row : rows[fold]) all.at("fold").values<std::int32_t>()[row] = static_cast<std::int32_t>(fold);
    place(estimates[fold], rows[fold], all);
  }
  return all;
}

std::string quality_of(const Table& estimates) {
  QualitySums sums;
  for (std::size_t i = 0; i < estimates.rows(); ++i)
    sums.add(estimates.at("z_phot").number(i), estimates.at("z_spec").number(i), estimates.at("z_err").number(i));
  return describe_quality(sums.quality());
}

void write_held_out(const std::string& path, const std::string& pdf_path, const Table& estimates, const PdfOptions& pdf,
                    const std::string& provenance) {
  Table objects, pdfs(pdf_datasets(estimates.schema()), estimates.rows());
  objects.resize(estimates.rows());
  for (std::size_t c = 0; c < pdfs.columns(); ++c)
    std::ranges::copy(estimates.at(pdf_column_of(pdfs[c].info().name)).bytes(), pdfs[c].bytes().begin());
  for (std::size_t c = 0; c < estimates.columns(); ++c)
    if (!is_pdf_column(estimates[c].info().name)) std::ranges::copy(estimates[c].bytes(), objects.add(estimates[c].info()).bytes().begin());
  write_columns(path, {{"/object", objects}}, {{"product_class", held_out_class}, {"provenance", provenance}});
  if (pdf_path.empty()) return;
  write_columns(pdf_path, {{"/data", pdfs}, {"/meta", pdf_meta(pdf)}}, {{"product_class", product_class::photoz_pdf}});
}

}  // namespace skyfold

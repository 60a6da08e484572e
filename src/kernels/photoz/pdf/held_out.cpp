// Estimates of objects by models that did not see them: training on a part of a set, estimates of the rest, pooled.
#include "skyfold/kernels/photoz/held_out.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "skyfold/core/error.hpp"
#include "skyfold/core/quiet.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/photoz/estimator.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"

namespace skyfold {
namespace {

constexpr const char* no_null = "none";
constexpr std::uint32_t calibration_stream = 0x63616c69;  // "cali"
constexpr std::size_t folds = 5, most_of_fold = 4'000, one_part_from = 200'000;

BandColumns columns_of(std::size_t bands) {
  BandColumns columns;
  for (std::size_t band = 0; band < bands; ++band) {
    columns.magnitude.push_back(fmt::format("mag {}", band));
    columns.error.push_back(fmt::format("error {}", band));
  }
  return columns;
}

constexpr double error_of_limit = 1.0;  // see Photometry::mag_err

/// Photometry as a catalogue would have it. Non-detections are told as such where a kernel will find their limits again: in place of the
/// error, or as those of the bands; else they are at their limits, with the error 1, as a kernel would put them.
Table table_of(const TrainingSet& set, const BandColumns& columns, std::span<const double> limits) {
  const Photometry& photometry = set.photometry;
  Table table;
  table.resize(photometry.n_objects);
  for (std::size_t band = 0; band < photometry.n_bands; ++band) {
    const auto mag = table.add({columns.magnitude[band], Type::f8}).values<double>();
    for (std::size_t i = 0; i < mag.size(); ++i) mag[i] = photometry.mag[i * photometry.n_bands + band];
    const auto error = table.add({columns.error[band], Type::f8}).values<double>();
    for (std::size_t i = 0; i < error.size(); ++i) {
      error[i] = photometry.mag_err[i * photometry.n_bands + band];
      if (error[i] != error_of_limit || !(columns.errors_are_limits || (!limits.empty() && mag[i] == limits[band]))) continue;
      if (columns.errors_are_limits && mag[i] < undetected) error[i] = mag[i];
      mag[i] = undetected;
    }
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

Table estimates_by(PhotozModel model, const TrainingSet& judged, const PdfOptions& pdf, int threads) {
  // The table below has NaN for what was not observed and no other sentinels, whatever the sample had.
  model.bands.nondetection.clear();
  model.bands.missing.clear();
  model.bands.nan = "missing";
  BandColumns columns = columns_of(judged.photometry.n_bands);
  columns.errors_are_limits = judged.has_flux_errors;
  const auto kernel = photoz_estimator(model, columns, pdf).kernel;
  Table in = table_of(judged, columns, model.bands.limits);
  for (const std::string& name : kernel->needs())
    // An algorithm that wants more wants the id, to tell an object from itself.
    if (!in.find(name)) std::ranges::copy(judged.id, in.add({name, Type::i8}).values<std::int64_t>().begin());
  Table out(kernel->gives(), in.rows());
  kernel->run(in, out, threads);
  return out;
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
  const PdfOptions form = pdf.kind == "native" ? native_pdf(described, algorithm.has_mixtures(model)) : pdf;
  return estimates_by(std::move(model), judged, form, fit.threads);
}

std::string estimates_bytes(const Table& estimates) {
  std::string bytes = fmt::format("{}\n{}\n", estimates.rows(), estimates.columns()) + text_of_schema(estimates.schema());
  for (std::size_t c = 0; c < estimates.columns(); ++c) {
    const auto values = estimates[c].bytes();
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size());
  }
  return bytes;
}

Table estimates_from(const std::string& bytes) {
  std::size_t at = 0;
  const auto line = [&] {
    const std::size_t end = bytes.find('\n', at);
    if (end == std::string::npos) throw DataError("kept estimates are not complete (damaged)");
    const std::string text = bytes.substr(at, end - at);
    at = end + 1;
    return text;
  };
  const std::size_t rows = std::stoull(line()), columns = std::stoull(line());
  std::string schema;
  for (std::size_t c = 0; c < columns; ++c) schema += line() + "\n";
  Table table(schema_from(schema), rows);
  for (std::size_t c = 0; c < columns; ++c) {
    const auto values = table[c].bytes();
    if (values.size() > bytes.size() - at) throw DataError("kept estimates are not complete (damaged)");
    if (!values.empty()) std::memcpy(values.data(), bytes.data() + at, values.size());
    at += values.size();
  }
  return table;
}

Schema common_schema(Schema schema, const std::vector<Table>& tables) {
  for (const Table& table : tables)
    for (const ColumnInfo& column : table.schema())
      if (const auto there = find_column(schema, column.name))
        schema[*there].width = std::max(schema[*there].width, column.width);
      else
        schema.push_back(column);
  return schema;
}

void place_rows(const Table& fold, const std::vector<std::size_t>& rows, Table& all) {
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

std::vector<std::vector<std::size_t>> calibration_folds(const TrainingSet& set, std::vector<std::size_t>& fold) {
  fold = parts_by_id(set, folds, calibration_stream);
  const bool is_large = set.z.size() > one_part_from;
  std::vector<std::vector<std::size_t>> judged(is_large ? 1 : folds);
  // By another draw than that of the folds, so that those that are left out are of any kind.
  std::vector<std::vector<std::pair<double, std::size_t>>> drawn(judged.size());
  for (std::size_t i = 0; i < fold.size(); ++i)
    if (fold[i] < judged.size())
      drawn[fold[i]].emplace_back(ObjectRandom(set.seed, static_cast<std::uint64_t>(set.id[i]), calibration_stream + 1).uniform(), i);
  for (std::size_t k = 0; k < judged.size(); ++k) {
    std::ranges::sort(drawn[k]);
    drawn[k].resize(std::min(drawn[k].size(), is_large ? folds * most_of_fold : most_of_fold));
    for (const auto& [u, i] : drawn[k]) judged[k].push_back(i);
    std::ranges::sort(judged[k]);
  }
  return judged;
}

HeldOutEstimates held_out_pdfs(const PhotozAlgorithm& algorithm, const TrainingSet& set, const PhotozModel& described, TrainingTasks& tasks,
                               const PdfOptions& pdf) {
  std::vector<std::size_t> fold;
  const std::vector<std::vector<std::size_t>> judged = calibration_folds(set, fold);
  const std::vector<std::string> results = tasks.run("calibration", judged.size(), [&](std::size_t k, int threads) {
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < fold.size(); ++i)
      if (fold[i] != k) others.push_back(i);
    TrainingSet fit = subset_of(set, others);
    fit.threads = threads;
    LocalTasks within(threads,
                      [&](const std::string&, std::size_t, double done, double loss) { tasks.tell("calibration", k, done, loss); });
    return estimates_bytes(train_and_estimate(algorithm, fit, subset_of(set, judged[k]), described, pdf, within));
  });
  std::vector<Table> estimates;
  for (const std::string& bytes : results) estimates.push_back(estimates_from(bytes));
  HeldOutEstimates all;
  std::size_t n = 0;
  for (const auto& rows : judged) n += rows.size();
  all.columns = Table(common_schema({}, estimates), n);
  for (std::size_t k = 0; k < judged.size(); ++k) {
    std::vector<std::size_t> places;
    for (const std::size_t i : judged[k]) {
      places.push_back(all.z.size());
      all.z.push_back(set.z[i]);
      if (!set.weight.empty()) all.weight.push_back(set.weight[i]);
      // One part, too, is cut for cross-validation.
      all.part.push_back(judged.size() > 1 ? k : all.part.size() % folds);
    }
    place_rows(estimates[k], places, all.columns);
  }
  all.pdf = pdf.kind == "native" ? native_pdf(described, all.columns.find(pdf_column) == nullptr) : pdf;
  return all;
}

}  // namespace skyfold

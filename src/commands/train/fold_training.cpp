// Trainings on a part of the set whose models estimate the rest of it: folds of a cross-validation. What such a model says of an object
// it has not seen is what calibration and combination of estimates need, and an honest measure where no sample is to spare.
#include "fold_training.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skyfold/core/error.hpp"
#include "skyfold/dataset/product_class.hpp"
#include "skyfold/io/hdf5.hpp"
#include "skyfold/kernels/photoz/held_out.hpp"
#include "skyfold/kernels/photoz/pdf_layout.hpp"
#include "skyfold/kernels/validate/quality.hpp"

namespace skyfold {
namespace {

constexpr std::uint32_t fold_stream = 0x666f6c64;  // "fold"
constexpr const char* held_out_class = "photoz_held_out";

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
      return estimates_bytes(train_and_estimate(algorithm, fit, subset_of(set, rows[fold]), described, pdf, within));
    } catch (const DataError& error) {
      throw DataError(fmt::format("{} without fold {} of {}: {}", algorithm.name(), fold + 1, folds, error.what()));
    }
  });
  std::vector<Table> estimates;
  for (const std::string& bytes : results) estimates.push_back(estimates_from(bytes));
  const Schema own = {{"id", Type::i8, 1, "", "meta.id", "identifier"},
                      {"z_spec", Type::f8, 1, "", "src.redshift", "known redshift"},
                      {"fold", Type::i4, 1, "", "meta.code", "fold of the object, which did not train the model that estimates it"}};
  Table all(common_schema(own, estimates), set.z.size());
  std::ranges::copy(set.id, all.at("id").values<std::int64_t>().begin());
  std::ranges::copy(set.z, all.at("z_spec").values<double>().begin());
  for (std::size_t fold = 0; fold < folds; ++fold) {
    for (const std::size_t row : rows[fold]) all.at("fold").values<std::int32_t>()[row] = static_cast<std::int32_t>(fold);
    place_rows(estimates[fold], rows[fold], all);
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

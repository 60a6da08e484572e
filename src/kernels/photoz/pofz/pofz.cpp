// The algorithm `pofz`: its options, its training, and what a model of it holds.
#include <fmt/core.h>

#include <cstring>

#include "../common/model.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"

namespace skyfold {
namespace {

constexpr std::size_t task_rows = 50'000, chunk_rows = 256;
constexpr std::size_t index_budget_bytes = std::size_t{512} << 20;

void describe_options(OptionSet& option, pofz::Options& o) {
  describe(option, o.features, "pofz");
  option("pofz.metric", o.metric, "distance: learned from how redshifts change, or standard (Euclidean in standardised features)")
      .one_of({"learned", "standard"});
  option("pofz.neighbours", o.neighbours, "nearest training objects of the PDF, of the polynomial and of the error").range(5, 1000);
  option("pofz.bins", o.bins, "bins of the PDF, over the range of the training redshifts").range(1, 100000);
  option("pofz.overlap", o.overlap, "bins that each bin covers, an odd number; 1: bins do not overlap").range(1, 9999);
  option("pofz.point", o.point, "z_phot: a polynomial through the neighbours, or what of the PDF")
      .one_of({"polynomial", "median", "mode", "mean"});
  option("pofz.order", o.order, "order of the polynomial, lower for objects with fewer than two neighbours per coefficient").range(0, 3);
}

/// z_phot of training rows, each estimated from the others, less their redshifts.
class LeaveOneOut {
 public:
  LeaveOneOut(const pofz::Options& o, const FeatureRows& rows, const FeatureMetric& metric, std::vector<double> edges)
      : options_(o),
        rows_(rows),
        edges_(std::move(edges)),
        indices_(index_budget_bytes, [&](std::uint64_t mask) { return std::make_shared<const FeatureIndex>(rows, metric, mask); }) {}

  std::string residuals(std::size_t task, int threads) {
    const std::size_t first = task * task_rows, n = std::min(task_rows, rows_.n_rows - first);
    std::vector<double> residual(n);
    parallel_for(n, chunk_rows, threads, [&](std::size_t begin, std::size_t end, int) {
      pofz::NeighbourEstimate estimate(options_, rows_, edges_);
      NeighbourSearch search;
      std::vector<double> place(rows_.n_features);
      std::vector<Neighbour> others;
      for (std::size_t i = begin; i < end; ++i) residual[i] = residual_of(first + i, estimate, search, place, others);
    });
    return {reinterpret_cast<const char*>(residual.data()), n * sizeof(double)};
  }

 private:
  double residual_of(std::size_t row, pofz::NeighbourEstimate& estimate, NeighbourSearch& search, std::vector<double>& place,
                     std::vector<Neighbour>& others) {
    const std::uint64_t mask = rows_.present[row];
    const std::shared_ptr<const FeatureIndex> index = indices_.get(mask, 1);
    const double* feature = &rows_.feature[row * rows_.n_features];
    index->embed(feature, place.data());
    const auto wanted = static_cast<std::size_t>(options_.neighbours);
    others.clear();
    for (const Neighbour& neighbour : search.find(index->tree(), place.data(), wanted + 1))
      if (neighbour.row != row && others.size() < wanted) others.push_back(neighbour);
    // The only object with its features: nobody else can say how wrong it would be.
    if (others.empty()) return std::numeric_limits<double>::quiet_NaN();
    if (estimate.needs_histogram()) (void)estimate.histogram(others);
    return estimate.point(others, feature, mask) - rows_.z[row];
  }

  const pofz::Options& options_;
  const FeatureRows& rows_;
  std::vector<double> edges_;
  IndexCache<FeatureIndex> indices_;
};

std::vector<double> edges_of(const BinnedPdf& pdf) { return {pdf.edges().begin(), pdf.edges().end()}; }

Table errors_table(const pofz::Options& o, const FeatureRows& rows, const FeatureMetric& metric, std::vector<double> edges,
                   TrainingTasks& tasks) {
  LeaveOneOut estimates(o, rows, metric, std::move(edges));
  const std::vector<std::string> parts = tasks.run("residuals", (rows.n_rows + task_rows - 1) / task_rows,
                                                   [&](std::size_t task, int threads) { return estimates.residuals(task, threads); });
  std::vector<double> residual;
  for (const std::string& part : parts) {
    residual.resize(residual.size() + part.size() / sizeof(double));
    std::memcpy(residual.data() + residual.size() - part.size() / sizeof(double), part.data(), part.size());
  }
  Table table;
  add_values(table, {"residual", Type::f8, 1, "", "stat.fit.residual", "z_phot from the other training objects less the redshift", ""},
             residual);
  return table;
}

class Pofz final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "pofz"; }
  std::string summary() const override {
    return "weighted nearest neighbours: their redshifts as PDF, a polynomial through them, and errors by neighbours";
  }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{.option = "pofz.neighbours", .least = 20, .greatest = 300, .is_logarithmic = true, .is_whole = true},
            {.option = "pofz.bins", .least = 50, .greatest = 500, .is_logarithmic = true, .is_whole = true},
            {.option = "pofz.overlap", .choices = {"1", "3", "5", "9"}},
            {.option = "pofz.order", .choices = {"1", "2", "3"}}};
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    const pofz::Options& o = options_;
    if (o.overlap % 2 == 0) throw UsageError(fmt::format("pofz.overlap = {} (must be odd: a bin and as many on both sides)", o.overlap));
    FeatureLayer layer(o.features, model.bands.bands);
    // By all objects, also those without weight: estimates meet all kinds of objects.
    layer.standardise_by(set.photometry);
    const FeatureRows rows = feature_rows(set, layer);
    if (std::ssize(rows.z) <= o.neighbours)
      throw DataError(fmt::format("the training set has {} objects with features and weight (pofz.neighbours = {} needs more)", rows.n_rows,
                                  o.neighbours));
    model.tables["nz"] = redshift_distribution(set, o.bins, "pofz.bins");
    const FeatureMetric metric = o.metric == "learned" ? learn_metric(rows, set.seed, set.threads) : FeatureMetric(rows.n_features);
    model.algorithm = name();
    model.parameters = parameters_of(o, describe_options);
    model.tables["training"] = rows_table(rows);
    model.tables["features"] = layer.table();
    model.tables["metric"] = metric_table(metric);
    model.tables["spacing"] = spacing_table(measure_spacing(rows, metric, set.seed, set.threads));
    model.tables["errors"] = errors_table(o, rows, metric, edges_of(binned_pdf(model.tables["nz"])), tasks);
  }

  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<pofz::PofzKernel>(options_of<pofz::Options>(model, describe_options), model, columns, pdf);
  }

 private:
  pofz::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_pofz() { return std::make_unique<Pofz>(); }

}  // namespace skyfold

// The algorithm `knn`: its options, its training, and what a model of it holds.
#include <fmt/core.h>

#include <cmath>

#include "../common/model.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

// A quarter of them is held out: fewer than ten would choose by chance.
constexpr std::size_t least_objects = 40;

void describe_options(OptionSet& option, knn::Options& o) {
  describe(option, o.features, "knn");
  option("knn.metric", o.metric, "distance: learned from how redshifts change, or standard (Euclidean in standardised features)")
      .one_of({"learned", "standard"});
  option("knn.neighbours", o.neighbours, "nearest training objects used, at most 1000; 0: chosen on a held-out quarter").range(0, 1000);
  option("knn.sigma", o.sigma, "width of the PDF's Gaussians, in redshift; 0: chosen on a held-out quarter").range(0.0, 10.0);
  option("knn.scatter", o.scatter, "part of the neighbours' scatter in redshift that is added to the width in quadrature").range(0.0, 10.0);
  option("knn.point", o.point, "what z_phot is of the PDF").one_of({"median", "mode", "mean"});
}

knn::TrainingRows rows_of(const TrainingSet& set, const FeatureLayer& layer) {
  check_redshifts(set);
  Features features;
  layer.gather(set.photometry, features);
  knn::TrainingRows all;
  all.n_rows = set.z.size();
  all.n_features = layer.size();
  all.id = set.id;
  all.z = set.z;
  all.feature.assign(features.value.begin(), features.value.end());
  all.present.assign(features.present.begin(), features.present.end());
  all.weight = set.weight.empty() ? std::vector<double>(all.n_rows, 1.0) : set.weight;
  double sum = 0.0;
  std::vector<std::uint32_t> used;
  for (std::uint32_t i = 0; i < all.n_rows; ++i) {
    // Such an object could be a neighbour of none, or count for nothing.
    if (all.present[i] == 0 || !(all.weight[i] > 0.0)) continue;
    used.push_back(i);
    sum += all.weight[i];
  }
  knn::TrainingRows rows = all.subset(used);
  // Mean 1: losses and metric then do not depend on how the weights were scaled.
  for (double& weight : rows.weight) weight *= static_cast<double>(rows.n_rows) / sum;
  return rows;
}

Table metric_table(const knn::Metric& metric) {
  Table table;
  add_values(table, {"matrix", Type::f8, metric.size(), "", "", "row of the metric in standardised features", ""}, metric.matrix());
  return table;
}

Table spacing_table(const knn::Spacing& spacing) {
  Table table;
  add_values(table, {"median", Type::f8, 1, "", "arith.diff", "median distance of training objects to their nearest", ""},
             std::span(&spacing.median, 1));
  add_values(table, {"percentile99", Type::f8, 1, "", "arith.diff", "99th percentile of these distances", ""},
             std::span(&spacing.percentile99, 1));
  return table;
}

Table tuning_table(const knn::Tuning& tuning) {
  std::vector<std::int32_t> neighbours;
  std::vector<double> sigma;
  for (std::size_t i = 0; i < tuning.loss.size(); ++i) {
    neighbours.push_back(static_cast<std::int32_t>(tuning.neighbours[i / tuning.sigma.size()]));
    // One row for each point of the grid, sigma fastest: the loss can be drawn as a map from the table alone.
    sigma.push_back(tuning.sigma[i % tuning.sigma.size()]);
  }
  Table table;
  add_values(table, {"neighbours", Type::i4, 1, "", "meta.number", "neighbours", ""}, neighbours);
  add_values(table, {"sigma", Type::f8, 1, "", "stat.stdev", "width of the Gaussians", ""}, sigma);
  add_values(table, {"cde_loss", Type::f8, 1, "", "stat.fit.goodness", "mean loss of the held-out quarter", ""}, tuning.loss);
  return table;
}

void report(const knn::Tuning& tuning) {
  log_info(fmt::format("knn: {} neighbours, sigma {:.4f}: CDE loss {:.3f} on {} held-out objects",
                       tuning.neighbours[tuning.best_neighbours], tuning.sigma[tuning.best_sigma], tuning.best_loss(),
                       grouped(std::ssize(tuning.loss) > 0 ? static_cast<long long>(tuning.objects) : 0)));
  const auto warn = [](const std::string& what) {
    log_warning(fmt::format("knn: the best {} is at the edge of the grid (a better one may lie beyond; give --knn.{})", what, what));
  };
  if (tuning.neighbours_at_edge()) warn("neighbours");
  if (tuning.sigma_at_edge()) warn("sigma");
}

class Knn final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "knn"; }
  std::string summary() const override {
    return "k nearest neighbours: a mixture of Gaussians at the redshifts of the nearest training objects";
  }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  // What training does not choose by itself.
  std::vector<SearchRange> searched_options() const override {
    return {{.option = "knn.scatter", .least = 0.0, .greatest = 1.5}, {.option = "knn.metric", .choices = {"learned", "standard"}}};
  }

  void train(const TrainingSet& set, TrainingTasks& /*tasks*/, PhotozModel& model) const override {
    knn::Options options = options_;
    FeatureLayer layer(options.features, model.bands.bands);
    // By all objects, also those without weight: estimates meet all kinds of objects.
    layer.standardise_by(set.photometry);
    const knn::TrainingRows rows = rows_of(set, layer);
    const bool is_chosen = options.neighbours == 0 || options.sigma == 0.0;
    if (rows.n_rows < (is_chosen ? least_objects : 2))
      throw DataError(is_chosen
                          ? fmt::format("the training set has {} objects with features and weight (knn needs at least {} to choose "
                                        "knn.neighbours and knn.sigma)",
                                        rows.n_rows, least_objects)
                          : fmt::format("the training set has {} objects with features and weight (knn needs at least 2)", rows.n_rows));
    if (is_chosen) {
      // On a held-out quarter; the model itself is made of all objects.
      const knn::Tuning tuning = knn::tune(rows, options, set.seed, set.threads);
      report(tuning);
      // A value that the user gave is the only one of its grid, so it stays as it is.
      options.neighbours = tuning.neighbours[tuning.best_neighbours];
      options.sigma = tuning.sigma[tuning.best_sigma];
      model.tables["tuning"] = tuning_table(tuning);
    }
    const knn::Metric metric = options.metric == "learned" ? knn::learn_metric(rows, set.seed, set.threads) : knn::Metric(rows.n_features);
    model.algorithm = name();
    model.parameters = parameters_of(options, describe_options);
    model.tables["training"] = knn::training_table(rows);
    model.tables["features"] = layer.table();
    model.tables["metric"] = metric_table(metric);
    // By it estimates tell whether an object is farther from the training set than training objects are from each other.
    model.tables["spacing"] = spacing_table(knn::measure_spacing(rows, metric, set.seed, set.threads));
  }

  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<knn::KnnKernel>(options_of<knn::Options>(model, describe_options), model, columns, pdf);
  }

 private:
  knn::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_knn() { return std::make_unique<Knn>(); }

}  // namespace skyfold

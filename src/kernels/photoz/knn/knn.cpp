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
    const FeatureRows rows = feature_rows(set, layer);
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
    const FeatureMetric metric = options.metric == "learned" ? learn_metric(rows, set.seed, set.threads) : FeatureMetric(rows.n_features);
    model.algorithm = name();
    model.parameters = parameters_of(options, describe_options);
    model.tables["training"] = rows_table(rows);
    model.tables["features"] = layer.table();
    model.tables["metric"] = metric_table(metric);
    // By it estimates tell whether an object is farther from the training set than training objects are from each other.
    model.tables["spacing"] = spacing_table(measure_spacing(rows, metric, set.seed, set.threads));
  }

  bool has_mixtures(const PhotozModel&) const override { return true; }
  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<knn::KnnKernel>(options_of<knn::Options>(model, describe_options), model, columns, pdf);
  }

 private:
  knn::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_knn() { return std::make_unique<Knn>(); }

}  // namespace skyfold

// The algorithm `tpz`: its options, its training, and what a model of it holds. See docs/tpz.md.
#include <fmt/core.h>

#include <algorithm>

#include "../common/feature_range.hpp"
#include "../common/model.hpp"
#include "importance.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"
#include "training.hpp"

namespace skyfold {
namespace tpz {
namespace {

constexpr long most_rows_of_trees = 30'000'000;  // all trees together: half a gigabyte of them, some minutes on two processors

}  // namespace

void describe_options(OptionSet& option, Options& o) {
  describe(option, o.features, "tpz");
  option("tpz.split", o.split, "gain of splits: density (of the PDF), variance (the published recipe), gini or entropy (of classes)")
      .one_of({"density", "variance", "gini", "entropy"});
  option("tpz.growth", o.growth,
         "extra: drawn thresholds and all rows; bootstrap: best thresholds and rows drawn for each tree; auto: by split")
      .one_of({"auto", "extra", "bootstrap"});
  option("tpz.pdf", o.pdf, "mixture of Gaussians at the redshifts in the leaves, or histogram of them; auto: by split")
      .one_of({"auto", "mixture", "histogram"});
  option("tpz.point", o.point, "what z_phot is of the PDF; auto: median of a mixture, mean of a histogram")
      .one_of({"auto", "median", "mean", "mode"});
  option("tpz.trees", o.trees, "trees, of all copies together; 0: 100, of more than 300,000 objects fewer, at least 20").range(0, 100000);
  option("tpz.copies", o.copies, "copies of the training set, all but the first with magnitudes drawn within their errors; 0: by split")
      .range(0, 10000);
  option("tpz.attributes", o.attributes, "features tried at each node; 0: all for extra, 3 for bootstrap").range(0, 64);
  option("tpz.leaf", o.leaf, "objects in a leaf, at least (extra: 2) or at most (bootstrap: 5); 0: these").range(0, 1e6);
  option("tpz.classes", o.classes, "redshift bins that gini and entropy tell apart").range(2, 1000);
  option("tpz.sigma", o.sigma, "width of the mixture's Gaussians, in redshift; 0: chosen on objects that trees have not seen")
      .range(0.0, 10.0);
  option("tpz.scatter", o.scatter, "part of the redshifts' spread that is added to the width in quadrature; -1: chosen likewise")
      .range(-1.0, 10.0);
  option("tpz.bins", o.bins, "bins of the histogram").range(2, 10000);
  option("tpz.smoothing", o.smoothing, "width of the Gaussian that smooths the histogram, in bins").range(0.0, 100.0);
}

Options resolved(Options o, std::size_t objects) {
  const bool is_density = o.split == "density";
  if (o.growth == "auto") o.growth = is_density ? "extra" : "bootstrap";
  if (o.pdf == "auto") o.pdf = is_density ? "mixture" : "histogram";
  if (o.point == "auto") o.point = o.pdf == "mixture" ? "median" : "mean";
  if (o.trees == 0) o.trees = std::clamp(most_rows_of_trees / static_cast<long>(std::max<std::size_t>(objects, 1)), 20L, 100L);
  if (o.copies == 0) o.copies = is_density ? 1 : 4;
  // Redundant features give trees more ways to split.
  if (o.features.terms.empty())
    o.features.terms = is_density ? std::vector<std::string>{"reference", "colours", "magnitudes", "wide_colours"}
                                  : std::vector<std::string>{"magnitudes", "colours"};
  if (o.attributes == 0 && o.growth == "bootstrap") o.attributes = 3;
  if (o.leaf == 0) o.leaf = o.growth == "extra" ? 2 : 5;
  if (o.copies > o.trees)
    throw UsageError(fmt::format("tpz.copies = {} is more than tpz.trees = {} (a copy needs a tree)", o.copies, o.trees));
  return o;
}

}  // namespace tpz

namespace {

constexpr double held_out_part = 0.25;
constexpr std::uint32_t held_out_stream = 0x74707a02;
constexpr std::size_t most_judged = 2500, most_for_width = 150'000;

Table training_table(const tpz::TrainingRows& rows) {
  Table table;
  add_values(table, {"id", Type::i8, 1, "", "meta.id", "identifier", ""}, rows.id);
  add_values(table, {"z", Type::f8, 1, "", "src.redshift", "spectroscopic redshift, ascending", ""}, rows.z);
  add_values(table, {"weight", Type::f4, 1, "", "stat.weight", "weight of the object, mean 1", ""}, rows.weight);
  return table;
}

Table width_table(const tpz::WidthGrid& grid) {
  std::vector<double> sigma, scatter;
  for (std::size_t cell = 0; cell < grid.loss.size(); ++cell) {
    sigma.push_back(grid.sigma[cell / grid.scatter.size()]);
    scatter.push_back(grid.scatter[cell % grid.scatter.size()]);
  }
  Table table;
  add_values(table, {"sigma", Type::f8, 1, "", "stat.stdev", "width of the Gaussians", ""}, sigma);
  add_values(table, {"scatter", Type::f8, 1, "", "", "part of the spread that is added", ""}, scatter);
  add_values(table, {"cde_loss", Type::f8, 1, "", "stat.fit.goodness", "mean loss of the objects that no tree has seen", ""}, grid.loss);
  return table;
}

class Tpz final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "tpz"; }
  std::string summary() const override { return "random forest: the redshifts of the training objects in an object's leaves"; }
  void describe(OptionSet& option) override { tpz::describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{.option = "tpz.leaf", .least = 1, .greatest = 20, .is_logarithmic = true, .is_whole = true},
            {.option = "tpz.growth", .choices = {"extra", "bootstrap"}},
            {.option = "tpz.attributes", .least = 2, .greatest = 20, .is_whole = true}};
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    tpz::Options o = tpz::resolved(options_, set.z.size());
    FeatureLayer layer(o.features, model.bands.bands);
    layer.standardise_by(set.photometry);
    const tpz::TrainingRows rows = tpz::training_rows(set);
    if (o.pdf == "mixture") choose_width(rows, layer, o, set, tasks, model);
    model.algorithm = name();
    model.parameters = parameters_of(o, tpz::describe_options);
    model.tables["training"] = training_table(rows);
    model.tables["features"] = layer.table();
    FeatureRange(tpz::attributes_of(rows.photometry, layer), layer.size()).add_to(model.tables["features"]);
    std::vector<forest::Tree> trees = tpz::grow_forest(rows, layer, o, set.seed, tasks, "trees");
    if (o.growth == "bootstrap") tell_out_of_bag(rows, layer, o, trees, set, model);
    tpz::put_trees(std::move(trees), model);
  }

  bool has_mixtures(const PhotozModel& model) const override {
    return options_of<tpz::Options>(model, tpz::describe_options).pdf == "mixture";
  }
  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<tpz::TpzKernel>(options_of<tpz::Options>(model, tpz::describe_options), model, columns, pdf);
  }

 private:
  /// What trees say of training objects that their bootstrap samples lack.
  static void tell_out_of_bag(const tpz::TrainingRows& rows, const FeatureLayer& layer, const tpz::Options& o,
                              const std::vector<forest::Tree>& trees, const TrainingSet& set, PhotozModel& model) {
    tpz::Unseen unseen{&rows, &trees, &rows.z, &rows.weight, &layer, set.seed, true};
    model.tables["out_of_bag"] = tpz::out_of_bag_table(unseen, o, set.threads);
    std::vector<std::pair<double, std::uint32_t>> draws;
    for (std::uint32_t row = 0; row < rows.size(); ++row)
      draws.emplace_back(ObjectRandom(set.seed, static_cast<std::uint64_t>(rows.id[row]), held_out_stream).uniform(), row);
    std::sort(draws.begin(), draws.end());
    draws.resize(std::min(draws.size(), most_judged));
    std::vector<std::uint32_t> judged;
    for (const auto& [draw, row] : draws) judged.push_back(row);
    const tpz::TrainingRows some = tpz::subset(rows, judged);
    unseen.objects = &some;
    model.tables["importance"] = tpz::importance_table(tpz::measure_importance(unseen, layer, set.seed, set.threads), layer);
  }

  /// By trees that are grown on three quarters of the objects, or less of many: the best width hardly depends on their number.
  void choose_width(const tpz::TrainingRows& rows, const FeatureLayer& layer, tpz::Options& o, const TrainingSet& set, TrainingTasks& tasks,
                    PhotozModel& model) const {
    if (o.sigma > 0.0 && o.scatter >= 0.0) return;
    const double used = std::min(1.0, static_cast<double>(most_for_width) / static_cast<double>(rows.size()));
    std::vector<std::uint32_t> fit;
    std::vector<std::pair<double, std::uint32_t>> draws;
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
      ObjectRandom random(set.seed, static_cast<std::uint64_t>(rows.id[row]), held_out_stream);
      const double draw = random.uniform();
      if (draw < held_out_part)
        draws.emplace_back(draw, row);
      else if (random.uniform() < used)
        fit.push_back(row);
    }
    std::sort(draws.begin(), draws.end());
    draws.resize(std::min(draws.size(), most_judged));
    std::vector<std::uint32_t> held_out;
    for (const auto& [draw, row] : draws) held_out.push_back(row);
    std::sort(held_out.begin(), held_out.end());
    if (held_out.empty() || fit.size() < 2)
      throw DataError(
          fmt::format("tpz: {} of {} training objects were drawn to choose tpz.sigma and tpz.scatter with (draws go by ids: are "
                      "they unique? give both options to choose nothing)",
                      draws.size(), rows.size()));
    const tpz::TrainingRows grown_on = tpz::subset(rows, fit), judged_rows = tpz::subset(rows, held_out);
    const std::vector<forest::Tree> trees = tpz::grow_forest(grown_on, layer, o, set.seed, tasks, "held-out trees");
    const tpz::Unseen unseen{&judged_rows, &trees, &grown_on.z, &grown_on.weight, &layer};
    const tpz::Judged judged = tpz::judge(unseen, set.threads);
    const tpz::WidthGrid grid = tpz::choose_width(judged, grown_on.z, o, set.threads);
    o.sigma = grid.best_sigma();
    o.scatter = grid.best_scatter();
    log_info(fmt::format("tpz: sigma {}, scatter {}: CDE loss {:.3f} on {} objects that the trees had not seen", o.sigma, o.scatter,
                         grid.loss[grid.best], grouped(static_cast<long long>(grid.objects))));
    if (grid.sigma.size() > 1 && (o.sigma == grid.sigma.front() || o.sigma == grid.sigma.back()))
      log_warning(fmt::format("tpz: sigma {} is at the edge of those tried (a better one may lie beyond; give --tpz.sigma)", o.sigma));
    model.tables["width"] = width_table(grid);
    if (o.growth != "bootstrap")
      model.tables["importance"] = tpz::importance_table(tpz::measure_importance(unseen, layer, set.seed, set.threads), layer);
  }

  tpz::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_tpz() { return std::make_unique<Tpz>(); }

}  // namespace skyfold

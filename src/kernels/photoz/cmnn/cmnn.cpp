// The algorithm `cmnn`: its options, its training, and what a model of it holds.
#include <fmt/core.h>

#include <cmath>
#include <limits>

#include "../common/model.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"

namespace skyfold {
namespace {

void describe_options(OptionSet& option, cmnn::Options& o) {
  option("cmnn.quantile", o.quantile, "quantile of the chi^2 distribution within which colours match").range(0.001, 0.9999);
  option("cmnn.least", o.least, "matches; with fewer the nearest objects are taken, and the error grows").range(1, 100000);
  option("cmnn.least_distance", o.least_distance, "squared distance up to which a training object is the object itself").range(0.0, 1.0);
  option("cmnn.choice", o.choice, "whose redshift is the estimate: the nearest match, one drawn by weight / distance^2, or by weight")
      .one_of({"nearest", "weighted", "random"});
  option("cmnn.id", o.id, "column of the object ids, read where the choice is drawn");
  option("cmnn.seed", o.seed, "of the draws").range(0, 2147483647);
}

class Cmnn final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "cmnn"; }
  std::string summary() const override {
    return "colour-matched nearest neighbours: training objects within the errors of an object's colours";
  }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{.option = "cmnn.quantile", .least = 0.05, .greatest = 0.95},
            {.option = "cmnn.least", .least = 5, .greatest = 100, .is_logarithmic = true, .is_whole = true}};
  }

  void train(const TrainingSet& set, TrainingTasks& /*tasks*/, PhotozModel& model) const override {
    check_redshifts(set);
    if (set.photometry.n_bands < 2) throw DataError("one band (cmnn matches colours, which need two)");
    const cmnn::Colours colours = cmnn::colours_of(set.photometry);
    std::vector<std::int64_t> id;
    std::vector<double> z, weight, colour;
    for (std::size_t i = 0; i < set.z.size(); ++i) {
      const double its_weight = set.weight.empty() ? 1.0 : set.weight[i];
      // Such an object matches none, or counts for nothing.
      if (colours.present[i] == 0 || !(its_weight > 0.0)) continue;
      id.push_back(set.id[i]);
      z.push_back(set.z[i]);
      weight.push_back(its_weight);
      for (std::size_t c = 0; c < colours.n_colours; ++c)
        colour.push_back(colours.present[i] >> c & 1 ? colours.value[i * colours.n_colours + c] : std::numeric_limits<double>::quiet_NaN());
    }
    if (std::ssize(z) < options_.least)
      throw DataError(fmt::format("the training set has {} objects with a colour and weight (cmnn.least = {} needs as many)", z.size(),
                                  options_.least));
    model.algorithm = name();
    model.parameters = parameters_of(options_, describe_options);
    Table& training = model.tables["training"];
    add_values(training, {"id", Type::i8, 1, "", "meta.id", "identifier", ""}, id);
    add_values(training, {"z", Type::f8, 1, "", "src.redshift", "spectroscopic redshift", ""}, z);
    add_values(training, {"weight", Type::f8, 1, "", "stat.weight", "weight of the object", ""}, weight);
    add_values(training,
               {"colour", Type::f8, colours.n_colours, "mag", "phot.color", "colours of neighbouring bands; NaN where missing", ""},
               colour);
  }

  bool has_mixtures(const PhotozModel&) const override { return true; }
  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<cmnn::CmnnKernel>(options_of<cmnn::Options>(model, describe_options), model, columns, pdf);
  }

 private:
  cmnn::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_cmnn() { return std::make_unique<Cmnn>(); }

}  // namespace skyfold

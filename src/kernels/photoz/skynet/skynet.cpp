// The algorithm `skynet`: its options, its training, and what a model of it holds. See docs/skynet.md.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../common/model.hpp"
#include "../common/sample.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/kernels/photoz/training_tasks.hpp"

namespace skyfold {
namespace {

using skynet::Options;

constexpr std::size_t least_objects = 100;
constexpr double held_out_share = 0.1;
constexpr std::uint32_t held_out_stream = 0x736b7901;

void describe_options(OptionSet& option, Options& o) {
  describe(option, o.features, "skynet");
  option("skynet.hidden", o.hidden, "units of the hidden layers").range(1, 4096);
  option("skynet.bins", o.bins, "redshift bins that a net tells apart, of about as many objects each").range(2, 1000);
  option("skynet.nets", o.nets, "nets, their bins shifted against one another").range(1, 64);
  option("skynet.epochs", o.epochs, "passes over the training set; 0: 100 up to 20,000 objects, then fewer, 20 from 500,000 on")
      .range(0, 100000);
  option("skynet.rate", o.rate, "rate of Adam at the beginning; it falls to 1e-5").range(1e-5, 1.0);
  option("skynet.l2", o.l2, "penalty on squared weights").range(0.0, 1.0);
  option("skynet.hide", o.hide, "share of the training objects some of whose bands are hidden, so that nets learn to do without")
      .range(0.0, 1.0);
  option("skynet.noise", o.noise, "part of their errors by which magnitudes are redrawn in each pass").range(0.0, 10.0);
  option("skynet.point", o.point, "what z_phot is of the PDF").one_of({"median", "mode", "mean"});
}

std::size_t epochs_of(const Options& o, std::size_t objects) {
  if (o.epochs > 0) return static_cast<std::size_t>(o.epochs);
  return static_cast<std::size_t>(std::clamp(100.0 * std::sqrt(20'000.0 / static_cast<double>(objects)), 20.0, 100.0));
}

/// One net; the weights after the pass with the least loss on the held-out objects.
std::vector<double> train_net(const Options& o, const TrainingSet& set, const TrainingSample& sample, const HeldOut& parts,
                              const network::Inputs& inputs, const skynet::SlidingBins& bins, std::size_t net, TrainingTasks& tasks) {
  const network::Shape shape = shape_of(o, inputs.size(), bins.classes());
  std::vector<std::uint32_t> label(set.z.size());
  for (std::size_t i = 0; i < label.size(); ++i) label[i] = static_cast<std::uint32_t>(bins.class_of(bins.bin_of(set.z[i]), net));
  const auto examples = [&](const network::Variation& variation) {
    return skynet::ClassExamples(network::VariedInputs(inputs, set.photometry, set.id, variation, set.seed, net), bins.classes(), label,
                                 sample.weight);
  };
  skynet::ClassExamples fit = examples({o.hide, o.noise}), judged = examples({});
  std::vector<double> weights = network::normal_weights(shape, set.seed, net), best = weights;
  network::Pass pass(shape);
  double least = std::numeric_limits<double>::infinity();
  const std::size_t epochs = epochs_of(o, parts.fit.size());
  const network::AdamOptions adam{.epochs = epochs, .first_rate = o.rate, .l2 = o.l2};
  train_adam(shape, fit, parts.fit, adam, set.seed, net, weights, [&](std::size_t epoch, double) {
    const double loss = add_gradient(pass, judged, parts.judged, 0, weights, {}) / static_cast<double>(parts.judged.size());
    if (loss < least) {
      least = loss;
      best = weights;
    }
    tasks.tell("nets", net, static_cast<double>(epoch + 1) / static_cast<double>(epochs), loss);
  });
  if (!std::isfinite(least)) throw DataError(fmt::format("skynet: net {} came to no finite loss (a smaller skynet.rate may help)", net));
  return best;
}

class Skynet final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "skynet"; }
  std::string summary() const override { return "classification networks: redshift bins that slide from net to net"; }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{"skynet.bins", 20, 120, true, true},
            {"skynet.hidden", 0, 0, false, false, {"20,40,40", "32,32", "64,64", "40,80,80"}},
            {"skynet.rate", 1e-3, 2e-2, true},
            {"skynet.l2", 1e-5, 1e-2, true}};
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    for (const double n : options_.hidden)
      if (n != std::floor(n)) throw UsageError(fmt::format("skynet.hidden = {} (units are counted)", n));
    const TrainingSample sample = training_sample(set, name(), std::max(least_objects, 2 * static_cast<std::size_t>(options_.bins)));
    network::Inputs inputs(options_.features, model.bands.bands);
    inputs.standardise_by(set.photometry, sample.used);
    std::vector<double> z;
    for (const std::uint32_t row : sample.used) z.push_back(set.z[row]);
    const auto nets = static_cast<std::size_t>(options_.nets);
    const skynet::SlidingBins bins(skynet::even_edges(std::move(z), static_cast<std::size_t>(options_.bins) * nets), nets);
    const HeldOut parts = hold_out(set, sample.used, held_out_share, sample.used.size(), held_out_stream);
    const auto results = tasks.run(
        "nets", nets, [&](std::size_t net, int) { return bytes_of(train_net(options_, set, sample, parts, inputs, bins, net, tasks)); });
    std::vector<double> weights;
    for (const std::string& bytes : results) {
      const std::vector<double> some = numbers_of(bytes);
      weights.insert(weights.end(), some.begin(), some.end());
    }
    model.algorithm = name();
    model.parameters = parameters_of(options_, describe_options);
    model.tables["inputs"] = inputs.table();
    add_values(model.tables["bins"], {"edge", Type::f8, 1, "", "src.redshift", "edges of the fine bins", ""}, bins.edges());
    add_values(model.tables["nets"], {"weights", Type::f8, weights.size() / nets, "", "", "of the layers: matrix, biases", ""}, weights);
  }

  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<skynet::SkynetKernel>(options_of<Options>(model, describe_options), model, columns, pdf);
  }

 private:
  Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_skynet() { return std::make_unique<Skynet>(); }

}  // namespace skyfold

// The algorithm `annz`: its options, its training, and what a model of it holds. See docs/annz.md.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "../common/model.hpp"
#include "../common/regression_nets.hpp"
#include "../common/sample.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/photoz/training_tasks.hpp"

namespace skyfold {
namespace {

using annz::Options;
using network::chunk;

constexpr std::size_t least_objects = 50;
constexpr double held_out_share = 0.2, one_sigma_share = 0.6827;
constexpr std::uint32_t held_out_stream = 0x616e6e01;

void describe_options(OptionSet& option, Options& o) {
  describe(option, o.features, "annz");
  option("annz.hidden", o.hidden, "units of the hidden layers; empty: two layers of twice the number of features").range(1, 4096);
  option("annz.nets", o.nets, "nets of the committee").range(1, 64);
  option("annz.iterations", o.iterations,
         "most iterations of a net's training; 0: 3000 up to 20,000 objects, then fewer, 290 for a million")
      .range(0, 1000000);
  option("annz.neighbours", o.neighbours, "known objects nearest in the features, whose errors add to z_err; 0: the same scatter for all")
      .range(0, 1000);
  option("annz.hide", o.hide, "share of the training objects some of whose bands are hidden, so that nets learn to do without")
      .range(0.0, 1.0);
}

std::size_t iterations_of(const Options& o, std::size_t objects) {
  if (o.iterations > 0) return static_cast<std::size_t>(o.iterations);
  return static_cast<std::size_t>(std::clamp(3000.0 * std::pow(20'000.0 / static_cast<double>(objects), 0.6), 100.0, 3000.0));
}

/// What the held-out objects say of errors.
struct HeldOutErrors {
  Table neighbours;                         ///< residuals, for nearest-neighbour errors
  double usual_scatter = 0.0, scale = 1.0;  ///< 68.27 % are not farther off; what makes as many lie within their errors
};

HeldOutErrors measure_errors(const TrainingSet& set, std::span<const std::uint32_t> judged, const network::Inputs& inputs,
                             const network::Shape& shape, std::span<const double> weights, std::size_t neighbours, int threads) {
  const Photometry photometry = rows_of(set.photometry, judged);
  Features features;
  inputs.layer().gather(photometry, features);
  const std::vector<double> slopes = inputs.slopes();
  annz::Committee committee(shape, weights, slopes, photometry.n_bands);
  std::vector<double> residual(judged.size()), variance(judged.size()), scatter(judged.size()), size(judged.size());
  std::vector<std::uint32_t> numbers(chunk);
  for (std::size_t begin = 0; begin < judged.size(); begin += chunk) {
    const std::size_t n = std::min(chunk, judged.size() - begin);
    for (std::size_t o = 0; o < n; ++o) numbers[o] = static_cast<std::uint32_t>(begin + o);
    inputs.fill(features, photometry.observed, std::span<const std::uint32_t>(numbers).first(n), committee.input());
    committee.run();
    for (std::size_t o = 0; o < n; ++o) {
      residual[begin + o] = committee.z(o) - set.z[judged[begin + o]];
      variance[begin + o] = committee.variance(o, &photometry.mag_err[(begin + o) * photometry.n_bands], photometry.observed[begin + o]);
    }
  }
  HeldOutErrors found;
  for (std::size_t i = 0; i < judged.size(); ++i) size[i] = std::abs(residual[i]);
  found.usual_scatter = quantile(size, one_sigma_share);
  std::ranges::fill(scatter, found.usual_scatter);
  if (neighbours > 0) {
    inputs.make_places(features);
    const NearestNeighbourErrors errors(features.n_features, {features.value.begin(), features.value.end()}, residual, 1, neighbours);
    errors.estimate(features, NearestNeighbourErrors::Measure::absolute, scatter, threads);
    found.neighbours = errors.table();
  }
  for (std::size_t i = 0; i < judged.size(); ++i) {
    const double s = std::isfinite(scatter[i]) ? scatter[i] : found.usual_scatter;
    size[i] = std::abs(residual[i]) / std::max(std::sqrt(variance[i] + s * s), 1e-12);
  }
  // The parts overlap: the scatter of similar objects has their errors in it. What is too much is taken off all alike.
  found.scale = std::max(quantile(size, one_sigma_share), 1e-3);
  return found;
}

Table error_table(const HeldOutErrors& errors) {
  Table table;
  add_values(table, {"usual_scatter", Type::f8, 1, "", "stat.error", "68.27 % of the held-out objects are not farther off", ""},
             std::span(&errors.usual_scatter, 1));
  add_values(table, {"scale", Type::f8, 1, "", "arith.factor", "factor of all errors", ""}, std::span(&errors.scale, 1));
  return table;
}

class Annz final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "annz"; }
  std::string summary() const override { return "a committee of neural networks, with errors of magnitudes, nets and similar objects"; }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{"annz.hidden", 0, 0, false, false, {"8,8", "12,12", "16,16", "24,24", "16,16,16"}},
            {"annz.iterations", 100, 2000, true, true}};
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    for (const double n : options_.hidden)
      if (n != std::floor(n)) throw UsageError(fmt::format("annz.hidden = {} (units are counted)", n));
    network::Inputs inputs(options_.features, model.bands.bands);
    const TrainingSample sample = training_sample(set, name(), least_objects);
    inputs.standardise_by(set.photometry, sample.used);
    const auto [fit_rows, judged] = hold_out(set, sample.used, held_out_share, sample.used.size(), held_out_stream);
    const TrainingSheet fit = sheet_of(inputs, set, sample.weight, fit_rows, options_.hide);
    const TrainingSheet validation = sheet_of(inputs, set, sample.weight, judged, 0.0);
    const network::Shape shape = shape_of(options_, inputs);
    const std::size_t iterations = iterations_of(options_, fit_rows.size());
    const auto nets = tasks.run("nets", static_cast<std::size_t>(options_.nets), [&](std::size_t net, int threads) {
      return bytes_of(
          train_net(shape, fit, validation, {.iterations = iterations}, set.seed, net, threads, [&](std::size_t i, double error) {
            if (i % 20 == 0) tasks.tell("nets", net, static_cast<double>(i) / static_cast<double>(iterations), error);
          }));
    });
    std::vector<double> weights;
    for (const std::string& bytes : nets) {
      const std::vector<double> some = numbers_of(bytes);
      weights.insert(weights.end(), some.begin(), some.end());
    }
    const HeldOutErrors errors =
        measure_errors(set, judged, inputs, shape, weights, static_cast<std::size_t>(options_.neighbours), set.threads);
    log_info(fmt::format("annz: {} nets of {} weights; 68 % of {} held-out objects within {:.4f}; errors times {:.2f}", nets.size(),
                         shape.weights(), grouped(std::ssize(judged)), errors.usual_scatter, errors.scale));
    model.algorithm = name();
    model.parameters = parameters_of(options_, describe_options);
    model.tables["inputs"] = inputs.table();
    add_values(model.tables["nets"], {"weights", Type::f8, shape.weights(), "", "", "of the layers: matrix, biases", ""}, weights);
    if (options_.neighbours > 0) model.tables["scatter"] = errors.neighbours;
    model.tables["error"] = error_table(errors);
  }

  bool has_mixtures(const PhotozModel&) const override { return true; }
  bool error_is_of_pdf() const override { return false; }
  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<annz::AnnzKernel>(options_of<Options>(model, describe_options), model, columns, pdf);
  }

 private:
  Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_annz() { return std::make_unique<Annz>(); }

}  // namespace skyfold

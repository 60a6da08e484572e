// The algorithm `mdn`: its options, its training, and what a model of it holds. See docs/mdn.md.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "../common/model.hpp"
#include "../common/sample.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/photoz/training_tasks.hpp"

namespace skyfold {
namespace {

using mdn::Options;
using network::chunk;

constexpr std::size_t least_objects = 50;
constexpr std::uint32_t held_out_stream = 0x6d646e01;
// Widths are told apart by far fewer objects than a model is made of.
constexpr std::size_t most_to_choose_with = 30'000;
constexpr double narrowest_widths[] = {0.001, 0.002, 0.004, 0.008};

void describe_options(OptionSet& option, Options& o) {
  describe(option, o.features, "mdn");
  option("mdn.hidden", o.hidden, "units of the hidden layers").range(1, 4096);
  option("mdn.gaussians", o.gaussians, "Gaussians that a net gives").range(1, 64);
  option("mdn.nets", o.nets, "nets whose PDFs are averaged").range(1, 64);
  option("mdn.narrowest", o.narrowest, "least width of a Gaussian, in redshift; 0: chosen on a held-out fifth").range(0.0, 1.0);
  option("mdn.epochs", o.epochs, "passes over the training set; 0: 120 up to 20,000 objects, then fewer, 24 from 500,000 on")
      .range(0, 100000);
  option("mdn.batch", o.batch, "objects of a step").range(1, 1000000);
  option("mdn.rate", o.rate, "rate of Adam at the beginning; it falls to 1e-5").range(1e-5, 1.0);
  option("mdn.l2", o.l2, "penalty on squared weights").range(0.0, 1.0);
  option("mdn.hide", o.hide, "share of the training objects some of whose bands are hidden, so that nets learn to do without")
      .range(0.0, 1.0);
  option("mdn.noise", o.noise, "part of their errors by which magnitudes are redrawn in each pass").range(0.0, 10.0);
  option("mdn.point", o.point, "what z_phot is of the PDF").one_of({"median", "mode", "mean"});
}

/// What training works on.
struct Sample {
  const TrainingSet& set;
  const network::Inputs& inputs;
  TrainingSample rows;
};

std::size_t epochs_of(const Options& o, std::size_t objects) {
  if (o.epochs > 0) return static_cast<std::size_t>(o.epochs);
  return static_cast<std::size_t>(std::clamp(120.0 * std::sqrt(20'000.0 / static_cast<double>(objects)), 24.0, 120.0));
}

mdn::MixtureOutputs outputs_of(const Options& o) { return mdn::MixtureOutputs(static_cast<std::size_t>(o.gaussians), o.narrowest); }

/// One net, trained on these rows.
std::vector<double> train_net(const Options& o, const Sample& sample, std::span<const std::uint32_t> rows, std::uint64_t number,
                              const network::AfterEpoch& after) {
  const TrainingSet& set = sample.set;
  const network::Shape shape = shape_of(o, sample.inputs.size());
  std::vector<double> z;
  for (const std::uint32_t row : rows) z.push_back(set.z[row]);
  std::vector<double> weights = mdn::first_weights(shape, z, set.seed, number);
  mdn::MixtureExamples examples(outputs_of(o),
                                network::VariedInputs(sample.inputs, set.photometry, set.id, {o.hide, o.noise}, set.seed, number), set.z,
                                sample.rows.weight);
  const network::AdamOptions adam{
      .batch = static_cast<std::size_t>(o.batch), .epochs = epochs_of(o, rows.size()), .first_rate = o.rate, .l2 = o.l2};
  network::train_adam(shape, examples, rows, adam, set.seed, number, weights, after);
  for (const double w : weights)
    if (!std::isfinite(w))
      throw DataError(fmt::format("mdn: net {} came to weights that are no numbers (a smaller mdn.rate may help)", number));
  return weights;
}

/// Mean CDE loss of a net on these rows, times weights.
double loss_of(const Options& o, const Sample& sample, std::span<const std::uint32_t> rows, std::span<const double> weights) {
  const TrainingSet& set = sample.set;
  mdn::Ensemble ensemble(shape_of(o, sample.inputs.size()), outputs_of(o), weights);
  network::VariedInputs inputs(sample.inputs, set.photometry, set.id, {}, 0, 0);
  double sum = 0.0, all = 0.0;
  for (std::size_t begin = 0; begin < rows.size(); begin += chunk) {
    const auto some = rows.subspan(begin, std::min(chunk, rows.size() - begin));
    inputs.fill(some, 0, ensemble.input());
    ensemble.run();
    for (std::size_t i = 0; i < some.size(); ++i) {
      sum += sample.rows.weight[some[i]] * ensemble.mixture(i).cde_loss(set.z[some[i]]);
      all += sample.rows.weight[some[i]];
    }
  }
  return sum / all;
}

/// Told once a twentieth, not in every pass.
network::AfterEpoch teller(TrainingTasks& tasks, const std::string& step, std::size_t task, std::size_t epochs) {
  return [&tasks, step, task, epochs](std::size_t epoch, double loss) {
    const std::size_t every = std::max<std::size_t>(epochs / 20, 1);
    if ((epoch + 1) % every == 0 || epoch + 1 == epochs)
      tasks.tell(step, task, static_cast<double>(epoch + 1) / static_cast<double>(epochs), loss);
  };
}

/// The narrowest width by the CDE loss of a fifth of the objects, drawn by id, after training a net on the others.
double choose_narrowest(const Options& o, const Sample& sample, TrainingTasks& tasks, PhotozModel& model) {
  const auto [fit, judged] = hold_out(sample.set, sample.rows.used, 0.2, most_to_choose_with, held_out_stream);
  const auto results = tasks.run("narrowest", std::size(narrowest_widths), [&, &fit = fit, &judged = judged](std::size_t task, int) {
    Options tried = o;
    tried.narrowest = narrowest_widths[task];
    const auto weights = train_net(tried, sample, fit, 1'000'000, teller(tasks, "narrowest", task, epochs_of(tried, fit.size())));
    const double loss = loss_of(tried, sample, judged, weights);
    return bytes_of(std::span(&loss, 1));
  });
  std::vector<double> losses;
  for (const std::string& bytes : results) losses.push_back(numbers_of(bytes).at(0));
  const auto best = static_cast<std::size_t>(std::ranges::min_element(losses) - losses.begin());
  log_info(fmt::format("mdn: Gaussians at least {} wide: CDE loss {:.3f} of one net on {} held-out objects", narrowest_widths[best],
                       losses[best], grouped(std::ssize(judged))));
  Table table;
  add_values(table, {"narrowest", Type::f8, 1, "", "stat.stdev", "least width of a Gaussian", ""},
             std::vector<double>(std::begin(narrowest_widths), std::end(narrowest_widths)));
  add_values(table, {"cde_loss", Type::f8, 1, "", "stat.fit.goodness", "mean loss of the held-out fifth", ""}, losses);
  model.tables["tuning"] = std::move(table);
  return narrowest_widths[best];
}

class Mdn final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "mdn"; }
  std::string summary() const override { return "mixture density networks: networks that give mixtures of Gaussians"; }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{"mdn.gaussians", 3, 12, true, true},
            {"mdn.hidden", 0, 0, false, false, {"32,32", "64,64", "128,64", "64,64,64"}},
            {"mdn.rate", 5e-4, 5e-3, true},
            {"mdn.l2", 1e-6, 1e-3, true},
            {"mdn.noise", 0.0, 1.0},
            {"mdn.narrowest", 0.001, 0.01, true}};
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    Options options = options_;
    for (const double n : options.hidden)
      if (n != std::floor(n)) throw UsageError(fmt::format("mdn.hidden = {} (units are counted)", n));
    network::Inputs inputs(options.features, model.bands.bands);
    const Sample sample{set, inputs, training_sample(set, name(), least_objects)};
    inputs.standardise_by(set.photometry, sample.rows.used);
    if (options.narrowest == 0.0) options.narrowest = choose_narrowest(options, sample, tasks, model);
    const std::size_t epochs = epochs_of(options, sample.rows.used.size());
    const auto nets = tasks.run("nets", static_cast<std::size_t>(options.nets), [&](std::size_t net, int) {
      return bytes_of(train_net(options, sample, sample.rows.used, net, teller(tasks, "nets", net, epochs)));
    });
    std::vector<double> weights;
    for (const std::string& bytes : nets) {
      const std::vector<double> some = numbers_of(bytes);
      weights.insert(weights.end(), some.begin(), some.end());
    }
    model.algorithm = name();
    model.parameters = parameters_of(options, describe_options);
    model.tables["inputs"] = inputs.table();
    add_values(model.tables["nets"], {"weights", Type::f8, weights.size() / nets.size(), "", "", "of the layers: matrix, biases", ""},
               weights);
  }

  bool has_mixtures(const PhotozModel&) const override { return true; }
  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<mdn::MdnKernel>(options_of<Options>(model, describe_options), model, columns, pdf);
  }

 private:
  Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_mdn() { return std::make_unique<Mdn>(); }

}  // namespace skyfold

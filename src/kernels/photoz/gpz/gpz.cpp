// The algorithm `gpz`: its options, its training, and what a model of it holds.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../../network/minimise.hpp"
#include "../common/model.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

using network::chunk;
constexpr std::uint32_t split_stream = 0x67707a01, start_stream = 0x67707a02;
constexpr std::size_t judged_every = 5, memory = 20;

void describe_options(OptionSet& option, gpz::Options& o) {
  describe(option, o.features, "gpz");
  option("gpz.basis", o.basis, "basis functions").range(1, 2000);
  option("gpz.iterations", o.iterations, "of L-BFGS, at most").range(1, 100000);
  option("gpz.patience", o.patience, "iterations without progress on the held-out part that end the fit").range(1, 100000);
  option("gpz.held_out", o.held_out, "part of the training set by which the best iteration is chosen").range(0.01, 0.9);
  option("gpz.rows", o.rows, "training objects that shapes and noise are fitted to, at most; weights are of all").range(100, 10000000);
  option("gpz.fits", o.fits, "fits from different starts, of which the best is kept").range(1, 100);
}

/// Training objects that have all features, as the process sees them.
struct Sample {
  std::vector<std::uint32_t> row;  ///< in the training set
  gpz::Rows rows;
  double mean = 0.0;  ///< redshift that y is less
};

Sample sample_of(const TrainingSet& set, const network::Inputs& inputs) {
  check_redshifts(set);
  Features features;
  inputs.layer().gather(set.photometry, features);
  const std::size_t d = inputs.layer().size();
  const std::uint64_t all = d < 64 ? (std::uint64_t{1} << d) - 1 : ~std::uint64_t{0};
  Sample sample;
  double weights = 0.0;
  for (std::uint32_t i = 0; i < set.z.size(); ++i) {
    const double weight = set.weight.empty() ? 1.0 : set.weight[i];
    if (features.present[i] != all || !(weight > 0.0)) continue;
    sample.row.push_back(i);
    sample.rows.weight.push_back(weight);
    weights += weight;
    sample.mean += weight * set.z[i];
  }
  sample.rows.n = sample.row.size();
  sample.mean /= weights;
  std::vector<double> input(inputs.size() * chunk);
  for (std::size_t first = 0; first < sample.row.size(); first += chunk) {
    const auto part = std::span(sample.row).subspan(first, std::min(chunk, sample.row.size() - first));
    inputs.fill(features, set.photometry.observed, part, input);
    for (std::size_t o = 0; o < part.size(); ++o)
      for (std::size_t f = 0; f < d; ++f) sample.rows.feature.push_back(input[f * chunk + o]);
  }
  for (std::size_t i = 0; i < sample.row.size(); ++i) {
    sample.rows.y.push_back(set.z[sample.row[i]] - sample.mean);
    sample.rows.weight[i] *= static_cast<double>(sample.row.size()) / weights;
  }
  return sample;
}

gpz::Rows part_of(const gpz::Rows& rows, std::span<const std::uint32_t> list, std::size_t d) {
  gpz::Rows part;
  part.n = list.size();
  for (const std::uint32_t i : list) {
    part.feature.insert(part.feature.end(), rows.feature.begin() + static_cast<std::ptrdiff_t>(i * d),
                        rows.feature.begin() + static_cast<std::ptrdiff_t>((i + 1) * d));
    part.y.push_back(rows.y[i]);
    part.weight.push_back(rows.weight[i]);
  }
  return part;
}

/// Fits the shapes of the basis functions, the precisions and the noise.
class Fit {
 public:
  Fit(const gpz::Options& o, const gpz::Layout& layout, const Sample& sample, const TrainingSet& set, TrainingTasks& tasks)
      : options_(o), layout_(layout), tasks_(tasks), seed_(set.seed) {
    std::vector<std::pair<double, std::uint32_t>> draws;
    for (std::uint32_t i = 0; i < sample.row.size(); ++i)
      // By id: the same objects are held out whatever the order of the sample.
      draws.emplace_back(ObjectRandom(set.seed, static_cast<std::uint64_t>(set.id[sample.row[i]]), split_stream).uniform(), i);
    std::sort(draws.begin(), draws.end());
    draws.resize(std::min(draws.size(), static_cast<std::size_t>(o.rows)));
    const auto held = std::max<std::size_t>(static_cast<std::size_t>(o.held_out * static_cast<double>(draws.size())), 1);
    std::vector<std::uint32_t> judged, fitted;
    for (std::size_t i = 0; i < draws.size(); ++i) (i < held ? judged : fitted).push_back(draws[i].second);
    for (std::vector<std::uint32_t>* list : {&judged, &fitted}) std::sort(list->begin(), list->end());
    judged_ = part_of(sample.rows, judged, layout.features);
    fitted_ = part_of(sample.rows, fitted, layout.features);
    for (const std::uint32_t i : fitted) fitted_id_.push_back(set.id[sample.row[i]]);
  }

  /// Loss of the held-out part and the parameters, as bytes.
  std::string run(std::size_t number, int threads) {
    gpz::Evidence evidence(layout_, fitted_, threads);
    std::vector<double> parameters = start(number), best = parameters;
    double least = std::numeric_limits<double>::infinity();
    std::size_t best_iteration = 0;
    const auto iterations = static_cast<std::size_t>(options_.iterations);
    std::size_t next = 0;
    const auto judge = [&](std::span<const double> now, double value) {
      const std::size_t iteration = next++;
      if ((iteration + 1) % judged_every != 0 && iteration + 1 != iterations) return true;
      const double loss = loss_of(now, evidence.posterior(now));
      tasks_.tell("fit", number, static_cast<double>(iteration + 1) / static_cast<double>(iterations), value);
      if (loss < least) least = loss, best_iteration = iteration, best.assign(now.begin(), now.end());
      return iteration - best_iteration < static_cast<std::size_t>(options_.patience);
    };
    (void)network::minimise([&](auto at, auto gradient) { return evidence.value(at, gradient); }, parameters,
                            {.iterations = iterations, .memory = memory}, judge);
    if (!std::isfinite(least)) best = parameters, least = loss_of(best, evidence.posterior(best));
    best.insert(best.begin(), least);
    return {reinterpret_cast<const char*>(best.data()), best.size() * sizeof(double)};
  }

 private:
  /// Centres at objects that are drawn, as wide as they are apart; the noise a part of the variance, everywhere the same.
  std::vector<double> start(std::size_t number) const {
    const std::size_t d = layout_.features, m = layout_.basis;
    std::vector<std::pair<double, std::size_t>> draws;
    for (std::size_t i = 0; i < fitted_.n; ++i)
      draws.emplace_back(ObjectRandom(seed_ + number, static_cast<std::uint64_t>(fitted_id_[i]), start_stream).uniform(), i);
    std::sort(draws.begin(), draws.end());
    std::vector<double> at(layout_.parameters(), 0.0);
    for (std::size_t j = 0; j < m; ++j)
      std::copy_n(&fitted_.feature[draws[j % draws.size()].second * d], d, &at[layout_.centres() + j * d]);
    double apart = 0.0;
    for (std::size_t j = 0; j < m; ++j) {
      std::vector<double> distance;
      for (std::size_t k = 0; k < m; ++k) {
        double square = 0.0;
        for (std::size_t f = 0; f < d; ++f) square += std::pow(at[layout_.centres() + j * d + f] - at[layout_.centres() + k * d + f], 2);
        if (k != j) distance.push_back(std::sqrt(square));
      }
      std::sort(distance.begin(), distance.end());
      apart += distance.empty() ? 1.0 : distance[std::min(distance.size() - 1, d)] / static_cast<double>(m);
    }
    const double scale = apart > 0.0 ? 1.0 / apart : 1.0;
    for (std::size_t j = 0; j < m; ++j)
      for (std::size_t r = 0, place = layout_.factors() + j * layout_.factor(); r < d; place += d - r, ++r) at[place] = scale;
    double square = 0.0;
    for (const double y : fitted_.y) square += y * y;
    at[layout_.noise_constant()] = -std::log(0.1 * square / static_cast<double>(fitted_.n));
    return at;
  }

  /// Mean of -ln p(y) without constants.
  double loss_of(std::span<const double> parameters, const gpz::Posterior& posterior) const {
    const gpz::Predictor predictor(layout_, {parameters.begin(), parameters.end()}, posterior);
    gpz::Predictor::Buffers buffers(layout_);
    std::vector<double> feature(layout_.features * chunk), mean(chunk), model(chunk), noise(chunk);
    double sum = 0.0, weights = 0.0;
    for (std::size_t first = 0; first < judged_.n; first += chunk) {
      const std::size_t n = std::min(chunk, judged_.n - first);
      for (std::size_t o = 0; o < n; ++o)
        for (std::size_t f = 0; f < layout_.features; ++f) feature[f * chunk + o] = judged_.feature[(first + o) * layout_.features + f];
      predictor.predict(feature, buffers, mean, model, noise);
      for (std::size_t o = 0; o < n; ++o) {
        const double variance = model[o] + noise[o], residual = judged_.y[first + o] - mean[o], weight = judged_.weight[first + o];
        sum += weight * 0.5 * (residual * residual / variance + std::log(variance));
        weights += weight;
      }
    }
    return sum / weights;
  }

  gpz::Options options_;
  gpz::Layout layout_;
  TrainingTasks& tasks_;
  std::uint64_t seed_;
  gpz::Rows fitted_, judged_;
  std::vector<std::int64_t> fitted_id_;
};

/// Mean and covariance of the features, by which missing ones are filled in.
Table distribution_table(const gpz::Rows& rows, std::size_t d) {
  std::vector<double> mean(d, 0.0), covariance(d * d, 0.0);
  for (std::size_t i = 0; i < rows.n; ++i)
    for (std::size_t f = 0; f < d; ++f) mean[f] += rows.feature[i * d + f] / static_cast<double>(rows.n);
  for (std::size_t i = 0; i < rows.n; ++i)
    for (std::size_t f = 0; f < d; ++f)
      for (std::size_t k = 0; k < d; ++k)
        covariance[f * d + k] += (rows.feature[i * d + f] - mean[f]) * (rows.feature[i * d + k] - mean[k]) / static_cast<double>(rows.n);
  Table table;
  add_values(table, {"mean", Type::f8, 1, "", "stat.mean", "of the standardised feature", ""}, mean);
  add_values(table, {"covariance", Type::f8, d, "", "stat.covariance", "row of the covariances of standardised features", ""}, covariance);
  return table;
}

class Gpz final : public PhotozAlgorithm {
 public:
  Gpz() { options_.features.terms = {"colours", "reference", "errors"}; }
  std::string name() const override { return "gpz"; }
  std::string summary() const override { return "a sparse Gaussian process with noise that depends on the object: a Gaussian as PDF"; }
  void describe(OptionSet& option) override { describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{.option = "gpz.basis", .least = 25, .greatest = 200, .is_logarithmic = true, .is_whole = true},
            {.option = "gpz.features", .choices = {"colours,reference", "colours,reference,errors", "magnitudes", "magnitudes,errors"}}};
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    const gpz::Options& o = options_;
    network::Inputs inputs(o.features, model.bands.bands);
    std::vector<std::uint32_t> all(set.z.size());
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    inputs.standardise_by(set.photometry, all);
    const Sample sample = sample_of(set, inputs);
    const gpz::Layout layout{static_cast<std::size_t>(o.basis), inputs.layer().size()};
    if (sample.rows.n < 2 * layout.terms())
      throw DataError(fmt::format("the training set has {} objects with all features and weight (gpz.basis = {} needs at least {})",
                                  sample.rows.n, o.basis, 2 * layout.terms()));
    if (std::ranges::all_of(sample.rows.y, [&](double y) { return y == sample.rows.y[0]; }))
      throw DataError(fmt::format("all training redshifts are {} (there is nothing to learn)", set.z[sample.row[0]]));
    Fit fit(o, layout, sample, set, tasks);
    const std::vector<std::string> fits =
        tasks.run("fit", static_cast<std::size_t>(o.fits), [&](std::size_t number, int threads) { return fit.run(number, threads); });
    std::vector<double> best;
    for (const std::string& bytes : fits) {
      std::vector<double> values(bytes.size() / sizeof(double));
      std::memcpy(values.data(), bytes.data(), bytes.size());
      if (best.empty() || values[0] < best[0]) best = std::move(values);
    }
    log_info(fmt::format("gpz: {} objects with all features; -ln p of a held-out object {:.3f}",
                         grouped(static_cast<long long>(sample.rows.n)), best[0] + 0.9189385332046727));
    best.erase(best.begin());
    write(model, layout, inputs, sample, best, set.threads);
  }

  bool has_mixtures(const PhotozModel&) const override { return true; }
  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<gpz::GpzKernel>(options_of<gpz::Options>(model, describe_options), model, columns, pdf);
  }

 private:
  void write(PhotozModel& model, const gpz::Layout& layout, const network::Inputs& inputs, const Sample& sample,
             const std::vector<double>& parameters, int threads) const {
    // With shapes and noise as they are now, the weights of all objects, held-out ones too.
    const gpz::Posterior posterior = gpz::Evidence(layout, sample.rows, threads).posterior(parameters);
    model.algorithm = name();
    model.parameters = parameters_of(options_, describe_options);
    model.tables["features"] = inputs.table();
    model.tables["distribution"] = distribution_table(sample.rows, layout.features);
    add_values(model.tables["parameters"], {"value", Type::f8, 1, "", "", "centres, factors, ln precisions, noise", ""}, parameters);
    add_values(model.tables["weights"], {"mean", Type::f8, 1, "", "", "mean of the weight", ""}, posterior.mean);
    add_values(model.tables["weights"], {"root", Type::f8, layout.terms(), "", "", "row of R; the weights' covariance is R^T R", ""},
               posterior.root);
    add_values(model.tables["mean"], {"z", Type::f8, 1, "", "src.redshift", "weighted mean redshift of the training set", ""},
               std::span(&sample.mean, 1));
  }

  gpz::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_gpz() { return std::make_unique<Gpz>(); }

}  // namespace skyfold

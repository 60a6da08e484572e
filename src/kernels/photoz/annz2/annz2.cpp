// The algorithm `annz2`: its options, its training, and what a model of it holds. See docs/annz2.md.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../common/model.hpp"
#include "../common/sample.hpp"
#include "kernel.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace annz2 {

void describe_options(OptionSet& option, Options& o) {
  describe(option, o.features, "annz2");
  option("annz2.models", o.models, "models of random kinds that are trained").range(1, 200);
  option("annz2.kinds", o.kinds, "kinds of models that are drawn from: network, trees (boosted regression trees)")
      .one_of({"network", "trees"});
  option("annz2.rows", o.rows, "most objects that a model is trained on; of more, each model draws its own").range(50, 100000000);
  option("annz2.iterations", o.iterations, "most iterations of a net's training; 0: 400 up to 10,000 objects, then fewer, 170 for 85,000")
      .range(0, 1000000);
  option("annz2.correct", o.correct, "trees of a second stage that takes off each model's bias; 0: none").range(0, 10000);
  option("annz2.neighbours", o.neighbours, "held-out objects nearest in the features, whose residuals give each model's error")
      .range(3, 1000);
  option("annz2.rank", o.rank, "by which the best model is chosen, in bins of redshift").one_of({"all", "bias", "scatter", "outliers"});
  option("annz2.tries", o.tries, "weights of the models that are tried for a flat PIT").range(32, 1000000);
  option("annz2.hide", o.hide, "share of the training objects some of whose bands are hidden, so that models learn to do without")
      .range(0.0, 1.0);
  option("annz2.point", o.point, "what z_phot is: median, mean or mode of the PDF, or the best model's redshift")
      .one_of({"median", "mean", "mode", "best"});
}

}  // namespace annz2

namespace {

using annz2::Member;
using network::chunk;

constexpr std::size_t least_objects = 100, most_held_out = 50'000, most_for_weights = 10'000;
constexpr double held_out_share = 0.25, covered_share = 0.99;
constexpr std::uint32_t held_out_stream = 0x616e3203;

std::vector<Member> train_members(const annz2::Options& o, const annz2::Trainer& trainer, TrainingTasks& tasks) {
  const std::uint64_t seed = trainer.set.seed;
  const std::size_t inputs = trainer.inputs.size();
  const auto trained = tasks.run("models", static_cast<std::size_t>(o.models), [&](std::size_t number, int threads) {
    const auto most = static_cast<double>(trainer.iterations(std::min(trainer.rows.size(), static_cast<std::size_t>(o.rows))));
    const Member member = trainer.train(draw_recipe(o, inputs, seed, number), number, threads, [&](std::size_t i, double error) {
      if (i % 20 == 0) tasks.tell("models", number, std::min(static_cast<double>(i) / most, 1.0), error);
    });
    return bytes_of(numbers_of(member));
  });
  std::vector<Member> members;
  for (std::size_t m = 0; m < trained.size(); ++m)
    members.push_back(annz2::member_of(draw_recipe(o, inputs, seed, m), inputs, numbers_of(trained[m])));
  return members;
}

/// What the held-out objects say: answers and errors of all models, and how far their neighbours are.
struct HeldOutPart {
  annz2::HeldOutAnswers answers;
  Features places;
  std::vector<double> residual;  ///< [objects x models]
  std::vector<double> usual;     ///< [models]
  double reach = 0.0;
};

HeldOutPart ask_held_out(const TrainingSet& set, const TrainingSample& sample, std::span<const std::uint32_t> judged,
                         const network::Inputs& inputs, const annz2::Transforms& transforms, std::span<const Member> members,
                         std::size_t neighbours) {
  HeldOutPart part;
  const std::size_t n = judged.size(), models = members.size();
  const Photometry photometry = rows_of(set.photometry, judged);
  inputs.layer().gather(photometry, part.places);
  annz2::HeldOutAnswers& answers = part.answers;
  answers.models = models;
  answers.answer.resize(n * models);
  answers.scatter.resize(n * models);
  for (const std::uint32_t i : judged) answers.z.push_back(set.z[i]), answers.weight.push_back(sample.weight[i]);
  parallel_for(n, 16 * chunk, set.threads, [&](std::size_t begin, std::size_t end, int) {
    annz2::MemberPass pass(transforms, members);
    std::vector<std::uint32_t> rows(chunk);
    for (; begin < end; begin += chunk) {
      const std::size_t count = std::min(chunk, end - begin);
      std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(begin));
      inputs.fill(part.places, photometry.observed, std::span(rows).first(count), pass.input());
      pass.run();
      for (std::size_t o = 0; o < count; ++o)
        for (std::size_t m = 0; m < models; ++m) answers.answer[(begin + o) * models + m] = pass.z(m, o);
    }
  });
  part.residual = answers.answer;
  for (std::size_t i = 0; i < part.residual.size(); ++i) part.residual[i] -= answers.z[i / models];
  std::vector<double> some(n), farthest(n);
  for (std::size_t m = 0; m < models; ++m) {
    for (std::size_t i = 0; i < n; ++i) some[i] = part.residual[i * models + m];
    part.usual.push_back(0.5 * (quantile_in_place(some, 0.84) - quantile_in_place(some, 0.16)));
  }
  inputs.make_places(part.places);
  const NearestNeighbourErrors errors(part.places.n_features, {part.places.value.begin(), part.places.value.end()}, part.residual, models,
                                      neighbours);
  errors.estimate(part.places, NearestNeighbourErrors::Measure::half_width, answers.scatter, set.threads, farthest);
  for (std::size_t i = 0; i < n; ++i) annz2::complete_errors(std::span(answers.scatter).subspan(i * models, models), part.usual);
  std::erase_if(farthest, [](double d) { return std::isnan(d); });
  part.reach = farthest.empty() ? 0.0 : quantile_in_place(farthest, covered_share);
  return part;
}

/// Residuals of the models that answer, as the table of nearest-neighbour errors.
Table residual_table(const HeldOutPart& part, const annz2::Ranking& ranking, std::size_t neighbours) {
  std::vector<double> residual;
  std::size_t members = 0;
  for (std::size_t m = 0; m < part.answers.models; ++m) members += ranking.answers(m) ? 1 : 0;
  for (std::size_t i = 0; i < part.residual.size(); ++i)
    if (ranking.answers(i % part.answers.models)) residual.push_back(part.residual[i]);
  return NearestNeighbourErrors(part.places.n_features, {part.places.value.begin(), part.places.value.end()}, residual, members, neighbours)
      .table();
}

annz2::Ranking rank(const HeldOutPart& part, const annz2::Options& o, std::uint64_t seed, TrainingTasks& tasks) {
  annz2::Ranking ranking{.merits = annz2::judge(part.answers, o.rank), .weight = {}, .usual = part.usual};
  const annz2::Flatness flatness(part.answers, most_for_weights);
  ranking.weight = annz2::find_weights(flatness, ranking.merits, static_cast<std::size_t>(o.tries), seed, tasks);
  ranking.best = static_cast<std::size_t>(std::ranges::min_element(ranking.merits, {}, &annz2::Merit::place) - ranking.merits.begin());
  const std::vector<double> equal(part.answers.models, 1.0 / static_cast<double>(part.answers.models));
  log_info(fmt::format("annz2: {} of {} models are in the PDF; its PIT of {} held-out objects is off by {:.4f} ({:.4f} with equal weights)",
                       std::ranges::count_if(ranking.weight, [](double w) { return w > 0.0; }), part.answers.models,
                       grouped(std::ssize(part.answers.z)), flatness.distance(ranking.weight), flatness.distance(equal)));
  return ranking;
}

class Annz2 final : public PhotozAlgorithm {
 public:
  std::string name() const override { return "annz2"; }
  std::string summary() const override { return "many networks and boosted trees of random kinds, ranked, and weighted for a flat PIT"; }
  void describe(OptionSet& option) override { annz2::describe_options(option, options_); }
  bool uses_weights() const override { return true; }
  std::vector<SearchRange> searched_options() const override {
    return {{.option = "annz2.neighbours", .least = 30, .greatest = 200, .is_logarithmic = true, .is_whole = true},
            {.option = "annz2.correct", .choices = {"0", "50"}},
            {.option = "annz2.kinds", .choices = {"network", "trees", "network,trees"}}};
  }

  void train(const TrainingSet& set, TrainingTasks& tasks, PhotozModel& model) const override {
    if (options_.kinds.empty()) throw UsageError("annz2.kinds is empty (there is nothing to draw models from)");
    network::Inputs inputs(options_.features, model.bands.bands);
    const TrainingSample sample = training_sample(set, name(), least_objects);
    inputs.standardise_by(set.photometry, sample.used);
    const double share = std::min(held_out_share, static_cast<double>(most_held_out) / static_cast<double>(sample.used.size()));
    const auto [fit, judged] = hold_out(set, sample.used, share, sample.used.size(), held_out_stream);
    annz2::Transforms transforms(inputs.size());
    const auto some = std::span(fit).first(std::min(fit.size(), static_cast<std::size_t>(options_.rows)));
    transforms.learn(sheet_of(inputs, set, sample.weight, some, 0.0), inputs.layer().size());
    const std::vector<Member> members = train_members(options_, {options_, set, inputs, transforms, sample.weight, fit}, tasks);
    const auto neighbours = static_cast<std::size_t>(options_.neighbours);
    const HeldOutPart part = ask_held_out(set, sample, judged, inputs, transforms, members, neighbours);
    const annz2::Ranking ranking = rank(part, options_, set.seed, tasks);
    model.algorithm = name();
    model.parameters = parameters_of(options_, annz2::describe_options);
    model.tables["inputs"] = inputs.table();
    model.tables["transforms"] = transforms.table();
    put_tables(model, members, ranking);
    model.tables["scatter"] = residual_table(part, ranking, neighbours);
    add_values(model.tables["coverage"],
               {"reach", Type::f8, 1, "", "stat.max", "99 % of the held-out objects have their neighbours within it", ""},
               std::span(&part.reach, 1));
  }

  bool has_mixtures(const PhotozModel&) const override { return true; }
  std::unique_ptr<Kernel> estimator(const PhotozModel& model, const BandColumns& columns, const PdfOptions& pdf) const override {
    return std::make_unique<annz2::Annz2Kernel>(options_of<annz2::Options>(model, annz2::describe_options), model, columns, pdf);
  }

 private:
  annz2::Options options_;
};

}  // namespace

std::unique_ptr<PhotozAlgorithm> make_annz2() { return std::make_unique<Annz2>(); }

}  // namespace skyfold

// Many models of random kinds: recipes, transforms, ranks and weights against their definitions; models, estimates and PDFs.
#include <numeric>
#include <set>

#include "../sizes.hpp"
#include "colour_objects.hpp"
#include "photoz/annz2/ensemble.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;
using annz2::Kind;
using annz2::Transform;
using network::chunk;

const std::vector<std::string> quick = {"--annz2.models=6", "--annz2.iterations=40", "--annz2.neighbours=30", "--annz2.tries=320"};

std::vector<std::string> quick_and(std::initializer_list<std::string> more) {
  std::vector<std::string> words = quick;
  words.insert(words.end(), more);
  return words;
}

TEST(Annz2, DrawsRecipesOfAllKindsBySeedAndNumberAlone) {
  const annz2::Options options;
  std::set<std::tuple<Kind, Transform>> seen;
  std::set<std::size_t> depths, layers;
  for (std::size_t number = 0; number < 200; ++number) {
    const annz2::Recipe recipe = draw_recipe(options, 10, 7, number), again = draw_recipe(options, 10, 7, number);
    seen.emplace(recipe.kind, recipe.transform);
    EXPECT_EQ(recipe.shape.units, again.shape.units);
    EXPECT_EQ(recipe.trees.trees, again.trees.trees);
    if (recipe.kind == Kind::trees) {
      depths.insert(recipe.trees.depth);
      EXPECT_TRUE(recipe.trees.trees >= 100 && recipe.trees.trees <= 400 && recipe.trees.shrinkage >= 0.05 &&
                  recipe.trees.shrinkage <= 0.2);
    } else {
      layers.insert(recipe.shape.units.size());
      EXPECT_EQ(recipe.shape.inputs(), 10u);
      EXPECT_EQ(recipe.shape.outputs(), 1u);
    }
  }
  EXPECT_EQ(seen.size(), 5u);  // networks with three transforms, trees with two
  EXPECT_EQ(depths, (std::set<std::size_t>{3, 4, 5}));
  EXPECT_EQ(layers, (std::set<std::size_t>{3, 4}));
}

TEST(Annz2, TransformsScaleTheRangeAndTurnToUncorrelatedComponents) {
  const std::size_t n = 4, chunks = 10;
  TrainingSheet sheet{chunks, std::vector<double>(chunks * n * chunk), {}, std::vector<double>(chunks * chunk, 1.0)};
  for (std::size_t c = 0; c < chunks; ++c)
    for (std::size_t o = 0; o < chunk; ++o) {
      ObjectRandom random(3, c * chunk + o);
      const double a = random.normal(), b = random.normal();
      double x[n] = {1.0 + 2.0 * a, a - 0.5 * b, 0.3 * random.normal() + b, random.uniform() < 0.1 ? 1.0 : 0.0};  // the last: a bit
      for (std::size_t i = 0; i < n; ++i) sheet.input[(c * n + i) * chunk + o] = x[i];
    }
  annz2::Transforms learned(n), transforms(n);
  learned.learn(sheet, 3);
  transforms.restore(learned.table());
  std::vector<double> in(n * chunk), out(n * chunk), low(3, 1e9), high(3, -1e9), sum(3, 0.0), products(9, 0.0);
  for (std::size_t c = 0; c < chunks; ++c) {
    std::copy_n(&sheet.input[c * n * chunk], in.size(), in.begin());
    transforms.apply(Transform::normalise, in, out);
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t o = 0; o < chunk; ++o) {
        low[i] = std::min(low[i], out[i * chunk + o]);
        high[i] = std::max(high[i], out[i * chunk + o]);
      }
    EXPECT_TRUE(std::equal(out.end() - chunk, out.end(), in.end() - chunk));
    transforms.apply(Transform::pca, in, out);
    for (std::size_t o = 0; o < chunk; ++o)
      for (std::size_t i = 0; i < 3; ++i) {
        sum[i] += out[i * chunk + o];
        for (std::size_t j = 0; j < 3; ++j) products[3 * i + j] += out[i * chunk + o] * out[j * chunk + o];
      }
    EXPECT_TRUE(std::equal(out.end() - chunk, out.end(), in.end() - chunk));
  }
  const double objects = static_cast<double>(chunks * chunk);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(low[i], -1.0, 1e-12);
    EXPECT_NEAR(high[i], 1.0, 1e-12);
    EXPECT_NEAR(sum[i], 0.0, 1e-9);
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(products[3 * i + j] / (objects - 1.0), i == j ? 1.0 : 0.0, 1e-10);
  }
}

/// Answers of three models: right, biased, and scattered with outliers.
annz2::HeldOutAnswers three_models(std::size_t n) {
  annz2::HeldOutAnswers held_out{.models = 3, .z = {}, .weight = std::vector<double>(n, 1.0), .answer = {}, .scatter = {}};
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(8, i);
    const double z = random.uniform();
    held_out.z.push_back(z);
    for (const double off : {0.02 * random.normal(), 0.1 + 0.02 * random.normal(), 0.1 * random.normal()})
      held_out.answer.push_back(z + off);
    for (const double s : {0.02, 0.02, 0.1}) held_out.scatter.push_back(s);
  }
  return held_out;
}

TEST(Annz2, JudgesModelsInBinsOfRedshift) {
  const annz2::HeldOutAnswers held_out = three_models(100);
  const auto merits = annz2::judge(held_out, "all");
  // By hand: two bins of 50.
  std::vector<std::size_t> order(100);
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, {}, [&](std::size_t i) { return held_out.z[i]; });
  for (std::size_t m = 0; m < 3; ++m) {
    double bias = 0.0, sigma = 0.0, outliers = 0.0;
    for (std::size_t b = 0; b < 2; ++b) {
      std::vector<double> dz;
      for (std::size_t k = 50 * b; k < 50 * (b + 1); ++k)
        dz.push_back((held_out.answer[order[k] * 3 + m] - held_out.z[order[k]]) / (1.0 + held_out.z[order[k]]));
      bias += 0.5 * std::abs(std::accumulate(dz.begin(), dz.end(), 0.0) / 50.0);
      sigma += 0.25 * (quantile(dz, 0.84) - quantile(dz, 0.16));
      outliers += 0.5 * static_cast<double>(std::ranges::count_if(dz, [](double d) { return std::abs(d) > 0.15; })) / 50.0;
    }
    EXPECT_NEAR(merits[m].bias, bias, 1e-12);
    EXPECT_NEAR(merits[m].sigma68, sigma, 1e-12);
    EXPECT_NEAR(merits[m].outliers, outliers, 1e-12);
  }
  EXPECT_LT(merits[0].place, merits[1].place);
  EXPECT_LT(merits[0].place, merits[2].place);
  const auto by_scatter = annz2::judge(held_out, "scatter"), by_bias = annz2::judge(held_out, "bias");
  EXPECT_EQ(by_scatter[2].place, 2.0);
  EXPECT_EQ(by_bias[1].place, 2.0);
  EXPECT_EQ(annz2::judge(held_out, "outliers")[0].place, 0.5);  // as good as the biased one: none beyond 0.15
}

TEST(Annz2, FlatnessIsTheDistanceOfThePitFromAFlatOne) {
  const annz2::HeldOutAnswers held_out = three_models(500);
  const annz2::Flatness flatness(held_out, 400);
  const std::vector<double> weights = {0.6, 0.3, 0.1};
  std::vector<double> pit;
  for (std::size_t i = 0; i < 400; ++i) {
    double p = 0.0;
    for (std::size_t m = 0; m < 3; ++m)
      p += weights[m] * 0.5 * std::erfc((held_out.answer[3 * i + m] - held_out.z[i]) / held_out.scatter[3 * i + m] / std::sqrt(2.0));
    pit.push_back(p);
  }
  double farthest = 0.0;
  for (int k = 1; k <= 100; ++k)
    farthest = std::max(
        farthest, std::abs(static_cast<double>(std::ranges::count_if(pit, [&](double p) { return p < k / 100.0; })) / 400.0 - k / 100.0));
  EXPECT_NEAR(flatness.distance(weights), farthest, 2.0 / 400.0);  // single precision may move one over an edge
  EXPECT_LT(flatness.distance(std::vector<double>{1.0, 0.0, 0.0}), 0.07);
  EXPECT_GT(flatness.distance(std::vector<double>{0.0, 1.0, 0.0}), 0.5);
}

TEST(Annz2, WeightsBelowAHundredthAreDroppedButFiveAreKept) {
  std::vector<double> weights = {0.5, 0.3, 0.1, 0.05, 0.04, 0.009, 0.001};
  annz2::prune(weights);
  EXPECT_EQ(weights[5], 0.0);
  EXPECT_EQ(weights[6], 0.0);
  EXPECT_NEAR(weights[0], 0.5 / 0.99, 1e-12);
  std::vector<double> one = {1.0, 0.002, 0.001, 0.0005, 0.0004, 0.0003};
  annz2::prune(one);
  EXPECT_EQ(std::ranges::count_if(one, [](double w) { return w > 0.0; }), 5);
  std::vector<double> few = {1.0, 0.001};
  annz2::prune(few);
  EXPECT_GT(few[1], 0.0);
}

TEST(Annz2, TheSearchFindsTheModelThatIsCalibrated) {
  const annz2::HeldOutAnswers held_out = three_models(2000);
  const annz2::Flatness flatness(held_out, 2000);
  const auto merits = annz2::judge(held_out, "all");
  LocalTasks one(1), three(3);
  const auto weights = annz2::find_weights(flatness, merits, 1600, 5, one);
  EXPECT_EQ(weights, annz2::find_weights(flatness, merits, 1600, 5, three));
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1.0, 1e-12);
  EXPECT_GT(weights[0], 0.9);
  EXPECT_LT(flatness.distance(weights), 0.06);
}

TEST(Annz2, MembersAreTheSameAfterTheWayThroughAModel) {
  const Objects training = make_colours(400, 1);
  const PhotozModel model = train("annz2", training, quick_and({"--annz2.correct=5"}));
  const std::size_t inputs = model.tables.at("transforms").at("matrix").info().width;
  const annz2::Ensemble ensemble = annz2::ensemble_of(model, inputs);
  EXPECT_NEAR(std::accumulate(ensemble.weight.begin(), ensemble.weight.end(), 0.0), 1.0, 1e-12);
  std::vector<double> numbers;
  for (const annz2::Member& member : ensemble.members) {
    const auto mine = annz2::numbers_of(member);
    numbers.insert(numbers.end(), mine.begin(), mine.end());
    ASSERT_TRUE(member.correction);
    EXPECT_EQ(member.correction->size(), 5u);
  }
  EXPECT_TRUE(std::ranges::equal(numbers, model.tables.at("members").at("number").values<double>()));
}

TEST(Annz2, LearnsTheRedshiftAndWhereItScatters) {
  const Objects training = make_colours(testing_support::sized<std::size_t>(2500, 1500), 2), queries = make_colours(1000, 3);
  for (const char* kinds : {"network", "trees"}) {
    const std::string kind = std::string("--annz2.kinds=") + kinds;
    const std::vector<std::string> words = {"--annz2.models=6", "--annz2.iterations=150", "--annz2.neighbours=30", "--annz2.tries=320",
                                            kind};
    const Table out = estimate(train("annz2", training, words), queries);
    std::vector<double> bright, faint, off, off_best;
    std::size_t within = 0, in_train = 0;
    for (std::size_t i = 0; i < 1000; ++i) {
      const double error = out.at("z_err").number(i), residual = out.at("z_phot").number(i) - queries.z[i];
      const double known = queries.mag[i][1] < 22.5 ? 0.02 : 0.1;
      if (queries.mag[i][1] < 21.5) bright.push_back(error);
      if (queries.mag[i][1] > 23.5) faint.push_back(error);
      off.push_back(residual / known);
      off_best.push_back((out.at("z_best").number(i) - queries.z[i]) / known);
      within += std::abs(residual) < error ? 1 : 0;
      in_train += out.at("in_train").integer(i) == 1 ? 1 : 0;
    }
    EXPECT_GT(median(faint), 1.7 * median(bright)) << kinds;
    EXPECT_LT(nmad(off), 1.7) << kinds;  // 1: nothing more can be known
    EXPECT_LT(nmad(off_best), 1.8) << kinds;
    EXPECT_NEAR(static_cast<double>(within), 683.0, 80.0) << kinds;
    EXPECT_GT(in_train, 970u);
  }
}

TEST(Annz2, MarksWhatTheTrainingDoesNotCover) {
  const Objects training = make_colours(400, 4);
  Objects queries = make_colours(3, 5);
  for (double& m : queries.mag[1]) m += 12.0;
  queries.mag[2] = {not_observed, not_observed, not_observed};
  const Table out = estimate(train("annz2", training, quick), queries);
  EXPECT_EQ(out.at("in_train").integer(0), 1);
  EXPECT_EQ(out.at("flags").integer(0) & photoz_outside_coverage, 0);
  EXPECT_EQ(out.at("in_train").integer(1), 0);
  EXPECT_NE(out.at("flags").integer(1) & photoz_outside_coverage, 0);
  EXPECT_EQ(out.at("in_train").integer(2), -1);
  EXPECT_EQ(out.at("flags").integer(2), photoz_missing_band | photoz_no_band);
}

TEST(Annz2, PdfAndMomentsAreThoseOfTheWeightedGaussians) {
  const Objects training = make_colours(400, 6), queries = make_colours(20, 7);
  const PhotozModel model = train("annz2", training, quick);
  const Table out = estimate(model, queries, {.kind = "mixmod"});
  const std::size_t width = out.at(pdf_means_column).info().width;
  EXPECT_GE(width, 5u);
  for (std::size_t i = 0; i < 20; ++i) {
    double mean = 0.0, square = 0.0, sum = 0.0, below = 0.0;
    for (std::size_t k = 0; k < width; ++k) {
      const std::size_t at = i * width + k;
      const double w = out.at(pdf_weights_column).values<float>()[at], m = out.at(pdf_means_column).values<float>()[at],
                   s = out.at(pdf_stds_column).values<float>()[at];
      sum += w;
      mean += w * m;
      square += w * (m * m + s * s);
      below += w * 0.5 * std::erfc((m - out.at("z_phot").number(i)) / (s * std::sqrt(2.0)));
    }
    EXPECT_NEAR(sum, 1.0, 1e-6);
    EXPECT_NEAR(out.at("z_mean").number(i), mean, 1e-6);
    EXPECT_NEAR(out.at("z_std").number(i), std::sqrt(square - mean * mean), 1e-5);
    EXPECT_NEAR(below, 0.5, 1e-5);  // z_phot is the median
  }
}

TEST(Annz2, TheSecondStageTakesOffABias) {
  // Trees that cannot follow a colour beyond the training are biased for what a subset has; here: a net that has hardly learned.
  const Objects training = make_colours(2000, 8), queries = make_colours(500, 9);
  const auto rms = [&](const char* correct) {
    const Table out = estimate(train("annz2", training,
                                     {"--annz2.models=1", "--annz2.kinds=network", "--annz2.iterations=3", "--annz2.tries=32",
                                      std::string("--annz2.correct=") + correct}),
                               queries);
    double squares = 0.0;
    for (std::size_t i = 0; i < 500; ++i) squares += std::pow(out.at("z_best").number(i) - queries.z[i], 2);
    return std::sqrt(squares / 500.0);
  };
  EXPECT_LT(rms("50"), 0.8 * rms("0"));
}

TEST(Annz2, ModelsAndEstimatesAreTheSameForAnyThreadsAndBlocks) {
  const Objects training = make_colours(400, 10);
  Objects queries = make_colours(150, 11);
  queries.mag[7] = {not_observed, not_observed, not_observed};
  queries.mag[9][0] = not_observed;
  queries.mag[10][2] = not_detected;
  const auto words = quick_and({"--annz2.correct=5", "--annz2.rows=200"});
  const PhotozModel model = train("annz2", training, words), again = train("annz2", training, words, {}, 4);
  for (const auto& [name, table] : model.tables)
    for (std::size_t c = 0; c < table.columns(); ++c)
      EXPECT_TRUE(std::ranges::equal(table[c].bytes(), again.tables.at(name)[c].bytes())) << name << "." << table[c].info().name;
  expect_same_for_any_layout(model, queries, {.kind = "interp", .bins = 50}, 37);
  const Table out = estimate(model, queries);
  EXPECT_TRUE(std::isfinite(out.at("z_err").number(9)));
  EXPECT_NE(out.at("flags").integer(9) & photoz_missing_band, 0);
  EXPECT_TRUE(std::isfinite(out.at("z_phot").number(10)));
}

TEST(Annz2, RefusesWhatTeachesNothingAndDamagedModels) {
  EXPECT_THROW(train("annz2", make_colours(99, 12), quick), DataError);
  const Objects training = make_colours(120, 13);
  EXPECT_THROW(train("annz2", training, quick, std::vector<double>(120, 0.0)), DataError);
  EXPECT_THROW(train("annz2", training, {"--annz2.kinds=forest"}), UsageError);
  const PhotozModel model = train("annz2", training, quick);
  const auto damaged = [&](const char* table, const char* column, auto value) {
    PhotozModel bad = model;
    for (auto& v : bad.tables.at(table).at(column).values<decltype(value)>()) v = value;
    return bad;
  };
  EXPECT_THROW(estimate(damaged("models", "is_best", std::int32_t{0}), training), DataError);
  EXPECT_THROW(estimate(damaged("models", "weight", 0.0), training), DataError);
  EXPECT_THROW(estimate(damaged("models", "numbers", std::int32_t{3}), training), DataError);
  EXPECT_THROW(estimate(damaged("models", "kind", std::int32_t{5}), training), DataError);
}

TEST(Annz2, TrainsWhereAllRedshiftsOrFeaturesAreTheSame) {
  Objects training = make_colours(120, 14);
  for (double& z : training.z) z = 0.5;
  for (auto& mag : training.mag) mag = {21.0, 20.5, 20.2};
  const Table out = estimate(train("annz2", training, quick), training);
  for (std::size_t i = 0; i < 120; ++i) EXPECT_NEAR(out.at("z_phot").number(i), 0.5, 0.05);
}

}  // namespace
}  // namespace skyfold

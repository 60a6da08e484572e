// arborz and boosted trees against their definitions by direct sums.
#include <cmath>
#include <numeric>

#include "../sizes.hpp"
#include "forest/boosting.hpp"
#include "photoz/arborz/options.hpp"
#include "photoz_objects.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;
using forest::SmallTree;
using testing_support::sized;

const std::vector<std::string> few = {"--arborz.bins=8", "--arborz.trees=10", "--arborz.width=10"};

/// A tree's answer, node by node.
double answer(const SmallTree& tree, const std::vector<float>& x) {
  std::size_t k = 0;
  while (k < SmallTree::nodes) k = x[tree.attribute[k]] <= tree.threshold[k] ? 2 * k + 1 : 2 * k + 2;
  return tree.value[k - SmallTree::nodes];
}

/// Attributes of few different values, and classes that follow two of them with noise.
struct TwoClasses {
  std::vector<float> value;
  std::vector<std::uint8_t> is_signal;
  std::vector<double> weight;
  TwoClasses(std::size_t n, std::uint64_t seed) {
    for (std::size_t i = 0; i < n; ++i) {
      ObjectRandom random(seed, i);
      for (int a = 0; a < 3; ++a) value.push_back(static_cast<float>(std::round(8.0 * random.normal()) / 4.0));
      is_signal.push_back(value[3 * i] * value[3 * i + 1] + 0.5 * random.normal() > 0.2);
      weight.push_back(0.5 + random.uniform());
    }
  }
  std::vector<float> row(std::size_t i) const {
    return {value.begin() + static_cast<long>(3 * i), value.begin() + static_cast<long>(3 * i + 3)};
  }
};

/// What a split of some rows explains of y = 1 or -1, by sums over both sides.
double explained(const TwoClasses& data, const std::vector<double>& weight, const std::vector<std::size_t>& rows, std::size_t a,
                 float threshold) {
  double w[2] = {}, s[2] = {};
  for (const std::size_t i : rows) {
    const std::size_t side = data.value[3 * i + a] <= threshold ? 0 : 1;
    w[side] += weight[i];
    s[side] += data.is_signal[i] ? weight[i] : -weight[i];
  }
  const double all = w[0] + w[1], sum = s[0] + s[1];
  return w[0] > 0.0 && w[1] > 0.0 ? s[0] * s[0] / w[0] + s[1] * s[1] / w[1] - sum * sum / all : 0.0;
}

TEST(Boosting, EachSplitIsTheBestAndLeavesAndWeightsFollowTheDefinition) {
  const TwoClasses data(200, 4);
  std::vector<double> weight = data.weight;
  const auto trees = forest::boost(forest::bin_attributes(data.value, 3), data.is_signal, weight, 5, 0.7);
  for (const SmallTree& tree : trees) {
    const double sum = std::accumulate(weight.begin(), weight.end(), 0.0);
    for (double& w : weight) w /= sum;
    std::vector<std::vector<std::size_t>> rows(15);
    rows[0].resize(200);
    std::iota(rows[0].begin(), rows[0].end(), 0u);
    for (std::size_t k = 0; k < SmallTree::nodes; ++k) {
      double best = 0.0;
      for (std::size_t a = 0; a < 3; ++a)
        for (const std::size_t i : rows[k]) best = std::max(best, explained(data, weight, rows[k], a, data.value[3 * i + a]));
      EXPECT_NEAR(explained(data, weight, rows[k], tree.attribute[k], tree.threshold[k]), best, 1e-10);
      for (const std::size_t i : rows[k])
        rows[data.value[3 * i + tree.attribute[k]] <= tree.threshold[k] ? 2 * k + 1 : 2 * k + 2].push_back(i);
    }
    for (std::size_t leaf = 0; leaf < SmallTree::leaves; ++leaf) {
      double w[2] = {};
      for (const std::size_t i : rows[7 + leaf]) w[data.is_signal[i]] += weight[i];
      const double floor = 1e-4 * (w[0] + w[1]);
      EXPECT_NEAR(tree.value[leaf], w[0] + w[1] > 0.0 ? 0.35 * std::log((w[1] + floor) / (w[0] + floor)) : 0.0, 1e-5);
      for (const std::size_t i : rows[7 + leaf]) weight[i] *= std::exp(data.is_signal[i] ? -tree.value[leaf] : tree.value[leaf]);
    }
  }
}

TEST(Boosting, SumsOfManyObjectsAreThoseOfEach) {
  const TwoClasses data(64, 5);
  const auto trees = forest::boost(forest::bin_attributes(data.value, 3), data.is_signal, data.weight, 20, 1.0);
  std::vector<float> columns(3 * 64), sum(64);
  for (std::size_t i = 0; i < 64; ++i)
    for (std::size_t a = 0; a < 3; ++a) columns[a * 64 + i] = data.value[3 * i + a];
  forest::boosted_sums(trees, columns.data(), 64, sum.data());
  int right = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    double expected = 0.0;
    for (const SmallTree& tree : trees) expected += answer(tree, data.row(i));
    EXPECT_NEAR(sum[i], expected, 1e-4);
    right += (sum[i] > 0.0f) == (data.is_signal[i] != 0);
  }
  EXPECT_GT(right, 60);
}

TEST(Boosting, BinsAreExactForFewValuesAndQuantilesForMany) {
  std::vector<float> value;
  for (int i = 0; i < 1000; ++i)
    value.insert(value.end(), {static_cast<float>(i % 7), static_cast<float>(ObjectRandom(1, static_cast<std::uint64_t>(i)).uniform())});
  const auto binned = forest::bin_attributes(value, 2);
  EXPECT_EQ(binned.threshold[0], (std::vector<float>{0.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f}));
  ASSERT_EQ(binned.threshold[1].size(), 255u);
  std::vector<int> count(256, 0);
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(binned.bin[i], i % 7);
    ++count[binned.bin[1000 + i]];
    const auto t = std::lower_bound(binned.threshold[1].begin(), binned.threshold[1].end(), value[2 * i + 1]);
    EXPECT_EQ(binned.bin[1000 + i], t - binned.threshold[1].begin());
  }
  EXPECT_GE(*std::min_element(count.begin(), count.end()), 3);
  EXPECT_LE(*std::max_element(count.begin(), count.end()), 4);
}

TEST(Arborz, CalibrationIsTheLogisticCurveOfTheGreatestLikelihood) {
  std::vector<double> score, weight;
  std::vector<std::uint8_t> is_signal;
  for (std::size_t i = 0; i < 4000; ++i) {
    ObjectRandom random(6, i);
    score.push_back(3.0 * random.normal());
    is_signal.push_back(random.uniform() < 1.0 / (1.0 + std::exp(-(0.8 * score[i] - 1.5))));
    weight.push_back(0.5 + random.uniform());
  }
  const auto [slope, offset] = arborz::fit_logistic(score, is_signal, weight);
  EXPECT_NEAR(slope, 0.8, 0.08);
  EXPECT_NEAR(offset, -1.5, 0.15);
  // The slopes of the likelihood vanish.
  double n[2] = {}, total = 0.0, along_slope = 0.0, along_offset = 0.0;
  for (std::size_t i = 0; i < 4000; ++i) n[is_signal[i]] += weight[i], total += weight[i];
  for (double& count : n) count *= 4000.0 / total;
  for (std::size_t i = 0; i < 4000; ++i) {
    const double target = is_signal[i] ? (n[1] + 1.0) / (n[1] + 2.0) : 1.0 / (n[0] + 2.0);
    const double difference = weight[i] * (1.0 / (1.0 + std::exp(-(slope * score[i] + offset))) - target);
    along_slope += difference * score[i];
    along_offset += difference;
  }
  EXPECT_NEAR(along_slope, 0.0, 0.05);
  EXPECT_NEAR(along_offset, 0.0, 0.05);
  // Classes that a score tells apart without a fault, and a class that is not there, have finite answers.
  const std::vector<double> apart = {-2.0, -1.0, 1.0, 2.0}, one(4, 1.0);
  EXPECT_TRUE(std::isfinite(arborz::fit_logistic(apart, std::vector<std::uint8_t>{0, 0, 1, 1}, one).slope));
  EXPECT_TRUE(std::isfinite(arborz::fit_logistic(apart, std::vector<std::uint8_t>{0, 0, 0, 0}, one).offset));
}

TEST(Arborz, BinsHaveEqualPopulationAndWideOnesAreCut) {
  std::vector<double> z;
  for (int i = 0; i < 1000; ++i) z.push_back(i < 900 ? 0.001 * i : 0.9 + 0.01 * (i - 899));
  arborz::Options o;
  o.bins = 10;
  o.width = 100.0;
  const std::vector<double> whole = arborz::bin_edges(z, o);
  ASSERT_EQ(whole.size(), 11u);
  for (std::size_t b = 0; b + 1 < whole.size(); ++b)
    EXPECT_EQ(std::count_if(z.begin(), z.end(), [&](double x) { return x >= whole[b] && (b == 9 ? x <= whole[b + 1] : x < whole[b + 1]); }),
              100);
  o.width = 0.3;
  EXPECT_EQ(arborz::bin_edges(z, o).size(), 14u);  // 1.0 wide: in four
  o.width = 0.01;
  EXPECT_EQ(arborz::bin_edges(z, o).size(), 51u);  // all bins in five, of 20 objects each at the least
}

TEST(Arborz, IsTheNormalisedSetOfCalibratedSums) {
  const Objects training = make_objects(800, 4, 110), queries = make_objects(30, 4, 111);
  const PhotozModel model = train("arborz", training, few);
  const Table &bins = model.tables.at("bins"), &trees = model.tables.at("trees"), &layer = model.tables.at("features");
  const PdfOptions grid{"interp", bins.at("z_low").number(0), bins.at("z_high").number(7), 4001};
  const Table out = estimate(model, queries, grid);
  const double step = (grid.zmax - grid.zmin) / 4000.0;
  for (std::size_t i = 0; i < 30; ++i) {
    std::vector<float> x;
    for (std::size_t f = 0; f < layer.rows(); ++f) {
      const std::string name(layer.at("name").text(f));
      const auto band = [&](std::size_t at) { return queries.mag[i][static_cast<std::size_t>(name[at] - '0')]; };
      const double raw = name.size() == 2 ? band(1) : band(1) - band(4);
      x.push_back(static_cast<float>((raw - layer.at("mean").number(f)) / layer.at("deviation").number(f)));
    }
    std::vector<double> p;
    std::size_t row = 0;
    for (std::size_t b = 0; b < 8; ++b) {
      double sum = 0.0;
      for (; row < static_cast<std::size_t>(bins.at("end_tree").integer(b)); ++row) {
        std::size_t k = 0;
        while (k < 7)
          k = x[static_cast<std::size_t>(trees.at("attribute").values<std::int32_t>()[7 * row + k])] <= trees.at("threshold").number(row, k)
                  ? 2 * k + 1
                  : 2 * k + 2;
        sum += trees.at("value").number(row, k - 7);
      }
      p.push_back(1.0 / (1.0 + std::exp(-(bins.at("slope").number(b) * sum + bins.at("offset").number(b)))));
    }
    const double all = std::accumulate(p.begin(), p.end(), 0.0);
    double below = 0.0;
    for (std::size_t b = 0; b < 8; ++b) {
      const double low = bins.at("z_low").number(b), high = bins.at("z_high").number(b), z = out.at("z_phot").number(i);
      below += p[b] / all * std::clamp((z - low) / (high - low), 0.0, 1.0);
      const auto middle = static_cast<std::size_t>((0.5 * (low + high) - grid.zmin) / step);
      EXPECT_NEAR(out.at("pdf").number(i, middle), p[b] / all / (high - low), 1e-3 * (1.0 + p[b] / all / (high - low)));
    }
    EXPECT_NEAR(below, 0.5, 1e-4);
  }
}

TEST(Arborz, ModelsAndEstimatesAreTheSameForAnyThreadsAndBlocks) {
  const Objects training = make_objects(400, 4, 112), queries = make_objects(150, 4, 113);
  const PhotozModel model = train("arborz", training, few), threads = train("arborz", training, few, {}, 3);
  for (const auto& [name, table] : model.tables)
    for (std::size_t c = 0; c < table.columns(); ++c)
      EXPECT_TRUE(std::ranges::equal(table[c].bytes(), threads.tables.at(name)[c].bytes())) << name;
  expect_same_for_any_layout(model, queries, {"interp", 0.0, 2.0, 50}, 37);
}

TEST(Arborz, CalibratedProbabilitiesHaveTheSharesOfTheBins) {
  const std::size_t n = sized<std::size_t>(1000, 250);
  Objects training = make_objects(4 * n, 4, 114), queries = make_objects(n, 4, 115);
  for (Objects* objects : {&training, &queries})
    for (std::size_t i = 0; i < objects->z.size(); ++i) objects->z[i] = 1.0 + 0.5 * std::tanh(objects->mag[i][0] - objects->mag[i][1]);
  const PhotozModel model = train("arborz", training, {"--arborz.bins=20"});
  const Table out = estimate(model, queries, {"interp", 0.4, 1.6, 241});
  std::vector<double> dz;
  double within = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    dz.push_back(std::abs(out.at("z_phot").number(i) - queries.z[i]));
    within += dz.back() <= out.at("z_err").number(i) ? 1.0 / static_cast<double>(n) : 0.0;
  }
  EXPECT_LT(quantile(dz, 0.68), sized(0.04, 0.08));
  EXPECT_GT(within, 0.6);
}

TEST(Arborz, IsotonicCalibrationIsTheLeastSquaresOfAllCurvesThatNeverFall) {
  const std::size_t n = 60;
  std::vector<double> score, weight;
  std::vector<std::uint8_t> is_signal;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(121, i);
    score.push_back(std::round(10.0 * random.normal()) / 10.0);  // some are the same
    is_signal.push_back(random.uniform() < 1.0 / (1.0 + std::exp(-2.0 * score[i])));
    weight.push_back(0.5 + random.uniform());
  }
  const arborz::IsotonicCurve curve = arborz::fit_isotonic(score, is_signal, weight);
  ASSERT_GT(curve.score.size(), 3u);
  EXPECT_TRUE(std::ranges::is_sorted(curve.score));
  EXPECT_TRUE(std::ranges::is_sorted(curve.probability));
  // The solution has a formula (Barlow et al. 1972): at each score the greatest over beginnings of the least over ends of mean targets.
  double all = 0.0, count[2] = {};
  for (const double w : weight) all += w;
  for (std::size_t i = 0; i < n; ++i) count[is_signal[i]] += weight[i] * static_cast<double>(n) / all;
  const double target[2] = {1.0 / (count[0] + 2.0), (count[1] + 1.0) / (count[1] + 2.0)};
  std::vector<double> places(score), pool_weight(curve.score.size()), pool_score(curve.score.size());
  std::ranges::sort(places);
  places.erase(std::ranges::unique(places).begin(), places.end());
  const auto mean = [&](double from, double to) {
    double w = 0.0, sum = 0.0;
    for (std::size_t i = 0; i < n; ++i)
      if (score[i] >= from && score[i] <= to) w += weight[i], sum += weight[i] * target[is_signal[i]];
    return sum / w;
  };
  for (std::size_t i = 0; i < n; ++i) {
    double best = 0.0;
    for (const double from : places) {
      if (from > score[i]) break;
      double least = 1.0;
      for (const double to : places)
        if (to >= score[i]) least = std::min(least, mean(from, to));
      best = std::max(best, least);
    }
    // It is the probability of one of the pools, whose point is at the mean score of its objects.
    const auto pool =
        std::ranges::min_element(curve.probability, {}, [&](double p) { return std::abs(p - best); }) - curve.probability.begin();
    EXPECT_NEAR(curve.probability[static_cast<std::size_t>(pool)], best, 1e-12);
    pool_weight[static_cast<std::size_t>(pool)] += weight[i];
    pool_score[static_cast<std::size_t>(pool)] += weight[i] * score[i];
  }
  for (std::size_t k = 0; k < curve.score.size(); ++k) EXPECT_NEAR(curve.score[k], pool_score[k] / pool_weight[k], 1e-12);
  EXPECT_EQ(curve.at(-100.0), curve.probability.front());
  EXPECT_EQ(curve.at(100.0), curve.probability.back());
  EXPECT_NEAR(curve.at(0.5 * (curve.score[0] + curve.score[1])), 0.5 * (curve.probability[0] + curve.probability[1]), 1e-12);
}

TEST(Arborz, EstimatesByIsotonicCurvesAreThoseOfTheModelsTables) {
  const Objects training = make_objects(300, 3, 122), queries = make_objects(20, 3, 123);
  std::vector<std::string> words(few.begin(), few.end());
  words.push_back("--arborz.calibration=isotonic");
  PhotozModel model = train("arborz", training, words);
  expect_same_for_any_layout(model, queries, {.kind = "interp", .bins = 50}, 7);
  // Curves that say the same everywhere make the widths of the bins all that counts: z_phot is that of equal probabilities.
  std::ranges::fill(model.tables.at("curves").at("probability").values<double>(), 0.25);
  const Table out = estimate(model, queries);
  const auto low = model.tables.at("bins").at("z_low").values<double>(), high = model.tables.at("bins").at("z_high").values<double>();
  const double middle = 0.5 * static_cast<double>(low.size());
  const auto bin = static_cast<std::size_t>(middle);
  const double expected = low[bin] + (middle - static_cast<double>(bin)) * (high[bin] - low[bin]);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_NEAR(out.at("z_phot").number(i), expected, 1e-6);
  for (auto& b : model.tables.at("curves").at("bin").values<std::int32_t>()) b = 1000;
  EXPECT_THROW(estimate(model, queries), DataError);
}

TEST(Trees, FlagObjectsWithFeaturesBeyondThoseOfAllTrainingObjects) {
  const Objects training = make_objects(200, 3, 119);
  Objects queries = make_objects(300, 3, 120);
  queries.mag[5][1] = not_observed;
  const auto features = [](const std::vector<double>& m) { return std::vector<double>{m[0], m[1], m[2], m[0] - m[1], m[1] - m[2]}; };
  for (const std::string name : {"tpz", "arborz"}) {
    const std::string trees = name == "tpz" ? "--tpz.trees=2" : "--arborz.trees=2";
    PhotozModel model = train(name, training, {"--" + name + ".features=magnitudes,colours", trees});
    const Table out = estimate(model, queries);
    int outside = 0;
    for (std::size_t i = 0; i < 300; ++i) {
      if (i == 5) continue;
      bool is_outside = false;
      for (std::size_t f = 0; f < 5; ++f) {
        const double mine = features(queries.mag[i])[f];
        const auto less = [&](const auto& m) { return features(m)[f] < mine; };
        is_outside = is_outside || std::ranges::all_of(training.mag, less) || std::ranges::none_of(training.mag, less);
      }
      EXPECT_EQ((out.at("flags").integer(i) & photoz_outside_coverage) != 0, is_outside) << name << i;
      outside += is_outside;
    }
    EXPECT_GT(outside, 3);
    EXPECT_LT(outside, 100);
    // Models that were made before ranges were kept cover all.
    Table& table = model.tables.at("features");
    Table before;
    for (std::size_t c = 0; c < table.columns(); ++c)
      if (table[c].info().name != "low") before.resize(table.rows()), before.add(table[c].info()) = table[c];
    table = before;
    const Table old = estimate(model, queries);
    for (const std::int32_t flags : old.at("flags").values<std::int32_t>()) EXPECT_EQ(flags & photoz_outside_coverage, 0);
  }
}

TEST(Arborz, FlagsMissingBandsAndRefusesSetsThatTeachNothing) {
  Objects training = make_objects(300, 3, 116), queries = make_objects(3, 3, 117);
  queries.mag[0][1] = not_observed;
  queries.mag[1] = std::vector<double>(3, not_observed);
  const Table out = estimate(train("arborz", training, few), queries);
  EXPECT_EQ(out.at("flags").integer(0) & ~(photoz_extrapolated | photoz_outside_coverage), photoz_missing_band);
  EXPECT_TRUE(std::isfinite(out.at("z_phot").number(0)));
  EXPECT_EQ(out.at("flags").integer(1), photoz_missing_band | photoz_no_band);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(1)));
  Objects same = training;
  std::fill(same.z.begin(), same.z.end(), 0.5);
  EXPECT_EQ(training_error("arborz", same), "all training objects have the redshift 0.5 (there is nothing to learn)");
  EXPECT_EQ(training_error("arborz", make_objects(50, 3, 118)), "arborz.bins = 60 is more than the 50 training objects");
  EXPECT_NE(training_error("arborz", make_objects(30, 3, 118)), "");
  EXPECT_NE(training_error("arborz", training, few, std::vector<double>(300, 0.0)), "");
  training.z[3] = nan;
  EXPECT_NE(training_error("arborz", training), "");
}

}  // namespace
}  // namespace skyfold

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "dnf_objects.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/photoz/flags.hpp"
#include "skyfold/table/features.hpp"

namespace skyfold {
namespace {

using dnf_test::make_objects;
using dnf_test::Objects;
constexpr double nan = dnf_test::nan, not_observed = dnf_test::not_observed;

PhotozModel train_knn(const Objects& objects, const std::vector<std::string>& arguments, std::vector<double> weight = {}, int threads = 1) {
  PhotozModel model;
  const std::size_t bands = objects.mag[0].size();
  for (std::size_t b = 0; b < bands; ++b) model.bands.bands.push_back("b" + std::to_string(b));
  model.bands.limits.assign(bands, 26.0);
  TrainingSet set{.id = objects.id, .z = objects.z, .photometry = {}, .weight = std::move(weight), .threads = threads};
  gather_photometry(dnf_test::table_of(objects), dnf_test::band_columns(bands), model.bands, model.bands.limits, set.photometry);
  model.z_min = *std::min_element(set.z.begin(), set.z.end());
  model.z_max = *std::max_element(set.z.begin(), set.z.end());
  const auto algorithm = make_photoz_algorithm("knn");
  OptionSet option;
  algorithm->describe(option);
  option.read_command_line(arguments);
  algorithm->train(set, model);
  return model;
}

Table estimate(const PhotozModel& model, const Objects& queries, const PdfOptions& pdf = {}, int threads = 1) {
  const auto kernel = make_photoz_algorithm("knn")->estimator(model, dnf_test::band_columns(queries.mag[0].size()), pdf);
  return dnf_test::run(*kernel, queries, threads);
}

const std::vector<std::string> plain = {"--knn.metric=standard", "--knn.neighbours=7", "--knn.sigma=0.03"};

/// The definition by brute force, in the metric of the model.
struct Reference {
  std::vector<std::size_t> rows;
  std::vector<double> distance, z, weight;
  double sigma = 0.0;

  double density(double x) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i)
      sum += weight[i] * std::exp(-0.5 * std::pow((x - z[i]) / sigma, 2)) / (sigma * std::sqrt(2.0 * std::numbers::pi));
    return sum;
  }
  double cumulative(double x) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i) sum += weight[i] * 0.5 * std::erfc((z[i] - x) / (sigma * std::numbers::sqrt2));
    return sum;
  }
};

Reference brute_force(const PhotozModel& model, const std::vector<double>& query, std::size_t neighbours, double sigma, double scatter) {
  const Table& training = model.tables.at("training");
  const auto feature = training.at("feature").values<double>();
  const std::size_t p = query.size();
  const auto matrix = model.tables.at("metric").at("matrix").values<double>();
  std::vector<std::pair<double, std::size_t>> all;
  for (std::size_t row = 0; row < training.rows(); ++row) {
    double d2 = 0.0;
    for (std::size_t i = 0; i < p; ++i)
      for (std::size_t j = 0; j < p; ++j)
        d2 += (query[i] - feature[row * p + i]) * matrix[i * p + j] * (query[j] - feature[row * p + j]);
    all.emplace_back(d2, row);
  }
  std::sort(all.begin(), all.end());
  Reference r;
  const double floor = 0.01 * model.tables.at("spacing").at("median").number(0);
  for (std::size_t k = 0; k < neighbours; ++k) {
    r.rows.push_back(all[k].second);
    r.distance.push_back(std::sqrt(all[k].first));
    r.z.push_back(training.at("z").number(all[k].second));
    r.weight.push_back(training.at("weight").number(all[k].second) / std::max(r.distance.back(), floor));
  }
  const double sum = std::accumulate(r.weight.begin(), r.weight.end(), 0.0);
  for (double& w : r.weight) w /= sum;
  const double spread = (quantile(r.z, 0.75) - quantile(r.z, 0.25)) / 1.349;
  r.sigma = std::sqrt(sigma * sigma + scatter * scatter * spread * spread);
  return r;
}

/// Standardised features of a query, by the layer's table.
std::vector<double> features_of(const PhotozModel& model, const std::vector<double>& mag) {
  const Table& layer = model.tables.at("features");
  std::vector<double> x;
  for (std::size_t b = 0; b + 1 < mag.size(); ++b) x.push_back(mag[b] - mag[b + 1]);
  x.push_back(mag[mag.size() / 2]);
  for (std::size_t f = 0; f < x.size(); ++f) x[f] = (x[f] - layer.at("mean").number(f)) / layer.at("deviation").number(f);
  return x;
}

TEST(Knn, EqualsTheDefinitionByBruteForce) {
  const Objects training = make_objects(900, 4, 50), queries = make_objects(200, 4, 51);
  for (const char* metric : {"standard", "learned"}) {
    const PhotozModel model = train_knn(training, {std::string("--knn.metric=") + metric, "--knn.neighbours=7", "--knn.sigma=0.03"});
    const Table out = estimate(model, queries);
    for (std::size_t i = 0; i < 200; ++i) {
      const Reference r = brute_force(model, features_of(model, queries.mag[i]), 7, 0.03, 0.5);
      ASSERT_EQ(out.at("nn_id").integer(i), training.id[r.rows[0]]);
      ASSERT_FLOAT_EQ(out.at("d1").values<float>()[i], static_cast<float>(r.distance[0]));
      ASSERT_EQ(out.at("z_nn").number(i), r.z[0]);
      ASSERT_NEAR(r.cumulative(out.at("z_phot").number(i)), 0.5, 1e-7);
      double low = -5.0, high = 5.0;
      for (int step = 0; step < 60; ++step) (r.cumulative(0.5 * (low + high)) < 0.158655253931457 ? low : high) = 0.5 * (low + high);
      double low2 = -5.0, high2 = 5.0;
      for (int step = 0; step < 60; ++step) (r.cumulative(0.5 * (low2 + high2)) < 0.841344746068543 ? low2 : high2) = 0.5 * (low2 + high2);
      ASSERT_NEAR(out.at("z_err").values<float>()[i], 0.5 * (low2 - low), 1e-6);
      ASSERT_EQ(out.at("n_neighbours").integer(i), 7);
    }
  }
}

TEST(Knn, GivesTheMixtureItself) {
  const Objects training = make_objects(600, 3, 52), queries = make_objects(100, 3, 53);
  const PhotozModel model = train_knn(training, plain);
  const Table out = estimate(model, queries, {.kind = "mixmod"});
  for (std::size_t i = 0; i < 100; ++i) {
    const Reference r = brute_force(model, features_of(model, queries.mag[i]), 7, 0.03, 0.5);
    double weights = 0.0;
    for (const double x : {0.3, 0.8, 1.1}) {
      double density = 0.0;
      for (std::size_t k = 0; k < 7; ++k) {
        const double mean = out.at(pdf_means_column).values<float>()[i * 7 + k], std = out.at(pdf_stds_column).values<float>()[i * 7 + k];
        density += out.at(pdf_weights_column).values<float>()[i * 7 + k] * std::exp(-0.5 * std::pow((x - mean) / std, 2)) /
                   (std * std::sqrt(2.0 * std::numbers::pi));
      }
      ASSERT_NEAR(density, r.density(x), 1e-4 * (1.0 + r.density(x)));
    }
    for (std::size_t k = 0; k < 7; ++k) weights += out.at(pdf_weights_column).values<float>()[i * 7 + k];
    ASSERT_NEAR(weights, 1.0, 1e-6);
  }
}

TEST(Knn, GivesPdfsOfUnitIntegralOnAGrid) {
  const Objects training = make_objects(600, 3, 54), queries = make_objects(100, 3, 55);
  const PhotozModel model = train_knn(training, plain);
  const PdfOptions pdf{.kind = "interp", .zmin = -1.0, .zmax = 3.0, .bins = 401};
  const Table out = estimate(model, queries, pdf);
  for (std::size_t i = 0; i < 100; ++i) {
    const Reference r = brute_force(model, features_of(model, queries.mag[i]), 7, 0.03, 0.5);
    const float* p = &out.at(pdf_column).values<float>()[i * 401];
    double integral = 0.0;
    for (std::size_t j = 0; j < 401; ++j) {
      integral += 0.01 * (j == 0 || j == 400 ? 0.5 : 1.0) * p[j];
      ASSERT_NEAR(p[j], r.density(-1.0 + 0.01 * static_cast<double>(j)), 1e-5 * (1.0 + p[j]));
    }
    ASSERT_NEAR(integral, 1.0, 1e-6);
  }
}

TEST(Knn, ModeAndMeanArePointEstimatesToo) {
  const Objects training = make_objects(600, 3, 56), queries = make_objects(100, 3, 57);
  for (const std::string point : {"mode", "mean"}) {
    const PhotozModel model = train_knn(training, {plain[0], plain[1], plain[2], "--knn.point=" + point});
    const Table out = estimate(model, queries);
    for (std::size_t i = 0; i < 100; ++i) {
      const Reference r = brute_force(model, features_of(model, queries.mag[i]), 7, 0.03, 0.5);
      const double z = out.at("z_phot").number(i);
      if (point == "mean") {
        ASSERT_NEAR(z, std::inner_product(r.z.begin(), r.z.end(), r.weight.begin(), 0.0), 1e-12);
        continue;
      }
      double highest = 0.0;
      for (double x = -0.5; x < 2.5; x += 0.001) highest = std::max(highest, r.density(x));
      ASSERT_GE(r.density(z), 0.9999 * highest);
    }
  }
}

TEST(Knn, BreaksTiesByTheTrainingRow) {
  Objects training = make_objects(300, 3, 58);
  for (std::size_t i = 100; i < 200; ++i) training.mag[i] = training.mag[100];
  Objects queries = make_objects(1, 3, 59);
  queries.mag[0] = training.mag[100];
  const Table out = estimate(train_knn(training, plain), queries, {.kind = "mixmod"});
  EXPECT_EQ(out.at("nn_id").integer(0), training.id[100]);
  std::vector<float> means, expected;
  for (std::size_t k = 0; k < 7; ++k) {
    means.push_back(out.at(pdf_means_column).values<float>()[k]);
    expected.push_back(static_cast<float>(training.z[100 + k]));
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(means, expected);
}

TEST(Knn, LeavesMissingFeaturesOutOfDistances) {
  // Redshifts follow the colour b0-b1 alone; b3 is missing, and with it the colour b2-b3.
  const Objects training = make_objects(800, 4, 60);
  Objects queries = make_objects(100, 4, 61);
  for (auto& mag : queries.mag) mag[3] = not_observed;
  const PhotozModel model = train_knn(training, plain);
  const Table out = estimate(model, queries);
  const auto feature = model.tables.at("training").at("feature").values<double>();
  for (std::size_t i = 0; i < 100; ++i) {
    queries.mag[i][3] = 20.0;
    const std::vector<double> x = features_of(model, queries.mag[i]);
    std::pair<double, std::size_t> nearest = {1e9, 0};
    for (std::size_t row = 0; row < 800; ++row) {
      double d2 = 0.0;
      for (const std::size_t f : {0u, 1u, 3u}) d2 += (x[f] - feature[row * 4 + f]) * (x[f] - feature[row * 4 + f]);
      nearest = std::min(nearest, {d2, row});
    }
    ASSERT_EQ(out.at("nn_id").integer(i), training.id[nearest.second]);
    ASSERT_EQ(out.at("flags").integer(i) & photoz_missing_band, photoz_missing_band);
    ASSERT_EQ(out.at("n_bands").integer(i), 3);
  }
}

TEST(Knn, MissingFeaturesCostTheLeastDistanceThatTheyCould) {
  const Objects training = make_objects(500, 3, 62);
  Objects queries = make_objects(20, 3, 63);
  for (auto& mag : queries.mag) mag[2] = not_observed;
  const PhotozModel model = train_knn(training, {"--knn.neighbours=5", "--knn.sigma=0.03"});
  const Table out = estimate(model, queries);
  const auto feature = model.tables.at("training").at("feature").values<double>();
  const auto m = model.tables.at("metric").at("matrix").values<double>();
  for (std::size_t i = 0; i < 20; ++i) {
    queries.mag[i][2] = 20.0;
    const std::vector<double> x = features_of(model, queries.mag[i]);  // b0-b1, b1-b2 (missing), b1
    double least = 1e9;
    for (std::size_t row = 0; row < 500; ++row) {
      const double a = x[0] - feature[row * 3], c = x[2] - feature[row * 3 + 2];
      const double b = -(m[1] * a + m[5] * c) / m[4];  // where the distance has its minimum
      const double d[] = {a, b, c};
      double d2 = 0.0;
      for (std::size_t j = 0; j < 3; ++j)
        for (std::size_t k = 0; k < 3; ++k) d2 += d[j] * m[j * 3 + k] * d[k];
      least = std::min(least, std::sqrt(d2));
    }
    EXPECT_NEAR(out.at("d1").values<float>()[i], least, 1e-5);
  }
}

TEST(Knn, PutsNonDetectionsAtTheLimit) {
  Objects training = make_objects(300, 3, 64), queries = make_objects(2, 3, 64);
  queries.mag[0][0] = dnf_test::not_detected;
  queries.mag[1] = queries.mag[0];
  queries.mag[1][0] = 26.0;
  const Table out = estimate(train_knn(training, plain), queries);
  EXPECT_EQ(out.at("z_phot").number(0), out.at("z_phot").number(1));
  EXPECT_EQ(out.at("flags").integer(0) & photoz_missing_band, 0);
}

TEST(Knn, FlagsWhatIsRemarkable) {
  Objects training = make_objects(600, 3, 65), queries = make_objects(3, 3, 66);
  queries.mag[0].assign(3, not_observed);
  queries.mag[1] = {30.0, 30.5, 30.0};
  queries.mag[2] = training.mag[0];
  const PhotozModel model = train_knn(training, plain);
  const Table out = estimate(model, queries, {.kind = "interp", .zmin = 5.0, .zmax = 6.0});
  const auto flags = out.at("flags").values<std::int32_t>();
  EXPECT_EQ(flags[0], photoz_missing_band | photoz_no_band);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(0)));
  EXPECT_TRUE(std::isnan(out.at(pdf_column).values<float>()[0]));
  EXPECT_TRUE(flags[1] & photoz_outside_coverage);
  EXPECT_EQ(flags[2], photoz_pdf_off_grid);
}

TEST(Knn, UsesAllOfFewTrainingObjectsAndSaysSo) {
  const Table out = estimate(train_knn(make_objects(5, 3, 67), plain), make_objects(3, 3, 68), {.kind = "mixmod"});
  EXPECT_EQ(out.at("n_neighbours").integer(0), 5);
  EXPECT_TRUE(out.at("flags").integer(0) & photoz_few_neighbours);
  EXPECT_EQ(out.at(pdf_weights_column).values<float>()[6], 0.0f);
  EXPECT_GT(out.at(pdf_stds_column).values<float>()[6], 0.0f);
}

TEST(Knn, WeighsNeighboursByTheirTrainingWeight) {
  const Objects training = make_objects(400, 3, 69), queries = make_objects(50, 3, 70);
  std::vector<double> weight(400);
  for (std::size_t i = 0; i < 400; ++i) weight[i] = i % 3 == 0 ? 0.0 : 1.0 + static_cast<double>(i % 5);
  const PhotozModel model = train_knn(training, plain, weight);
  EXPECT_EQ(model.tables.at("training").rows(), 266u);  // those of weight 0 are left out
  const Table out = estimate(model, queries);
  for (std::size_t i = 0; i < 50; ++i) {
    const Reference r = brute_force(model, features_of(model, queries.mag[i]), 7, 0.03, 0.5);
    ASSERT_NEAR(r.cumulative(out.at("z_phot").number(i)), 0.5, 1e-7);
  }
}

TEST(Knn, ChoosesTheSameParametersForAnyThreads) {
  const Objects training = make_objects(1500, 4, 71);
  const PhotozModel one = train_knn(training, {}), again = train_knn(training, {}, {}, 3);
  EXPECT_EQ(one.parameters, again.parameters);
  for (const auto& [name, table] : one.tables)
    for (std::size_t c = 0; c < table.columns(); ++c)
      EXPECT_TRUE(std::ranges::equal(table[c].bytes(), again.tables.at(name)[c].bytes())) << name;
}

TEST(Knn, ChoosesTheCellOfTheGridWithTheLeastLoss) {
  const PhotozModel model = train_knn(make_objects(1500, 4, 72), {});
  const Table& tuning = model.tables.at("tuning");
  const auto loss = tuning.at("cde_loss").values<double>();
  const auto best = static_cast<std::size_t>(std::min_element(loss.begin(), loss.end()) - loss.begin());
  double sigma = 0.0;  // the largest with the best number of neighbours that is as good to a thousandth
  for (std::size_t i = 0; i < loss.size(); ++i)
    if (tuning.at("neighbours").integer(i) == tuning.at("neighbours").integer(best) && loss[i] <= loss[best] + 0.001 * std::abs(loss[best]))
      sigma = std::max(sigma, tuning.at("sigma").number(i));
  EXPECT_EQ(model.parameters.at("knn.neighbours"), std::to_string(tuning.at("neighbours").integer(best)));
  EXPECT_EQ(std::stod(model.parameters.at("knn.sigma")), sigma);
  const PhotozModel given = train_knn(make_objects(1500, 4, 72), {"--knn.neighbours=9"});
  EXPECT_EQ(given.parameters.at("knn.neighbours"), "9");
  EXPECT_EQ(given.tables.at("tuning").rows(), 38u);
}

TEST(Knn, JudgesTheGridByTheLossOfTheHeldOutQuarter) {
  // The loss of fixed parameters, by brute force: a quarter drawn by id, estimated from the rest.
  const Objects objects = make_objects(400, 3, 80);
  const PhotozModel model = train_knn(objects, {"--knn.metric=standard", "--knn.neighbours=5", "--knn.scatter=0.5"});
  Objects fit, judged;
  for (std::size_t i = 0; i < 400; ++i) {
    Objects& part = ObjectRandom(1, static_cast<std::uint64_t>(objects.id[i]), 0x6b6e6e02).uniform() < 0.25 ? judged : fit;
    part.mag.push_back(objects.mag[i]);
    part.err.push_back(objects.err[i]);
    part.z.push_back(objects.z[i]);
    part.id.push_back(objects.id[i]);
  }
  PhotozModel rest = train_knn(fit, {"--knn.metric=standard", "--knn.neighbours=5", "--knn.sigma=0.1"});
  // Features are standardised by the whole set.
  const auto feature = rest.tables.at("training").at("feature").values<double>();
  for (std::size_t i = 0; i < fit.z.size(); ++i) {
    const std::vector<double> x = features_of(model, fit.mag[i]);
    std::copy(x.begin(), x.end(), feature.begin() + static_cast<std::ptrdiff_t>(i * 3));
  }
  const Table& tuning = model.tables.at("tuning");
  for (const std::size_t cell : {20u, 27u, 33u}) {
    const double sigma = tuning.at("sigma").number(cell);
    double loss = 0.0;
    for (std::size_t i = 0; i < judged.z.size(); ++i) {
      const Reference r = brute_force(rest, features_of(model, judged.mag[i]), 5, sigma, 0.5);
      double squared = 0.0;
      for (double x = -3.0; x < 6.0; x += 0.1 * r.sigma) squared += r.density(x) * r.density(x) * 0.1 * r.sigma;
      loss += squared - 2.0 * r.density(judged.z[i]);
    }
    EXPECT_NEAR(tuning.at("cde_loss").number(cell), loss / static_cast<double>(judged.z.size()), 2e-3 * std::abs(loss) / 100.0);
  }
}

TEST(Knn, DoesNotDependOnThreadsOrBlocks) {
  const Objects training = make_objects(700, 4, 73);
  Objects queries = make_objects(900, 4, 74);
  for (std::size_t i = 0; i < 900; i += 7) queries.mag[i][i % 4] = not_observed;
  const PhotozModel model = train_knn(training, plain);
  const PdfOptions pdf{.kind = "interp"};
  const Table whole = estimate(model, queries, pdf), threads = estimate(model, queries, pdf, 3);
  for (std::size_t c = 0; c < whole.columns(); ++c) EXPECT_TRUE(std::ranges::equal(whole[c].bytes(), threads[c].bytes()));
  for (std::size_t begin = 0; begin < 900; begin += 250) {
    Objects part;
    for (std::size_t i = begin; i < std::min<std::size_t>(begin + 250, 900); ++i) {
      part.mag.push_back(queries.mag[i]);
      part.err.push_back(queries.err[i]);
      part.id.push_back(queries.id[i]);
    }
    const Table out = estimate(model, part, pdf);
    for (std::size_t c = 0; c < out.columns(); ++c) {
      const std::size_t width = out[c].info().bytes_per_row();
      EXPECT_TRUE(std::ranges::equal(out[c].bytes(), whole[c].bytes().subspan(begin * width, out.rows() * width)));
    }
  }
}

TEST(Knn, LearnsWhichDirectionsMatter) {
  // Redshifts follow one colour; the rest is noise, which the Euclidean metric counts in full.
  Objects training = make_objects(3000, 4, 75), queries = make_objects(500, 4, 76);
  for (Objects* objects : {&training, &queries})
    for (std::size_t i = 0; i < objects->z.size(); ++i) objects->z[i] = 1.0 + 0.5 * (objects->mag[i][0] - objects->mag[i][1]);
  const auto worst = [&](const char* metric) {
    const Table out = estimate(train_knn(training, {std::string("--knn.metric=") + metric, "--knn.neighbours=7", "--knn.sigma=0.03"}), queries);
    std::vector<double> dz;
    for (std::size_t i = 0; i < 500; ++i) dz.push_back(std::abs(out.at("z_phot").number(i) - queries.z[i]));
    return quantile(dz, 0.9);
  };
  EXPECT_LT(worst("learned"), 0.3 * worst("standard"));
}

TEST(Knn, RefusesTrainingSetsThatTeachNothing) {
  Objects holes = make_objects(100, 3, 77);
  holes.z[4] = nan;
  EXPECT_THROW(train_knn(make_objects(1, 3, 78), plain), DataError);
  EXPECT_THROW(train_knn(make_objects(30, 3, 78), {}), DataError);
  EXPECT_THROW(train_knn(holes, plain), DataError);
  EXPECT_THROW(train_knn(make_objects(100, 3, 78), plain, std::vector<double>(100, 0.0)), DataError);
}

TEST(Knn, MarksFailedRows) {
  const auto kernel = make_photoz_algorithm("knn")->estimator(train_knn(make_objects(100, 3, 79), plain), dnf_test::band_columns(3), {.kind = "mixmod"});
  Table out(kernel->gives(), 2);
  kernel->mark_failed(out);
  EXPECT_EQ(out.at("flags").integer(1), photoz_failed);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(1)));
  EXPECT_TRUE(std::isnan(out.at(pdf_means_column).values<float>()[13]));
}

}  // namespace
}  // namespace skyfold

#include "knn_objects.hpp"

namespace skyfold {
namespace {

using namespace knn_test;

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

TEST(Knn, EqualsTheDefinitionWithTheMostNeighboursThatAreAccepted) {
  const Objects training = make_objects(1500, 3, 70), queries = make_objects(10, 3, 71);
  const PhotozModel model = train_knn(training, {"--knn.metric=standard", "--knn.neighbours=1000", "--knn.sigma=0.03"});
  const Table out = estimate(model, queries);
  for (std::size_t i = 0; i < 10; ++i) {
    const Reference r = brute_force(model, features_of(model, queries.mag[i]), 1000, 0.03, 0.5);
    ASSERT_EQ(out.at("nn_id").integer(i), training.id[r.rows[0]]);
    ASSERT_NEAR(r.cumulative(out.at("z_phot").number(i)), 0.5, 1e-7);
    ASSERT_EQ(out.at("n_neighbours").integer(i), 1000);
  }
  EXPECT_THROW(train_knn(training, {"--knn.neighbours=1001"}), UsageError);
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

TEST(Knn, MarksFailedRows) {
  const PhotozModel model = train_knn(make_objects(100, 3, 79), plain);
  const auto kernel = make_photoz_algorithm("knn")->estimator(model, dnf_test::band_columns(3), {.kind = "mixmod"});
  Table out(kernel->gives(), 2);
  kernel->mark_failed(out);
  EXPECT_EQ(out.at("flags").integer(1), photoz_failed);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(1)));
  EXPECT_TRUE(std::isnan(out.at(pdf_means_column).values<float>()[13]));
}

}  // namespace
}  // namespace skyfold

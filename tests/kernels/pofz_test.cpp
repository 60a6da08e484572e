// pofz against the definition by brute force, and the polynomial against functions that it must reproduce.
#include <numeric>

#include "common/eigen.hpp"
#include "knn_objects.hpp"
#include "photoz/pofz/local_polynomial.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

FeatureRows rows_of(std::size_t n, std::size_t p, std::uint64_t seed) {
  FeatureRows rows;
  rows.n_rows = n;
  rows.n_features = p;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(seed, i);
    for (std::size_t f = 0; f < p; ++f) rows.feature.push_back(random.normal());
    rows.weight.push_back(0.5 + random.uniform());
  }
  rows.z.assign(n, 0.0);
  rows.mark_present();
  return rows;
}

std::vector<Neighbour> all_of(const FeatureRows& rows) {
  std::vector<Neighbour> all;
  for (std::uint32_t i = 0; i < rows.n_rows; ++i) all.push_back({0.0, i});
  return all;
}

TEST(LocalPolynomial, ReproducesPolynomialsOfItsOrder) {
  EXPECT_EQ(pofz::coefficients(6, 2), 28u);
  EXPECT_EQ(pofz::coefficients(6, 3), 84u);
  for (int order = 1; order <= 3; ++order) {
    FeatureRows rows = rows_of(180, 3, 30);
    const auto truth = [&](const double* x) {
      const double linear = 0.5 + 0.2 * x[0] - 0.3 * x[1] + 0.1 * x[2], square = 0.2 * x[0] * x[1] - 0.1 * x[2] * x[2];
      return linear + (order > 1 ? square : 0.0) + (order > 2 ? 0.05 * x[0] * x[1] * x[2] + 0.02 * x[1] * x[1] * x[1] : 0.0);
    };
    for (std::size_t i = 0; i < 180; ++i) rows.z[i] = truth(&rows.feature[i * 3]);
    pofz::LocalPolynomial fit(rows, order, 1e-12);
    const double query[] = {0.3, -0.2, 0.1};
    EXPECT_NEAR(fit.value(all_of(rows), query, 7), truth(query), 1e-7) << order;
    EXPECT_EQ(fit.used_order(), order);
  }
}

TEST(LocalPolynomial, IsTheWeightedLeastSquaresFit) {
  FeatureRows rows = rows_of(60, 2, 31);
  ObjectRandom random(5, 5);
  for (double& z : rows.z) z = random.uniform();
  pofz::LocalPolynomial fit(rows, 2, 0.0);
  const double query[] = {0.1, 0.2};
  Eigen::MatrixXd design(60, 6);
  Eigen::VectorXd z(60), w(60);
  for (Eigen::Index i = 0; i < 60; ++i) {
    const double x = rows.feature[static_cast<std::size_t>(i) * 2], y = rows.feature[static_cast<std::size_t>(i) * 2 + 1];
    design.row(i) << 1.0, x, y, x * x, x * y, y * y;
    z[i] = rows.z[static_cast<std::size_t>(i)];
    w[i] = std::sqrt(rows.weight[static_cast<std::size_t>(i)]);
  }
  const Eigen::VectorXd c = (w.asDiagonal() * design).colPivHouseholderQr().solve((w.asDiagonal() * z).eval());
  const double expected = c.dot((Eigen::VectorXd(6) << 1.0, 0.1, 0.2, 0.01, 0.02, 0.04).finished());
  EXPECT_NEAR(fit.value(all_of(rows), query, 3), expected, 1e-8);
}

TEST(LocalPolynomial, FallsToLowerOrdersAndStaysWithinItsNeighbours) {
  FeatureRows rows = rows_of(11, 3, 32);
  ObjectRandom random(5, 6);
  for (double& z : rows.z) z = random.uniform();
  pofz::LocalPolynomial fit(rows, 3, 1e-3);
  const double far[] = {40.0, -30.0, 20.0};
  const double value = fit.value(all_of(rows), far, 7);
  EXPECT_EQ(fit.used_order(), 1);  // 4 coefficients; 10 would need 20 neighbours
  EXPECT_GE(value, *std::ranges::min_element(rows.z));
  EXPECT_LE(value, *std::ranges::max_element(rows.z));
  const std::vector<Neighbour> all = all_of(rows);
  EXPECT_GT(fit.value(std::span(all).first(7), far, 7), 0.0);
  EXPECT_EQ(fit.used_order(), 0);
  // Constant features tell nothing, and do no harm.
  for (std::size_t i = 0; i < 11; ++i) rows.feature[i * 3 + 1] = 1.0;
  const double here[] = {0.0, 1.0, 0.0};
  EXPECT_TRUE(std::isfinite(fit.value(all_of(rows), here, 7)));
}

const std::vector<std::string> standard = {"--pofz.metric=standard", "--pofz.neighbours=40", "--pofz.bins=50", "--pofz.overlap=3"};

/// Rows of the 40 nearest by brute force in the model's features, the metric being Euclidean.
std::vector<std::size_t> nearest(const PhotozModel& model, const std::vector<double>& x, std::size_t n, std::size_t without) {
  const Table& training = model.tables.at("training");
  const auto feature = training.at("feature").values<double>();
  std::vector<std::pair<double, std::size_t>> all;
  for (std::size_t row = 0; row < training.rows(); ++row) {
    double d2 = 0.0;
    for (std::size_t f = 0; f < x.size(); ++f) d2 += (x[f] - feature[row * x.size() + f]) * (x[f] - feature[row * x.size() + f]);
    if (row != without) all.emplace_back(d2, row);
  }
  std::sort(all.begin(), all.end());
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < n; ++i) rows.push_back(all[i].second);
  return rows;
}

TEST(Pofz, EqualsTheDefinitionByBruteForce) {
  const Objects training = make_objects(700, 4, 33), queries = make_objects(60, 4, 34);
  std::vector<double> weight;
  for (std::size_t i = 0; i < 700; ++i) weight.push_back(1.0 + static_cast<double>(i % 3));
  std::vector<std::string> words = standard;
  words.push_back("--pofz.point=mean");
  const PhotozModel model = train("pofz", training, words, weight);
  const Table& rows = model.tables.at("training");
  const double low = model.z_min, width = (model.z_max - model.z_min) / 50.0;
  const auto mean_of = [&](const std::vector<std::size_t>& of, std::vector<double>& p) {
    p.assign(50, 0.0);
    for (const std::size_t row : of) {
      const auto bin = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>((rows.at("z").number(row) - low) / width), 49);
      for (std::ptrdiff_t j = std::max<std::ptrdiff_t>(bin - 1, 0); j <= std::min<std::ptrdiff_t>(bin + 1, 49); ++j)
        p[static_cast<std::size_t>(j)] += rows.at("weight").number(row);
    }
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    double mean = 0.0;
    for (std::size_t j = 0; j < 50; ++j) mean += (p[j] /= sum) * (low + (static_cast<double>(j) + 0.5) * width);
    return mean;
  };
  const PdfOptions pdf{.kind = "interp", .zmin = -1.0, .zmax = 3.0, .bins = 401};
  const Table out = estimate(model, queries, pdf);
  std::vector<double> p;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::vector<std::size_t> of = nearest(model, knn_test::features_of(model, queries.mag[i]), 40, 9999);
    ASSERT_NEAR(out.at("z_phot").number(i), mean_of(of, p), 1e-9) << i;
    ASSERT_EQ(out.at("nn_id").integer(i), training.id[of[0]]);
    std::vector<double> wrong;
    for (const std::size_t row : of) {
      const std::vector<std::size_t> others = nearest(model, knn_test::features_of(model, training.mag[row]), 40, row);
      std::vector<double> q;
      wrong.push_back(std::abs(mean_of(others, q) - training.z[row]));
    }
    ASSERT_NEAR(out.at("z_err").values<float>()[i], quantile(wrong, 0.68), 1e-6) << i;
    double integral = 0.0, mean = 0.0;
    for (std::size_t j = 0; j < 401; ++j) {
      const double value = 0.01 * out.at(pdf_column).values<float>()[i * 401 + j];
      integral += value;
      mean += value * (-1.0 + 0.01 * static_cast<double>(j));
    }
    ASSERT_NEAR(integral, 1.0, 1e-5);
    ASSERT_NEAR(mean, out.at("z_phot").number(i), 1e-3);
  }
}

TEST(Pofz, FollowsTheColoursByItsPolynomial) {
  Objects training = make_objects(3000, 4, 35), queries = make_objects(300, 4, 36);
  for (Objects* objects : {&training, &queries})
    for (std::size_t i = 0; i < objects->z.size(); ++i) {
      const double colour = objects->mag[i][0] - objects->mag[i][1];
      objects->z[i] = 1.0 + 0.3 * colour + 0.1 * colour * colour;
    }
  const auto worst = [&](const char* point) {
    const Table out = estimate(train("pofz", training, {std::string("--pofz.point=") + point}), queries);
    std::vector<double> dz;
    for (std::size_t i = 0; i < 300; ++i) dz.push_back(std::abs(out.at("z_phot").number(i) - queries.z[i]));
    return quantile(dz, 0.9);
  };
  EXPECT_LT(worst("polynomial"), 0.2 * worst("mean"));
}

TEST(Pofz, DoesNotDependOnThreadsOrBlocksAndFlagsWhatIsMissing) {
  const Objects training = make_objects(600, 4, 37);
  Objects queries = make_objects(300, 4, 38);
  for (std::size_t i = 0; i < 300; i += 7) queries.mag[i][i % 4] = not_observed;
  for (std::size_t i = 3; i < 300; i += 7) queries.mag[i][i % 4] = not_detected;
  queries.mag[1].assign(4, not_observed);
  const PhotozModel model = train("pofz", training, {}), again = train("pofz", training, {}, {}, 3);
  for (const auto& [name, table] : model.tables)
    for (std::size_t c = 0; c < table.columns(); ++c)
      EXPECT_TRUE(std::ranges::equal(table[c].bytes(), again.tables.at(name)[c].bytes())) << name;
  expect_same_for_any_layout(model, queries, {.kind = "interp"}, 77);
  const Table out = estimate(model, queries);
  EXPECT_EQ(out.at("flags").integer(1), photoz_missing_band | photoz_no_band);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(1)));
  EXPECT_TRUE(out.at("flags").integer(7) & photoz_missing_band);
  EXPECT_FALSE(std::isnan(out.at("z_phot").number(7)));
  EXPECT_FALSE(out.at("flags").integer(3) & photoz_missing_band);
}

TEST(Pofz, RefusesSetsThatTeachNothing) {
  Objects same = make_objects(300, 3, 39);
  same.z.assign(300, 0.5);
  EXPECT_EQ(training_error("pofz", same), "all training redshifts are 0.5 (the 200 bins of pofz.bins need a range)");
  EXPECT_EQ(training_error("pofz", make_objects(100, 3, 39)),
            "the training set has 100 objects with features and weight (pofz.neighbours = 100 needs more)");
  EXPECT_EQ(training_error("pofz", make_objects(150, 3, 39)), "pofz.bins = 200 (more bins than the 150 training objects)");
  EXPECT_EQ(training_error("pofz", make_objects(300, 3, 39), {}, std::vector<double>(300, 0.0)),
            "the training set has 0 objects with features and weight (pofz.neighbours = 100 needs more)");
  EXPECT_THROW((void)train("pofz", make_objects(300, 3, 39), {"--pofz.overlap=4"}), UsageError);
}

}  // namespace
}  // namespace skyfold

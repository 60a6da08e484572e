// gpz: gradients against differences, weights and evidence against the Gaussian process that they are a form of, L-BFGS against known
// minima.
#include <numbers>

#include "common/eigen.hpp"
#include "photoz/gpz/kernel.hpp"
#include "photoz_objects.hpp"
#include "skyfold/core/statistics.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

/// A small problem and parameters that are nothing special.
struct Problem {
  gpz::Layout layout{4, 3};
  gpz::Rows rows;
  std::vector<double> parameters;
};
Problem problem(std::size_t n) {
  Problem p;
  p.rows.n = n;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(90, i);
    for (int f = 0; f < 3; ++f) p.rows.feature.push_back(random.normal());
    p.rows.y.push_back(std::sin(p.rows.feature[i * 3]) + 0.2 * random.normal());
    p.rows.weight.push_back(0.5 + random.uniform());
  }
  ObjectRandom random(91, 0);
  for (std::size_t k = 0; k < p.layout.parameters(); ++k) p.parameters.push_back(0.7 * random.normal());
  return p;
}

/// Basis functions and precisions of the noise, written out.
std::pair<Eigen::MatrixXd, Eigen::VectorXd> written_out(const Problem& p) {
  const auto n = static_cast<Eigen::Index>(p.rows.n);
  Eigen::MatrixXd phi(n, 8);
  Eigen::VectorXd precision(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Eigen::Map<const Eigen::Vector3d> x(&p.rows.feature[static_cast<std::size_t>(i) * 3]);
    double ln = p.parameters[p.layout.noise_constant()];
    for (std::size_t j = 0; j < 4; ++j) {
      const double* g = &p.parameters[p.layout.factors() + j * 6];
      Eigen::Matrix3d factor;
      factor << g[0], g[1], g[2], 0.0, g[3], g[4], 0.0, 0.0, g[5];
      const Eigen::Map<const Eigen::Vector3d> centre(&p.parameters[j * 3]);
      phi(i, static_cast<Eigen::Index>(j)) = std::exp(-0.5 * (factor * (x - centre)).squaredNorm());
      ln += p.parameters[p.layout.noise() + j] * phi(i, static_cast<Eigen::Index>(j));
    }
    phi.row(i).segment(4, 3) = x.transpose();
    phi(i, 7) = 1.0;
    precision[i] = std::exp(ln);
  }
  return {phi, precision};
}

TEST(GpzEvidence, HasTheGradientOfItsDifferences) {
  Problem p = problem(40);
  gpz::Evidence evidence(p.layout, p.rows, 1);
  std::vector<double> gradient(p.layout.parameters()), unused(gradient.size());
  (void)evidence.value(p.parameters, gradient);
  for (std::size_t k = 0; k < gradient.size(); ++k) {
    const double step = 1e-5, at = p.parameters[k];
    p.parameters[k] = at + step;
    const double above = evidence.value(p.parameters, unused);
    p.parameters[k] = at - step;
    const double below = evidence.value(p.parameters, unused);
    p.parameters[k] = at;
    EXPECT_NEAR(gradient[k], (above - below) / (2.0 * step), 1e-7 * (1.0 + std::abs(gradient[k]))) << "parameter " << k;
  }
}

TEST(GpzEvidence, IsTheLikelihoodOfTheProcess) {
  // With the weights integrated out, y is normal with the covariance phi A^-1 phi^T + B^-1; all objects weigh the same.
  Problem p = problem(30);
  p.rows.weight.assign(30, 1.0);
  gpz::Evidence evidence(p.layout, p.rows, 1);
  std::vector<double> unused(p.layout.parameters());
  const double value = -evidence.value(p.parameters, unused) * 30.0;
  const auto [phi, precision] = written_out(p);
  const Eigen::Map<const Eigen::VectorXd> y(p.rows.y.data(), 30), ln_alpha(&p.parameters[p.layout.precisions()], 8),
      u(&p.parameters[p.layout.noise()], 4);
  Eigen::MatrixXd covariance = phi * (-ln_alpha).array().exp().matrix().asDiagonal() * phi.transpose();
  covariance.diagonal() += precision.cwiseInverse();
  const Eigen::LLT<Eigen::MatrixXd> root(covariance);
  const double expected = -0.5 * y.dot(root.solve(y)) - Eigen::MatrixXd(root.matrixL()).diagonal().array().log().sum();
  EXPECT_NEAR(value + 0.5 * gpz::noise_prior * u.squaredNorm(), expected, 1e-8 * std::abs(expected));
}

TEST(GpzPredictor, GivesMeanAndVariancesOfTheProcess) {
  Problem p = problem(50);
  const gpz::Posterior posterior = gpz::Evidence(p.layout, p.rows, 1).posterior(p.parameters);
  const auto [phi, precision] = written_out(p);
  const Eigen::Map<const Eigen::VectorXd> y(p.rows.y.data(), 50), weight(p.rows.weight.data(), 50),
      ln_alpha(&p.parameters[p.layout.precisions()], 8);
  const Eigen::VectorXd b = weight.cwiseProduct(precision);
  Eigen::MatrixXd s = phi.transpose() * b.asDiagonal() * phi;
  s.diagonal() += ln_alpha.array().exp().matrix();
  const Eigen::VectorXd w = s.ldlt().solve(phi.transpose() * b.cwiseProduct(y));
  const gpz::Predictor predictor(p.layout, p.parameters, posterior);
  gpz::Predictor::Buffers buffers(p.layout);
  std::vector<double> x(3 * 32), mean(32), model(32), noise(32), gradient(3);
  for (std::size_t i = 0; i < 32; ++i)
    for (std::size_t f = 0; f < 3; ++f) x[f * 32 + i] = p.rows.feature[i * 3 + f];
  predictor.predict(x, buffers, mean, model, noise);
  for (Eigen::Index i = 0; i < 32; ++i) {
    const auto o = static_cast<std::size_t>(i);
    EXPECT_NEAR(mean[o], phi.row(i).dot(w), 1e-9);
    EXPECT_NEAR(model[o], phi.row(i) * s.ldlt().solve(phi.row(i).transpose()), 1e-9);
    EXPECT_NEAR(noise[o], 1.0 / precision[i], 1e-9 / precision[i]);
  }
  predictor.gradient(std::span(p.rows.feature).first(3), gradient);
  for (std::size_t f = 0; f < 3; ++f) {
    std::vector<double> moved(2);
    for (const int side : {0, 1}) {
      x[f * 32] = p.rows.feature[f] + (side == 0 ? 1e-5 : -1e-5);
      predictor.predict(x, buffers, mean, model, noise);
      moved[static_cast<std::size_t>(side)] = mean[0];
      x[f * 32] = p.rows.feature[f];
    }
    EXPECT_NEAR(gradient[f], (moved[0] - moved[1]) / 2e-5, 1e-7);
  }
}

TEST(MissingFeatures, AreWhatANormalDistributionExpects) {
  // Three features of which the second is the first plus noise of variance 0.5, and the third independent.
  const gpz::MissingFeatures missing({1.0, 1.0, 3.0}, {1.0, 1.0, 0.0, 1.0, 1.5, 0.0, 0.0, 0.0, 2.0});
  const gpz::MissingFeatures::Rule rule = missing.rule(1);
  std::vector<double> feature(3 * 32, 0.0);
  feature[0] = 2.5;
  missing.fill(rule, feature);
  EXPECT_NEAR(feature[32], 2.5, 1e-7);
  EXPECT_NEAR(feature[64], 3.0, 1e-12);
  EXPECT_NEAR(rule.covariance[0], 0.5, 1e-7);
  EXPECT_NEAR(rule.covariance[1], 0.0, 1e-12);
  EXPECT_NEAR(rule.covariance[3], 2.0, 1e-12);
}

const std::vector<std::string> quick = {"--gpz.basis=15", "--gpz.iterations=60"};

/// Redshifts are a curved function of a colour, with a noise that grows with another.
Objects noisy_objects(std::size_t n, std::uint64_t seed) {
  Objects objects = make_objects(n, 3, seed);
  for (std::size_t i = 0; i < n; ++i) {
    const double a = objects.mag[i][0] - objects.mag[i][1], b = objects.mag[i][1] - objects.mag[i][2];
    ObjectRandom random(seed, i, 7);
    objects.z[i] = 1.0 + 0.3 * std::sin(2.0 * a) + 0.05 * std::exp(b) * random.normal();
  }
  return objects;
}

TEST(Gpz, LearnsTheFunctionAndItsNoise) {
  const Objects training = noisy_objects(2000, 92);
  Objects queries = noisy_objects(1000, 93);
  const PhotozModel model = train("gpz", training, quick);
  const Table out = estimate(model, queries);
  std::vector<double> wrong, noise;
  double pulls = 0.0;
  for (std::size_t i = 0; i < 1000; ++i) {
    const double a = queries.mag[i][0] - queries.mag[i][1], b = queries.mag[i][1] - queries.mag[i][2];
    wrong.push_back(std::abs(out.at("z_phot").number(i) - 1.0 - 0.3 * std::sin(2.0 * a)));
    noise.push_back(std::abs(std::log(out.at("z_err_noise").values<float>()[i] / (0.05 * std::exp(b)))));
    pulls += std::pow((out.at("z_phot").number(i) - queries.z[i]) / out.at("z_err").values<float>()[i], 2) / 1000.0;
  }
  EXPECT_LT(quantile(wrong, 0.9), 0.03);
  EXPECT_LT(quantile(noise, 0.9), 0.3);
  EXPECT_NEAR(pulls, 1.0, 0.25);
  // Without a band there is less that is known.
  Objects holes = queries;
  for (auto& mag : holes.mag) mag[0] = not_observed;
  const Table less = estimate(model, holes);
  double before = 0.0, after = 0.0;
  for (std::size_t i = 0; i < 1000; ++i) {
    before += out.at("z_err").values<float>()[i];
    after += less.at("z_err").values<float>()[i];
    ASSERT_EQ(less.at("flags").integer(i) & photoz_missing_band, photoz_missing_band);
  }
  EXPECT_GT(after, 1.5 * before);
}

TEST(Gpz, DoesNotDependOnThreadsOrBlocks) {
  const Objects training = noisy_objects(2500, 94);
  Objects queries = noisy_objects(300, 95);
  for (std::size_t i = 0; i < 300; i += 7) queries.mag[i][i % 3] = not_observed;
  queries.mag[1].assign(3, not_observed);
  const std::vector<std::string> words = {"--gpz.basis=8", "--gpz.iterations=10", "--gpz.fits=2"};
  const PhotozModel model = train("gpz", training, words), again = train("gpz", training, words, {}, 3);
  for (const auto& [name, table] : model.tables)
    for (std::size_t c = 0; c < table.columns(); ++c)
      EXPECT_TRUE(std::ranges::equal(table[c].bytes(), again.tables.at(name)[c].bytes())) << name;
  expect_same_for_any_layout(model, queries, {.kind = "mixmod"}, 77);
  const Table out = estimate(model, queries);
  EXPECT_EQ(out.at("flags").integer(1), photoz_missing_band | photoz_no_band);
  EXPECT_TRUE(std::isnan(out.at("z_phot").number(1)));
}

TEST(Gpz, RefusesSetsThatTeachNothing) {
  Objects same = make_objects(400, 3, 96), constant = same, holes = same;
  same.z.assign(400, 0.5);
  holes.z[2] = nan;
  for (auto& mag : constant.mag) mag = {20.0, 20.5, 21.0};
  EXPECT_EQ(training_error("gpz", same, quick), "all training redshifts are 0.5 (there is nothing to learn)");
  EXPECT_EQ(training_error("gpz", holes, quick), "training row 3: redshift nan (must be a number to train on)");
  EXPECT_EQ(training_error("gpz", make_objects(20, 3, 96), quick),
            "the training set has 20 objects with all features and weight (gpz.basis = 15 needs at least 44)");
  EXPECT_EQ(training_error("gpz", make_objects(100, 3, 96), quick, std::vector<double>(100, 0.0)),
            "the training set has 0 objects with all features and weight (gpz.basis = 15 needs at least 44)");
  EXPECT_EQ(training_error("gpz", constant, {"--gpz.basis=5", "--gpz.iterations=5"}), "");  // nothing but the mean to be learned
}

}  // namespace
}  // namespace skyfold

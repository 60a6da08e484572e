// Mixtures of Gaussians against the definition, integrated in small steps.
#include "photoz/common/mixture.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "photoz/common/gaussian_pdf.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {
namespace {

struct Components {
  std::vector<double> z, sigma, weight;

  double density(double x) const {
    double sum = 0.0, weights = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      sum += weight[i] * std::exp(-0.5 * std::pow((x - z[i]) / sigma[i], 2)) / (sigma[i] * std::sqrt(2.0 * std::numbers::pi));
      weights += weight[i];
    }
    return sum / weights;
  }
  double cumulative(double x) const {
    double sum = 0.0, weights = 0.0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      sum += weight[i] * 0.5 * std::erfc((z[i] - x) / (sigma[i] * std::numbers::sqrt2));
      weights += weight[i];
    }
    return sum / weights;
  }
};

Components draw(std::uint64_t number, std::size_t n, double narrowest) {
  ObjectRandom random(7, number);
  Components c;
  for (std::size_t i = 0; i < n; ++i) {
    c.z.push_back(2.0 * random.uniform());
    c.sigma.push_back(narrowest * std::exp(3.0 * random.uniform()));
    c.weight.push_back(random.uniform());
  }
  return c;
}

TEST(PhotozMixture, OfWidthsEqualsTheDefinition) {
  Mixture mixture;
  for (std::uint64_t number = 0; number < 40; ++number) {
    const Components c = draw(number, 1 + number % 24, 0.004);
    mixture.set(c.z, c.sigma, c.weight);
    double mean = 0.0, squares = 0.0, highest = 0.0;
    constexpr double step = 2e-4;
    for (double x = -2.0; x < 4.0; x += step) {
      const double p = c.density(x);
      mean += step * p * x;
      squares += step * p * p;
      highest = std::max(highest, p);
      if (std::fmod(std::abs(x), 0.05) > 0.0002) continue;
      ASSERT_NEAR(mixture.density(x), p, 1e-8 * (1.0 + p));
      ASSERT_NEAR(mixture.cumulative(x), c.cumulative(x), 2e-9);
    }
    EXPECT_NEAR(mixture.mean(), mean, 1e-8);
    EXPECT_NEAR(mixture.squared_integral(), squares, 1e-7 * squares);
    EXPECT_NEAR(mixture.cde_loss(0.7), squares - 2.0 * c.density(0.7), 1e-6 * (1.0 + squares));
    EXPECT_GT(c.density(mixture.mode()), 0.9999 * highest);
    for (const double p : {1e-4, 0.16, 0.5, 0.84, 0.9999}) ASSERT_NEAR(c.cumulative(mixture.quantile(p)), p, 1e-8);
  }
}

TEST(PhotozMixture, FindsQuantilesWhereTheDensityVanishesBetweenPeaks) {
  Mixture mixture;
  mixture.set(std::vector{0.1, 3.0}, std::vector{0.002, 0.002}, std::vector{1.0, 1.0});
  EXPECT_NEAR(mixture.quantile(0.25), 0.1, 1e-9);
  EXPECT_NEAR(mixture.quantile(0.75), 3.0, 1e-9);
  EXPECT_NEAR(mixture.cumulative(mixture.quantile(0.5)), 0.5, 1e-9);
}

TEST(PhotozMixture, OfEqualWidthsIsTheSameEitherWay) {
  Components c = draw(3, 17, 0.01);
  c.sigma.assign(17, 0.05);
  Mixture own, equal;
  own.set(c.z, c.sigma, c.weight);
  equal.set(c.z, c.weight);
  equal.set_sigma(0.05);
  for (double x = -0.5; x < 2.5; x += 0.01) {
    ASSERT_NEAR(own.density(x), equal.density(x), 1e-8);
    ASSERT_NEAR(own.cumulative(x), equal.cumulative(x), 1e-9);
  }
  EXPECT_NEAR(own.squared_integral(), equal.squared_integral(), 1e-8);
  EXPECT_NEAR(own.mode(), equal.mode(), 1e-6);
  EXPECT_NEAR(own.quantile(0.3), equal.quantile(0.3), 1e-8);
}

TEST(GaussianPdf, OfWidthsHasUnitIntegralAndTheDensity) {
  const Components c = draw(5, 24, 0.02);
  GaussianPdf grid({.kind = "interp", .zmin = -2.0, .zmax = 4.0, .bins = 1201});
  std::vector<float> pdf(1201);
  EXPECT_NEAR(grid.fill(c.z, c.sigma, c.weight, pdf.data()), 1.0, 1e-6);
  double integral = 0.0;
  for (std::size_t j = 0; j < 1201; ++j) {
    ASSERT_NEAR(pdf[j], c.density(-2.0 + 0.005 * static_cast<double>(j)), 1e-5);
    integral += 0.005 * (j == 0 || j == 1200 ? 0.5 : 1.0) * static_cast<double>(pdf[j]);
  }
  EXPECT_NEAR(integral, 1.0, 1e-6);
}

}  // namespace
}  // namespace skyfold

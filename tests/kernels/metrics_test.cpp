#include "skyfold/kernels/validate/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "skyfold/core/random.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"

namespace skyfold::validation {
namespace {

double cumulative_normal(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// Redshifts of a flat distribution from 0.5 to 1.5 with Gaussian errors of known bias and width, and perfect PDFs.
Objects gaussian_objects(std::size_t n, double bias, double sigma) {
  Objects objects;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(7, i);
    const double z = 0.5 + random.uniform(), deviate = random.normal();
    objects.z_spec.push_back(z);
    objects.z_phot.push_back(z + bias + sigma * deviate);
    objects.z_err.push_back(sigma);
    objects.pit.push_back(cumulative_normal(-deviate - bias / sigma));  // of N(z_phot, sigma) at z_spec
    objects.cde.push_back(static_cast<double>(i % 5));
    objects.odds.push_back(0.5 + 0.1 * static_cast<double>(i % 3));
    objects.key.push_back(bootstrap_key(1, static_cast<std::int64_t>(i)));
  }
  return objects;
}

std::vector<std::uint32_t> all_of(const Objects& objects) {
  std::vector<std::uint32_t> members(objects.size());
  std::iota(members.begin(), members.end(), 0u);
  return members;
}

Metrics measured(const Objects& objects) {
  MetricSet::Scratch scratch;
  return MetricSet(objects, all_of(objects), {}).measure(scratch);
}

double of(const Metrics& metrics, Metric metric) { return metrics[place(metric)]; }

TEST(Metrics, AreThoseOfTheGaussianDistributionForGaussianErrors) {
  constexpr std::size_t n = 400'000;
  constexpr double bias = 0.02, sigma = 0.05, noise = 5.0 * sigma / 632.0;  // five standard errors of a mean
  const Metrics m = measured(gaussian_objects(n, bias, sigma));
  EXPECT_NEAR(of(m, Metric::mean_bias), bias, noise);
  EXPECT_NEAR(of(m, Metric::median_bias), bias, 1.26 * noise);
  EXPECT_NEAR(of(m, Metric::sigma), sigma, noise);
  EXPECT_NEAR(of(m, Metric::sigma68), sigma, 1.5 * noise);
  EXPECT_NEAR(of(m, Metric::out_2sigma), 2.0 * cumulative_normal(-2.0), 2e-3);
  EXPECT_NEAR(of(m, Metric::out_3sigma), 2.0 * cumulative_normal(-3.0), 5e-4);
  EXPECT_NEAR(of(m, Metric::mean_pull), bias / sigma, noise / sigma);
  EXPECT_NEAR(of(m, Metric::sigma_pull), 1.0, noise / sigma);
  EXPECT_NEAR(of(m, Metric::within_err), cumulative_normal(1.0 - bias / sigma) - cumulative_normal(-1.0 - bias / sigma), 4e-3);
}

TEST(Metrics, AgreeAboutTheWidthOfGaussianErrorsThatGrowWithRedshift) {
  Objects objects = gaussian_objects(400'000, 0.0, 0.03);
  for (std::size_t i = 0; i < objects.size(); ++i)
    objects.z_phot[i] = objects.z_spec[i] + (objects.z_phot[i] - objects.z_spec[i]) * (1.0 + objects.z_spec[i]);
  const Metrics m = measured(objects);
  EXPECT_NEAR(of(m, Metric::nmad), 0.03, 3e-4);
  EXPECT_NEAR(of(m, Metric::sigma_iqr), 0.03, 3e-4);
  EXPECT_NEAR(of(m, Metric::median_scaled), 0.0, 3e-4);
  EXPECT_NEAR(of(m, Metric::out_015), 0.0, 1e-5);
  EXPECT_NEAR(of(m, Metric::out_iqr), 2.0 * cumulative_normal(-3.0), 5e-4);
}

TEST(Metrics, OfPerfectPdfsShowUniformPits) {
  const Metrics m = measured(gaussian_objects(100'000, 0.0, 0.05));
  EXPECT_LT(of(m, Metric::pit_ks), 1.95 / std::sqrt(100'000.0));  // exceeded by chance once in a thousand
  EXPECT_LT(of(m, Metric::pit_cvm), 1.17);                        // likewise
  EXPECT_LT(of(m, Metric::pit_ad), 6.0);
  EXPECT_NEAR(of(m, Metric::pit_out), 2e-4, 1.5e-4);
  EXPECT_DOUBLE_EQ(of(m, Metric::cde_loss), 2.0);
  EXPECT_NEAR(of(m, Metric::odds), 0.6, 1e-5);
}

TEST(Metrics, ShowPdfsThatAreBiasedOrTooNarrow) {
  Objects objects = gaussian_objects(100'000, 0.05, 0.05);  // by one sigma
  EXPECT_NEAR(of(measured(objects), Metric::pit_ks), 2.0 * cumulative_normal(0.5) - 1.0, 5e-3);
  objects = gaussian_objects(100'000, 0.0, 0.05);
  for (std::size_t i = 0; i < objects.size(); ++i) objects.pit[i] = cumulative_normal((objects.z_spec[i] - objects.z_phot[i]) / 0.025);
  EXPECT_GT(of(measured(objects), Metric::pit_ks), 0.1);
  EXPECT_NEAR(of(measured(objects), Metric::pit_out), 2.0 * cumulative_normal(-3.719 / 2.0), 5e-3);
}

TEST(Metrics, OfThePoissonDifferenceAreOneForPoissonCounts) {
  Objects objects;  // z_phot drawn anew from the distribution of z_spec: each bin differs by sqrt(2) Poisson errors
  for (std::size_t i = 0; i < 200'000; ++i) {
    ObjectRandom random(9, i);
    objects.z_spec.push_back(10.0 * random.uniform());
    objects.z_phot.push_back(10.0 * random.uniform());
    objects.z_err.push_back(1.0);
  }
  const Metrics m = measured(objects);
  EXPECT_NEAR(of(m, Metric::n_poisson), std::numbers::sqrt2, 0.25);
  EXPECT_LT(of(m, Metric::ks), 1.95 * std::sqrt(2.0 / 200'000.0));
}

TEST(Metrics, LeaveOutErrorsAndPdfsThatAreNotThere) {
  Objects objects = gaussian_objects(1000, 0.01, 0.05), part;
  for (std::size_t i = 0; i < 1000; ++i) {
    if (i % 3 == 0)
      objects.z_err[i] = objects.pit[i] = objects.cde[i] = objects.odds[i] = std::nan("");
    else
      for (auto column : {&Objects::z_spec, &Objects::z_phot, &Objects::z_err, &Objects::pit, &Objects::cde, &Objects::odds})
        (part.*column).push_back((objects.*column)[i]);
  }
  const Metrics with_gaps = measured(objects), without = measured(part);
  for (const Metric metric : {Metric::mean_pull, Metric::sigma_pull, Metric::within_err, Metric::pit_ks, Metric::pit_cvm, Metric::pit_ad,
                              Metric::pit_out, Metric::cde_loss, Metric::odds})
    EXPECT_NEAR(of(with_gaps, metric), of(without, metric), 1e-12) << metric_infos()[place(metric)].name;
  EXPECT_NE(of(with_gaps, Metric::mean_bias), of(without, Metric::mean_bias));
}

TEST(Metrics, OfFewerThanTwoObjectsAreNone) {
  for (const std::size_t n : {0u, 1u})
    for (const double value : measured(gaussian_objects(n, 0.0, 0.1))) EXPECT_TRUE(std::isnan(value));
  const Metrics two = measured(gaussian_objects(2, 0.0, 0.1));
  for (std::size_t m = 0; m < n_metrics; ++m) EXPECT_FALSE(std::isnan(two[m])) << metric_infos()[m].name;
}

TEST(Metrics, DoNotDependOnTheOrderOfTheObjects) {
  const Objects objects = gaussian_objects(5000, 0.01, 0.05);
  std::vector<std::uint32_t> backwards = all_of(objects);
  std::reverse(backwards.begin(), backwards.end());
  MetricSet::Scratch scratch;
  const Metrics a = MetricSet(objects, all_of(objects), {}).measure(3, scratch), b = MetricSet(objects, backwards, {}).measure(3, scratch);
  for (std::size_t m = 0; m < n_metrics; ++m) EXPECT_NEAR(a[m], b[m], 1e-11 * std::abs(a[m])) << metric_infos()[m].name;
}

TEST(Metrics, OfARealisationAreThoseOfObjectsRepeatedByTheirCounts) {
  const Objects objects = gaussian_objects(3000, 0.01, 0.05);
  std::vector<std::uint8_t> counts(objects.size());
  poisson_counts(objects.key, 5, counts);
  std::vector<std::uint32_t> repeated;
  for (std::uint32_t i = 0; i < objects.size(); ++i) repeated.insert(repeated.end(), counts[i], i);
  MetricSet::Scratch scratch;
  const Metrics realisation = MetricSet(objects, all_of(objects), {}).measure(5, scratch);
  const Metrics expected = MetricSet(objects, repeated, {}).measure(scratch);
  for (std::size_t m = 0; m < n_metrics; ++m)
    EXPECT_NEAR(realisation[m], expected[m], 1e-10 * std::abs(expected[m])) << metric_infos()[m].name;
}

TEST(Metrics, HaveBootstrapErrorsWithinTenPercentOfTheAnalyticOnes) {
  constexpr std::size_t n = 4000, realisations = 1500;
  constexpr double sigma = 0.05, root_n = 63.2456;
  const Objects objects = gaussian_objects(n, 0.01, sigma);
  const MetricSet set(objects, all_of(objects), {});
  MetricSet::Scratch scratch;
  std::vector<std::vector<double>> values(n_metrics);
  for (std::size_t r = 0; r < realisations; ++r) {
    const Metrics metrics = set.measure(r, scratch);
    for (std::size_t m = 0; m < n_metrics; ++m) values[m].push_back(metrics[m]);
  }
  const auto error = [&](Metric metric) { return bootstrap_error(values[place(metric)]); };
  const double density_68 = std::exp(-0.5) / std::sqrt(2.0 * std::numbers::pi) / sigma;  // of dz at one sigma
  const double tail = 0.15865, quantile_variance = 2.0 * tail * (1.0 - tail) - 2.0 * tail * tail;
  EXPECT_NEAR(error(Metric::mean_bias), sigma / root_n, 0.1 * sigma / root_n);
  EXPECT_NEAR(error(Metric::sigma), sigma / std::sqrt(2.0) / root_n, 0.1 * sigma / std::sqrt(2.0) / root_n);
  EXPECT_NEAR(error(Metric::sigma68) / (0.5 * std::sqrt(quantile_variance) / density_68 / root_n), 1.0, 0.1);
  EXPECT_NEAR(error(Metric::mean_pull), 1.0 / root_n, 0.1 / root_n);
  EXPECT_NEAR(error(Metric::within_err) / (std::sqrt(0.6827 * 0.3173) / root_n), 1.0, 0.1);
  EXPECT_NEAR(error(Metric::cde_loss) / (std::sqrt(2.0) / root_n), 1.0, 0.1);  // 0..4 in equal numbers
}

TEST(Limits, HoldTheRightSideOfAMetric) {
  EXPECT_TRUE(passes(Metric::sigma68, 0.11, 0.12));
  EXPECT_FALSE(passes(Metric::sigma68, 0.12, 0.12));
  EXPECT_FALSE(passes(Metric::mean_bias, -0.2, 0.1));
  EXPECT_TRUE(passes(Metric::sigma_pull, 0.95, 0.1));
  EXPECT_FALSE(passes(Metric::sigma_pull, 1.2, 0.1));
  EXPECT_TRUE(passes(Metric::within_err, 0.70, 0.05));
  EXPECT_TRUE(passes(Metric::odds, 0.9, 0.8));
  EXPECT_FALSE(passes(Metric::odds, 0.7, 0.8));
  EXPECT_TRUE(passes(Metric::cde_loss, -7.0, -5.0));
  for (std::size_t m = 0; m < n_metrics; ++m) EXPECT_FALSE(passes(static_cast<Metric>(m), std::nan(""), 1.0));
}

}  // namespace
}  // namespace skyfold::validation

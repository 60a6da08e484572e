#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "../sizes.hpp"
#include "../support.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/patch/aperture.hpp"
#include "skyfold/kernels/patch/compare.hpp"
#include "skyfold/kernels/patch/fits.hpp"
#include "skyfold/kernels/patch/resample.hpp"
#include "skyfold/kernels/patch/statistics.hpp"
#include "skyfold/kernels/patch/units.hpp"

namespace skyfold {
namespace {

using testing_support::contains;
using testing_support::error_of;
using testing_support::sized;

const double nan = std::numeric_limits<double>::quiet_NaN();

TEST(DiscStatistics, AreThoseOfTheValuesThatAreThere) {
  std::vector<double> scratch;
  const DiscStatistics s = disc_statistics(std::vector<double>{4.0, nan, 1.0, 7.0, 2.0}, {}, scratch);
  EXPECT_EQ(s.n_pix, 4);
  EXPECT_EQ(s.n_missing, 1);
  EXPECT_DOUBLE_EQ(s.coverage, 0.8);
  EXPECT_DOUBLE_EQ(s.sum, 14.0);
  EXPECT_DOUBLE_EQ(s.mean, 3.5);
  EXPECT_DOUBLE_EQ(s.median, 3.0);
  EXPECT_DOUBLE_EQ(s.rms, std::sqrt((0.25 + 6.25 + 12.25 + 2.25) / 4.0));
  EXPECT_DOUBLE_EQ(s.min, 1.0);
  EXPECT_DOUBLE_EQ(s.max, 7.0);
}

TEST(DiscStatistics, WeighParts) {
  std::vector<double> scratch;
  const DiscStatistics s = disc_statistics(std::vector<double>{1.0, 3.0, 100.0}, std::vector<double>{1.0, 0.5, 0.25}, scratch);
  EXPECT_DOUBLE_EQ(s.mean, (1.0 + 1.5 + 25.0) / 1.75);
  EXPECT_DOUBLE_EQ(s.median, 2.0);  // of those that are at least half inside
}

TEST(DiscStatistics, OfNothingAreNothing) {
  std::vector<double> scratch;
  EXPECT_TRUE(std::isnan(disc_statistics({}, {}, scratch).coverage));
  const DiscStatistics s = disc_statistics(std::vector<double>{nan, nan}, {}, scratch);
  EXPECT_TRUE(std::isnan(s.mean));
  EXPECT_EQ(s.coverage, 0.0);
}

TEST(Units, HaveTheDeltaBandValuesOfPlanck) {
  const std::pair<double, double> known[] = {{28.4, 24.270},  {44.1, 56.837},  {70.4, 134.18}, {100.0, 238.79},
                                             {143.0, 379.93}, {217.0, 483.64}, {353.0, 296.65}};
  for (const auto& [ghz, value] : known) EXPECT_NEAR(mjy_sr_per_kcmb(ghz) / value, 1.0, 3e-5) << ghz;
}

TEST(Units, AreReadInTheirUsualSpellings) {
  for (const char* kelvin : {"K_CMB", "Kcmb", "K", "K_{CMB}", "K (thermodynamic)"})
    EXPECT_EQ(mjy_sr_per_unit(kelvin, "100", nan), 100.0) << kelvin;
  EXPECT_DOUBLE_EQ(mjy_sr_per_unit("mK,thermodynamic", "100", nan), 0.1);
  EXPECT_DOUBLE_EQ(mjy_sr_per_unit("uK_CMB", "planck", 143.0), 371.74e-6);
  EXPECT_EQ(mjy_sr_per_unit("MJy/sr", "delta", nan), 1.0);
  EXPECT_EQ(mjy_sr_per_unit("mJy/sr", "delta", nan), 1e-9);
  EXPECT_EQ(mjy_sr_per_unit("MJy sr^-1", "delta", nan), 1.0);
}

TEST(Units, ThatCannotBecomeFluxesAreErrors) {
  const auto message = [](const char* unit, const char* conversion, double ghz) {
    return error_of<UsageError>([&] { static_cast<void>(mjy_sr_per_unit(unit, conversion, ghz)); });
  };
  EXPECT_TRUE(contains(message("", "delta", 100.0), "no unit"));
  EXPECT_TRUE(contains(message("counts", "delta", 100.0), "unit 'counts'"));
  EXPECT_TRUE(contains(message("K", "delta", nan), "no frequency"));
  EXPECT_TRUE(contains(message("K", "planck", 99.0), "no value at 99 GHz"));
  EXPECT_TRUE(contains(message("K", "-3", 100.0), "must be > 0"));
}

TEST(ApertureCorrection, IsThatOfAGaussianOrOfTheBeamsOwnAreas) {
  EXPECT_NEAR(aperture_correction({33.0, nan, nan, nan}, 1.0, 1.0, 2.0), 1.09090, 5e-6);
  EXPECT_NEAR(aperture_correction({32.408, 1190.06, 1117.30, 1188.93}, 1.0, 1.0, 2.0), 1.08838, 5e-6);  // PCCS2, 30 GHz
  const double part = 1.0 - std::exp2(-4.0 * 2.25), ring = (std::exp2(-9.0) - std::exp2(-16.0)) * 2.25 / (4.0 - 2.25);
  EXPECT_NEAR(aperture_correction({33.0, nan, nan, nan}, 1.5, 1.5, 2.0), 1.0 / (part - ring), 1e-12);
}

TEST(ApertureFlux, IsTheMeanAboveTheBackgroundTimesTheArea) {
  const std::vector<double> values = {5.0, 7.0, nan, 1.0, 2.0, 3.0, 10.0}, in = {1, 1, 1, 0, 0, 0, 0}, ring = {0, 0, 0, 1, 1, 1, 1};
  std::vector<double> scratch;
  const auto flux = [&](Background background) { return aperture_flux(values, in, ring, {background, false, 2.0, 0.0, 1.5}, scratch); };
  EXPECT_DOUBLE_EQ(flux(Background::median).flux, 1.5 * (6.0 - 2.5) * 2.0);
  EXPECT_DOUBLE_EQ(flux(Background::mean).flux, 1.5 * (6.0 - 4.0) * 2.0);
  const double sigma = std::sqrt((9.0 + 4.0 + 1.0 + 36.0) / 3.0);
  EXPECT_DOUBLE_EQ(flux(Background::mean).noise, sigma);
  EXPECT_DOUBLE_EQ(flux(Background::mean).error, 1.5 * 2.0 * sigma * std::sqrt(1.0 / 2.0 + 1.0 / 4.0));
  EXPECT_DOUBLE_EQ(flux(Background::median).error, 1.5 * 2.0 * sigma * std::sqrt(1.0 / 2.0 + 0.5 * std::numbers::pi / 4.0));
  const ApertureFlux correlated = aperture_flux(values, in, ring, {Background::mean, true, 2.0, 0.5, 1.0}, scratch);
  EXPECT_DOUBLE_EQ(correlated.error, 2.0 * sigma / std::sqrt(2.0 / 0.5));  // sigma x area / sqrt(beams in the aperture)
}

TEST(ApertureFlux, ClipsWhatStandsOutOfTheAnnulus) {
  std::vector<double> values = {5.0}, in = {1.0}, ring = {0.0}, scratch;
  for (int i = 0; i < 40; ++i) values.push_back(i % 2 ? 0.9 : 1.1), in.push_back(0.0), ring.push_back(1.0);
  values.back() = 1000.0;
  EXPECT_NEAR(aperture_flux(values, in, ring, {Background::clipped, false, 1.0, 0.0, 1.0}, scratch).background, 1.0, 0.01);
}

/// Pixels of a grid with a Gaussian on them; lengths in sigmas of the beam.
struct Field {
  std::vector<double> x, y, beam, value, weight;

  Field(double amplitude, double x0, double y0, double s1, double s2, double angle, double background, double noise, std::uint64_t seed) {
    ObjectRandom random(seed, 0);
    for (double gx = -3.6; gx <= 3.6; gx += 0.3)
      for (double gy = -3.6; gy <= 3.6; gy += 0.3) {
        if (gx * gx + gy * gy > 3.53 * 3.53) continue;
        x.push_back(gx), y.push_back(gy);
        beam.push_back(std::exp(-0.5 * (gx * gx + gy * gy)));
        const double dx = gx - x0, dy = gy - y0;
        const double along = dx * std::sin(angle) + dy * std::cos(angle),
                     across = dx * std::cos(angle) - dy * std::sin(angle);  // from north through east
        const double model = amplitude * std::exp(-0.5 * (along * along / (s1 * s1) + across * across / (s2 * s2))) + background;
        value.push_back(model + noise * random.normal());
        weight.push_back(noise > 0.0 ? 1.0 / (noise * noise) : 1.0);
      }
  }
  FitPixels pixels(bool weighted) const { return {x, y, value, weighted ? std::span<const double>(weight) : std::span<const double>()}; }
};

TEST(PsfFit, FindsTheAmplitudeOfABeamExactlyWithoutNoise) {
  const Field field(3.0, 0.0, 0.0, 1.0, 1.0, 0.0, -2.0, 0.0, 1);
  const PsfFit fit = fit_psf(field.beam, field.value, {});
  EXPECT_NEAR(fit.amplitude, 3.0, 1e-12);
  EXPECT_NEAR(fit.background, -2.0, 1e-12);
  EXPECT_NEAR(fit.amplitude_error, 0.0, 1e-7);
}

TEST(PsfFit, HasErrorsThatTellItsScatter) {
  double sum2[2] = {0.0, 0.0}, sum[2] = {0.0, 0.0};
  constexpr int n = sized(2000, 500);
  for (int i = 0; i < n; ++i) {
    const Field field(3.0, 0.0, 0.0, 1.0, 1.0, 0.0, -2.0, 0.7, static_cast<std::uint64_t>(i) + 10);
    for (const int weighted : {0, 1}) {
      const PsfFit fit = fit_psf(field.beam, field.value, weighted ? std::span<const double>(field.weight) : std::span<const double>());
      const double pull = (fit.amplitude - 3.0) / fit.amplitude_error;
      sum[weighted] += pull, sum2[weighted] += pull * pull;
    }
  }
  for (const int weighted : {0, 1}) {
    EXPECT_NEAR(sum[weighted] / n, 0.0, sized(0.08, 0.16));
    EXPECT_NEAR(std::sqrt(sum2[weighted] / n), 1.0, sized(0.05, 0.1));
  }
}

TEST(PsfFit, NeedsThreePixelsThatDiffer) {
  EXPECT_TRUE(std::isnan(fit_psf(std::vector<double>{1.0, 0.5}, std::vector<double>{1.0, 2.0}, {}).amplitude));
  EXPECT_TRUE(std::isnan(fit_psf(std::vector<double>(5, 0.5), std::vector<double>(5, 2.0), {}).amplitude));
}

TEST(GaussianFit, FindsEveryParameterExactlyWithoutNoise) {
  for (const double angle : {0.3, 1.2, -0.7}) {
    const Field field(5.0, 0.4, -0.3, 1.3, 0.8, angle, 2.0, 0.0, 1);
    const GaussianFit fit = fit_gaussian(field.pixels(false), 50);
    EXPECT_EQ(fit.status, FitStatus::converged);
    EXPECT_NEAR(fit.amplitude, 5.0, 1e-6);
    EXPECT_NEAR(fit.x, 0.4, 1e-6);
    EXPECT_NEAR(fit.y, -0.3, 1e-6);
    EXPECT_NEAR(fit.sigma_1, 1.3, 1e-6);
    EXPECT_NEAR(fit.sigma_2, 0.8, 1e-6);
    EXPECT_NEAR(fit.angle, angle, 1e-6);
    EXPECT_NEAR(fit.background, 2.0, 1e-6);
    EXPECT_NEAR(fit.volume, 5.0 * 2.0 * std::numbers::pi * 1.3 * 0.8, 1e-5);
    EXPECT_LE(fit.iterations, 15);
  }
}

TEST(GaussianFit, IsRegularForRoundSources) {
  const GaussianFit fit = fit_gaussian(Field(5.0, 0.1, 0.1, 1.0, 1.0, 0.0, 0.0, 0.0, 1).pixels(false), 50);
  EXPECT_EQ(fit.status, FitStatus::converged);
  EXPECT_NEAR(fit.volume, 10.0 * std::numbers::pi, 1e-6);
}

TEST(GaussianFit, HasErrorsThatTellItsScatter) {
  constexpr int n = sized(1000, 200);
  double sum2[2][3] = {};
  const double volume = 10.0 * 2.0 * std::numbers::pi * 1.1;
  for (int i = 0; i < n; ++i) {
    const Field field(10.0, 0.2, 0.1, 1.1, 1.0, 0.5, 1.0, 0.5, static_cast<std::uint64_t>(i) + 10);
    for (const int weighted : {0, 1}) {
      const GaussianFit fit = fit_gaussian(field.pixels(weighted == 1), 50);
      ASSERT_EQ(fit.status, FitStatus::converged);
      const double pulls[] = {(fit.volume - volume) / fit.volume_error, (fit.x - 0.2) / fit.x_error, (fit.y - 0.1) / fit.y_error};
      for (int k = 0; k < 3; ++k) sum2[weighted][k] += pulls[k] * pulls[k];
      if (weighted == 1) {
        EXPECT_NEAR(fit.chi2 / static_cast<double>(field.value.size()), 1.0, 0.35);
      }
    }
  }
  for (const int weighted : {0, 1})
    for (int k = 0; k < 3; ++k) EXPECT_NEAR(std::sqrt(sum2[weighted][k] / n), 1.0, sized(0.07, 0.15)) << weighted << " " << k;
}

TEST(GaussianFit, SaysWhyItFailed) {
  const Field noise(0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 3), flat(0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 4.0, 0.0, 3);
  EXPECT_EQ(fit_gaussian({}, 50).status, FitStatus::too_few_pixels);
  EXPECT_EQ(fit_gaussian(Field(5.0, 0.5, 0.4, 1.3, 0.8, 0.2, 0.0, 0.0, 1).pixels(false), 1).status, FitStatus::step_limit);
  EXPECT_NE(fit_gaussian(flat.pixels(false), 50).status, FitStatus::converged);
  const GaussianFit far =
      fit_gaussian(Field(50.0, 3.0, 4.5, 1.0, 1.0, 0.0, 0.0, 0.0, 1).pixels(false), 200);  // the source is outside the pixels
  EXPECT_NE(far.status, FitStatus::converged);
}

TEST(Spearman, IsOneForAnyIncreasingRelationAndKnowsTies) {
  EXPECT_DOUBLE_EQ(spearman(std::vector<double>{1, 2, 3, 4}, std::vector<double>{1, 10, 11, 1e6}), 1.0);
  EXPECT_DOUBLE_EQ(spearman(std::vector<double>{1, 2, 3}, std::vector<double>{3, 2, 1}), -1.0);
  EXPECT_NEAR(spearman(std::vector<double>{1, 2, 2, 3}, std::vector<double>{1, 2, 3, 4}), 0.9486832980505138,
              1e-15);  // scipy.stats.spearmanr
  EXPECT_TRUE(std::isnan(spearman(std::vector<double>{1, 1}, std::vector<double>{1, 2})));
}

TEST(FluxComparison, FindsTheRatioAndWhatStandsOut) {
  std::vector<double> catalogued, measured;
  for (int i = 1; i <= 200; ++i) {
    catalogued.push_back(i);
    measured.push_back(1.1 * i * (1.0 + (i % 2 ? 0.01 : -0.01)));
  }
  measured[20] *= 3.0;
  measured[70] *= 0.1;
  measured[30] = nan;
  catalogued[31] = 0.0;
  const FluxComparison c = compare_fluxes(measured, catalogued);
  EXPECT_EQ(c.n, 198u);
  EXPECT_NEAR(c.median_ratio, 1.1, 0.02);
  EXPECT_EQ(c.outliers, (std::vector<std::size_t>{70, 20}));
}

TEST(Renumber, ComesBackAndPutsPixelsWhereTheyBelong) {
  const Pixelisation pixels(16);
  std::vector<float> ring(static_cast<std::size_t>(pixels.count())), nested(ring.size()), back(ring.size());
  for (std::size_t i = 0; i < ring.size(); ++i) ring[i] = static_cast<float>(i);
  renumber<float>(pixels, ring, true, nested, 2);
  renumber<float>(pixels, nested, false, back, 2);
  EXPECT_EQ(back, ring);
  EXPECT_EQ(nested[static_cast<std::size_t>(pixels.nested_of_ring(1234))], 1234.0F);
}

TEST(ChangeOfResolution, AveragesWhatIsThere) {
  std::vector<double> fine(48, 2.0), coarse(12);
  fine[0] = nan, fine[1] = 8.0;
  for (int i = 4; i < 8; ++i) fine[static_cast<std::size_t>(i)] = nan;
  change_resolution<double>(fine, coarse, 1);
  EXPECT_EQ(coarse[0], 4.0);
  EXPECT_TRUE(std::isnan(coarse[1]));
  EXPECT_EQ(coarse[2], 2.0);
  change_resolution<double>(coarse, fine, 1);
  EXPECT_EQ(fine[3], 4.0);
}

}  // namespace
}  // namespace skyfold

// Galaxies, stars and errors of the mock survey, against formulae.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/mock/deviates.hpp"
#include "skyfold/kernels/mock/population.hpp"

namespace skyfold {
namespace {

enum Band : std::size_t { g, r, i, z, Y };
constexpr double mag_per_ln = 2.5 / std::numbers::ln10;

std::vector<TrueObject> draw(std::size_t n, const MockOptions& o, double depth = mock_bands[i].depth) {
  const Population population(o);
  std::vector<TrueObject> objects;
  for (std::size_t k = 0; k < n; ++k) {
    auto random = mock_random(o.seed, static_cast<std::int64_t>(k), MockStream::object);
    objects.push_back(population.draw(random, depth));
  }
  return objects;
}

/// Without scatter, so that a galaxy's i magnitude is the one its redshift was drawn for.
MockOptions exact_galaxies() {
  MockOptions o;
  o.star_fraction = 0.0;
  o.colour_scatter = 0.0;
  return o;
}

TEST(MockErrors, FollowIvezicsFormulaInFlux) {
  for (double mag = 16.0; mag < 26.0; mag += 0.5) {
    const double x = std::pow(10.0, 0.4 * (mag - 23.25));
    const double expected = std::sqrt(0.005 * 0.005 + (0.04 - 0.039) * x + 0.039 * x * x);
    EXPECT_NEAR(relative_flux_error(mag, 23.25), expected, 1e-12 * expected);
  }
  EXPECT_NEAR(relative_flux_error(23.25, 23.25), 0.2, 1e-4);  // S/N = 5 at the depth
}

TEST(MockErrors, AddNoiseToTheFluxAndReportTheErrorAtTheMeasuredFlux) {
  const double err = relative_flux_error(22.0, 23.25);
  for (const double deviate : {-3.0, -1.0, 0.0, 2.0}) {
    const ObservedMagnitude m = measure(22.0, 23.25, deviate);
    EXPECT_NEAR(std::pow(10.0, -0.4 * (m.mag - 22.0)), 1.0 + err * deviate, 1e-12);
    EXPECT_NEAR(m.mag_err, mag_per_ln * err / (1.0 + err * deviate), 1e-12);
  }
}

TEST(MockErrors, CallAnObjectUndetectedBelowAMeasuredSignalToNoiseOfOne) {
  // True S/N = 2 at a relative error of one half: a deviate of -1 takes the measured one to exactly 1.
  double mag = 23.25;
  while (relative_flux_error(mag, 23.25) < 0.5) mag += 1e-4;
  EXPECT_EQ(measure(mag, 23.25, -1.01).mag, 99.0);
  EXPECT_EQ(measure(mag, 23.25, -1.01).mag_err, 99.0);
  EXPECT_LT(measure(mag, 23.25, -0.99).mag, 30.0);
}

TEST(MockPopulation, DrawsRedshiftsWithTheMomentsOfTheSmailDistribution) {
  // With r = z / z0: <r> = Gamma(8/3), <r^2> = Gamma(10/3) for p(r) ~ r^2 exp(-r^1.5), whose norm is Gamma(2) = 1.
  constexpr std::size_t n = 400'000;
  double sum = 0.0, sum2 = 0.0;
  std::vector<double> ratios;
  for (const auto& object : draw(n, exact_galaxies())) {
    const double ratio = object.redshift / redshift_scale(object.mag[i]);
    sum += ratio;
    sum2 += ratio * ratio;
    ratios.push_back(ratio);
  }
  EXPECT_NEAR(sum / n, std::tgamma(8.0 / 3.0), 0.005);
  EXPECT_NEAR(sum2 / n, std::tgamma(10.0 / 3.0), 0.02);
  EXPECT_NEAR(median(ratios), 1.4123, 0.005);  // (1 + t) exp(-t) = 1/2 at t = 1.678
}

TEST(MockPopulation, CountsOfGalaxiesRiseWithTheirSlope) {
  const auto objects = draw(400'000, exact_galaxies());
  const auto brighter = [&](double limit) {
    return static_cast<double>(std::ranges::count_if(objects, [&](const auto& o) { return o.mag[i] < limit; }));
  };
  const double n_bright = brighter(16.0);  // the counts start at 16: take them off both
  EXPECT_NEAR(std::log10((brighter(22.0) - n_bright) / (brighter(20.0) - n_bright)), 0.66, 0.06);
  EXPECT_NEAR(brighter(23.7) / 400'000.0, 1.0, 0.01);  // and end at the depth
}

TEST(MockPopulation, IsOfTheFaintnessThatTheDepthAllows) {
  const auto shallow = draw(100'000, exact_galaxies(), 22.0), deep = draw(100'000, exact_galaxies(), 23.0);
  std::vector<double> a, b;
  for (std::size_t k = 0; k < shallow.size(); ++k) {
    a.push_back(shallow[k].mag[i]);
    b.push_back(deep[k].mag[i]);
  }
  EXPECT_NEAR(median(b) - median(a), 1.0, 0.02);
}

TEST(MockPopulation, HoldsTheFractionOfStarsAskedForAndTheyHaveNoRedshift) {
  const auto objects = draw(100'000, MockOptions{});
  double stars = 0.0;
  for (const auto& object : objects) {
    stars += object.is_star;
    ASSERT_EQ(object.redshift > 0.0, !object.is_star);
  }
  EXPECT_NEAR(stars / 100'000.0, 0.15, 0.005);
}

TEST(MockStars, LieOnTheStellarLocus) {
  // Juric et al. 2008: g - r = 1.39 (1 - exp(-4.9 x^3 - 2.45 x^2 - 1.68 x - 0.050)) with x = r - i.
  for (const double x : {-0.1, 0.0, 0.15, 0.5, 1.0, 2.0}) {
    const auto c = star_colours(x);
    const double exponent = -4.9 * x * x * x - 2.45 * x * x - 1.68 * x - 0.050;
    EXPECT_NEAR(c[g] - c[r], 1.39 * (1.0 - std::exp(exponent)), 1e-12);
    EXPECT_NEAR(c[r] - c[i], x, 1e-12);
  }
}

/// Magnitude by a plain sum over wavelength with sharp band limits.
double integrated_magnitude(const MockBand& band, double redshift, double type) {
  double flux = 0.0, weight = 0.0;
  for (double observed = band.low_angstrom; observed < band.high_angstrom; observed += 0.5) {
    flux += std::exp(log_spectrum(observed / (1.0 + redshift), type)) / observed;
    weight += 1.0 / observed;
  }
  return -mag_per_ln * std::log(flux / weight);
}

TEST(MockGalaxies, ColoursAreTheIntegralsOfTheSpectrumOverTheBands) {
  const GalaxyColours colours;
  for (const double redshift : {0.0, 0.123, 0.35, 0.777, 1.5})  // below the onset of intergalactic absorption
    for (const double type : {0.0, 0.25, 0.5, 1.0}) {
      const auto c = colours(redshift, type);
      for (std::size_t b = 0; b < mock_band_count; ++b)
        EXPECT_NEAR(c[b], integrated_magnitude(mock_bands[b], redshift, type) - integrated_magnitude(mock_bands[i], redshift, type), 0.03)
            << mock_bands[b].name << " at z = " << redshift << ", type " << type;
    }
}

TEST(MockGalaxies, RedOnesHaveTheColoursOfNearbyEllipticals) {
  // g - r = 0.77, r - i = 0.39 in SDSS bands at z = 0 (Fukugita, Shimasaku & Ichikawa 1995, PASP 107, 945, table 3).
  const auto c = GalaxyColours()(0.0, 0.05);
  EXPECT_NEAR(c[g] - c[r], 0.77, 0.15);
  EXPECT_NEAR(c[r] - c[i], 0.39, 0.1);
}

TEST(MockGalaxies, The4000AngstromBreakReddensOneColourAfterTheOther) {
  const GalaxyColours colours;
  const auto colour = [&](double redshift, Band blue, Band red) {
    const auto c = colours(redshift, 0.05);
    return c[blue] - c[red];
  };
  EXPECT_GT(colour(0.35, g, r), colour(0.0, g, r) + 0.5);   // break at 5400: between g and r
  EXPECT_GT(colour(0.70, r, i), colour(0.35, r, i) + 0.3);  // at 6800
  EXPECT_GT(colour(1.05, i, z), colour(0.70, i, z) + 0.2);  // at 8200
}

TEST(MockGalaxies, GetBluerWithType) {
  const GalaxyColours colours;
  for (double redshift = 0.0; redshift < 1.2; redshift += 0.1)
    for (double type = 0.0; type < 0.95; type += 0.1) {
      const auto redder = colours(redshift, type), bluer = colours(redshift, type + 0.1);
      EXPECT_GT(redder[g] - redder[z], bluer[g] - bluer[z]) << "z = " << redshift << ", type " << type;
    }
}

TEST(MockGalaxies, FadeInGWhenTheLymanAlphaForestEntersIt) {
  const GalaxyColours colours;
  EXPECT_GT(colours(3.9, 0.9)[g], colours(2.0, 0.9)[g] + 0.5);
}

}  // namespace
}  // namespace skyfold

#include "skyfold/table/fluxes.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/table/corrections.hpp"

namespace skyfold {
namespace {

FluxOptions fluxes() {
  FluxOptions o;
  o.flux = "f_{band}";
  return o;
}
BandOptions bands() {
  BandOptions o;
  o.bands = {"g"};
  o.magnitude = "f_{band}";
  return o;
}

TEST(MagnitudeOfAFlux, IsPogsonsWithTheErrorOfFirstOrder) {
  const MeasuredMagnitude of = magnitude_of(1000.0, 10.0, 31.4);
  EXPECT_NEAR(of.mag, 23.9, 1e-12);  // 1 microjansky
  EXPECT_NEAR(of.err, 0.010857362047581296, 1e-15);
  EXPECT_NEAR(magnitude_of(1.0, 0.1, 8.9).mag, 8.9, 1e-15);
}

TEST(MagnitudeOfAFlux, OfZeroOrLessIsThatOfItsError) {
  for (const double flux : {0.0, -5.0, -1e9}) {
    const MeasuredMagnitude of = magnitude_of(flux, 10.0, 31.4);
    EXPECT_EQ(of.mag, undetected);
    EXPECT_NEAR(of.err, 28.9, 1e-12);
    EXPECT_TRUE(std::isnan(magnitude_of(flux, 0.0, 31.4).err));
    EXPECT_TRUE(std::isnan(magnitude_of(flux, -1.0, 31.4).err));
  }
  EXPECT_TRUE(std::isnan(magnitude_of(std::nan(""), 1.0, 31.4).mag));
  EXPECT_TRUE(std::isnan(magnitude_of(100.0, -1.0, 31.4).err));
}

TEST(MagnitudeOfAnAsinhMagnitude, IsThatOfItsFlux) {
  const double b = 0.9e-10;  // SDSS g
  for (const double flux : {1e-8, 3e-10, 1e-10, 1e-12}) {
    const double asinh_mag = -2.5 / std::log(10.0) * (std::asinh(flux / (2.0 * b)) + std::log(b));
    const double error = 0.05 * flux, slope = 2.5 / std::log(10.0) / (2.0 * b) / std::sqrt(1.0 + std::pow(flux / (2.0 * b), 2));
    const MeasuredMagnitude of = magnitude_of_asinh(asinh_mag, error * slope, b);
    EXPECT_NEAR(of.mag, -2.5 * std::log10(flux), 1e-9 / flux * 1e-10 + 1e-9);
    EXPECT_NEAR(of.err, 2.5 / std::log(10.0) * 0.05, 1e-4);
  }
  // "A flux of zero" has the asinh magnitude 25.11 in SDSS's g.
  EXPECT_EQ(magnitude_of_asinh(25.2, 0.5, b).mag, undetected);
}

TEST(ZeroPointsOfFluxes, AreThoseOfTheUnits) {
  for (const auto& [unit, zeropoint] : {std::pair{"nJy", 31.4}, {"uJy", 23.9}, {"Jy", 8.9}, {"nanomaggy", 22.5}}) {
    const Schema schema = {{"f_g", Type::f8, 1, unit}};
    std::string guess;
    const FluxScale scale = flux_scale(fluxes(), bands(), {{"f_g"}, {}}, schema, "t", guess);
    EXPECT_EQ(scale.zeropoint, std::vector<double>{zeropoint}) << unit;
    EXPECT_NE(guess.find(unit), std::string::npos);
  }
  std::string guess;
  const Schema schema = {{"f_g", Type::f8, 1, "erg"}};
  EXPECT_THROW((void)flux_scale(fluxes(), bands(), {{"f_g"}, {}}, schema, "t", guess), UsageError);
}

TEST(StatesOfABand, AreWhatTheTableSaysOfNanAndInfinity) {
  BandOptions usual;
  const double nan = std::nan(""), inf = INFINITY;
  EXPECT_EQ(band_state(nan, usual), BandState::not_observed);
  EXPECT_EQ(band_state(inf, usual), BandState::not_detected);
  usual.nan = "nondetection";
  usual.inf = "missing";
  EXPECT_EQ(band_state(nan, usual), BandState::not_detected);
  EXPECT_EQ(band_state(inf, usual), BandState::not_observed);
  EXPECT_EQ(band_state(-inf, usual), BandState::not_observed);
  EXPECT_EQ(band_state(99.0, usual), BandState::not_detected);
}

TEST(LimitsOfObjects, GoBeforeThoseOfTheBandWhereTheyAreKnown) {
  Table table({{"m", Type::f8}, {"e", Type::f8}}, 3);
  const double mag[] = {22.0, 99.0, 99.0}, err[] = {0.1, 26.5, std::nan("")}, limits[] = {25.0};
  for (std::size_t i = 0; i < 3; ++i) table[0].values<double>()[i] = mag[i], table[1].values<double>()[i] = err[i];
  BandColumns columns{{"m"}, {"e"}};
  columns.errors_are_limits = true;
  Photometry at_once, later;
  gather_photometry(table, columns, {}, limits, at_once);
  EXPECT_EQ(std::vector<double>(at_once.mag.begin(), at_once.mag.end()), (std::vector<double>{22.0, 26.5, 25.0}));
  EXPECT_EQ(std::vector<double>(at_once.mag_err.begin(), at_once.mag_err.end()), (std::vector<double>{0.1, 1.0, 1.0}));
  gather_photometry(table, columns, {}, {}, later);
  EXPECT_EQ(later.mag[1], undetected);
  apply_limits(later, limits);
  EXPECT_EQ(later.mag, at_once.mag);
  EXPECT_EQ(later.mag_err, at_once.mag_err);
}

}  // namespace
}  // namespace skyfold

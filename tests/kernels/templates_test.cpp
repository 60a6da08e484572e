// Spectra, filters and what lies between, against quadrature in very small steps, tables of the papers, and texts as surveys have them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "skyfold/core/error.hpp"
#include "skyfold/kernels/templates/builtin.hpp"
#include "skyfold/kernels/templates/curve.hpp"
#include "skyfold/kernels/templates/dust.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"

namespace skyfold {
namespace {

double at(const Curve& curve, double wavelength) {
  const auto& w = curve.wavelength;
  if (wavelength < w.front() || wavelength > w.back()) return 0.0;
  const auto i = std::max<std::ptrdiff_t>(std::lower_bound(w.begin(), w.end(), wavelength) - w.begin(), 1);
  const double part = (wavelength - w[i - 1]) / (w[i] - w[i - 1]);
  return (1.0 - part) * curve.value[i - 1] + part * curve.value[i];
}

/// AB magnitude by the midpoints of 200,000 steps.
template <class Spectrum>
double magnitude_by_small_steps(const Spectrum& spectrum, const Curve& filter) {
  constexpr int steps = 200'000;
  const double first = filter.wavelength.front(), step = (filter.wavelength.back() - first) / steps;
  double light = 0.0, white = 0.0;
  for (int i = 0; i < steps; ++i) {
    const double wavelength = first + (i + 0.5) * step, through = at(filter, wavelength);
    light += spectrum(wavelength) * through * wavelength;
    white += through / wavelength;
  }
  return -2.5 * std::log10(light / (2.99792458e18 * white)) - 48.60;
}

template <class Use>
std::string message_of(Use use) {
  try {
    use();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SyntheticPhotometry, EqualsQuadratureInSmallSteps) {
  for (const Curve& sed : {builtin_templates("cwwsb")[0], builtin_templates("cwwsb")[5]})
    for (const char* band : {"u", "i"})
      for (const double z : {0.0, 0.73, 3.1}) {
        const Curve filter = builtin_filter("lsst", band);
        const double magnitude = -2.5 * std::log10(band_flux(sed, filter, z)) - 48.60;
        EXPECT_NEAR(magnitude, magnitude_by_small_steps([&](double w) { return at(sed, w / (1.0 + z)); }, filter), 3e-5);
      }
}

TEST(SyntheticPhotometry, GivesASourceOfConstantFluxPerFrequencyItsMagnitude) {
  // 3631 Jy: AB magnitude 0 in any filter, Oke & Gunn 1983.
  Curve flat{"flat", {}, {}};
  for (double wavelength = 3000.0; wavelength <= 11000.0; wavelength += 2.0) {
    flat.wavelength.push_back(wavelength);
    flat.value.push_back(std::pow(10.0, -0.4 * 48.60) * 2.99792458e18 / (wavelength * wavelength));
  }
  for (const char* band : {"u", "g", "r", "i", "z", "y"}) EXPECT_NEAR(ab_magnitude(flat, builtin_filter("lsst", band)), 0.0, 1e-6);
}

TEST(SyntheticPhotometry, PutsHydrogenCloudsBeforeTheSource) {
  const Curve sed = builtin_templates("cwwsb")[3], filter = builtin_filter("lsst", "g");
  for (const double z : {2.4, 3.5, 4.4}) {
    const MadauDepth depth(z);
    const double magnitude = -2.5 * std::log10(band_flux(sed, filter, z, Igm::madau1995)) - 48.60;
    EXPECT_NEAR(magnitude, magnitude_by_small_steps([&](double w) { return at(sed, w / (1.0 + z)) * std::exp(-depth(w)); }, filter), 1e-4);
  }
}

TEST(SyntheticPhotometry, ExtrapolatesASpectrumThatEndsWithinAFilter) {
  Curve sed{"short", {}, {}};
  for (double wavelength = 4000.0; wavelength <= 8000.0; wavelength += 10.0) {
    sed.wavelength.push_back(wavelength);
    sed.value.push_back(1.0 - (wavelength - 4000.0) / 5000.0);
  }
  const Curve filter = builtin_filter("lsst", "z");
  // The line goes on, and is 0 from 9000 angstrom.
  const double expected = magnitude_by_small_steps([](double w) { return std::max(1.0 - (w - 4000.0) / 5000.0, 0.0); }, filter);
  EXPECT_NEAR(ab_magnitude(sed, filter), expected, 1e-5);
}

TEST(SyntheticPhotometry, MixesTemplatesLinearly) {
  const std::vector<Curve> seds = builtin_templates("cwwsb"), filters = {builtin_filter("des", "g"), builtin_filter("des", "z")};
  const ModelFluxes plain = model_fluxes(seds, filters, {0.1, 0.2, 0.3}, Igm::none, 2), mixed = interpolated(plain, 3);
  ASSERT_EQ(mixed.templates, 8u + 7u * 3u);
  const auto flux = [](const ModelFluxes& m, std::size_t t, std::size_t b, std::size_t z) { return m.flux[(t * m.bands + b) * 3 + z]; };
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t z = 0; z < 3; ++z) {
      EXPECT_EQ(flux(plain, 4, b, z), band_flux(seds[4], filters[b], plain.z[z]));
      EXPECT_DOUBLE_EQ(flux(mixed, 8, b, z), flux(plain, 2, b, z));
      EXPECT_DOUBLE_EQ(flux(mixed, 9, b, z), 0.75 * flux(plain, 2, b, z) + 0.25 * flux(plain, 3, b, z));
      EXPECT_DOUBLE_EQ(flux(mixed, 28, b, z), flux(plain, 7, b, z));
    }
}

TEST(Madau, HasThePublishedDepths) {
  // Madau 1995, equation 12: just blueward of Lyman alpha 0.0036 (1 + z)^3.46 alone.
  for (const double z : {1.0, 2.0, 3.0, 4.0}) {
    const MadauDepth depth(z);
    EXPECT_EQ(depth(1216.5 * (1.0 + z)), 0.0);
    EXPECT_NEAR(depth(1215.9999 * (1.0 + z)), 0.0036 * std::pow(1.0 + z, 3.46), 1e-6);
    const double beta = 1025.9 * (1.0 + z);
    EXPECT_NEAR(depth(beta), 0.0036 * std::pow(beta / 1216.0, 3.46) + 0.0017 * std::pow(beta / 1026.0, 3.46), 1e-12);
  }
  // Footnote 3 and equation 15, written out for z = 3 at 3000 angstrom.
  const double x = 3000.0 / 912.0, y = 4.0;
  double expected = 0.25 * x * x * x * (std::pow(y, 0.46) - std::pow(x, 0.46)) +
                    9.4 * std::pow(x, 1.5) * (std::pow(y, 0.18) - std::pow(x, 0.18)) -
                    0.7 * x * x * x * (std::pow(x, -1.32) - std::pow(y, -1.32)) - 0.023 * (std::pow(y, 1.68) - std::pow(x, 1.68));
  for (const auto& [line, a] : {std::pair{1216.0, 3.6e-3}, {1026.0, 1.7e-3}, {973.0, 1.2e-3}, {950.0, 9.3e-4}})
    expected += a * std::pow(3000.0 / line, 3.46);
  EXPECT_NEAR(MadauDepth(3.0)(3000.0), expected, 1e-12);
}

TEST(Madau, StaysAtItsMaximumBlueward) {
  const MadauDepth depth(3.0);
  double greatest = 0.0;
  for (double wavelength = 912.0; wavelength < 4864.0; wavelength += 0.5) greatest = std::max(greatest, depth(wavelength));
  EXPECT_NEAR(depth(500.0), greatest, 1e-5);
  EXPECT_EQ(depth(500.0), depth(200.0));
}

TEST(Dust, FollowsCalzetti) {
  // Calzetti et al. 2000: k(V) = R_V = 4.05 to its rounding; k(0.12 um) = 12.1 and k(2.2 um) = 0.37 by equation 4.
  EXPECT_NEAR(extinction_curve(DustLaw::calzetti2000, 5500.0), 4.05, 0.01);
  EXPECT_NEAR(extinction_curve(DustLaw::calzetti2000, 1200.0), 12.119, 0.001);
  EXPECT_NEAR(extinction_curve(DustLaw::calzetti2000, 22000.0), 0.3693, 0.0005);
  EXPECT_NEAR(extinction_curve(DustLaw::calzetti2000, 6299.999), extinction_curve(DustLaw::calzetti2000, 6300.0),
              0.03);  // its pieces meet so
  EXPECT_EQ(extinction_curve(DustLaw::calzetti2000, 50000.0), 0.0);
}

TEST(Dust, FollowsCardelliClaytonMathisAndODonnell) {
  // Cardelli et al. 1989, table 3, A(lambda)/A(V) for R_V = 3.1: U 1.569, B 1.337, V 1.000, R 0.751, I 0.479, J 0.282, H 0.190, K 0.114;
  // O'Donnell's optical curve differs by less than 0.04.
  const auto a = [](double um) { return extinction_curve(DustLaw::galactic, 1e4 * um) / 3.1; };
  EXPECT_NEAR(a(0.55), 1.000, 0.005);
  EXPECT_NEAR(a(0.365), 1.569, 0.04);
  EXPECT_NEAR(a(0.44), 1.337, 0.03);
  EXPECT_NEAR(a(0.90), 0.479, 0.01);
  EXPECT_NEAR(a(1.25), 0.282, 0.001);
  EXPECT_NEAR(a(1.60), 0.190, 0.002);
  EXPECT_NEAR(a(2.20), 0.114, 0.005);
  // The bump at 2175 angstrom, and no step where pieces meet.
  EXPECT_GT(a(0.2175), a(0.19));
  EXPECT_GT(a(0.2175), a(0.25));
  for (const double x : {1.1, 3.3, 8.0}) EXPECT_NEAR(a(1.0 / (x - 1e-6)), a(1.0 / (x + 1e-6)), 0.02);
}

TEST(Dust, ReddensASpectrum) {
  const Curve sed{"flat", {0.0, 4000.0, 8000.0}, {0.0, 2.0, 2.0}}, red = reddened(sed, DustLaw::smc, 0.3);
  EXPECT_EQ(red.value[0], 0.0);
  EXPECT_NEAR(red.value[1], 2.0 * std::pow(10.0, -0.4 * 0.3 * 1.39 * std::pow(0.4, -1.2)), 1e-12);
}

TEST(Curves, AreReadFromTwoColumns) {
  const Curve curve = parse_curve("# a comment\n 1000 0.5\n\n2000\t1e-3 ignored\r\n2000 2\n3000,4\n", "folder/El.sed");
  EXPECT_EQ(curve.name, "El");
  EXPECT_EQ(curve.wavelength, (std::vector<double>{1000, 2000, 3000}));
  EXPECT_EQ(curve.value, (std::vector<double>{0.5, 2, 4}));
  EXPECT_EQ(parse_curve("3000 4\n1000 2\n", "x").value, (std::vector<double>{2, 4}));
}

TEST(Curves, AreReadFromEcsvInItsUnit) {
  const std::string head =
      "# %ECSV 0.9\n# ---\n# datatype:\n# - {name: wavelength, unit: nm, datatype: float64}\n# - {name: response, datatype: float64}\n";
  const Curve curve = parse_curve(head + "wavelength response\n300.0 0.1\n400.0 0.2\n", "x.ecsv");
  EXPECT_EQ(curve.wavelength, (std::vector<double>{3000, 4000}));
  std::string other = head;
  other.replace(other.find("nm"), 2, "Hz");
  EXPECT_NE(message_of([&] { static_cast<void>(parse_curve(other + "w r\n1 2\n3 4\n", "x")); }).find("wavelengths in Hz"),
            std::string::npos);
  other.replace(other.find(", unit: Hz"), 10, "");
  EXPECT_NE(message_of([&] { static_cast<void>(parse_curve(other + "w r\n1 2\n3 4\n", "x")); }).find("without the unit"),
            std::string::npos);
}

TEST(Curves, ThatAreNoneAreRefusedWithTheLine) {
  const auto says = [](const std::string& text, const std::string& words) {
    return message_of([&] { static_cast<void>(parse_filter(text, "f.res")); }).find(words) != std::string::npos;
  };
  EXPECT_TRUE(says("", "f.res: fewer than two points"));
  EXPECT_TRUE(says("1 2\n", "f.res: fewer than two points"));
  EXPECT_TRUE(says("1000 0\n2000 x\n", "f.res, line 2: '2000 x'"));
  EXPECT_TRUE(says("1000 0\n2000 nan\n", "f.res, line 2"));
  EXPECT_TRUE(says("1000 0\n-5 1\n", "f.res, line 2"));
  EXPECT_TRUE(says("1000 0\n2000 1\n1500 1\n", "f.res, line 3: wavelength 1500 is out of order"));
  EXPECT_TRUE(says("1000 0\n2000 -1\n", "throughput -1 at 2000"));
  EXPECT_TRUE(says("1000 0\n2000 0\n", "0 everywhere"));
  EXPECT_NE(message_of([] { static_cast<void>(parse_list("# nothing\n", "a.list")); }), "");
}

TEST(Curves, OfFiltersAreTrimmed) {
  const Curve filter = parse_filter("1 0\n2 0\n3 1e-4\n4 0.5\n5 1\n6 2e-4\n7 0\n", "f");
  EXPECT_EQ(filter.wavelength, (std::vector<double>{3, 4, 5, 6}));
}

TEST(Curves, OfListsAreInTheFolderOfTheList) {
  EXPECT_EQ(parse_list("El.sed 1 comment\n# no\n/abs/Im.sed\n", "a/b.list"), (std::vector<std::string>{"a/El.sed", "/abs/Im.sed"}));
}

TEST(Builtin, NamesWhatThereIs) {
  EXPECT_NE(message_of([] { static_cast<void>(builtin_filter("lsst", "K")); }).find("u, g, r, i, z, y"), std::string::npos);
  EXPECT_EQ(builtin_filter("des", "y").wavelength, builtin_filter("des", "Y").wavelength);
  EXPECT_NE(message_of([] { static_cast<void>(builtin_templates("x")); }).find("cwwsb"), std::string::npos);
  for (const Curve& curve : builtin_templates("cwwsb")) EXPECT_TRUE(std::ranges::is_sorted(curve.wavelength));
}

}  // namespace
}  // namespace skyfold

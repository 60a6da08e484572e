// lephare on synthetic photometry of its own models, and its physics against formulas. tests/cli/lephare_test.py has the whole algorithm
// again.
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "photoz_objects.hpp"
#include "skyfold/kernels/templates/builtin.hpp"
#include "skyfold/kernels/templates/cosmology.hpp"
#include "skyfold/kernels/templates/dust.hpp"
#include "skyfold/kernels/templates/emission_lines.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"
#include "skyfold/table/fluxes.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

const std::vector<std::string> bands = {"u", "g", "r", "i", "z", "y"};

std::string no_file(const std::string& path) { throw IoError(path); }

PhotozModel lephare_model(std::vector<std::string> arguments, const ReadText& read = no_file, const Objects& known = {}) {
  PhotozModel model;
  model.bands.bands = bands;
  model.bands.limits.assign(bands.size(), 27.0);
  const auto algorithm = make_photoz_algorithm("lephare");
  OptionSet option;
  algorithm->describe(option);
  for (const char* usual : {"--lephare.zmax=2", "--lephare.dz=0.05", "--lephare.filters=lsst", "--lephare.igm=none"})
    arguments.insert(arguments.begin(), usual);
  option.read_command_line(arguments);
  LocalTasks tasks(2);
  TrainingSet set{.id = known.id, .z = known.z, .photometry = {}, .threads = 2};
  if (!known.mag.empty())
    gather_photometry(dnf_test::table_of(known), dnf_test::band_columns(bands.size()), model.bands, model.bands.limits, set.photometry);
  algorithm->read_files(bands, read);
  algorithm->train(set, tasks, model);
  return model;
}

void add_object(Objects& objects, const Curve& sed, double z) {
  std::vector<double> mag;
  for (const std::string& band : bands) mag.push_back(-2.5 * std::log10(band_flux(sed, builtin_filter("lsst", band), z)));
  const double shift = 22.0 - mag[3];
  for (double& m : mag) m += shift;
  objects.mag.push_back(mag);
  objects.err.emplace_back(bands.size(), 0.02);
  objects.z.push_back(z);
  objects.id.push_back(static_cast<std::int64_t>(objects.id.size()));
}

TEST(Lephare, FindsTemplateDustLinesAndRedshiftOfItsOwnModels) {
  const auto seds = builtin_templates("cwwsb");
  Objects objects;
  add_object(objects, seds[0], 0.35);
  add_object(objects, reddened(seds[4], DustLaw::calzetti2000, 0.2), 0.65);
  add_object(objects, reddened(with_lines(seds[3], 2.0), DustLaw::smc, 0.1), 0.5);
  const Table out = estimate(lephare_model({"--lephare.ebv=0.1,0.2", "--lephare.dust=calzetti,smc", "--lephare.dust_templates=4,8,3,4",
                                            "--lephare.lines=empirical", "--lephare.line_factors=0,2", "--lephare.prior=none"}),
                             objects);
  const std::vector<std::array<double, 5>> expected = {{0.35, 1, 0.0, 0, 0}, {0.65, 5, 0.2, 1, 0}, {0.5, 4, 0.1, 2, 2}};
  for (std::size_t i = 0; i < 3; ++i) {
    const char* names[] = {"z_phot", "template", "ebv", "law", "lines"};
    for (std::size_t column = 0; column < 5; ++column)
      EXPECT_NEAR(out.at(names[column]).number(i), expected[i][column], column == 0 ? 0.02 : 1e-6) << names[column] << " of " << i;
    EXPECT_NEAR(out.at("chi2").number(i), 0.0, 1e-6);
    EXPECT_EQ(out.at("class").integer(i), 0);
    EXPECT_EQ(out.at("flags").integer(i), 0);
    EXPECT_LE(out.at("z_best_68_low").number(i), out.at("z_best").number(i));
    EXPECT_GE(out.at("z_best_99_high").number(i), out.at("z_best_90_high").number(i));
  }
}

TEST(Lephare, TellsStarsAndQuasarsFromGalaxies) {
  Objects objects;
  add_object(objects, builtin_templates("blackbody")[5], 0.0);
  add_object(objects, builtin_templates("qso")[1], 1.5);
  add_object(objects, builtin_templates("cwwsb")[1], 0.4);
  const Table out = estimate(lephare_model({}), objects);
  EXPECT_EQ(out.at("class").integer(0), 1);
  EXPECT_EQ(out.at("star").number(0), 6.0);
  EXPECT_EQ(out.at("class").integer(1), 2);
  EXPECT_EQ(out.at("qso").number(1), 2.0);
  EXPECT_NEAR(out.at("z_qso").number(1), 1.5, 0.03);
  EXPECT_EQ(out.at("class").integer(2), 0);
  const Table alone = estimate(lephare_model({"--lephare.qso=none", "--lephare.stars=none"}), objects);
  EXPECT_EQ(alone.find("chi2_star"), nullptr);
  EXPECT_EQ(alone.find("z_qso"), nullptr);
  EXPECT_EQ(alone.at("class").integer(0), 0);
  EXPECT_EQ(alone.at("chi2").number(2), out.at("chi2").number(2));
}

TEST(Lephare, GivesTheSameBytesForAnyLayoutAndSaysWhyNothingIsKnown) {
  const auto seds = builtin_templates("cwwsb");
  Objects objects;
  for (std::size_t i = 0; i < 9; ++i) add_object(objects, seds[i % 8], 0.1 + 0.15 * static_cast<double>(i));
  objects.mag[1][0] = not_observed;
  objects.mag[2][0] = not_detected;
  objects.mag[3].assign(6, not_observed);
  objects.mag[4].assign(6, not_detected);
  objects.err[5][1] = nan;
  const PhotozModel model = lephare_model({"--lephare.prior=vvds", "--lephare.nondetections=reject"});
  const PdfOptions pdf{.kind = "interp", .zmin = 0.0, .zmax = 2.0, .bins = 41};
  expect_same_for_any_layout(model, objects, pdf, 4);
  const Table out = estimate(model, objects, pdf);
  const auto flag = [&](std::size_t i) { return out.at("flags").integer(i); };
  EXPECT_EQ(flag(1), photoz_missing_band);
  EXPECT_EQ(flag(3), photoz_missing_band | photoz_no_band);
  EXPECT_EQ(flag(4), photoz_no_band);
  EXPECT_EQ(flag(5), photoz_no_magnitude_error);
  for (const std::size_t i : {3, 4}) EXPECT_TRUE(std::isnan(out.at("z_best").number(i)));
  EXPECT_EQ(out.at("class").integer(3), -1);
  PhotozModel no_limits = model;
  no_limits.bands.limits.clear();
  EXPECT_EQ(estimate(no_limits, objects).at("flags").integer(2), photoz_missing_band);
}

TEST(Lephare, LearnsShiftsOfZeroPointsAndTakesThemOff) {
  const auto seds = builtin_templates("cwwsb");
  const std::vector<double> wrong = {0.1, -0.05, 0.03, 0.0, -0.04, 0.3};
  Objects known;
  for (std::size_t i = 0; i < 40; ++i) add_object(known, seds[i % 6], 0.1 + 0.05 * static_cast<double>(i % 20));
  for (auto& mag : known.mag)
    for (std::size_t band = 0; band < bands.size(); ++band) mag[band] += wrong[band];
  const PhotozModel model = lephare_model({"--lephare.shifts", "--lephare.shifts_band=i", "--lephare.shifts_cap=0.15"}, no_file, known);
  const Table& zeropoints = model.tables.at("zeropoints");
  for (std::size_t band = 0; band < 5; ++band) EXPECT_NEAR(zeropoints.at("shift").number(band), wrong[band], 0.03) << bands[band];
  EXPECT_EQ(zeropoints.at("shift").number(3), 0.0);
  EXPECT_EQ(zeropoints.at("shift").number(5), 0.15);
  EXPECT_EQ(zeropoints.at("offset").number(5), -0.15);
  EXPECT_NE(model.record.at("shifts").find("y 0.150 (capped"), std::string::npos);
  EXPECT_NE(model.record.at("shifts_warning").find("capped"), std::string::npos);
}

TEST(Lephare, CorrectsAbsoluteMagnitudesOfPowerLawsAsTheFormulaSays) {
  // f_lambda ~ lambda^beta is seen as (1 + z)^-beta times itself: K = 2.5 (1 + beta) log10(1 + z) in every band.
  constexpr double beta = -1.0;
  Curve sed{"power", {}, {}};
  for (double wavelength = 500.0; wavelength < 30000.0; wavelength *= 1.001) {
    sed.wavelength.push_back(wavelength);
    sed.value.push_back(std::pow(wavelength / 5000.0, beta));
  }
  std::string text;
  for (std::size_t i = 0; i < sed.value.size(); ++i) text += std::to_string(sed.wavelength[i]) + " " + std::to_string(sed.value[i]) + "\n";
  const auto read = [&](const std::string& path) { return path == "a.list" ? std::string("p.sed\n") : text; };
  // All redshifts fit a power law: absolute limits choose one.
  Objects objects;
  add_object(objects, sed, 0.0);
  const PhotozModel model = lephare_model({"--lephare.templates=a.list", "--lephare.qso=none", "--lephare.stars=none",
                                           "--lephare.hubble=67", "--lephare.absolute_limits=-21.15,-20.9", "--lephare.absolute_band=i"},
                                          read);
  const Table out = estimate(model, objects);
  const double z = 0.05 * std::round(out.at("z_best").number(0) / 0.05);
  const Cosmology cosmology{67.0, 0.3, 0.7};
  for (std::size_t band = 0; band < bands.size(); ++band) {
    const double k = 2.5 * (1.0 + beta) * std::log10(1.0 + z);
    EXPECT_NEAR(out.at("mabs_" + bands[band]).number(0), objects.mag[0][band] - distance_modulus(cosmology, z) - k, 1e-3) << bands[band];
  }
  EXPECT_LE(out.at("mabs_i").number(0), -20.9);
  EXPECT_GE(out.at("mabs_i").number(0), -21.15);
}

/// The least chi2 of all models and redshifts, term by term, with amplitudes that are not below 0.
double least_chi2(const PhotozModel& model, const std::vector<double>& flux, const std::vector<double>& error) {
  const Table& galaxies = model.tables.at("galaxies");
  const auto fluxes = galaxies.at("flux").values<double>();
  const std::size_t n_z = model.tables.at("grid").rows();
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t at = 0; at < galaxies.rows() * n_z; ++at) {
    const double* of_model = &fluxes[at / n_z * flux.size() * n_z + at % n_z];
    double ot = 0.0, tt = 0.0, chi2 = 0.0;
    for (std::size_t band = 0; band < flux.size(); ++band) {
      ot += flux[band] * of_model[band * n_z] / (error[band] * error[band]);
      tt += of_model[band * n_z] * of_model[band * n_z] / (error[band] * error[band]);
    }
    const double amplitude = std::max(0.0, ot / tt);
    for (std::size_t band = 0; band < flux.size(); ++band)
      chi2 += std::pow((flux[band] - amplitude * of_model[band * n_z]) / error[band], 2);
    least = std::min(least, chi2);
  }
  return least;
}

TEST(Lephare, FitsFluxesBelowZeroAsTheyWereMeasured) {
  const PhotozModel model =
      lephare_model({"--lephare.qso=none", "--lephare.stars=none", "--lephare.prior=none", "--lephare.template_error=0"});
  Objects objects;
  for (std::size_t i = 0; i < 3; ++i) add_object(objects, builtin_templates("cwwsb")[2 * i], 0.3 + 0.2 * static_cast<double>(i));
  // One band below 0, two bands, and one by much: chi2 tells how deep.
  const std::vector<std::vector<double>> significance = {{-0.7, 0, 0, 0, 0, 0}, {-1.5, -2.25, 0, 0, 0, 0}, {0, 0, 0, 0, 0, -12.0}};
  std::vector<double> expected, at_zero;
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<double> flux, error, floor;
    for (std::size_t band = 0; band < bands.size(); ++band) {
      flux.push_back(std::pow(10.0, -0.4 * objects.mag[i][band]));
      error.push_back(0.1 * flux[band] * (1.0 + 0.1 * static_cast<double>(band)));
      if (significance[i][band] < 0.0) flux[band] = significance[i][band] * error[band];
      floor.push_back(std::max(flux[band], 0.0));
      const bool is_below = flux[band] < 0.0;
      objects.mag[i][band] = is_below ? magnitude_of_negative(flux[band], error[band]) : -2.5 * std::log10(flux[band]);
      objects.err[i][band] = is_below ? -2.5 * std::log10(error[band]) : 2.5 / std::numbers::ln10 * error[band] / flux[band];
    }
    expected.push_back(least_chi2(model, flux, error));
    at_zero.push_back(least_chi2(model, floor, error));
  }
  BandColumns columns = dnf_test::band_columns(bands.size());
  columns.errors_are_limits = true;
  const Table out = dnf_test::run(*make_photoz_algorithm("lephare")->estimator(model, columns, {}), objects);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(out.at("chi2").number(i), expected[i], 1e-4 * expected[i]) << i;
    EXPECT_GT(std::abs(expected[i] - at_zero[i]), 0.01 * expected[i]) << i;
    EXPECT_EQ(out.at("n_bands").integer(i), 6);
    EXPECT_EQ(out.at("flags").integer(i), 0);
  }
}

TEST(Cosmology, HasTheDistancesOfClosedForms) {
  // Einstein-de Sitter: d_L = 2 c / H0 (1 + z - sqrt(1 + z)); an empty universe: c / H0 z (1 + z / 2); lambda alone: c / H0 z (1 + z).
  const double hubble_mpc = 299792.458 / 70.0;
  for (const double z : {0.003, 0.5, 2.0, 6.0}) {
    const auto modulus = [&](double in_hubble) { return 5.0 * std::log10(in_hubble * hubble_mpc * 1e5); };
    EXPECT_NEAR(distance_modulus({70.0, 1.0, 0.0}, z), modulus(2.0 * (1.0 + z - std::sqrt(1.0 + z))), 1e-6);
    EXPECT_NEAR(distance_modulus({70.0, 0.0, 0.0}, z), modulus(z * (1.0 + 0.5 * z)), 1e-6);
    EXPECT_NEAR(distance_modulus({70.0, 0.0, 1.0}, z), modulus(z * (1.0 + z)), 1e-6);
  }
}

TEST(EmissionLines, HaveTheFluxThatTheUltravioletTells) {
  const Curve sed = builtin_templates("cwwsb")[6];
  const double strength = 1.5, nuv = rest_magnitudes(sed).nuv;
  const Curve with = with_lines(sed, strength);
  const auto integral = [](const Curve& curve, double from, double to) {
    double sum = 0.0;
    for (std::size_t i = 1; i < curve.wavelength.size(); ++i)
      if (curve.wavelength[i - 1] >= from && curve.wavelength[i] <= to)
        sum += 0.5 * (curve.value[i] + curve.value[i - 1]) * (curve.wavelength[i] - curve.wavelength[i - 1]);
    return sum;
  };
  // Of what was added alone: the spectrum at the same wavelengths.
  Curve added = with;
  for (std::size_t i = 0; i < added.value.size(); ++i) {
    const auto above = std::ranges::lower_bound(sed.wavelength, added.wavelength[i]) - sed.wavelength.begin();
    const auto next = static_cast<std::size_t>(std::max<std::ptrdiff_t>(above, 1));
    const double part = (added.wavelength[i] - sed.wavelength[next - 1]) / (sed.wavelength[next] - sed.wavelength[next - 1]);
    added.value[i] -= sed.value[next - 1] + part * (sed.value[next] - sed.value[next - 1]);
  }
  const double h_beta = strength * std::pow(10.0, -0.4 * nuv - 6.224) / 2.85;
  EXPECT_NEAR(integral(added, 6400.0, 6700.0), 2.90 * h_beta, 1e-3 * h_beta);
  EXPECT_NEAR(integral(added, 3600.0, 3850.0), 1.62 * h_beta, 1e-3 * h_beta);
  EXPECT_NEAR(integral(added, 4800.0, 4910.0), h_beta, 1e-3 * h_beta);
  EXPECT_NEAR(integral(added, 4930.0, 4980.0), 0.21 * h_beta, 1e-3 * h_beta);
  EXPECT_NEAR(integral(added, 4980.0, 5050.0), 0.59 * h_beta, 1e-3 * h_beta);
  EXPECT_NEAR(integral(added, 1150.0, 1280.0), 22.2 * 0.445 * h_beta, 5e-3 * h_beta);
  EXPECT_EQ(with_lines(sed, 0.0).wavelength, sed.wavelength);
  EXPECT_FALSE(has_lines(rest_magnitudes(builtin_templates("cwwsb")[0])));
  EXPECT_TRUE(has_lines(rest_magnitudes(sed)));
}

}  // namespace
}  // namespace skyfold

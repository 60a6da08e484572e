// bpz on synthetic photometry of its own templates, and its prior against the formulas. tests/cli/bpz_test.py has the whole algorithm
// again.
#include <fmt/core.h>

#include <numeric>

#include "photoz/bpz/hills.hpp"
#include "photoz/bpz/prior.hpp"
#include "photoz_objects.hpp"
#include "skyfold/kernels/templates/builtin.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

const std::vector<std::string> bands = {"u", "g", "r", "i", "z", "y"};

std::string no_file(const std::string& path) { throw IoError(path); }

PhotozModel bpz_model(std::vector<std::string> arguments, const ReadText& read = no_file, const std::vector<std::string>& names = bands) {
  PhotozModel model;
  model.bands.bands = names;
  model.bands.limits.assign(names.size(), 27.0);
  const auto algorithm = make_photoz_algorithm("bpz");
  OptionSet option;
  algorithm->describe(option);
  arguments.insert(arguments.begin(), "--bpz.dz=0.02");
  option.read_command_line(arguments);
  LocalTasks tasks(2);
  algorithm->read_files(names, read);
  algorithm->train({}, tasks, model);
  return model;
}

/// Galaxies as the templates have them, of magnitude 23 in i.
Objects synthetic_objects(const std::vector<double>& z) {
  Objects objects;
  const std::vector<Curve> seds = builtin_templates("cwwsb");
  for (std::size_t i = 0; i < z.size(); ++i) {
    std::vector<double> mag, err(bands.size(), 0.02);
    for (const std::string& band : bands) {
      const double flux = band_flux(seds[i % seds.size()], builtin_filter("lsst", band), z[i]);
      mag.push_back(flux > 0.0 ? -2.5 * std::log10(flux) : not_detected);
    }
    const double shift = 23.0 - mag[3];
    for (double& m : mag) m = m == not_detected ? m : m + shift;
    objects.mag.push_back(mag);
    objects.err.push_back(err);
    objects.z.push_back(z[i]);
    objects.id.push_back(static_cast<std::int64_t>(i));
  }
  return objects;
}

std::vector<double> redshifts() { return {0.11, 0.31, 0.51, 0.71, 0.91, 1.11, 1.31, 1.51, 2.01, 2.51, 0.21, 0.41, 0.61, 0.81, 1.01, 1.21}; }

TEST(Bpz, FindsTemplateAndRedshiftOfItsOwnModels) {
  const Objects objects = synthetic_objects(redshifts());
  const Table out = estimate(bpz_model({"--bpz.filters=lsst", "--bpz.interpolate=1"}), objects);
  for (std::size_t i = 0; i < objects.z.size(); ++i) {
    EXPECT_NEAR(out.at("z_ml").number(i), objects.z[i], 1e-9) << i;
    EXPECT_EQ(out.at("t_ml").number(i), static_cast<double>(1 + i % 8)) << i;
    EXPECT_NEAR(out.at("chi2").number(i), 0.0, 1e-4) << i;
    EXPECT_EQ(out.at("n_bands").integer(i), 6);
    EXPECT_EQ(out.at("flags").integer(i), 0);
    EXPECT_LE(out.at("z_95_low").number(i), out.at("z_68_low").number(i));
    EXPECT_LT(out.at("z_68_low").number(i), out.at("z_phot").number(i));
    EXPECT_GE(out.at("z_95_high").number(i), out.at("z_68_high").number(i));
  }
}

TEST(Bpz, TakesZeroPointsOff) {
  Objects objects = synthetic_objects(redshifts());
  const std::vector<double> wrong = {0.3, -0.1, 0.05, 0.0, -0.2, 0.15};
  for (auto& mag : objects.mag)
    for (std::size_t b = 0; b < bands.size(); ++b) mag[b] -= wrong[b];
  const Table out = estimate(bpz_model({"--bpz.filters=lsst", "--bpz.zp_offset=0.3,-0.1,0.05,0,-0.2,0.15"}), objects);
  for (std::size_t i = 0; i < objects.z.size(); ++i) EXPECT_NEAR(out.at("z_ml").number(i), objects.z[i], 1e-9) << i;
}

TEST(Bpz, GivesTheSameBytesForAnyLayoutAndAPdfOfUnitIntegral) {
  const Objects objects = synthetic_objects(redshifts());
  const PhotozModel model = bpz_model({"--bpz.filters=lsst"});
  const PdfOptions pdf{.kind = "interp", .zmin = 0.0, .zmax = 4.0, .bins = 401};
  expect_same_for_any_layout(model, objects, pdf, 5);
  const Table out = estimate(model, objects, pdf);
  for (std::size_t i = 0; i < objects.z.size(); ++i) {
    const auto values = out.at(pdf_column).values<float>().subspan(i * 401, 401);
    EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) * 0.01, 1.0, 1e-5);
    // The peak, but for ties with the neighbouring point of the finer grid.
    EXPECT_NEAR(0.01 * static_cast<double>(std::ranges::max_element(values) - values.begin()), out.at("z_phot").number(i), 0.011);
  }
  const Table off = estimate(model, objects, {.kind = "interp", .zmin = 3.9, .zmax = 4.0, .bins = 11});
  EXPECT_EQ(off.at("flags").integer(0), photoz_pdf_off_grid);
}

TEST(Bpz, LeavesOutBandsThatWereNotObservedAndTakesLimitsForNonDetections) {
  Objects objects = synthetic_objects({0.31, 0.31, 0.31, 0.31, 0.31, 0.31});
  for (auto& mag : objects.mag) mag = objects.mag[0];
  objects.mag[1][0] = not_observed;
  objects.mag[2][0] = not_detected;
  objects.mag[3].assign(6, not_observed);
  objects.mag[4].assign(6, not_detected);
  objects.err[5][1] = nan;
  const Table out = estimate(bpz_model({"--bpz.filters=lsst"}), objects);
  EXPECT_EQ(out.at("flags").integer(1), photoz_missing_band);
  EXPECT_EQ(out.at("n_bands").integer(1), 5);
  EXPECT_NEAR(out.at("z_ml").number(1), 0.31, 1e-9);
  // A limit of 27 says that u is far fainter than it is in no template: chi2 has (F / e)^2 of it.
  EXPECT_EQ(out.at("flags").integer(2), 0);
  EXPECT_EQ(out.at("n_bands").integer(2), 6);
  EXPECT_GT(out.at("chi2").number(2), 0.0);
  EXPECT_EQ(out.at("flags").integer(3), photoz_missing_band | photoz_no_band);
  EXPECT_EQ(out.at("flags").integer(4), photoz_no_band);
  for (const std::size_t i : {3, 4})
    for (const char* name : {"z_phot", "z_ml", "odds", "t_b"}) EXPECT_TRUE(std::isnan(out.at(name).number(i)));
  EXPECT_EQ(out.at("flags").integer(5), photoz_no_magnitude_error);
  EXPECT_NEAR(out.at("z_ml").number(5), 0.31, 1e-9);
}

TEST(Bpz, ReadsTemplatesAndFiltersThatOptionsName) {
  std::vector<std::string> asked;
  const auto read = [&](const std::string& path) -> std::string {
    asked.push_back(path);
    if (path == "t/a.list") return "red.sed\nblue.sed\nbluer.sed\n";
    if (path == "t/red.sed") return "100 0\n4000 1\n20000 9\n";
    if (path == "t/blue.sed") return "100 9\n4000 4\n20000 1\n";
    if (path == "t/bluer.sed") return "100 99\n4000 4\n20000 0\n";
    return path == "f_g.res" ? "4000 0\n4500 1\n5500 0\n" : "7000 0\n7500 1\n8500 0\n";
  };
  const PhotozModel model = bpz_model({"--bpz.templates=t/a.list", "--bpz.filters=f_{band}.res"}, read, {"g", "i"});
  EXPECT_EQ(asked, (std::vector<std::string>{"t/a.list", "t/red.sed", "t/blue.sed", "t/bluer.sed", "f_g.res", "f_i.res"}));
  EXPECT_EQ(model.tables.at("fluxes").rows(), 6u);
  EXPECT_EQ(model.record.at("templates"), "red,blue,bluer");
}

TEST(Bpz, SaysWhatIsWrongWithItsOptions) {
  const auto error = [](std::vector<std::string> arguments, const ReadText& read = no_file) -> std::string {
    try {
      static_cast<void>(bpz_model(std::move(arguments), read));
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const auto has = [](const std::string& text, const char* words) { return text.find(words) != std::string::npos; };
  EXPECT_TRUE(has(error({}), "bpz needs --bpz.filters"));
  EXPECT_TRUE(has(error({"--bpz.filters=des"}), "no band 'u'"));
  EXPECT_TRUE(has(error({"--bpz.filters=a,b"}), "2 files for the 6 bands"));
  EXPECT_TRUE(has(error({"--bpz.filters=lsst", "--bpz.zmax=0.01"}), "a grid needs two points"));
  EXPECT_TRUE(has(error({"--bpz.filters=lsst", "--bpz.prior_types=9,1"}), "there are 8 templates"));
  EXPECT_TRUE(has(error({"--bpz.filters=lsst", "--bpz.prior_types=1.5,1"}), "whole number"));
  EXPECT_TRUE(has(error({"--bpz.filters=lsst", "--bpz.prior_band=K"}), "none of the bands"));
  EXPECT_TRUE(has(error({"--bpz.filters=lsst", "--bpz.zp_offset=0.1"}), "1 values for 6 bands"));
  EXPECT_TRUE(
      has(error({"--bpz.filters=f_{band}"}, [](const std::string&) { return std::string("1 0\n2 1\n3 1\n"); }), "no flux in band u"));
}

TEST(BpzPrior, IsNormalisedOverTemplatesAndRedshifts) {
  std::vector<double> z;
  for (int i = 1; i <= 350; ++i) z.push_back(0.01 * i);
  for (const std::string& name : bpz::prior_names())
    for (const std::size_t mixtures : {0, 2}) {
      const bpz::LogPrior prior(bpz::prior_named(name), {1, 2, 5}, mixtures, z, 352);
      for (const double m : {15.0, 19.4, 22.26, 25.0, 40.0}) {
        double sum = 0.0;
        for (std::size_t t = 0; t < 8; ++t)
          for (std::size_t i = 0; i < 352; ++i) sum += std::exp(prior.row(m, t * (mixtures + 1))[i]);
        const auto f = bpz::type_fractions(bpz::prior_named(name), std::round(10.0 * m) / 10.0);
        EXPECT_NEAR(sum, f[0] + f[1] + f[2], 1e-12);
        if (name != "des-y1" || m > 19.2) {
          EXPECT_NEAR(sum, 1.0, 1e-12);
        }
      }
    }
}

TEST(BpzHills, AreCountedAsByEye) {
  const auto hills_of = [](const std::vector<double>& p) {
    std::vector<bpz::Hill> hills;
    bpz::find_hills(p, hills);
    std::vector<std::vector<double>> found;
    for (const bpz::Hill& h : hills)
      found.push_back({static_cast<double>(h.peak), static_cast<double>(h.low), static_cast<double>(h.high), h.probability});
    return found;
  };
  using Rows = std::vector<std::vector<double>>;
  EXPECT_EQ(hills_of({0, 1, 3, 1, 0, 0, 2, 4, 2, 0}), (Rows{{7, 5, 9, 8}, {2, 0, 4, 5}}));
  EXPECT_EQ(hills_of({5, 1, 3, 2, 4}), (Rows{{0, 0, 1, 5}, {4, 3, 4, 6}, {2, 1, 3, 4}}));
  // A flat top is no peak, and the valley on its far side is that of the next one.
  EXPECT_EQ(hills_of({0, 2, 2, 1, 3, 0}), (Rows{{4, 3, 5, 4}}));
  EXPECT_EQ(hills_of({0, 1}), (Rows{{1, 0, 1, 1}}));
  EXPECT_EQ(hills_of({2, 1}), (Rows{{0, 0, 1, 3}}));
  EXPECT_TRUE(hills_of({1, 1, 1}).empty());
}

TEST(BpzPrior, RoundsMagnitudesAsDecimalTexts) {
  const std::vector<double> z = {0.1, 0.2, 0.3, 0.4};
  const bpz::LogPrior prior(bpz::prior_named("hdfn"), {1, 1, 1}, 0, z, 4);
  for (int i = 2000; i < 3200; ++i) {
    const double m = 0.01 * i;
    EXPECT_EQ(prior.row(m, 0), prior.row(std::stod(fmt::format("{:.1f}", m)), 0)) << m;
  }
  for (const double m : {20.25, 22.75, 23.25, 27.75, 31.25})
    EXPECT_EQ(prior.row(m, 0), prior.row(std::stod(fmt::format("{:.1f}", m)), 0)) << m;
}

TEST(BpzPrior, HasThePublishedValues) {
  // Benitez 2000, table 1: at m = 20 and 24 by hand.
  const bpz::PriorParameters p = bpz::prior_named("hdfn");
  EXPECT_NEAR(bpz::type_fractions(p, 20.0)[0], 0.35, 1e-12);
  EXPECT_NEAR(bpz::type_fractions(p, 24.0)[0], 0.35 * std::exp(-1.8), 1e-12);
  EXPECT_NEAR(bpz::type_fractions(p, 24.0)[1], 0.50 * std::exp(-0.588), 1e-12);
  std::vector<double> z;
  for (int i = 1; i <= 350; ++i) z.push_back(0.01 * i);
  const std::vector<double> early = bpz::redshift_prior(p, 0, 24.0, z);
  // Its mode is z_m = 0.431 + 0.0913 * 4 = 0.7962.
  EXPECT_EQ(std::ranges::max_element(early) - early.begin(), 79);
  EXPECT_NEAR(std::accumulate(early.begin(), early.end(), 0.0), 1.0, 1e-12);
  EXPECT_EQ(early.back(), 0.0);
  const double ratio = std::pow(0.5 / 0.8, 2.465) * std::exp(std::pow(0.8 / 0.7962, 2.465) - std::pow(0.5 / 0.7962, 2.465));
  EXPECT_NEAR(early[49] / early[79], ratio, 1e-12);
}

}  // namespace
}  // namespace skyfold

// Zero-point shifts and a prior's parameters that are learned from objects of known redshift: on objects that were drawn from what is to
// be found again.
#include <cmath>

#include "photoz/bpz/prior_training.hpp"
#include "photoz_objects.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/templates/builtin.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"
#include "skyfold/kernels/templates/zero_points.hpp"

namespace skyfold {
namespace {

using namespace photoz_test;

/// Knows the colours of all objects, and takes as amplitude the mean of what it is given.
class FlatFit final : public KnownRedshiftFit {
 public:
  explicit FlatFit(const std::vector<double>& magnitude) : magnitude_(magnitude) {}
  void fit(std::size_t object, std::span<const double> shift, std::span<double> model) override {
    double sum = 0.0;
    for (std::size_t band = 0; band < model.size(); ++band) sum += magnitude_[object * model.size() + band] - shift[band];
    std::ranges::fill(model, sum / static_cast<double>(model.size()));
  }

 private:
  const std::vector<double>& magnitude_;
};

std::vector<double> flat_objects(const std::vector<double>& wrong, std::size_t n) {
  std::vector<double> magnitude;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(3, i);
    const double m = 20.0 + 3.0 * random.uniform();
    for (const double offset : wrong) magnitude.push_back(m + offset + 0.01 * random.normal());
  }
  return magnitude;
}

ZeroPointShifts shifts_of(const std::vector<double>& magnitude, std::size_t bands, const ShiftRules& rules, int threads = 1) {
  return zero_point_shifts(
      magnitude, bands, [&] { return std::make_unique<FlatFit>(magnitude); }, rules, threads);
}

TEST(ZeroPointShifts, AreFoundRelativeToTheReferenceBand) {
  const std::vector<double> magnitude = flat_objects({0.08, -0.02, 0.05, 0.01}, 400);
  const ZeroPointShifts found = shifts_of(magnitude, 4, {.reference = 2});
  const std::vector<double> expected = {0.03, -0.07, 0.0, -0.04};
  for (std::size_t band = 0; band < 4; ++band) {
    EXPECT_NEAR(found.shift[band], expected[band], 0.003) << band;
    EXPECT_LT(std::abs(found.shift[band] - expected[band]), 5.0 * found.error[band] + 1e-12);
    EXPECT_EQ(found.objects[band], 400u);
  }
  EXPECT_TRUE(found.has_settled);
  EXPECT_EQ(found.warning({"g", "r", "i", "z"}), "");
  EXPECT_EQ(shifts_of(magnitude, 4, {.reference = 2}, 3).shift, found.shift);
}

TEST(ZeroPointShifts, AreCappedWithAWarning) {
  const ZeroPointShifts found = shifts_of(flat_objects({-0.3, 0.0, 0.0}, 100), 3, {.reference = 1});
  EXPECT_EQ(found.shift[0], -0.15);
  EXPECT_NEAR(found.uncapped[0], -0.3, 0.01);
  EXPECT_NE(found.warning({"u", "g", "r"}).find("u -0.30"), std::string::npos);
  EXPECT_NE(found.line({"u", "g", "r"}).find("u -0.150 (capped, -0.30"), std::string::npos);
}

TEST(ZeroPointShifts, LeaveOutWhatIsNoMeasurementAndObjectsFarFromTheirModels) {
  std::vector<double> magnitude = flat_objects({0.05, 0.0, 0.0}, 60);
  for (std::size_t i = 0; i < 20; ++i) magnitude[3 * i + 2] += 4.0;  // differs by 8/3 mag from the mean
  const ZeroPointShifts found = shifts_of(magnitude, 3, {.reference = 1});
  EXPECT_EQ(found.objects[2], 40u);
  for (std::size_t i = 0; i < 60; ++i)
    if (i >= 5) magnitude[3 * i] = nan;
  const auto make = [&, all = flat_objects({0.05, 0.0, 0.0}, 60)] { return std::make_unique<FlatFit>(all); };
  const ZeroPointShifts few = zero_point_shifts(magnitude, 3, make, {.reference = 1}, 1);
  EXPECT_EQ(few.shift[0], 0.0);
  EXPECT_NE(few.warning({"u", "g", "r"}).find("u is not shifted, 5 objects"), std::string::npos);
  EXPECT_THROW(static_cast<void>(zero_point_shifts(magnitude, 3, make, {.reference = 0}, 1)), DataError);
}

constexpr std::size_t n_bands = 5;
const std::vector<std::string> band_names = {"g", "r", "i", "z", "y"};

/// Galaxies as the built-in templates have them, with zero points that are wrong.
TrainingSet galaxies(std::size_t n, const std::vector<double>& wrong) {
  TrainingSet set;
  const std::vector<Curve> seds = builtin_templates("cwwsb");
  set.photometry = {n, n_bands, {}, {}, {}};
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(7, i);
    set.id.push_back(static_cast<std::int64_t>(i));
    set.z.push_back(0.1 + random.uniform());
    const double scale = 22.0 + random.uniform();
    const double i_mag = -2.5 * std::log10(band_flux(seds[i % 8], builtin_filter("lsst", "i"), set.z[i]));
    for (std::size_t band = 0; band < n_bands; ++band) {
      const double flux = band_flux(seds[i % 8], builtin_filter("lsst", band_names[band]), set.z[i]);
      set.photometry.mag.push_back(-2.5 * std::log10(flux) - i_mag + scale + wrong[band] + 0.01 * random.normal());
      set.photometry.mag_err.push_back(0.01);
    }
    set.photometry.observed.push_back(31);
  }
  return set;
}

PhotozModel bpz_model(const TrainingSet& set, std::vector<std::string> arguments) {
  PhotozModel model;
  model.bands.bands = band_names;
  model.bands.limits.assign(n_bands, 27.0);
  const auto algorithm = make_photoz_algorithm("bpz");
  OptionSet option;
  algorithm->describe(option);
  for (const char* argument : {"--bpz.dz=0.02", "--bpz.zmax=1.5", "--bpz.filters=lsst", "--bpz.interpolate=0"})
    arguments.emplace_back(argument);
  option.read_command_line(arguments);
  LocalTasks tasks(2);
  algorithm->read_files(band_names, [](const std::string& path) -> std::string { throw IoError(path); });
  algorithm->train(set, tasks, model);
  return model;
}

TEST(BpzShifts, GoBackToTheZeroPointsOfTheTemplates) {
  const std::vector<double> wrong = {0.10, -0.05, 0.0, 0.03, -0.08};
  const TrainingSet set = galaxies(160, wrong);
  const PhotozModel model = bpz_model(set, {"--bpz.shifts=true", "--bpz.zp_offset=0,0.02,0,0,0"});
  const Table& zero_points = model.tables.at("zeropoints");
  for (std::size_t band = 0; band < n_bands; ++band) {
    // What the user has added is there already.
    EXPECT_NEAR(zero_points.at("shift").number(band), wrong[band] + (band == 1 ? 0.02 : 0.0), 0.005) << band;
    EXPECT_NEAR(zero_points.at("offset").number(band), -wrong[band], 0.005) << band;
  }
  EXPECT_EQ(zero_points.at("offset").number(2), 0.0);
  EXPECT_NE(model.record.at("shifts").find("160 objects"), std::string::npos);
  EXPECT_EQ(model.record.count("shifts_warning"), 0u);
}

/// Draws from p(T | m) p(z | T, m) on the grid, by the formulas.
std::vector<bpz::TypedObject> drawn(const bpz::PriorParameters& p, const std::vector<double>& z, std::size_t n, double confusion) {
  std::vector<bpz::TypedObject> objects;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(11, i);
    const double m = 20.0 + 0.1 * std::floor(50.0 * random.uniform()), dm = m - p.m_ref, u = random.uniform();
    const double early = p.f[0] * std::exp(-p.k[0] * dm), spiral = p.f[1] * std::exp(-p.k[1] * dm);
    const std::size_t type = u < early ? 0 : u < early + spiral ? 1 : 2;
    std::vector<double> cumulative;
    for (const double at : z) {
      const double z_m = p.z0[type] + p.km[type] * dm;
      cumulative.push_back((cumulative.empty() ? 0.0 : cumulative.back()) +
                           std::pow(at, p.alpha[type]) * std::exp(-std::pow(at / z_m, p.alpha[type])));
    }
    const auto place = std::ranges::lower_bound(cumulative, random.uniform() * cumulative.back()) - cumulative.begin();
    bpz::TypedObject object{m, z[static_cast<std::size_t>(place)], 1.0, {confusion, confusion, confusion}};
    // Colours that point to the wrong type as often as they say.
    const double share = confusion / (1.0 + 2.0 * confusion);
    const double v = random.uniform();
    object.likelihood[v < share ? (type + 1) % 3 : v < 2.0 * share ? (type + 2) % 3 : type] = 1.0;
    objects.push_back(object);
  }
  return objects;
}

TEST(BpzPriorTraining, FindsTheParametersOfDraws) {
  const bpz::PriorParameters p{{.40, .35}, {.25, .10}, {2.4, 1.9, 1.3}, {.40, .35, .15}, {.080, .090, .110}, 20.0, 20.0};
  std::vector<double> z;
  for (int i = 1; i <= 150; ++i) z.push_back(0.02 * i);
  for (const double confusion : {0.0, 0.1}) {
    const bpz::PriorFit fit = bpz::fitted_prior(drawn(p, z, 12'000, confusion), bpz::prior_named("hdfn"), z);
    EXPECT_EQ(fit.used, 12'000u);
    EXPECT_EQ(fit.parameters.m_ref, 20.0);
    // Errors of the estimates: about 0.01 of f and k, 0.03 of alpha, 0.01 of z0, 0.004 of km; half as much again with types confused.
    const double wide = confusion > 0.0 ? 2.0 : 1.0;
    for (std::size_t type = 0; type < 3; ++type) {
      if (type < 2) {
        EXPECT_NEAR(fit.parameters.f[type], p.f[type], 0.025 * wide) << type;
        EXPECT_NEAR(fit.parameters.k[type], p.k[type], 0.025 * wide) << type;
      }
      EXPECT_NEAR(fit.parameters.alpha[type], p.alpha[type], 0.1 * wide) << type;
      EXPECT_NEAR(fit.parameters.z0[type], p.z0[type], 0.025 * wide) << type;
      EXPECT_NEAR(fit.parameters.km[type], p.km[type], 0.01 * wide) << type;
    }
  }
}

TEST(BpzPriorTraining, KeepsTypesOfWhichThereAreNoneAndRefusesFewObjects) {
  std::vector<double> z;
  for (int i = 1; i <= 100; ++i) z.push_back(0.02 * i);
  std::vector<bpz::TypedObject> objects;
  for (int i = 0; i < 200; ++i) objects.push_back({21.0, 0.02 * (10 + i % 30), 1.0, {0.0, 1.0, 0.0}});
  const bpz::PriorFit fit = bpz::fitted_prior(objects, bpz::prior_named("hdfn"), z);
  EXPECT_EQ(fit.parameters.alpha[0], 2.465);
  EXPECT_GT(fit.parameters.f[1], 0.97);
  EXPECT_NE(fit.line().find("p(z) is that of hdfn"), std::string::npos);
  objects.resize(99);
  EXPECT_THROW(static_cast<void>(bpz::fitted_prior(objects, bpz::prior_named("hdfn"), z)), DataError);
}

TEST(BpzPriorTraining, PutsItsPriorIntoTheModel) {
  const PhotozModel model = bpz_model(galaxies(160, std::vector<double>(n_bands, 0.0)), {"--bpz.prior=trained"});
  const bpz::PriorParameters p = bpz::prior_from(model.tables.at("prior"));
  // One of eight is early, two are spirals, five irregulars, at all magnitudes of the sample.
  const auto fraction = bpz::type_fractions(p, 22.5);
  EXPECT_NEAR(fraction[0], 1.0 / 8, 0.03);
  EXPECT_NEAR(fraction[1], 2.0 / 8, 0.03);
  EXPECT_NE(model.record.at("prior").find("160 objects"), std::string::npos);
}

}  // namespace
}  // namespace skyfold

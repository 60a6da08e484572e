#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>
#include <span>

#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/kernels/locus/kernel.hpp"
#include "skyfold/kernels/mock/stars.hpp"
#include "skyfold/kernels/mock/survey.hpp"
#include "skyfold/kernels/patch/patch_kernel.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/samples/weights.hpp"
#include "skyfold/kernels/validate/bootstrap.hpp"
#include "skyfold/kernels/validate/metrics.hpp"
#include "skyfold/sky/match.hpp"
#include "workloads.hpp"

namespace skyfold::guard {
namespace {

/// The survey that most work is done on.
const MockSurvey& survey() {
  static const MockSurvey survey([] {
    MockOptions o;
    o.objects = 20'000;
    return o;
  }());
  return survey;
}

/// A kernel and what it is run on.
Workload kernel_on(std::unique_ptr<Kernel> unique, const Table& in) {
  std::shared_ptr<Kernel> kernel = std::move(unique);
  return {in.rows(), [kernel, in, out = Table(kernel->gives(), in.rows())]() mutable { kernel->run(in, out, 1); }};
}

constexpr RowRange training_rows = {0, 8'000};

struct Sample {
  TrainingSet set;
  PhotozModel model;  ///< bands and limits alone
};

Sample sample_of(RowRange rows) {
  const Table table = survey_rows(rows);
  const auto z = table.at("z_spec").values<float>();
  const auto id = table.at("id").values<std::int64_t>();
  Sample sample{.set = {.id = {id.begin(), id.end()}, .z = {z.begin(), z.end()}, .photometry = {}}, .model = {}};
  BandOptions& bands = sample.model.bands;
  const BandColumns columns = resolve_bands(bands, table.schema(), "mock");
  for (const MockBand& band : mock_bands) bands.limits.push_back(band.depth);
  sample.model.z_max = 10.0;
  gather_photometry(table, columns, bands, bands.limits, sample.set.photometry);
  return sample;
}

std::shared_ptr<const PhotozAlgorithm> algorithm_of(const std::string& name, const std::vector<std::string>& arguments) {
  const std::shared_ptr<PhotozAlgorithm> algorithm = make_photoz_algorithm(name);
  OptionSet option;
  algorithm->describe(option);
  option.read_command_line(arguments);
  return algorithm;
}

Workload photoz(const std::string& name, const std::string& pdf, std::int64_t objects, const std::vector<std::string>& arguments = {}) {
  const auto algorithm = algorithm_of(name, arguments);
  Sample sample = sample_of(training_rows);
  LocalTasks tasks(sample.set.threads);
  algorithm->train(sample.set, tasks, sample.model);
  const Table in = survey_rows({training_rows.end, training_rows.end + objects});
  const BandColumns columns = resolve_bands(sample.model.bands, in.schema(), "mock");
  return kernel_on(algorithm->estimator(sample.model, columns, {.kind = pdf}), in);
}

Workload training(const std::string& name, std::int64_t objects, const std::vector<std::string>& arguments = {}) {
  const Sample sample = sample_of({0, objects});
  return {sample.set.z.size(), [sample, algorithm = algorithm_of(name, arguments)] {
            PhotozModel model = sample.model;
            LocalTasks tasks(sample.set.threads);
            algorithm->train(sample.set, tasks, model);
          }};
}

/// Numbers drawn for `n` objects, `each` for every object.
std::vector<double> normal_numbers(std::size_t n, std::size_t each, std::uint64_t seed) {
  std::vector<double> numbers;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(seed, i);
    for (std::size_t k = 0; k < each; ++k) numbers.push_back(random.normal());
  }
  return numbers;
}

Workload mock_cell() {
  (void)survey();
  return {static_cast<std::size_t>(survey().cells()[2].rows.size()),
          [out = Table(MockSurvey::schema())]() mutable { survey().generate(2, out); }};
}

const Table& star_rows() {
  static const Table stars = [] {
    MockOptions o;
    o.objects = 20'000;
    Table table(MockStars::schema());
    MockStars(o).generate({0, o.objects}, table, 1);
    return table;
  }();
  return stars;
}

struct LocusSetup {
  LocusSetup() : columns{"ra", "dec", resolve_bands(bands, MockStars::schema(), "stars"), ""}, kernel({}, bands, columns, columns) {
    kernel.add_stars(star_rows(), 0, stars);
  }
  BandOptions bands;
  LocusColumns columns;
  LocusKernel kernel;
  Stars stars;
};

Workload locus_targets() {
  constexpr std::size_t n = 400, stride = 50;  // targets all over the field
  const auto setup = std::make_shared<LocusSetup>();
  Table in(star_rows().schema(), n);
  for (std::size_t c = 0; c < in.columns(); ++c)
    for (std::size_t row = 0, width = in[c].info().bytes_per_row(); row < n; ++row)
      std::ranges::copy(star_rows()[c].bytes().subspan(row * stride * width, width), in[c].bytes().subspan(row * width).begin());
  const auto field = std::make_shared<StarField>(setup->kernel.field_of(setup->stars, 1));
  return {n, [=, out = Table(setup->kernel.gives(), n)]() mutable { setup->kernel.run(in, *field, out, 1); }};
}

Workload locus_stars() {
  const auto setup = std::make_shared<LocusSetup>();
  return {setup->stars.size(), [setup] { (void)setup->kernel.field_of(setup->stars, 1); }};
}

Workload patch(const std::string& what, std::size_t n) {
  static const std::vector<float> values = [] {
    std::vector<float> pixels(static_cast<std::size_t>(Pixelisation(512).count()));
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(mix64(i) >> 40);
    return pixels;
  }();
  PatchMap map;
  map.pixels = Pixelisation(512);
  map.beam = {20.0, std::nan(""), std::nan(""), std::nan("")};
  map.mjy_sr = 1.0;
  map.intensity.f4 = values.data();
  PatchOptions o;
  o.measure = {what};
  o.radius_arcmin = 20.0;
  Table sources({{"lon", Type::f8}, {"lat", Type::f8}}, n);
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(1, i);
    sources[0].values<double>()[i] = 360.0 * random.uniform();
    sources[1].values<double>()[i] = std::asin(2.0 * random.uniform() - 1.0) * 180.0 / std::numbers::pi;
  }
  return kernel_on(make_patch_kernel(o, {map}, {"lon", "lat", map.frame}), sources);
}

Workload groups() {
  const Table table = survey_rows({0, 8'000});
  return {table.rows(), [table] {
            const auto ra = table.at("ra").values<double>(), dec = table.at("dec").values<double>();
            (void)friends_of_friends(ra, dec, 10.0, 1);
          }};
}

Workload weights() {
  constexpr std::size_t n_reference = 2'000;
  const auto balls = std::make_shared<TrainingBalls>(normal_numbers(2'000, 4, 1), 4, 5, 1);
  const std::vector<double> reference = normal_numbers(n_reference, 4, 2);
  return {n_reference, [=, inside = std::vector<std::int32_t>(n_reference)]() mutable { balls->count(reference, inside, 1); }};
}

Workload metrics() {
  constexpr std::size_t n = 4'000;
  validation::Objects objects;
  for (const double x : normal_numbers(n, 1, 3)) objects.z_spec.push_back(std::exp(0.3 * x));
  objects.z_phot = objects.z_spec;
  const std::vector<double> errors = normal_numbers(n, 1, 4);
  for (std::size_t i = 0; i < n; ++i) {
    objects.z_phot[i] += 0.05 * errors[i];
    objects.z_err.push_back(0.05);
    objects.key.push_back(validation::bootstrap_key(1, static_cast<std::int64_t>(i)));
  }
  std::vector<std::uint32_t> members(n);
  std::iota(members.begin(), members.end(), 0U);
  const auto set = std::make_shared<validation::MetricSet>(objects, members, validation::MetricRules{});
  return {n, [set, scratch = validation::MetricSet::Scratch()]() mutable { (void)set->measure(0, scratch); }};
}

}  // namespace

Table survey_rows(RowRange rows) {
  Table table(MockSurvey::schema());
  survey().generate(rows, table, 1);
  return table;
}

std::vector<NamedWorkload> kernel_workloads() {
  const std::vector<std::string> plain_knn = {"--knn.metric=standard", "--knn.neighbours=10", "--knn.sigma=0.01"};  // nothing to choose
  // Of nets and trees as few as show what an object costs; widths and the like are given, so that nothing is tried out.
  const std::vector<std::string> mdn = {"--mdn.nets=1", "--mdn.epochs=1", "--mdn.narrowest=0.01"},
                                 annz = {"--annz.nets=2", "--annz.iterations=3"}, skynet = {"--skynet.nets=1", "--skynet.epochs=1"},
                                 tpz = {"--tpz.trees=3", "--tpz.sigma=0.02", "--tpz.scatter=0.5"},
                                 published_tpz = {"--tpz.split=variance", "--tpz.trees=2", "--tpz.copies=1"},
                                 arborz = {"--arborz.bins=4", "--arborz.width=10", "--arborz.trees=5"};
  return {
      {"photoz.dnf", [] { return photoz("dnf", "none", 300); }},
      {"photoz.dnf_pdf", [] { return photoz("dnf", "interp", 300); }},
      {"photoz.dnf_training", [] { return training("dnf", 4'000); }},
      {"photoz.knn_pdf", [=] { return photoz("knn", "interp", 500, plain_knn); }},
      {"photoz.pofz_pdf", [] { return photoz("pofz", "interp", 300, {"--pofz.metric=standard"}); }},
      {"photoz.cmnn_pdf", [] { return photoz("cmnn", "interp", 300); }},
      {"photoz.gpz_pdf",
       [] {
         return photoz("gpz", "interp", 500, {"--gpz.basis=50", "--gpz.iterations=1", "--gpz.rows=1000"});
       }},
      {"photoz.annz_pdf", [=] { return photoz("annz", "interp", 1'000, annz); }},
      {"photoz.mdn_pdf", [=] { return photoz("mdn", "interp", 500, mdn); }},
      {"photoz.skynet_pdf", [=] { return photoz("skynet", "interp", 500, skynet); }},
      {"photoz.tpz_pdf", [=] { return photoz("tpz", "interp", 500, tpz); }},
      {"photoz.arborz_pdf", [=] { return photoz("arborz", "interp", 1'000, arborz); }},
      {"train.network_lbfgs", [=] { return training("annz", 1'000, annz); }},
      {"train.network_adam", [=] { return training("mdn", 500, mdn); }},
      {"train.forest_density", [=] { return training("tpz", 1'000, tpz); }},
      {"train.forest_variance", [=] { return training("tpz", 1'000, published_tpz); }},
      {"train.boosting", [=] { return training("arborz", 2'000, arborz); }},
      {"mock.objects", mock_cell},
      {"locus.targets", locus_targets},
      {"locus.stars", locus_stars},
      {"patch.mean", [] { return patch("mean", 2'000); }},
      {"patch.disc", [] { return patch("disc", 500); }},
      {"patch.aperture", [] { return patch("aperture", 100); }},
      {"patch.psf", [] { return patch("psf", 100); }},
      {"patch.gauss", [] { return patch("gauss", 20); }},
      {"spec.groups", groups},
      {"train.weights", weights},
      {"validate.bootstrap", metrics},
  };
}

}  // namespace skyfold::guard

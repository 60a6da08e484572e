// Objects per second on one core: the knn kernel and the weights of Lima et al. 2008, on a made-up survey of six bands.
//
//   knn_bench [FOLDER]   also writes the survey and the answers to FOLDER, so that bench/knn.py can run scipy on the same data.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/log.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/photoz/training_tasks.hpp"
#include "skyfold/kernels/samples/weights.hpp"

namespace {

using namespace skyfold;

constexpr std::size_t n_bands = 6, n_queries = 20'000, n_reference = 1'000'000;
constexpr int rounds = 5;
const std::string band_names = "ugrizy";

struct Survey {
  std::size_t size = 0;
  std::vector<double> mag, err;  ///< [size x bands]
  std::vector<double> z;
};

/// Galaxies that get more numerous to a limit of 25.3 in the fourth band, with colours from redshift and type.
Survey make_survey(std::size_t n, std::uint64_t seed) {
  Survey survey;
  survey.size = n;
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(seed, i);
    const double reference = 25.3 + std::log(1.0 - random.uniform()) / 0.7;
    const double z = 0.25 * (reference - 21.0) * (0.3 - 0.5 * std::log(1.0 - random.uniform()));
    const double type = random.normal();
    for (std::size_t b = 0; b < n_bands; ++b) {
      const double x = static_cast<double>(b) - 3.0;
      const double colour = -0.35 * x + 0.4 * std::sin(2.0 * z - 0.7 * x) + 0.15 * type * x;
      survey.err.push_back(0.005 + 0.03 * std::pow(10.0, 0.3 * (reference + colour - 24.5)));
      survey.mag.push_back(reference + colour + std::min(survey.err.back(), 1.0) * random.normal());
    }
    survey.z.push_back(std::max(z, 0.01));
  }
  return survey;
}

BandColumns band_columns() {
  BandColumns columns;
  for (const char band : band_names) {
    columns.magnitude.push_back(fmt::format("mag_{}", band));
    columns.error.push_back(fmt::format("mag_err_{}", band));
  }
  return columns;
}

Table table_of(const Survey& survey) {
  const BandColumns columns = band_columns();
  Table table({}, survey.size);
  for (std::size_t b = 0; b < n_bands; ++b)
    for (const auto& [name, from] : {std::pair{columns.magnitude[b], &survey.mag}, {columns.error[b], &survey.err}}) {
      const auto values = table.add({name, Type::f8}).values<double>();
      for (std::size_t i = 0; i < survey.size; ++i) values[i] = (*from)[i * n_bands + b];
    }
  return table;
}

PhotozModel train(const Survey& survey, const std::vector<std::string>& arguments) {
  PhotozModel model;
  for (const char band : band_names) model.bands.bands.emplace_back(1, band);
  model.bands.limits.assign(n_bands, 28.0);
  model.z_max = 10.0;
  TrainingSet set{.id = std::vector<std::int64_t>(survey.size), .z = survey.z, .photometry = {}};
  std::iota(set.id.begin(), set.id.end(), 0);
  gather_photometry(table_of(survey), band_columns(), model.bands, model.bands.limits, set.photometry);
  const auto algorithm = make_photoz_algorithm("knn");
  OptionSet option;
  algorithm->describe(option);
  option.read_command_line(arguments);
  LocalTasks here(1);
  algorithm->train(set, here, model);
  return model;
}

/// Processor time of work, s, so that other programs on the machine matter little.
double seconds(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void save(const std::string& folder, const std::string& name, std::span<const double> values) {
  if (folder.empty()) return;
  const auto bytes = std::as_bytes(values);
  std::ofstream(folder + "/" + name, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

void measure_knn(std::size_t n_training, const std::string& folder) {
  const Survey training = make_survey(n_training, 1), queries = make_survey(n_queries, 2);
  const Table in = table_of(queries);
  double tuned_s = 0.0;
  const PhotozModel tuned = [&] {
    PhotozModel model;
    tuned_s = seconds([&] { model = train(training, {}); });
    return model;
  }();
  // For scipy a metric that it can be given without our code: the Euclidean one of standardised features.
  const std::vector<std::string> plain = {"--knn.metric=standard", "--knn.neighbours=10", "--knn.sigma=0.01"};
  const PhotozModel model = train(training, plain);
  const auto algorithm = make_photoz_algorithm("knn");
  std::vector<std::unique_ptr<Kernel>> kernels;
  for (const char* kind : {"none", "interp", "mixmod"}) kernels.push_back(algorithm->estimator(model, band_columns(), {.kind = kind}));
  kernels.push_back(algorithm->estimator(tuned, band_columns(), {.kind = "interp"}));
  std::vector<std::vector<double>> rates(kernels.size());
  std::vector<Table> out;
  for (const auto& kernel : kernels) out.emplace_back(kernel->gives(), in.rows());
  for (int round = 0; round <= rounds; ++round)
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      const double s = seconds([&] { kernels[i]->run(in, out[i], 1); });
      if (round > 0) rates[i].push_back(static_cast<double>(n_queries) / s);  // the first builds the tree
    }
  fmt::print("knn {} {:.0f} {:.0f} {:.0f} {} {:.0f} {:.2f}\n", n_training, median(rates[0]), median(rates[1]), median(rates[2]),
             tuned.parameters.at("knn.neighbours"), median(rates[3]), tuned_s);
  const std::string suffix = fmt::format("{}", n_training);
  save(folder, "training_mag_" + suffix, training.mag);
  save(folder, "training_z_" + suffix, training.z);
  save(folder, "z_phot_" + suffix, out[0].at("z_phot").values<double>());
  save(folder, "query_mag", queries.mag);
}

/// i, g-r, r-i, i-z.
std::vector<double> lima_space(const Survey& survey) {
  std::vector<double> points;
  for (std::size_t i = 0; i < survey.size; ++i) {
    const double* m = &survey.mag[i * n_bands];
    points.insert(points.end(), {m[3], m[1] - m[2], m[2] - m[3], m[3] - m[4]});
  }
  return points;
}

void measure_weights(std::size_t n_training, const std::string& folder) {
  const std::vector<double> training = lima_space(make_survey(n_training, 1)), reference = lima_space(make_survey(n_reference, 3));
  std::vector<std::int32_t> inside(n_reference);
  std::vector<double> counts;
  const double s = seconds([&] {
    TrainingBalls balls(training, 4, 5, 1);
    balls.count(reference, inside, 1);
    counts.assign(balls.counts().begin(), balls.counts().end());
  });
  fmt::print("weights {} {} {:.2f}\n", n_training, n_reference, s);
  save(folder, fmt::format("lima_training_{}", n_training), training);
  save(folder, fmt::format("lima_counts_{}", n_training), counts);
  save(folder, "lima_reference", reference);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "";
  fmt::print(
      "# knn: training objects; objects per core-second without PDF, with 100-point PDF, with mixtures (10 neighbours, standard "
      "metric); neighbours chosen, objects per core-second with 100-point PDF in the learned metric; training with the choice [s]\n"
      "# weights: training objects, reference objects, processor time [s]\n");
  for (const std::size_t n : {10'225, 170'000}) measure_knn(n, folder);
  for (const std::size_t n : {10'000, 100'000}) measure_weights(n, folder);
}

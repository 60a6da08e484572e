// Template fitting: what an object costs by the number of models and redshifts, and how near the loop over models comes to what this core
// can compute and read.
//
//   templates_bench [OBJECTS]     default 2000
//
// Processor time of one thread, the best of some rounds, so that others on the machine matter little.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "../src/kernels/templates/chi_square.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/text.hpp"
#include "skyfold/kernels/photoz/algorithm.hpp"
#include "skyfold/kernels/photoz/training_tasks.hpp"
#include "skyfold/kernels/templates/builtin.hpp"
#include "skyfold/kernels/templates/synthetic.hpp"

namespace {

using namespace skyfold;

constexpr int rounds = 3;
const std::vector<std::string> bands = {"u", "g", "r", "i", "z", "y"};

double cpu_s() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Least processor seconds of a piece of work.
double least_s(int times, const std::function<void()>& work) {
  double least = 1e300;
  for (int round = 0; round < times; ++round) {
    const double start = cpu_s();
    work();
    least = std::min(least, cpu_s() - start);
  }
  return least;
}

volatile double sink;

/// Multiplications and additions of numbers that are in registers, on eight chains each.
SKYFOLD_CLONES
double flop_loop(long steps, double start) {
  Lanes sum[8], product[8];
  for (int k = 0; k < 8; ++k) sum[k] = Lanes{} + start * k, product[k] = Lanes{} + 1.0 + start;
  for (long i = 0; i < steps; ++i)
    for (int k = 0; k < 8; ++k) {
      sum[k] += start;
      product[k] *= 1.0000001;
    }
  double all = 0.0;
  for (int k = 0; k < 8; ++k) all += sum[k][0] + product[k][0];
  return all;
}

SKYFOLD_CLONES
double read_loop(const double* values, std::size_t n) {
  Lanes sum[8] = {};
  for (std::size_t i = 0; i < n; i += 8 * n_lanes)
    for (std::size_t k = 0; k < 8; ++k) sum[k] += load(values + i + k * n_lanes);
  double all = 0.0;
  for (const Lanes& lanes : sum) all += lanes[0];
  return all;
}

void roofline() {
  constexpr long steps = 2'000'000;
  const double peak = 64.0 * steps / least_s(9, [] { sink = flop_loop(steps, 1e-3); }) * 1e-9;
  fmt::print("peak of this core: {:.1f} GFLOP/s (additions and multiplications, not fused)\n", peak);
  fmt::print("{:>9} {:>9} {:>9} {:>14} {:>9} {:>10} {:>9} {:>14}\n", "models", "redshifts", "KiB", "objects/s", "GFLOP/s", "of peak",
             "GB/s read", "of reading alone");
  for (const std::size_t models : {8, 22, 64, 256})
    for (const std::size_t stride : {176, 352, 704}) {
      AlignedVector<double> flux(models * bands.size() * stride), chi2(stride), log_p(stride);
      for (double& value : flux) value = 0.5 + ObjectRandom(1, static_cast<std::uint64_t>(&value - flux.data())).uniform();
      const std::vector<double> fot = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, ftt = {2.0, 1.0, 2.0, 1.0, 2.0, 1.0};
      const int objects = std::max(1, static_cast<int>(4'000'000 / (models * stride)));
      const double one = least_s(9,
                                 [&] {
                                   double least = 0.0;
                                   for (int object = 0; object < objects; ++object)
                                     for (std::size_t model = 0; model < models; ++model)
                                       least += chi2_of(&flux[model * bands.size() * stride], bands.size(), stride, fot.data(), ftt.data(),
                                                        100.0 + object, false, chi2.data(), log_p.data());
                                   sink = least;
                                 }) /
                         objects;
      const double reading = least_s(9,
                                     [&] {
                                       double sum = 0.0;
                                       for (int object = 0; object < objects; ++object) sum += read_loop(flux.data(), flux.size());
                                       sink = sum;
                                     }) /
                             objects;
      // Of each band F f/e^2, F^2 / e^2 and their sums; then FOT^2 / FTT, the difference, the least, and half of it.
      const double flops = static_cast<double>(models * stride) * (5.0 * static_cast<double>(bands.size()) + 5.0);
      const double bytes = static_cast<double>(flux.size()) * sizeof(double);
      fmt::print("{:>9} {:>9} {:>9.0f} {:>14} {:>9.2f} {:>9.0f}% {:>9.1f} {:>13.0f}%\n", models, stride - 1, bytes / 1024.0,
                 grouped(std::lround(1.0 / one)), flops / one * 1e-9, 100.0 * flops / one * 1e-9 / peak, bytes / one * 1e-9,
                 100.0 * reading / one);
    }
}

PhotozModel model_of(const std::string& name, std::vector<std::string> arguments) {
  PhotozModel model;
  model.bands.bands = bands;
  model.bands.limits.assign(bands.size(), 28.0);
  const auto algorithm = make_photoz_algorithm(name);
  OptionSet option;
  algorithm->describe(option);
  arguments.push_back(fmt::format("--{}.filters=lsst", name));
  arguments.push_back(fmt::format("--{}.igm=none", name));
  option.read_command_line(arguments);
  LocalTasks tasks(1);
  algorithm->read_files(bands, [](const std::string& path) -> std::string { throw IoError(path); });
  algorithm->train({}, tasks, model);
  return model;
}

/// Redshifted templates with noise.
Table objects_table(std::size_t n) {
  Table table({}, n);
  std::vector<std::vector<double>> colours;
  const auto seds = builtin_templates("cwwsb");
  for (std::size_t k = 0; k < 64; ++k) {
    std::vector<double> mag;
    for (const std::string& band : bands)
      mag.push_back(-2.5 * std::log10(band_flux(seds[k % 8], builtin_filter("lsst", band), 0.1 + 0.02 * static_cast<double>(k))));
    colours.push_back(mag);
  }
  for (std::size_t b = 0; b < bands.size(); ++b) {
    const auto mag = table.add({"mag_" + bands[b], Type::f8}).values<double>();
    for (std::size_t i = 0; i < n; ++i)
      mag[i] = 24.0 + colours[i % 64][b] - colours[i % 64][3] + 0.05 * ObjectRandom(7, i * 8 + b).normal();
  }
  for (const std::string& band : bands) std::ranges::fill(table.add({"err_" + band, Type::f8}).values<double>(), 0.05);
  return table;
}

void cost(const std::string& name, const std::vector<std::vector<std::string>>& sizes, const std::vector<std::string>& models,
          const std::vector<std::string>& others, const Table& in) {
  BandColumns columns;
  for (const std::string& band : bands) columns.magnitude.push_back("mag_" + band), columns.error.push_back("err_" + band);
  for (std::size_t size = 0; size < sizes.size(); ++size) {
    fmt::print("{:>9} {:>6}", name, models[size]);
    for (const auto& [step, points] : {std::pair{"0.02", 175}, std::pair{"0.01", 350}, std::pair{"0.005", 700}}) {
      std::vector<std::string> arguments = sizes[size];
      arguments.insert(arguments.end(), others.begin(), others.end());
      arguments.push_back(fmt::format("--{}.dz={}", name, step));
      const PhotozModel model = model_of(name, arguments);
      const auto kernel = make_photoz_algorithm(name)->estimator(model, columns, {});
      Table out(kernel->gives(), in.rows());
      const double seconds = least_s(rounds, [&] { kernel->run(in, out, 1); });
      const double per_model = seconds / static_cast<double>(in.rows()) / (std::stod(models[size]) * points);
      fmt::print("  {:>9} ({:.2f} ns)", grouped(std::lround(static_cast<double>(in.rows()) / seconds)), 1e9 * per_model);
    }
    fmt::print("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t n = argc > 1 ? std::stoul(argv[1]) : 2000;
  roofline();
  const Table in = objects_table(n);
  fmt::print("\nobjects/s (ns for each model and redshift), no PDFs:\n{:>9} {:>6}  {:>19}  {:>19}  {:>19}\n", "", "models", "175 z",
             "350 z", "700 z");
  const std::vector<std::string> grid = {"--bpz.zmin=0.02", "--bpz.zmax=3.5"};
  cost("bpz", {{"--bpz.interpolate=0"}, {"--bpz.interpolate=2"}, {"--bpz.interpolate=8"}, {"--bpz.interpolate=35"}},
       {"8", "22", "64", "253"}, grid, in);
  std::string seven = "--lephare.ebv=0.05", many = "--lephare.ebv=0.02";
  for (int i = 2; i <= 7; ++i) seven += fmt::format(",{:.2f}", 0.05 * i);
  for (int i = 2; i <= 31; ++i) many += fmt::format(",{:.2f}", 0.02 * i);
  const std::string dust = "--lephare.dust=calzetti";
  const std::vector<std::vector<std::string>> sizes = {{}, {"--lephare.ebv=0.1,0.2", dust}, {seven, dust}, {many, dust}};
  std::vector<std::string> plain = {"--lephare.zmin=0.02", "--lephare.zmax=3.5", "--lephare.qso=none", "--lephare.stars=none"};
  cost("lephare", sizes, {"8", "24", "64", "256"}, plain, in);
  plain.insert(plain.end(), {"--lephare.absolute_limits=-24,-5", "--lephare.prior=vvds"});
  fmt::print("with absolute limits and prior:\n");
  cost("lephare", sizes, {"8", "24", "64", "256"}, plain, in);
  return 0;
}

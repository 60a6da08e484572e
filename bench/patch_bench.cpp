// Sources per second on one core: the patch kernel on maps in memory, without files. With the path of a map: seconds to read it
// on one core. bench/patch.py runs both beside healpy.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "skyfold/core/log.hpp"
#include "skyfold/core/random.hpp"
#include "skyfold/core/sort.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/io/healpix_pixels.hpp"
#include "skyfold/kernels/patch/patch_kernel.hpp"
#include "skyfold/sky/healpix.hpp"

namespace {

using namespace skyfold;

constexpr int rounds = 5;

Table sources_on_sky(std::size_t n, bool sorted) {
  std::vector<double> lon(n), lat(n);
  std::vector<std::int64_t> key(n);
  for (std::size_t i = 0; i < n; ++i) {
    ObjectRandom random(1, i);
    lon[i] = 360.0 * random.uniform();
    lat[i] = std::asin(2.0 * random.uniform() - 1.0) * 180.0 / std::numbers::pi;
    key[i] = sorted ? healpix29({lon[i], lat[i]}) : 0;
  }
  const std::vector<std::size_t> order = stable_order(key);
  Table table({{"lon", Type::f8}, {"lat", Type::f8}}, n);
  for (std::size_t i = 0; i < n; ++i) {
    table[0].values<double>()[i] = lon[order[i]];
    table[1].values<double>()[i] = lat[order[i]];
  }
  return table;
}

/// Sources per second of processor time, so that other programs on the machine matter little.
double rate(const Kernel& kernel, const Table& sources, Table& out) {
  const std::size_t repeats = std::max<std::size_t>(1, 20'000 / sources.rows());
  const std::clock_t start = std::clock();
  for (std::size_t i = 0; i < repeats; ++i) kernel.run(sources, out, 1);
  return static_cast<double>(repeats * sources.rows()) * CLOCKS_PER_SEC / static_cast<double>(std::clock() - start);
}

void measure(const PatchMap& map, const std::vector<std::string>& what, std::size_t n, bool sorted) {
  PatchOptions o;
  o.measure = what;
  const auto kernel = make_patch_kernel(o, {map}, {"lon", "lat", map.frame});
  const Table sources = sources_on_sky(n, sorted);
  Table out(kernel->gives(), n);
  std::vector<double> rates;
  kernel->run(sources, out, 1);
  for (int round = 0; round < rounds; ++round) rates.push_back(rate(*kernel, sources, out));
  fmt::print("{} {} {} {} {} {:.4g}\n", map.pixels.nside(), map.is_nested ? "NESTED" : "RING", what.front(), n,
             sorted ? "sorted" : "random", median(rates));
}

/// Median over the rounds, the first of which fetches the file from the disk.
double read_seconds(const std::string& path) {
  std::vector<double> seconds;
  for (int round = 0; round <= rounds; ++round) {
    const double start = now_s();
    HealpixPixels map(HealpixMapFile(path), {0}, true, gather_alone);
    map.clear(1);
    map.load(1);
    if (round > 0) seconds.push_back(now_s() - start);
  }
  return median(seconds);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    fmt::print("{:.4f}\n", read_seconds(argv[1]));
    return 0;
  }
  for (const long nside : {1024L, 2048L}) {
    PatchMap map;
    map.pixels = Pixelisation(nside);
    map.beam = {10.0, std::nan(""), std::nan(""), std::nan("")};
    map.mjy_sr = 1.0;
    const NodeMemory memory(static_cast<std::size_t>(map.pixels.count()) * sizeof(float), gather_alone);  // as maps are held in a run
    const std::span values(reinterpret_cast<float*>(memory.bytes().data()), static_cast<std::size_t>(map.pixels.count()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(mix64(i) >> 40);
    map.intensity.f4 = values.data();
    for (const bool nested : {false, true}) {
      map.is_nested = nested;
      for (const std::size_t n : {1'000UL, 100'000UL, 1'000'000UL})
        for (const bool sorted : {false, true}) measure(map, {"mean"}, n, sorted);
    }
    map.is_nested = false;
    for (const char* what : {"disc", "aperture", "psf", "gauss"}) measure(map, {what}, 10'000, true);
  }
}

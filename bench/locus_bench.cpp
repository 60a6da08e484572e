// Pointings per second and core: the kernel (lookup, filters, rating, search), its search alone, and the rules of the
// published program, without and with the text that it prints for every pair and point, on the same stars in the same
// run.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <numbers>
#include <vector>

#include "skyfold/core/random.hpp"
#include "skyfold/core/statistics.hpp"
#include "skyfold/kernels/locus/kernel.hpp"

using namespace skyfold;

namespace {

constexpr int rounds = 5;
constexpr double side_deg = 2.0, stars_in_zone = 700.0, zone_deg2 = 1.0 / 9.0, dec = -30.0;
constexpr Position corner = {150.0, dec};

struct Star {
  double ra, dec, g, r, i;
};

/// A square of stars, `alike` of which per zone are candidates for each other.
std::vector<Star> make_stars(double alike) {
  const auto n = static_cast<std::size_t>(stars_in_zone / zone_deg2 * side_deg * side_deg);
  std::vector<Star> stars(n);
  for (std::size_t k = 0; k < n; ++k) {
    ObjectRandom random(5, k);
    const double u = random.uniform(), v = random.uniform(), r = 16.0 + random.uniform();
    const bool is_alike = random.uniform() < alike / stars_in_zone;
    const double colour = is_alike ? 0.5 + 0.08 * random.uniform() : 0.8 + random.uniform();
    stars[k] = {corner.ra + u * side_deg / std::cos(dec * std::numbers::pi / 180.0), corner.dec + v * side_deg, r + colour, r,
                r - 0.3 * colour};
  }
  std::ranges::sort(stars, {}, [](const Star& s) { return healpix29({s.ra, s.dec}); });  // as in a catalogue
  return stars;
}

Table table_of(const std::vector<Star>& stars) {
  Table table({{"ra", Type::f8}, {"dec", Type::f8}, {"g", Type::f8}, {"r", Type::f8}, {"i", Type::f8}}, stars.size());
  for (std::size_t k = 0; k < stars.size(); ++k) {
    const double values[] = {stars[k].ra, stars[k].dec, stars[k].g, stars[k].r, stars[k].i};
    for (std::size_t c = 0; c < 5; ++c) table[c].values<double>()[k] = values[c];
  }
  return table;
}

/// The published program for one target, its mosaic being the stars of the zone in order of RA.
class Published {
 public:
  /// @param text  where the program's output goes; null: none
  Published(const LocusRules& rules, std::FILE* text) : rules_(rules), text_(text) {}

  double best_score(const std::vector<Star>& mosaic, const Star& target) {
    cosine_ = std::abs(std::cos(target.dec * std::numbers::pi / 180.0));
    filter(mosaic, target);
    best_ = 0.0;
    for (std::size_t a = 0; a < stars_.size(); ++a)
      for (std::size_t b = a + 1; b < stars_.size(); ++b) try_pair(stars_[a], stars_[b]);
    return best_;
  }

 private:
  struct Candidate {
    double ra, dec, x, y, rating;
    bool is_east, is_north;
  };

  void filter(const std::vector<Star>& mosaic, const Star& target) {
    std::vector<bool> crowded(mosaic.size(), false);
    for (std::size_t a = 0; a < mosaic.size(); ++a)
      for (std::size_t b = a + 1; b < mosaic.size() && mosaic[b].ra - mosaic[a].ra < rules_.resolution_deg / cosine_; ++b)
        if (std::abs(mosaic[a].dec - mosaic[b].dec) < rules_.resolution_deg && std::abs(mosaic[a].r - mosaic[b].r) < 5.0)
          crowded[a] = crowded[b] = true;
    stars_.clear();
    const double size = rules_.field.height;
    for (std::size_t k = 0; k < mosaic.size(); ++k) {
      const Star& s = mosaic[k];
      const double before = std::abs((s.g - s.r) - (target.g - target.r)), after = std::abs((s.r - s.i) - (target.r - target.i));
      if (crowded[k] || std::abs(s.r - target.r) >= rules_.dmag || std::abs(s.ra - target.ra) >= size / cosine_ ||
          std::abs(s.dec - target.dec) >= size || before >= rules_.dcol || after >= rules_.dcol)
        continue;
      const bool is_east = !(s.ra < target.ra), is_north = !(s.dec < target.dec);
      stars_.push_back({s.ra, s.dec, is_east ? s.ra - 0.5 * size / cosine_ : s.ra + 0.5 * size / cosine_,
                        is_north ? s.dec - 0.5 * size : s.dec + 0.5 * size, (1.0 - before / rules_.dcol) * (1.0 - after / rules_.dcol),
                        is_east, is_north});
    }
  }

  void try_pair(const Candidate& a, const Candidate& b) {
    if (text_) std::fprintf(text_, "\n\t\tWith star #%d", static_cast<int>(&b - stars_.data()));
    const bool b_is_east = a.x < b.x, b_is_north = a.y < b.y, is_swapped = !b_is_east && b_is_north;
    if (a.is_east == b_is_east && b.is_north != b_is_north) is_swapped ? score(a.x, b.y) : score(b.x, a.y);
    if (b.is_east != b_is_east && a.is_north == b_is_north) is_swapped ? score(b.x, a.y) : score(a.x, b.y);
  }

  void score(double x, double y) {
    double sum = 0.0;
    for (const Candidate& s : stars_)
      if (std::abs(x - s.ra) < 0.5 * rules_.field.width / cosine_ + 1e-4 && std::abs(y - s.dec) < 0.5 * rules_.field.height + 1e-4)
        sum += s.rating;
    if (text_) std::fprintf(text_, "\tcurrent intercept: ra: %f, dec: %f\tScore: %f, best: %f", x, y, sum, best_);
    best_ = std::max(best_, sum);
  }

  const LocusRules& rules_;
  std::FILE* text_;
  double cosine_ = 1.0, best_ = 0.0;
  std::vector<Candidate> stars_;
};

/// Targets per second of processor time, so that other programs on the machine matter little.
double rate(std::size_t targets, const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return static_cast<double>(targets) * CLOCKS_PER_SEC / static_cast<double>(std::max<std::clock_t>(std::clock() - start, 1));
}

/// Stars of the zone of a target, as the published program is given them: files about it, in order of RA.
std::vector<Star> mosaic_of(const std::vector<Star>& stars, const Star& target) {
  std::vector<Star> mosaic;
  const double cosine = std::cos(target.dec * std::numbers::pi / 180.0), half = 10.0 / 60.0;
  for (const Star& s : stars)
    if (std::abs(s.ra - target.ra) * cosine < half && std::abs(s.dec - target.dec) < half) mosaic.push_back(s);
  std::ranges::sort(mosaic, {}, &Star::ra);
  return mosaic;
}

void measure(double alike, std::size_t n_targets, std::size_t n_published) {
  const std::vector<Star> stars = make_stars(alike * 1.15);  // some are crowded
  BandOptions bands;
  bands.bands = {"g", "r", "i"};
  const LocusColumns columns{"ra", "dec", {bands.bands, {}}, ""};
  const LocusKernel kernel({}, bands, columns, columns);
  std::vector<Star> targets;
  for (const Star& s : stars)
    if (s.g - s.r < 0.6 && targets.size() < n_targets && std::abs(s.dec - dec - 0.5 * side_deg) < 0.8 &&
        std::abs(s.ra - corner.ra - 1.15) < 0.9)
      targets.push_back(s);
  const Table in = table_of(targets), all = table_of(stars);
  Table out(kernel.gives(), in.rows());
  Stars near;
  kernel.add_stars(all, 0, near);
  const StarField field = kernel.field_of(near, 1);
  std::vector<std::vector<StarCandidate>> candidates;
  std::vector<FieldPlane> planes;
  LocusSolver solver(kernel.rules(), field);
  for (const LocusTarget& target : kernel.targets_of(in)) {
    (void)solver.solve(target);
    candidates.emplace_back(solver.candidates().begin(), solver.candidates().end());
    planes.emplace_back(target.position, LocusGeometry::tangent);
  }
  std::vector<std::vector<Star>> mosaics;
  for (std::size_t t = 0; t < n_published; ++t) mosaics.push_back(mosaic_of(stars, targets[t]));
  PointingSweep sweep(kernel.rules().field);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> nowhere(std::fopen("/dev/null", "w"), std::fclose);
  Published published(kernel.rules(), nullptr), with_text(kernel.rules(), nowhere.get());
  double mean = 0.0, sum = 0.0;
  for (const auto& c : candidates) mean += static_cast<double>(c.size()) / static_cast<double>(candidates.size());
  std::vector<double> rates[5];
  for (int round = 0; round < rounds; ++round) {
    rates[0].push_back(rate(in.rows(), [&] { kernel.run(in, field, out, 1); }));
    rates[1].push_back(rate(in.rows(), [&] {
      for (std::size_t t = 0; t < in.rows(); ++t) sum += sweep.find(candidates[t], planes[t]).score;
    }));
    rates[2].push_back(rate(n_published, [&] {
      for (std::size_t t = 0; t < n_published; ++t) sum += published.best_score(mosaics[t], targets[t]);
    }));
    rates[4].push_back(rate(n_published, [&] {
      for (std::size_t t = 0; t < n_published; ++t) sum += with_text.best_score(mosaics[t], targets[t]);
    }));
    rates[3].push_back(rate(stars.size(), [&] { sum += static_cast<double>(kernel.field_of(near, 1).size()); }));
  }
  fmt::print("{:>10.1f} {:>8} {:>10.0f} {:>12.0f} {:>10.0f} {:>6.0f} {:>12.0f} {:>6.0f} {:>15.0f}{}\n", mean, in.rows(), median(rates[0]),
             median(rates[1]), median(rates[2]), median(rates[0]) / median(rates[2]), median(rates[4]), median(rates[0]) / median(rates[4]),
             median(rates[3]), sum < 0.0 ? " " : "");
}

}  // namespace

int main() {
  fmt::print(
      "Locus search, {:.0f} stars in the zone of {:.3f} deg^2; targets per core-second, median of {}\n\n"
      "{:>10} {:>8} {:>10} {:>12} {:>10} {:>6} {:>12} {:>6} {:>15}\n",
      stars_in_zone, zone_deg2, rounds, "candidates", "targets", "kernel", "search only", "published", "ratio", "with text", "ratio",
      "stars arranged");
  measure(10.0, 5000, 500);
  measure(30.0, 5000, 200);
  measure(100.0, 5000, 40);
  measure(300.0, 5000, 6);
}

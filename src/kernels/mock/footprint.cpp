// Where the synthetic survey looks and how many objects it finds: tiles outward from a centre, each with its depth, and a
// log-normal density field from coarse to fine pixels, each a function of seed and pixel alone.
#include "skyfold/kernels/mock/footprint.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "skyfold/kernels/mock/deviates.hpp"
#include "skyfold/kernels/mock/population.hpp"

namespace skyfold {
namespace {

constexpr double objects_per_tile = 37'300.0;  // of median depth
constexpr Position survey_centre = {20.0, -50.0};
constexpr double survey_elongation = 4.0;  // extent in RA over extent in Dec
constexpr int tile_sample_order = 10;      // a cell's objects are foreseen from pixels of 3.4 arcmin
constexpr int coarsest_field_order = 3;    // 7.3 deg

double objects_per_deg2() { return objects_per_tile / (Tiling::side_deg * Tiling::side_deg); }

/// Distance from the survey's centre, squared, in an elliptical metric.
double remoteness(Position p) noexcept {
  const double east = std::remainder(p.ra - survey_centre.ra, 360.0) * std::cos(p.dec * std::numbers::pi / 180.0);
  const double north = p.dec - survey_centre.dec;
  return east * east / (survey_elongation * survey_elongation) + north * north;
}

/// Variance of the galaxy density, averaged over pixels of `order`: w(theta) = 0.005 (theta / deg)^-0.7 at the
/// size of a pixel, the power law of faint galaxies (e.g. Connolly et al. 2002, ApJ 579, 42).
double field_variance(int order) noexcept {
  return order < coarsest_field_order ? 0.0 : 0.005 * std::pow(std::sqrt(pixel_area_deg2(order)), -0.7);
}

/// Factor of the log-normal density field that a pixel of `order` adds to the field of the order above; its mean is 1.
double field_factor(const MockOptions& o, std::int64_t pixel, int order) {
  const double sigma2 = o.clustering * (field_variance(order) - field_variance(order - 1));
  const std::int64_t unique_pixel = (std::int64_t{4} << (2 * order)) + pixel;  // one number for order and pixel
  auto random = mock_random(o.seed, unique_pixel, MockStream::clustering);
  // The mean of a log-normal factor is exp(sigma^2 / 2) without the last term.
  return std::exp(std::sqrt(sigma2) * normal_deviate(random) - 0.5 * sigma2);
}

/// Density of the field averaged over a cell.
double cell_field(const MockOptions& o, std::int64_t pixel) {
  double density = 1.0;
  for (int order = coarsest_field_order; order <= cell_order; ++order)
    density *= field_factor(o, pixel >> (2 * (cell_order - order)), order);
  return density;
}

/// True when a box around the cell, wide enough to hold it, reaches into an unobserved tile. A tile is wider than the
/// box, so one that meets it holds one of the box's corners.
bool touches_unobserved(const MockFootprint& footprint, Position centre) {
  constexpr double reach_deg = 0.35;
  const double widest_dec = std::min(std::abs(centre.dec) + reach_deg, 89.0);
  const double east = reach_deg / std::cos(widest_dec * std::numbers::pi / 180.0);
  for (const double ra : {centre.ra - east, centre.ra + east})
    for (const double dec : {centre.dec - reach_deg, centre.dec + reach_deg})
      if (!footprint.holds({std::fmod(ra + 360.0, 360.0), std::clamp(dec, -90.0, 90.0)})) return true;
  return false;
}

constexpr std::int64_t n_tile_samples = std::int64_t{1} << (2 * (tile_sample_order - cell_order));

}  // namespace

TileConditions tile_conditions(const MockOptions& o, std::int64_t tile) {
  constexpr double common = 0.94, own = 0.34;  // common^2 + own^2 = 1: bands of a tile share most of their weather
  constexpr double density_scatter = 0.05;     // masks, seeing: whatever does not come with depth
  auto random = mock_random(o.seed, tile, MockStream::tile);
  const double weather = normal_deviate(random);
  TileConditions c;
  for (std::size_t b = 0; b < mock_band_count; ++b) {
    c.depth[b] = mock_bands[b].depth + o.depth_scatter * (common * weather + own * normal_deviate(random));
    c.observed[b] = open_uniform(random) >= mock_bands[b].unobserved;
  }
  const double deeper = c.depth[mock_i_band] - mock_bands[mock_i_band].depth;
  c.density = std::pow(10.0, count_slope * deeper) * std::exp(density_scatter * normal_deviate(random));
  return c;
}

/// A cell that the survey may use.
struct MockFootprint::Candidate {
  double remoteness;  ///< of the nearest tile that it touches: tiles fill one after the other
  std::int64_t pixel;
  double objects;  ///< that the complete survey holds in it, on average
};

MockFootprint::MockFootprint(const MockOptions& o, const Tiling& tiling) : options_(o), tiling_(tiling) {
  choose_tiles();
  place_objects(candidate_cells());
}

bool MockFootprint::holds(Position position) const { return observed_[static_cast<std::size_t>(tiling_.index_of(position))]; }

void MockFootprint::choose_tiles() {
  std::vector<std::pair<double, std::int64_t>> outward;
  for (std::int64_t tile = 0; tile < tiling_.size(); ++tile) outward.emplace_back(remoteness(tiling_.centre(tile)), tile);
  std::ranges::sort(outward);
  observed_.resize(outward.size());
  double expected = 0.0;
  for (const auto& [distance, tile] : outward) {
    reach_ = distance;
    observed_[static_cast<std::size_t>(tile)] = true;
    const std::int64_t middle = pixel_of(healpix29(tiling_.centre(tile)), cell_order);
    expected += objects_per_tile * tile_conditions(options_, tile).density * cell_field(options_, middle);
    // Tiles are taken until the survey is large enough; cells then place the objects exactly.
    if (expected >= static_cast<double>(options_.objects)) return;
  }
}

std::vector<MockFootprint::Candidate> MockFootprint::candidate_cells() const {
  constexpr double margin = 1.5;  // degrees; half a tile and a cell, generously
  const double limit = std::pow(std::sqrt(reach_) + margin, 2.0);
  const double per_sample = objects_per_deg2() * pixel_area_deg2(tile_sample_order);
  std::vector<Candidate> candidates;
  for (std::int64_t pixel = 0; pixel < pixel_count(cell_order); ++pixel) {
    if (remoteness(pixel_centre(pixel, cell_order)) > limit) continue;
    Candidate cell = {limit, pixel, 0.0};
    for (std::int64_t sample = pixel * n_tile_samples; sample < (pixel + 1) * n_tile_samples; ++sample) {
      const std::int64_t tile = tiling_.index_of(pixel_centre(sample, tile_sample_order));
      if (!observed_[static_cast<std::size_t>(tile)]) continue;
      cell.remoteness = std::min(cell.remoteness, remoteness(tiling_.centre(tile)));
      cell.objects += per_sample * tile_conditions(options_, tile).density;
    }
    if (cell.objects == 0.0) continue;
    cell.objects *= cell_field(options_, pixel);
    candidates.push_back(cell);
  }
  return candidates;
}

void MockFootprint::place_objects(std::vector<Candidate> candidates) {
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    return a.remoteness != b.remoteness ? a.remoteness < b.remoteness : a.pixel < b.pixel;
  });
  double complete = 0.0;
  for (const Candidate& cell : candidates) complete += cell.objects;
  // Tiles were chosen by the field at their centres: where they hold a little less than hoped, all get a little more.
  const auto wanted = static_cast<double>(options_.objects);
  const double scale = std::max(1.0, wanted / complete * (1.0 + 1e-12));

  double expected = 0.0;  // objects in the cells so far, before rounding
  std::int64_t placed = 0;
  for (const Candidate& cell : candidates) {
    const double here = scale * cell.objects, left = wanted - expected;
    expected += std::min(here, left);
    // Rounding the running sum, not each cell, keeps the total exact.
    const std::int64_t upto = here < left ? std::llround(expected) : options_.objects;
    const bool at_edge = touches_unobserved(*this, pixel_centre(cell.pixel, cell_order));
    if (upto > placed) cells_.push_back({cell.pixel, {0, upto - placed}, at_edge, std::min(1.0, left / here)});
    placed = upto;
    if (here >= left) break;
  }
  // Cells were filled outward; a catalogue has them in HEALPix order.
  std::ranges::sort(cells_, {}, &MockCell::pixel);
  std::int64_t row = 0;
  for (auto& cell : cells_) {
    cell.rows = {row, row + cell.rows.end};
    row = cell.rows.end;
  }
}

std::vector<double> MockFootprint::cumulative_density(const MockCell& cell) const {
  std::vector<double> density = {1.0};
  for (int order = cell_order + 1; order <= field_order; ++order) {
    std::vector<double> finer(4 * density.size());
    const std::int64_t first = cell.pixel << (2 * (order - cell_order));
    for (std::size_t i = 0; i < finer.size(); ++i)
      finer[i] = density[i / 4] * field_factor(options_, first + static_cast<std::int64_t>(i), order);
    density.swap(finer);
  }
  const std::int64_t first = cell.pixel << (2 * (field_order - cell_order));
  std::int64_t tile_before = -1;
  double tile_density = 0.0, total = 0.0;
  for (std::size_t i = 0; i < density.size(); ++i) {
    const std::int64_t tile = tiling_.index_of(pixel_centre(first + static_cast<std::int64_t>(i), field_order));
    const bool is_observed = observed_[static_cast<std::size_t>(tile)];
    if (tile != tile_before) tile_density = is_observed ? tile_conditions(options_, tile).density : 0.0;
    tile_before = tile;
    total += density[i] * tile_density;
    density[i] = total;
  }
  for (double& d : density) d /= total;
  return density;
}

}  // namespace skyfold

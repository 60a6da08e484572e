// A galaxy measured star by star: an inclined exponential disc, bricks along its major axis, six filters, visits, and pulsating stars
// whose periods are known.
#include "skyfold/kernels/mock/photometry.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>

#include "cells.hpp"
#include "skyfold/core/error.hpp"
#include "skyfold/core/options.hpp"
#include "skyfold/kernels/archive_ids/archive_ids.hpp"
#include "skyfold/kernels/mock/bands.hpp"
#include "skyfold/kernels/mock/deviates.hpp"
#include "skyfold/sky/healpix.hpp"
#include "skyfold/sky/region.hpp"

namespace skyfold {
namespace {

constexpr double degree = std::numbers::pi / 180.0;
constexpr Position centre = {10.6847083, 41.26875};
constexpr double position_angle = 38.0 * degree, axis_ratio = 0.27, scale_length = 0.40;  // of the disc, degrees on the major axis
constexpr double distance_modulus = 24.47;                                                // McConnachie et al. 2005, MNRAS 356, 979
// Bricks in two columns along the north-eastern half of the major axis, degrees.
constexpr std::int64_t brick_count = 23;
constexpr double brick_length = 0.11, brick_width = 0.2;
constexpr int field_order = 15;                          // finest pixel of the density, 6.4 arcsec
constexpr std::int64_t ids_per_cell = 10'000'000;        // id = pixel and number in the cell, readable in decimal
constexpr double first_mjd = 55'400.0, span_d = 1000.0;  // of the visits
constexpr double position_error_deg = 0.02 / 3600.0;

constexpr std::size_t f814w = 5, f475w = 4;
/// 5-sigma depth of one visit, and amplitude of pulsations compared with that in F475W.
constexpr std::array<double, photometry_filter_count> depth = {25.6, 24.9, 24.6, 25.2, 27.4, 26.6};
constexpr std::array<double, photometry_filter_count> amplitude = {0.45, 0.35, 1.4, 1.3, 1.0, 0.6};

enum : std::size_t {
  col_id,
  col_ra,
  col_dec,
  col_brick,
  col_mag,
  col_err = col_mag + photometry_filter_count,
  col_variable = col_err + photometry_filter_count,
  col_period,
  col_htm,
  col_ring,
  col_nested,
  col_random,
  col_healpix
};

/// Coordinates along the major axis (to the north-east) and across it (to the south-east), degrees.
std::pair<double, double> on_axes(Position p) noexcept {
  const double east = (p.ra - centre.ra) * std::cos(centre.dec * degree), north = p.dec - centre.dec;
  return {east * std::sin(position_angle) + north * std::cos(position_angle),
          east * std::cos(position_angle) - north * std::sin(position_angle)};
}

/// Number of the brick from 1; 0 outside of all.
std::int64_t brick_of(Position p) noexcept {
  const auto [along, across] = on_axes(p);
  if (along < 0.0 || std::abs(across) >= brick_width) return 0;
  const std::int64_t brick = 2 * static_cast<std::int64_t>(along / brick_length) + (across < 0.0 ? 1 : 2);
  return brick <= brick_count ? brick : 0;
}

/// Stars per area, in units of that at the centre.
double disc_density(Position p) noexcept {
  const auto [along, across] = on_axes(p);
  return std::exp(-std::hypot(along, across / axis_ratio) / scale_length);
}

/// Density in the pixels of a cell, cumulated; not normalised.
std::vector<double> cumulative_density(std::int64_t cell) {
  constexpr int levels = field_order - MockPhotometry::order;
  std::vector<double> cumulative(std::size_t{1} << (2 * levels));
  double total = 0.0;
  for (std::size_t i = 0; i < cumulative.size(); ++i) {
    const Position p = pixel_centre((cell << (2 * levels)) + static_cast<std::int64_t>(i), field_order);
    cumulative[i] = total += brick_of(p) > 0 ? disc_density(p) : 0.0;
  }
  return cumulative;
}

/// Magnitudes by that in F814W and the colour F475W - F814W.
std::array<double, photometry_filter_count> magnitudes_of(double i, double colour) noexcept {
  const double j = i - 0.40 - 0.35 * colour, b = i + colour, u = b - 0.4 + 0.9 * colour;
  return {j, j - 0.30 - 0.25 * colour, u - 0.3 + 0.8 * colour, u, b, i};
}

double bounded(double low, double high, ObjectRandom& random) noexcept { return low + (high - low) * open_uniform(random); }

}  // namespace

struct MockPhotometry::Star {
  std::int64_t id = 0, brick = 0;
  Position position;
  std::array<double, photometry_filter_count> mag{};
  int variable = 0;
  double period = std::numeric_limits<double>::quiet_NaN(), phase = 0.0, amplitude = 0.0;

  /// Giants, upper main sequence and supergiants, or, where the row says so, a pulsating star.
  Star(ObjectRandom& random, int kind) : variable(kind) {
    if (kind == 0) {
      constexpr double bright = 17.0, tip = 20.5, faint = 26.5, slope = 0.33;
      const bool is_giant = open_uniform(random) < 0.7;
      const double top = is_giant ? tip : bright, cut = std::pow(10.0, slope * (top - faint));
      const double i = faint + std::log10(cut + (1.0 - cut) * open_uniform(random)) / slope;
      const double deviate = normal_deviate(random);
      mag = magnitudes_of(i, is_giant ? 1.6 + 0.12 * (faint - i) + 0.25 * deviate : 0.15 + 0.25 * deviate);
      return;
    }
    phase = open_uniform(random);
    if (kind == 1) {
      // Periods uniform in the logarithm; magnitudes near the observed relation of both.
      period = std::pow(10.0, bounded(0.5, 1.8, random));
      amplitude = bounded(0.6, 1.2, random);
      mag = magnitudes_of(distance_modulus - 4.9 - 3.0 * (std::log10(period) - 1.0) + 0.1 * normal_deviate(random),
                          0.9 + 0.1 * normal_deviate(random));
    } else {
      period = bounded(0.45, 0.75, random);
      amplitude = bounded(0.7, 1.2, random);
      mag = magnitudes_of(distance_modulus + 0.25 + 0.1 * normal_deviate(random), 0.45 + 0.05 * normal_deviate(random));
    }
  }
};

double pulsation(double phase) noexcept {
  const double x = 2.0 * std::numbers::pi * phase;
  // A sawtooth of three harmonics; divided by its range, so that the amplitude is from peak to peak.
  constexpr double range = 2.539593634;
  return -(std::sin(x) + 0.42 * std::sin(2.0 * x) + 0.18 * std::sin(3.0 * x)) / range;
}

void describe(OptionSet& option, PhotometryMockOptions& o) {
  option("photometry.measurements", o.measurements, "measurements of the objects, exactly; 0: ten times the objects").range(0, 1e11);
  option("photometry.visits", o.visits, "visits of each brick in each filter").range(1, 10'000);
  option("photometry.variables", o.variables, "part of the objects that are Cepheids and RR Lyrae").range(0.0, 0.5);
  option("photometry.positions", o.has_positions, "measurements have positions of their own");
}

MockPhotometry::MockPhotometry(const MockOptions& objects, const PhotometryMockOptions& options) : objects_(objects), options_(options) {
  if (options_.variables > 0.0) stride_ = std::max<std::int64_t>(2, std::llround(1.0 / options_.variables));
  const std::int64_t total = options_.measurements > 0 ? options_.measurements : 10 * objects_.objects;
  options_.measurements = total;
  const std::int64_t variables = variables_before(rows()), of_variables = 2 * options_.visits * variables;
  const std::int64_t most = of_variables + static_cast<std::int64_t>(photometry_filter_count) * options_.visits * (rows() - variables);
  if (total < of_variables)
    throw UsageError(fmt::format("photometry.measurements = {} (the {} variable stars have {} alone)", total, variables, of_variables));
  if (total > most) throw UsageError(fmt::format("photometry.measurements = {} (all visits of all objects are {})", total, most));
  // Cells that the bricks touch, and what they hold.
  std::vector<std::pair<std::int64_t, double>> expected;
  double all = 0.0;
  for (const KeyRange& range : cone(centre, 1.6, order))
    for (std::int64_t pixel = pixel_of(range.begin, order); first_key(pixel, order) < range.end; ++pixel) {
      const double here = cumulative_density(pixel).back();
      if (here > 0.0) expected.emplace_back(pixel, all += here);
    }
  std::int64_t placed = 0;
  for (const auto& [pixel, upto] : expected) {
    const std::int64_t end = std::min<std::int64_t>(rows(), std::llround(upto / all * static_cast<double>(rows())));
    if (end > placed) cells_.push_back({pixel, {placed, end}});
    placed = std::max<std::int64_t>(placed, end);
  }
}

std::int64_t MockPhotometry::first_measurement(std::int64_t row) const noexcept {
  const std::int64_t variables = variables_before(rows()), before = variables_before(row);
  const auto left = static_cast<__int128>(options_.measurements - 2 * options_.visits * variables);
  const std::int64_t others = rows() - variables;
  // The others share what the variable stars leave, as evenly as whole numbers can.
  const std::int64_t of_others = others > 0 ? static_cast<std::int64_t>(left * (row - before) / others) : 0;
  return 2 * options_.visits * before + of_others;
}

Schema MockPhotometry::object_schema() {
  Schema schema = {{"id", Type::i8, 1, "", "meta.id;meta.main", "ten million times the order-11 pixel, plus the number there"},
                   {"ra", Type::f8, 1, "deg", "pos.eq.ra;meta.main", "right ascension (ICRS)"},
                   {"dec", Type::f8, 1, "deg", "pos.eq.dec;meta.main", "declination (ICRS)"},
                   {"brick", Type::u1, 1, "", "meta.id.part", "brick of the survey"}};
  const auto name_of_filter = [](const char* filter) { return std::string("f") + std::string(filter + 1, 3) + "w"; };
  for (const char* filter : photometry_filters)
    schema.push_back(
        {name_of_filter(filter) + "_vega", Type::f4, 1, "mag", "phot.mag", std::string("magnitude in ") + filter + "; 99: S/N < 1"});
  for (const char* filter : photometry_filters)
    schema.push_back({name_of_filter(filter) + "_err", Type::f4, 1, "mag", "stat.error;phot.mag", std::string("its error in ") + filter});
  schema.push_back({"variable", Type::u1, 1, "", "src.var", "the truth: 0 constant, 1 Cepheid, 2 RR Lyrae"});
  schema.push_back({"period", Type::f8, 1, "d", "time.period", "the true period; NaN for constant stars"});
  for (const ColumnInfo& column : archive_id_columns()) schema.push_back(column);
  schema.push_back({"_healpix_29", Type::i8, 1, "", "pos.healpix", "HEALPix pixel, nested, order 29"});
  return schema;
}

std::vector<std::string> MockPhotometry::images() const {
  std::vector<std::string> names;
  const int digits = static_cast<int>(fmt::formatted_size("{}", options_.visits));
  for (std::int64_t brick = 1; brick <= brick_count; ++brick)
    for (const char* filter : photometry_filters)
      for (std::int64_t visit = 1; visit <= options_.visits; ++visit)
        names.push_back(fmt::format("b{:02}_{}_{:0{}}.fits", brick, filter, visit, digits));
  return names;
}

Schema MockPhotometry::measurement_schema() const {
  const bool has_many_images = brick_count * static_cast<std::int64_t>(photometry_filter_count) * options_.visits > 256;
  Schema schema = {{"objid", Type::i8, 1, "", "meta.id", "id of the object"},
                   {"mjd", Type::f8, 1, "d", "time.epoch", "Modified Julian Date of the visit"},
                   {"filter", Type::u1, 1, "", "meta.id;instr.filter", "filter"},
                   {"image", has_many_images ? Type::i4 : Type::u1, 1, "", "meta.id;meta.file", "image"},
                   {"mag", Type::f4, 1, "mag", "phot.mag", "magnitude; 99: S/N < 1"},
                   {"mag_err", Type::f4, 1, "mag", "stat.error;phot.mag", "its error"}};
  if (options_.has_positions) {
    schema.push_back({"ra", Type::f8, 1, "deg", "pos.eq.ra", "right ascension (ICRS)"});
    schema.push_back({"dec", Type::f8, 1, "deg", "pos.eq.dec", "declination (ICRS)"});
  }
  return schema;
}

std::vector<std::int64_t> MockPhotometry::draw_keys(const Cell& cell) const {
  const std::vector<double> cumulative = cumulative_density(cell.pixel);
  const std::int64_t first_pixel = cell.pixel << (2 * (field_order - order));
  auto random = mock_random(objects_.seed, cell.pixel, MockStream::position);
  std::vector<std::int64_t> keys(static_cast<std::size_t>(cell.rows.size()));
  for (auto& key : keys) key = draw_key(cumulative, cumulative.back(), first_pixel, field_order, random);
  std::ranges::sort(keys);
  return keys;
}

double MockPhotometry::visit_time(std::int64_t brick, std::size_t filter, std::int64_t visit) const noexcept {
  const std::int64_t number = (brick * 16 + static_cast<std::int64_t>(filter)) * 65'536 + visit;
  auto random = mock_random(objects_.seed, number, MockStream::visit);
  // At random within its share of the time: visits stay in order, and no period is that of the schedule.
  return first_mjd + span_d * (static_cast<double>(visit) + random.uniform()) / static_cast<double>(options_.visits);
}

void MockPhotometry::measure_star(const Star& star, std::int64_t row, Table& out, std::size_t at) const {
  const std::int64_t count = first_measurement(row + 1) - first_measurement(row);
  auto random = mock_random(objects_.seed, star.id, MockStream::measurement);
  constexpr auto filters = static_cast<std::int64_t>(photometry_filter_count);
  const std::int64_t first_filter = random.next() % filters;
  const Column& code = out[3];
  for (std::size_t f = 0; f < photometry_filter_count; ++f) {
    // In turn over the filters, from one by chance on; variable stars at all visits of two.
    const std::int64_t turn = (static_cast<std::int64_t>(f) - first_filter + filters) % filters;
    const std::int64_t here = star.variable > 0 ? (f == f475w || f == f814w ? options_.visits : 0) : (count - turn + filters - 1) / filters;
    for (std::int64_t k = 0; k < here; ++k, ++at) {
      // One of each equal share of the visits: in order, and none twice.
      const std::int64_t low = k * options_.visits / here, high = (k + 1) * options_.visits / here;
      const std::int64_t visit = low + random.next() % (high - low);
      const double mjd = visit_time(star.brick, f, visit);
      double mag = star.mag[f];
      if (star.variable > 0) {
        const double cycles = (mjd - first_mjd) / star.period + star.phase;
        mag += star.amplitude * amplitude[f] * pulsation(cycles - std::floor(cycles));
      }
      const ObservedMagnitude m = measure(mag, depth[f], normal_deviate(random));
      out[0].values<std::int64_t>()[at] = star.id;
      out[1].values<double>()[at] = mjd;
      out[2].values<std::uint8_t>()[at] = static_cast<std::uint8_t>(f);
      const std::int64_t image = ((star.brick - 1) * filters + static_cast<std::int64_t>(f)) * options_.visits + visit;
      if (code.info().type == Type::u1)
        out[3].values<std::uint8_t>()[at] = static_cast<std::uint8_t>(image);
      else
        out[3].values<std::int32_t>()[at] = static_cast<std::int32_t>(image);
      out[4].values<float>()[at] = static_cast<float>(m.mag);
      out[5].values<float>()[at] = static_cast<float>(m.mag_err);
      if (!options_.has_positions) continue;
      out[6].values<double>()[at] = star.position.ra + position_error_deg * normal_deviate(random) / std::cos(star.position.dec * degree);
      out[7].values<double>()[at] = star.position.dec + position_error_deg * normal_deviate(random);
    }
  }
}

/// Makes objects `part` of a cell, counted from its first; `rows` are those of the tables.
void MockPhotometry::generate_part(const Cell& cell, RowRange part, RowRange rows, Table& objects, Table& measurements) const {
  const auto keys = draw_keys(cell);
  for (std::int64_t number = part.begin; number < part.end; ++number) {
    const std::int64_t row = cell.rows.begin + number, key = keys[static_cast<std::size_t>(number)];
    const auto at = static_cast<std::size_t>(row - rows.begin);
    const std::int64_t id = cell.pixel * ids_per_cell + number;
    auto random = mock_random(objects_.seed, id, MockStream::object);
    Star star(random, !is_variable(row) ? 0 : row / stride_ % 2 == 0 ? 1 : 2);
    star.id = id;
    star.position = pixel_centre(key, max_healpix_order);
    // By the pixel that the density was asked for: a star near the border of a brick is of that brick.
    star.brick = std::max<std::int64_t>(1, brick_of(pixel_centre(pixel_of(key, field_order), field_order)));
    for (std::size_t f = 0; f < photometry_filter_count; ++f) {
      // The stack of all visits.
      const ObservedMagnitude m =
          measure(star.mag[f], depth[f] + 1.25 * std::log10(static_cast<double>(options_.visits)), normal_deviate(random));
      objects[col_mag + f].values<float>()[at] = static_cast<float>(m.mag);
      objects[col_err + f].values<float>()[at] = static_cast<float>(m.mag_err);
    }
    objects[col_id].values<std::int64_t>()[at] = id;
    objects[col_ra].values<double>()[at] = star.position.ra;
    objects[col_dec].values<double>()[at] = star.position.dec;
    objects[col_brick].values<std::uint8_t>()[at] = static_cast<std::uint8_t>(star.brick);
    objects[col_variable].values<std::uint8_t>()[at] = static_cast<std::uint8_t>(star.variable);
    objects[col_period].values<double>()[at] = star.period;
    objects[col_healpix].values<std::int64_t>()[at] = key;
    measure_star(star, row, measurements, static_cast<std::size_t>(first_measurement(row) - first_measurement(rows.begin)));
  }
}

void MockPhotometry::generate(RowRange rows, Table& objects, Table& measurements, int threads) const {
  objects.resize(static_cast<std::size_t>(rows.size()));
  measurements.resize(static_cast<std::size_t>(first_measurement(rows.end) - first_measurement(rows.begin)));
  if (rows.size() == 0) return;
  for_each_part(cells(), rows, threads,
                [&](const Cell& cell, RowRange part, std::size_t) { generate_part(cell, part, rows, objects, measurements); });
  fill_archive_ids(objects[col_ra], objects[col_dec], objects[col_healpix], objects[col_id], objects);
}

}  // namespace skyfold

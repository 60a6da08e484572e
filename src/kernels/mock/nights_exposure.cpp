// What a detector sees: stars of a sky that is the same every night, as pixels with noise and as a table of detections.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "nights_sky.hpp"
#include "skyfold/core/random.hpp"

namespace skyfold {

using namespace night_mock;

/// A star or galaxy of the sky.
struct NightMock::Star {
  std::uint64_t id = 0;
  double ra = 0.0, dec = 0.0, x = 0.0, y = 0.0;
  std::array<double, filters> mag{};
  double extent = 1.0;  ///< size in units of the seeing; above 1 for galaxies
  double ellipticity = 0.0, angle = 0.0;
};

/// One detector at one time.
struct NightMock::Seen {
  DetectorWcs wcs;
  FrameState state;
  std::vector<Star> stars;
};

namespace {

constexpr double bright_mag = 11.0, faint_mag = 18.5, slope = 0.3;

/// Counts of a star, ADU.
double flux_of(double mag, int filter, double airmass) {
  const Band& band = bands[filter];
  return exposure_s * std::pow(10.0, -0.4 * (mag - band.zero_point + band.extinction * (airmass - 1.0)));
}

/// Part of the light of a Gaussian within a radius.
double enclosed(double radius, double sigma) { return 1.0 - std::exp(-0.5 * radius * radius / (sigma * sigma)); }

void add_star(std::vector<double>& image, std::int64_t size, double x, double y, double flux, double sigma) {
  const double reach = 5.0 * sigma;
  const auto first = [&](double at) { return std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(at - 1.0 - reach))); };
  const auto end = [&](double at) { return std::min(size, static_cast<std::int64_t>(std::ceil(at + reach))); };
  const double peak = flux / (2.0 * 3.14159265358979 * sigma * sigma), narrow = -0.5 / (sigma * sigma);
  std::vector<double> row;
  for (std::int64_t i = first(x); i < end(x); ++i) row.push_back(std::exp(narrow * std::pow(static_cast<double>(i) + 1.0 - x, 2.0)));
  for (std::int64_t j = first(y); j < end(y); ++j) {
    const double factor = peak * std::exp(narrow * std::pow(static_cast<double>(j) + 1.0 - y, 2.0));
    for (std::size_t i = 0; i < row.size(); ++i) image[static_cast<std::size_t>(j * size + first(x)) + i] += factor * row[i];
  }
}

/// Values of a row of the table, by column.
class DetectionRow {
 public:
  DetectionRow(Table& table, std::size_t row) : table_(table), row_(row) {}
  /// The next column.
  void add(double value) {
    Column& column = table_[at_++];
    if (column.info().type == Type::f8)
      column.values<double>()[row_] = value;
    else
      column.values<float>()[row_] = static_cast<float>(value);
  }
  void add(double value, double error) {
    add(value);
    add(error);
  }
  /// The columns of the format that mean nothing.
  void fill() {
    while (at_ < table_.columns()) add(0.0);
  }

 private:
  Table& table_;
  std::size_t row_, at_ = 0;
};

}  // namespace

std::vector<NightMock::Star> NightMock::stars_in(const DetectorWcs& wcs) const {
  // Cells of equal steps in RA and Dec are nearly square: the strip is at the equator.
  const double margin = 0.5, high = static_cast<double>(o_.size) + 0.5, cell = cell_arcsec / 3600.0;
  std::array<double, 2> low_sky = {1e9, 1e9}, high_sky = {-1e9, -1e9};
  for (const auto& corner : {wcs.sky(margin, margin), wcs.sky(high, margin), wcs.sky(margin, high), wcs.sky(high, high)})
    for (std::size_t k = 0; k < 2; ++k) {
      low_sky[k] = std::min(low_sky[k], corner[k]);
      high_sky[k] = std::max(high_sky[k], corner[k]);
    }
  std::vector<Star> stars;
  const auto cell_of = [&](double degrees) { return static_cast<std::int64_t>(std::floor((degrees + 100.0) / cell)); };
  for (std::int64_t j = cell_of(low_sky[1]); j <= cell_of(high_sky[1]); ++j)
    for (std::int64_t i = cell_of(low_sky[0]); i <= cell_of(high_sky[0]); ++i) {
      const auto number = (static_cast<std::uint64_t>(j) << 28) + static_cast<std::uint64_t>(i);
      ObjectRandom random(static_cast<std::uint64_t>(o_.seed), number, sky_stars);
      const auto count = static_cast<std::int64_t>(density_ + random.uniform());
      for (std::int64_t k = 0; k < count; ++k) {
        Star star{number * 4096 + static_cast<std::uint64_t>(k)};
        star.ra = (static_cast<double>(i) + random.uniform()) * cell - 100.0;
        star.dec = (static_cast<double>(j) + random.uniform()) * cell - 100.0;
        // Counts rise as 10^(0.3 m) to the faint end.
        const double low = std::pow(10.0, slope * (bright_mag - faint_mag));
        star.mag[0] = faint_mag + std::log10(low + (1.0 - low) * random.uniform()) / slope;
        star.mag[1] = star.mag[0] - 0.5 - 0.15 * random.normal();
        star.mag[2] = star.mag[1] - 0.15 - 0.08 * random.normal();
        const double kind = random.uniform(), size = random.uniform();
        if (kind < 0.2) star.extent = 1.3 + 0.7 * size;
        star.ellipticity = (star.extent > 1.0 ? 0.5 : 0.1) * random.uniform();
        star.angle = 180.0 * random.uniform();
        const auto [x, y] = wcs.pixel(star.ra, star.dec);
        star.x = x, star.y = y;
        // What lies beyond the border lights the pixels inside, but is not detected.
        if (x > -10.0 && y > -10.0 && x < high + 10.0 && y < high + 10.0) stars.push_back(star);
      }
    }
  return stars;
}

NightMock::Seen NightMock::seen(const File& file, int detector) const {
  Seen seen{wcs_of(file, detector), frame_state(o_, file), {}};
  seen.stars = stars_in(seen.wcs);
  // Detections are numbered as the pipeline finds them, row by row of the image.
  std::ranges::sort(seen.stars, [](const Star& a, const Star& b) { return a.y != b.y ? a.y < b.y : a.id < b.id; });
  return seen;
}

NightMock::Exposure NightMock::expose(const File& file, int detector) const {
  const Seen seen = this->seen(file, detector);
  const FrameState& state = seen.state;
  const std::uint64_t key = frame_key(file, detector);
  const auto seed = static_cast<std::uint64_t>(o_.seed);
  Exposure exposure{image_cards(o_, file, detector, seen.wcs), {}, {}, Table(detection_schema())};
  exposure.table_cards = exposure.image_cards;
  // A table has the same cards, those of the coordinates by its own names.
  std::erase_if(exposure.table_cards, [](const HeaderCard& card) {
    return card.key.starts_with("CTYPE") || card.key.starts_with("CRVAL") || card.key.starts_with("CRPIX") ||
           card.key.starts_with("CRUNIT") || card.key.starts_with("CD") || card.key.starts_with("PV2_");
  });
  for (HeaderCard& card : table_cards(o_, file, seen.wcs)) exposure.table_cards.push_back(std::move(card));

  std::vector<double> image(static_cast<std::size_t>(o_.size * o_.size), state.sky_adu);
  for (const Star& star : seen.stars)
    add_star(image, o_.size, star.x, star.y, flux_of(star.mag[static_cast<std::size_t>(file.filter)], file.filter, state.airmass),
             state.sigma_px() * star.extent);
  ObjectRandom noise(seed, key, pixel_noise);
  exposure.pixels.reserve(image.size());
  for (const double light : image) {
    const double sigma = std::sqrt(light / gain + read_noise_adu * read_noise_adu);
    exposure.pixels.push_back(static_cast<std::int32_t>(std::lround(light + sigma * noise.normal())));
  }
  measure(seen, file, exposure.detections, key);
  return exposure;
}

void NightMock::measure(const Seen& seen, const File& file, Table& table, std::uint64_t key) const {
  const FrameState& state = seen.state;
  const double high = static_cast<double>(o_.size) + 0.5, sky2 = state.sky_noise_adu * state.sky_noise_adu;
  for (const Star& star : seen.stars) {
    if (star.x < 0.5 || star.y < 0.5 || star.x > high || star.y > high) continue;
    const double flux = flux_of(star.mag[static_cast<std::size_t>(file.filter)], file.filter, state.airmass);
    const double sigma = state.sigma_px() * star.extent;
    ObjectRandom random(key + static_cast<std::uint64_t>(o_.seed) * 0x9e3779b97f4a7c15ULL, star.id, measurement);
    const auto error = [&](double part, double radius) { return std::sqrt(part / gain + 3.14159265 * radius * radius * sky2); };
    const double core = flux * enclosed(core_px, sigma), significance = core / error(core, core_px);
    if (significance < 5.0) continue;
    const double position_error = std::hypot(sigma / significance, 0.01);
    const double x = star.x + position_error * random.normal(), y = star.y + position_error * random.normal();
    const double peak = flux / (2.0 * 3.14159265 * sigma * sigma), threshold = 1.5 * state.sky_noise_adu;
    const std::size_t row = table.rows();
    table.resize(row + 1);
    DetectionRow out(table, row);
    out.add(static_cast<double>(row + 1));
    out.add(flux * enclosed(2.0 * core_px, sigma));
    out.add(x, position_error);
    out.add(y, position_error);
    out.add(sigma);
    out.add(star.ellipticity);
    out.add(star.angle);
    // Areas above the threshold and its multiples of two.
    for (int level = 0; level < 8; ++level) {
      const double height = threshold * std::pow(2.0, level);
      out.add(peak > height ? std::floor(2.0 * 3.14159265 * sigma * sigma * std::log(peak / height)) : level == 7 ? -1.0 : 0.0);
    }
    out.add(peak, std::hypot(std::sqrt(peak / gain), state.sky_noise_adu));
    // One deviate for all apertures, which share their light.
    const double deviate = random.normal();
    for (const double radius : aperture_radii) {
      const double part = flux * enclosed(radius * core_px, sigma), e = error(part, radius * core_px);
      out.add(part + e * deviate, e);
    }
    const double petrosian = 4.0 * sigma, kron = 3.0 * sigma, half = 1.1774 * sigma;
    for (const double radius : {petrosian, kron, half}) out.add(radius);
    for (const double radius : {petrosian, kron, half}) {
      const double part = flux * enclosed(radius, sigma), e = error(part, radius);
      out.add(part + e * deviate, e);
    }
    // Bad pixels in the aperture: those that an edge cuts off.
    const double edge = std::min({x - 0.5, y - 0.5, high - x, high - y});
    out.add(edge < core_px ? std::floor(core_px * (core_px - edge)) : 0.0);
    out.add(state.sky_adu);
    out.add(state.sky_noise_adu);
    out.add(edge < 2.0 * core_px ? 90.0 : 100.0);
    const auto [ra, dec] = seen.wcs.sky(x, y);
    out.add(ra);
    out.add(dec);
    // -1 star, 1 galaxy, -2 probably a star, as noise lets them be told apart.
    const double statistic = (star.extent - 1.0) * significance * 0.3 + random.normal();
    out.add(statistic > 3.0 ? 1.0 : statistic < 1.5 ? -1.0 : -2.0);
    out.add(statistic);
    out.fill();
  }
}

}  // namespace skyfold

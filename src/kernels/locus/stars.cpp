// The stars that targets are compared with, sorted into strips of declination and by right ascension within them, so that the
// surroundings of a target are a few runs of memory; crowded and repeated stars are put aside once for all targets.
#include "skyfold/kernels/locus/stars.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "skyfold/core/error.hpp"
#include "skyfold/core/parallel.hpp"
#include "skyfold/core/text.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double degree = std::numbers::pi / 180.0;
constexpr std::size_t stars_per_chunk = 4096;

/// A whole column as magnitudes, NaN where the band was not measured.
class MagnitudeColumn {
 public:
  MagnitudeColumn(const Table& table, const std::string& name, const BandOptions& bands)
      : column_(name.empty() ? nullptr : &table.at(name)), bands_(bands) {}
  [[nodiscard]] double operator()(std::size_t row) const noexcept {
    const double mag = column_->number(row);
    return band_state(mag, bands_) == BandState::observed ? mag : nan;
  }
  [[nodiscard]] bool exists() const noexcept { return column_ != nullptr; }

 private:
  const Column* column_;
  const BandOptions& bands_;
};

/// What the stars of a field are sorted by.
struct Place {
  std::size_t strip;
  double ra;
  std::size_t star;
};

template <class T>
std::vector<T> in_order(const std::vector<T>& values, const std::vector<Place>& places) {
  std::vector<T> sorted;
  sorted.reserve(values.size());
  if (!values.empty())
    for (const Place& place : places) sorted.push_back(values[place.star]);
  return sorted;
}

}  // namespace

BandReader::BandReader(const BandOptions& bands, const BandColumns& columns, const std::string& band,
                       const std::vector<std::string>& colours)
    : bands_(bands) {
  const auto place_of = [&](const std::string& name, const std::string& option, const std::string& value) {
    const auto found = std::ranges::find(bands.bands, name);
    if (found == bands.bands.end())
      throw UsageError(fmt::format("{} = {} (must be one of the bands {})", option, value, join(bands.bands, ",")));
    return static_cast<std::size_t>(found - bands.bands.begin());
  };
  const std::size_t b = place_of(band, "locus.band", band);
  at_ = columns.magnitude[b];
  // At the end of the list of bands there is one neighbour: the missing colour is 0 for all, which excludes nobody.
  if (colours.empty() && b > 0) before_ = {columns.magnitude[b - 1], at_};
  if (colours.empty() && b + 1 < columns.magnitude.size()) after_ = {at_, columns.magnitude[b + 1]};
  if (colours.size() > 2) throw UsageError(fmt::format("locus.colours names {} colours (one or two make stars alike)", colours.size()));
  for (std::size_t k = 0; k < colours.size(); ++k) {
    const std::vector<std::string> pair = split(colours[k], '-');
    if (pair.size() != 2) throw UsageError(fmt::format("locus.colours = {} (a colour is two bands, such as BP-RP)", colours[k]));
    const auto magnitude_of = [&](const std::string& name) { return columns.magnitude[place_of(name, "locus.colours", colours[k])]; };
    auto& colour = k == 0 ? before_ : after_;
    colour.blue = magnitude_of(pair[0]);
    colour.red = magnitude_of(pair[1]);
  }
}

std::vector<std::string> BandReader::needs() const {
  std::vector<std::string> names;
  for (const std::string& name : {before_.blue, before_.red, at_, after_.blue, after_.red})
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

void BandReader::read(const Table& table, std::vector<BandPhotometry>& out) const {
  const auto column = [&](const std::string& name) { return MagnitudeColumn(table, name, bands_); };
  const MagnitudeColumn at = column(at_), blue[] = {column(before_.blue), column(after_.blue)},
                        red[] = {column(before_.red), column(after_.red)};
  const auto colour = [&](std::size_t k, std::size_t row) { return blue[k].exists() ? blue[k](row) - red[k](row) : 0.0; };
  out.resize(table.rows());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = {at(i), colour(0, i), colour(1, i)};
}

StarField::StarField(const Stars& stars, double strip_deg) : strip_deg_(strip_deg), usable_(stars.size(), 1) {
  if (stars.size() == 0) return;
  const auto [lowest, highest] = std::ranges::minmax(stars.dec);
  first_dec_ = lowest;
  strips_.assign(static_cast<std::size_t>((highest - lowest) / strip_deg) + 2, 0);
  std::vector<Place> places(stars.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[i] = {strip_of(stars.dec[i]), wrapped_ra(stars.ra[i]), i};
    // One place further, so that the running sum gives where each strip begins.
    ++strips_[places[i].strip + 1];
  }
  std::partial_sum(strips_.begin(), strips_.end(), strips_.begin());
  std::ranges::sort(places, [&](const Place& a, const Place& b) {
    if (a.strip != b.strip) return a.strip < b.strip;
    if (a.ra != b.ra) return a.ra < b.ra;
    // Rows come last: the order must not depend on how the stars were read.
    return std::pair(stars.dec[a.star], stars.row[a.star]) < std::pair(stars.dec[b.star], stars.row[b.star]);
  });
  // Columns of their own, not a list of structures: the filters of a target go through one quantity at a time.
  for (const Place& place : places) ra_.push_back(place.ra);
  dec_ = in_order(stars.dec, places);
  rating_ = in_order(stars.rating, places);
  row_ = in_order(stars.row, places);
  for (const BandPhotometry& p : in_order(stars.photometry, places)) {
    mag_.push_back(p.mag);
    before_.push_back(p.before);
    after_.push_back(p.after);
  }
  for (std::size_t i = 0; i < size(); ++i) direction_.push_back(direction_of(position(i)));
}

std::size_t StarField::strip_of(double dec) const noexcept {
  if (!(dec > first_dec_)) return 0;
  return std::min(static_cast<std::size_t>((dec - first_dec_) / strip_deg_), strips_.size() - 2);
}

/// Colours and rating are what candidates are chosen by; the magnitude still counts for crowding.
void StarField::put_aside(std::size_t i) noexcept {
  usable_[i] = 0;
  before_[i] = after_[i] = nan;
  if (!rating_.empty()) rating_[i] = nan;
}

void StarField::merge_repeated() {
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  const auto repeats = [&](std::size_t i, std::size_t j) {
    return same(mag_[i], mag_[j]) && same(before_[i], before_[j]) && same(after_[i], after_[j]) &&
           (rating_.empty() || same(rating_[i], rating_[j]));
  };
  // The one of the lowest row stays: the same star may come from two overlapping tables.
  for (std::size_t i = 0; i < size(); ++i)  // stars at one place follow each other, by row
    for (std::size_t j = i + 1; j < size() && ra_[i] == ra_[j] && dec_[i] == dec_[j] && usable_[i]; ++j)
      if (repeats(i, j)) put_aside(j);
}

bool StarField::is_crowded(std::size_t i, double resolution_deg, double dmag) const noexcept {
  const double limit2 = chord2_of_angle(resolution_deg);
  const double dec = dec_[i];
  SkyBounds bounds{dec - resolution_deg, dec + resolution_deg, 180.0};
  const double sine = std::sin(resolution_deg * degree) / std::cos(dec * degree);  // half width in RA of a small circle
  // A circle around a pole has all right ascensions.
  if (std::abs(dec) + resolution_deg < 90.0 && sine < 1.0) bounds.half_ra = std::asin(sine) / degree + 1e-9;
  bool is_crowded = false;
  visit(ra_[i], bounds, [&](std::size_t begin, std::size_t end) {
    for (std::size_t j = begin; j < end; ++j)
      if (j != i && usable_[j] && std::abs(mag_[i] - mag_[j]) < dmag && chord2(direction_[i], direction_[j]) < limit2) is_crowded = true;
  });
  return is_crowded;
}

void StarField::drop_crowded(double resolution_deg, double dmag, int threads) {
  if (!(resolution_deg > 0.0)) return;
  // Judged against all stars as they were: a crowded star still crowds its neighbours.
  std::vector<std::uint8_t> kept = usable_;
  parallel_for(size(), stars_per_chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i)
      if (kept[i] && is_crowded(i, resolution_deg, dmag)) kept[i] = 0;
  });
  for (std::size_t i = 0; i < size(); ++i)
    if (!kept[i]) put_aside(i);
}

std::vector<std::uint8_t> crowded_stars(std::span<const double> ra, std::span<const double> dec, std::span<const double> mag,
                                        double resolution_arcsec, double dmag, int threads) {
  constexpr double strip_deg = 0.05;
  Stars stars{{ra.begin(), ra.end()}, {dec.begin(), dec.end()}, {}, {}, std::vector<std::int64_t>(ra.size())};
  for (const double m : mag) stars.photometry.push_back({m, 0.0, 0.0});
  std::iota(stars.row.begin(), stars.row.end(), std::int64_t{0});
  StarField field(stars, strip_deg);
  field.merge_repeated();
  std::vector<std::uint8_t> crowded(ra.size());
  const auto flag = [&](std::size_t i) -> std::uint8_t& { return crowded[static_cast<std::size_t>(field.row(i))]; };
  for (std::size_t i = 0; i < field.size(); ++i) flag(i) = field.is_usable(i);
  field.drop_crowded(resolution_arcsec / 3600.0, dmag, threads);
  for (std::size_t i = 0; i < field.size(); ++i) flag(i) = flag(i) && !field.is_usable(i);
  return crowded;
}

}  // namespace skyfold

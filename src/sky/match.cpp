#include "skyfold/sky/match.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "skyfold/core/parallel.hpp"
#include "skyfold/core/sort.hpp"

namespace skyfold {
namespace {

constexpr double radians = std::numbers::pi / 180.0;
constexpr double arcsec = radians / 3600.0;
/// Zones are not narrower than this, degrees, so that a table of all of them stays small.
constexpr double min_zone_deg = 0.5 / 3600.0;

double in_circle(double ra) noexcept {
  if (ra < 0.0) ra += 360.0;
  return ra >= 360.0 ? ra - 360.0 : ra;
}

double squared_chord(const Vector3& a, const Vector3& b) noexcept {
  const double x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
  return x * x + y * y + z * z;
}

double separation_of(double chord2) noexcept { return 2.0 * std::asin(std::min(1.0, std::sqrt(chord2) / 2.0)) / arcsec; }

/// Disjoint sets; the root of a set is its smallest member.
class Sets {
 public:
  explicit Sets(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0U); }
  std::uint32_t root(std::uint32_t i) noexcept {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void unite(std::uint32_t a, std::uint32_t b) noexcept {
    a = root(a);
    b = root(b);
    if (a < b) parent_[b] = a;
    else parent_[a] = b;
  }

 private:
  std::vector<std::uint32_t> parent_;
};

}  // namespace

Vector3 direction_of(double ra, double dec) noexcept {
  const double cos_dec = std::cos(dec * radians);
  return {cos_dec * std::cos(ra * radians), cos_dec * std::sin(ra * radians), std::sin(dec * radians)};
}

double separation_arcsec(const Vector3& a, const Vector3& b) noexcept { return separation_of(squared_chord(a, b)); }

SkyIndex::SkyIndex(std::span<const double> ra, std::span<const double> dec, double radius_arcsec, int threads) {
  const double with_tolerance = radius_arcsec + match_tolerance_arcsec;
  limit_ = 4.0 * std::pow(std::sin(with_tolerance * arcsec / 2.0), 2);
  half_chord_ = std::sin(with_tolerance * arcsec / 2.0) * (1.0 + 1e-6) + 1e-15;
  // Wider than the radius by far more than declinations are rounded: what matches is in the same zone or the next.
  zones_per_degree_ = 1.0 / std::max(min_zone_deg, with_tolerance / 3600.0 * (1.0 + 1e-6) + 1e-11);
  sort(ra, dec, threads);
}

long SkyIndex::zone_of(double dec) const noexcept { return static_cast<long>((dec + 90.0) * zones_per_degree_); }

/// By the haversine formula, hav(d) = hav(ddec) + cos(dec1) cos(dec2) hav(dra), dra is largest for the smallest cosines.
double SkyIndex::reach(long zone) const noexcept {
  const double south = static_cast<double>(zone - 1) / zones_per_degree_ - 90.0, north = static_cast<double>(zone + 2) / zones_per_degree_ - 90.0;
  const double farthest = std::max(std::abs(south), std::abs(north));
  if (farthest >= 90.0) return 360.0;
  const double sine = half_chord_ / (std::cos(farthest * radians) - 1e-12);
  return sine > 0.0 && sine < 0.7 ? 2.0 * std::asin(sine) / radians + 1e-11 : 360.0;
}

void SkyIndex::sort(std::span<const double> ra, std::span<const double> dec, int threads) {
  const std::size_t n = ra.size();
  long last = -1;
  first_zone_ = n == 0 ? 0 : std::numeric_limits<long>::max();
  for (const double d : dec) {
    first_zone_ = std::min(first_zone_, zone_of(d));
    last = std::max(last, zone_of(d));
  }
  const auto zones = static_cast<std::size_t>(last - first_zone_ + 1);
  start_.assign(zones + 1, 0);
  reach_.resize(zones);
  for (std::size_t zone = 0; zone < zones; ++zone) reach_[zone] = reach(first_zone_ + static_cast<long>(zone));
  const auto zone_from_first = [&](std::size_t i) { return static_cast<std::size_t>(zone_of(dec[i]) - first_zone_); };
  for (std::size_t i = 0; i < n; ++i) ++start_[zone_from_first(i) + 1];
  std::partial_sum(start_.begin(), start_.end(), start_.begin());
  struct Place {
    double ra;
    std::uint32_t object;
    bool operator<(const Place& other) const noexcept { return ra != other.ra ? ra < other.ra : object < other.object; }
  };
  std::vector<Place> places(n);
  std::vector<std::uint32_t> next(start_.begin(), start_.end());
  for (std::size_t i = 0; i < n; ++i) places[next[zone_from_first(i)]++] = {in_circle(ra[i]), static_cast<std::uint32_t>(i)};
  ra_.resize(n);
  dec_.resize(n);
  object_.resize(n);
  parallel_for(zones, 8192, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t zone = begin; zone < end; ++zone)
      if (start_[zone + 1] - start_[zone] > 1) std::sort(places.begin() + start_[zone], places.begin() + start_[zone + 1]);
    for (std::size_t k = start_[begin]; k < start_[end]; ++k) {
      ra_[k] = places[k].ra;
      object_[k] = places[k].object;
      dec_[k] = dec[object_[k]];
    }
  });
}

/// Positions of a zone with from <= ra <= to, where from < 0 or to > 360 goes round; each once.
template <class Use>
void SkyIndex::scan(long zone, double from, double to, Use use) const {
  const std::uint32_t begin = start_[static_cast<std::size_t>(zone)], end = start_[static_cast<std::size_t>(zone) + 1];
  if (begin == end) return;
  const double* const first = ra_.data() + begin;
  const double* const last = ra_.data() + end;
  const auto range = [&](double low, double high) {
    const double* at = end - begin > 16 ? std::lower_bound(first, last, low) : first;
    while (at != last && *at < low) ++at;
    for (; at != last && *at <= high; ++at) use(static_cast<std::uint32_t>(at - ra_.data()));
  };
  if (to - from >= 360.0) return range(0.0, 360.0);
  range(std::max(from, 0.0), std::min(to, 360.0));
  if (from < 0.0) range(from + 360.0, 360.0);
  if (to > 360.0) range(0.0, to - 360.0);
}

void SkyIndex::find(double ra, double dec, std::vector<Found>& found) const {
  const auto zones = static_cast<long>(reach_.size());
  const long middle = zone_of(dec) - first_zone_;
  const long low = std::max(middle - 1, 0L), high = std::min(middle + 1, zones - 1);
  if (low > high || start_[static_cast<std::size_t>(low)] == start_[static_cast<std::size_t>(high) + 1]) return;  // most rows end here
  const double place = in_circle(ra);
  Vector3 direction;
  bool has_direction = false;
  const auto judge = [&](std::uint32_t k) {
    if (!has_direction) direction = direction_of(place, dec);
    has_direction = true;
    const double chord2 = squared_chord(direction, direction_of(ra_[k], dec_[k]));
    if (chord2 <= limit_) found.push_back({object_[k], separation_of(chord2)});
  };
  const std::uint32_t begin = start_[static_cast<std::size_t>(low)], end = start_[static_cast<std::size_t>(high) + 1];
  const double reach = reach_[static_cast<std::size_t>(std::clamp(middle, low, high))];  // good for the zones beside it, too
  constexpr std::uint32_t few = 16;
  if (end - begin <= few) {
    for (std::uint32_t k = begin; k < end; ++k) {
      const double apart = std::abs(ra_[k] - place);
      if (apart <= reach || apart >= 360.0 - reach) judge(k);
    }
    return;
  }
  for (long zone = low; zone <= high; ++zone) scan(zone, place - reach, place + reach, judge);
}

/// Pairs of a zone with itself and with the next one, as places in the sorted order.
template <class Use>
void SkyIndex::pairs_of_zone(long zone, Use use) const {
  const auto z = static_cast<std::size_t>(zone);
  const std::uint32_t begin = start_[z], end = start_[z + 1];
  const double reach = reach_[z];
  const bool has_next = z + 1 < reach_.size() && start_[z + 1] != start_[z + 2];
  for (std::uint32_t i = begin; i < end; ++i) {
    Vector3 direction;  // most positions have no candidate near them, and need none
    bool has_direction = false;
    const auto judge = [&](std::uint32_t k) {
      if (!has_direction) direction = direction_of(ra_[i], dec_[i]);
      has_direction = true;
      if (squared_chord(direction, direction_of(ra_[k], dec_[k])) <= limit_) use(i, k);
    };
    for (std::uint32_t k = i + 1; k < end && ra_[k] - ra_[i] <= reach; ++k) judge(k);
    // Round the circle: those at its start, if they were not met above.
    for (std::uint32_t k = begin; k < i && ra_[k] + 360.0 - ra_[i] <= reach; ++k)
      if (ra_[i] - ra_[k] > reach) judge(k);
    if (has_next) scan(zone + 1, ra_[i] - reach, ra_[i] + reach, judge);
  }
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> SkyIndex::pairs(int threads) const {
  constexpr std::size_t chunk = 8192;
  using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
  std::vector<Pairs> parts((reach_.size() + chunk - 1) / chunk);
  parallel_for(reach_.size(), chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    Pairs& mine = parts[begin / chunk];
    for (std::size_t zone = begin; zone < end; ++zone)
      pairs_of_zone(static_cast<long>(zone), [&](std::uint32_t i, std::uint32_t k) { mine.emplace_back(object_[i], object_[k]); });
  });
  Pairs all;
  for (const Pairs& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

SkyGroups friends_of_friends(std::span<const double> ra, std::span<const double> dec, double radius_arcsec, int threads) {
  const std::size_t n = ra.size();
  const auto pairs = SkyIndex(ra, dec, radius_arcsec, threads).pairs(threads);
  Sets sets(n);
  for (const auto& [a, b] : pairs) sets.unite(a, b);
  SkyGroups groups;
  groups.group.resize(n);
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < n; ++i) {  // a root comes before the other members
    const std::uint32_t root = sets.root(i);
    groups.group[i] = root == i ? count++ : groups.group[root];
  }
  groups.first.assign(count + std::size_t{1}, 0);
  for (const std::uint32_t g : groups.group) ++groups.first[g + std::size_t{1}];
  std::partial_sum(groups.first.begin(), groups.first.end(), groups.first.begin());
  std::vector<std::uint32_t> next(groups.first.begin(), groups.first.end());
  groups.member.resize(n);
  for (std::uint32_t i = 0; i < n; ++i) groups.member[next[groups.group[i]]++] = i;
  groups.pairs.assign(count, 0);
  for (const auto& pair : pairs) ++groups.pairs[groups.group[pair.first]];
  return groups;
}

}  // namespace skyfold

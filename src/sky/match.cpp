// Matches on the sphere by zones of declination (the zones algorithm: Gray et al. 2007, MSR-TR-2006-52), sorted by right
// ascension within a zone, and groups of objects that are linked by pairs (friends of friends).
#include "skyfold/sky/match.hpp"

#include <algorithm>
#include <atomic>
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

// By the chord: the dot product of two directions cannot tell separations below some milliarcseconds from 0.
double separation_of(double chord2) noexcept { return 2.0 * std::asin(std::min(1.0, std::sqrt(chord2) / 2.0)) / arcsec; }

/// Disjoint sets that threads may unite at the same time. The root of a set is its smallest member, so that the outcome
/// does not depend on the order (Anderson & Woll 1991, with the smaller root in place of ranks).
class Sets {
 public:
  explicit Sets(std::size_t n) : parent_(n) {
    for (std::uint32_t i = 0; i < n; ++i) parent_[i].store(i, std::memory_order_relaxed);
  }
  std::uint32_t root(std::uint32_t i) noexcept {
    for (;;) {
      const std::uint32_t parent = at(i);
      if (parent == i) return i;
      // A member that is no root never becomes one again, and what was above it stays above it: halving needs no exchange.
      const std::uint32_t above = at(parent);
      if (above != parent) parent_[i].store(above, std::memory_order_relaxed);
      i = above;
    }
  }
  void unite(std::uint32_t a, std::uint32_t b) noexcept {
    for (;;) {
      a = root(a);
      b = root(b);
      if (a == b) return;
      std::uint32_t larger = std::max(a, b);
      if (parent_[larger].compare_exchange_strong(larger, std::min(a, b), std::memory_order_relaxed)) return;
    }
  }

 private:
  std::uint32_t at(std::uint32_t i) const noexcept { return parent_[i].load(std::memory_order_relaxed); }

  std::vector<std::atomic<std::uint32_t>> parent_;
};

/// Numbers the sets by their smallest members, and lists the members of each; `pairs` stays empty.
SkyGroups listed(Sets& sets, std::size_t n) {
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
  return groups;
}

}  // namespace

Vector3 direction_of(double ra, double dec) noexcept {
  const double cos_dec = std::cos(dec * radians);
  return {cos_dec * std::cos(ra * radians), cos_dec * std::sin(ra * radians), std::sin(dec * radians)};
}

double separation_arcsec(const Vector3& a, const Vector3& b) noexcept { return separation_of(squared_chord(a, b)); }

SkyIndex::SkyIndex(std::span<const double> ra, std::span<const double> dec, double radius_arcsec, int threads) {
  const double with_tolerance = radius_arcsec + match_tolerance_arcsec;
  // Squared chords are compared, which needs no root and no arcsine for a candidate.
  limit_ = 4.0 * std::pow(std::sin(with_tolerance * arcsec / 2.0), 2);
  half_chord_ = std::sin(with_tolerance * arcsec / 2.0) * (1.0 + 1e-6) + 1e-15;
  // Wider than the radius by far more than declinations are rounded: what matches is in the same zone or the next.
  zones_per_degree_ = 1.0 / std::max(min_zone_deg, with_tolerance / 3600.0 * (1.0 + 1e-6) + 1e-11);
  sort(ra, dec, threads);
}

long SkyIndex::zone_of(double dec) const noexcept { return static_cast<long>((dec + 90.0) * zones_per_degree_); }

/// By the haversine formula, hav(d) = hav(ddec) + cos(dec1) cos(dec2) hav(dra), dra is largest for the smallest cosines.
double SkyIndex::reach(long zone) const noexcept {
  const double south = static_cast<double>(zone - 1) / zones_per_degree_ - 90.0,
               north = static_cast<double>(zone + 2) / zones_per_degree_ - 90.0;
  const double farthest = std::max(std::abs(south), std::abs(north));
  // At a pole all longitudes are near one another.
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
  };
  const auto comes_first = [&](const Place& a, const Place& b) {
    // Ties by declination bring equal positions together (collapse); ties by number make the order independent of threads.
    if (a.ra != b.ra) return a.ra < b.ra;
    return dec[a.object] != dec[b.object] ? dec[a.object] < dec[b.object] : a.object < b.object;
  };
  std::vector<Place> places(n);
  std::vector<std::uint32_t> next(start_.begin(), start_.end());
  for (std::size_t i = 0; i < n; ++i) places[next[zone_from_first(i)]++] = {in_circle(ra[i]), static_cast<std::uint32_t>(i)};
  ra_.resize(n);
  dec_.resize(n);
  object_.resize(n);
  parallel_for(zones, 8192, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t zone = begin; zone < end; ++zone)
      if (start_[zone + 1] - start_[zone] > 1) std::sort(places.begin() + start_[zone], places.begin() + start_[zone + 1], comes_first);
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
    // In short zones a walk is quicker than halving.
    const double* at = end - begin > 16 ? std::lower_bound(first, last, low) : first;
    while (at != last && *at < low) ++at;
    for (; at != last && *at <= high; ++at) use(static_cast<std::uint32_t>(at - ra_.data()));
  };
  // Round the circle once: the parts below would overlap, and give some positions twice.
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
  // The direction is made for the first candidate: most positions have none.
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
    // One list per chunk of zones, joined in their order: the same for every number of threads.
    Pairs& mine = parts[begin / chunk];
    for (std::size_t zone = begin; zone < end; ++zone)
      pairs_of_zone(static_cast<long>(zone), [&](std::uint32_t i, std::uint32_t k) { mine.emplace_back(object_[i], object_[k]); });
  });
  Pairs all;
  for (const Pairs& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// Leaves one position of those that are exactly equal, that of the smallest number; calls use(it, other) for each other.
/// Returns how many each of them stands for.
template <class Use>
std::vector<std::uint32_t> SkyIndex::collapse(Use use) {
  std::vector<std::uint32_t> multiplicity;
  multiplicity.reserve(size());
  std::uint32_t kept = 0, k = 0;
  for (std::size_t zone = 0; zone + 1 < start_.size(); ++zone) {
    const std::uint32_t first = kept;
    start_[zone] = first;  // the end of this zone is not written before it is reached
    for (; k < start_[zone + 1]; ++k) {
      // Thousands of copies of one position would be millions of pairs.
      if (kept > first && ra_[kept - 1] == ra_[k] && dec_[kept - 1] == dec_[k]) {
        ++multiplicity.back();
        use(object_[kept - 1], object_[k]);
        continue;
      }
      ra_[kept] = ra_[k];
      dec_[kept] = dec_[k];
      object_[kept++] = object_[k];
      multiplicity.push_back(1);
    }
  }
  start_.back() = kept;
  ra_.resize(kept);
  dec_.resize(kept);
  object_.resize(kept);
  return multiplicity;
}

/// Sets are united while pairs are found, of which only the number is kept: memory grows with the positions alone.
SkyGroups friends_of_friends(std::span<const double> ra, std::span<const double> dec, double radius_arcsec, int threads) {
  SkyIndex index(ra, dec, radius_arcsec, threads);
  Sets sets(ra.size());
  const std::vector<std::uint32_t> multiplicity = index.collapse([&](std::uint32_t a, std::uint32_t b) { sets.unite(a, b); });
  std::vector<std::uint64_t> pairs(index.size());
  // Pairs among the copies of one position.
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = std::uint64_t{multiplicity[i]} * (multiplicity[i] - 1) / 2;
  const std::size_t zones = index.reach_.size(), chunk = std::clamp<std::size_t>(zones / 64, 1, 8192);
  parallel_for(zones, chunk, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t zone = begin; zone < end; ++zone)
      index.pairs_of_zone(static_cast<long>(zone), [&](std::uint32_t i, std::uint32_t k) {  // i is of this zone, thus of this thread
        sets.unite(index.object_[i], index.object_[k]);
        pairs[i] += std::uint64_t{multiplicity[i]} * multiplicity[k];
      });
  });
  SkyGroups groups = listed(sets, ra.size());
  groups.pairs.assign(groups.size(), 0);
  for (std::size_t i = 0; i < pairs.size(); ++i) groups.pairs[groups.group[index.object_[i]]] += pairs[i];
  return groups;
}

}  // namespace skyfold

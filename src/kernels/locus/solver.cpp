// The best pointing for one target: stars are filtered by photometry with vector instructions, then by place, then the sweep finds
// the greatest sum of ratings. One solver per thread keeps its buffers.
#include "skyfold/kernels/locus/solver.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <tuple>

#include "../common/simd.hpp"

#include "skyfold/kernels/locus/locus6.hpp"

namespace skyfold {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double degree = std::numbers::pi / 180.0;

/// A test |value - centre| < limit of every star.
struct Limits {
  const double* value;
  double centre, limit;
};

SKYFOLD_INLINE Lanes load(const double* from) noexcept {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

SKYFOLD_INLINE LaneBits passes(const Limits& l, std::size_t k) noexcept {
  const Lanes difference = load(l.value + k) - l.centre;
  return (difference < l.limit) & (difference > -l.limit);
}

/// Writes the numbers of the stars [begin, end) that pass all tests to `found`; returns the end of the list. Few pass,
/// so whole blocks are passed over at a time.
SKYFOLD_CLONES std::uint32_t* select(const Limits (&limits)[3], std::size_t begin, std::size_t end, std::uint32_t* found) {
  constexpr std::size_t block = 2 * n_lanes;
  std::size_t k = begin;
  for (; k + block <= end; k += block) {
    const LaneBits low = passes(limits[0], k) & passes(limits[1], k) & passes(limits[2], k);
    const LaneBits high = passes(limits[0], k + n_lanes) & passes(limits[1], k + n_lanes) & passes(limits[2], k + n_lanes);
    // One branch for a block of stars, and nearly always not taken.
    const LaneBits any = low | high;
    if ((any[0] | any[1] | any[2] | any[3]) == 0) continue;
    for (std::size_t lane = 0; lane < n_lanes; ++lane)
      if (low[lane] != 0) *found++ = static_cast<std::uint32_t>(k + lane);
    for (std::size_t lane = 0; lane < n_lanes; ++lane)
      if (high[lane] != 0) *found++ = static_cast<std::uint32_t>(k + n_lanes + lane);
  }
  for (; k < end; ++k) {
    const auto passes_one = [&](const Limits& l) { return std::abs(l.value[k] - l.centre) < l.limit; };
    if (passes_one(limits[0]) && passes_one(limits[1]) && passes_one(limits[2])) *found++ = static_cast<std::uint32_t>(k);
  }
  return found;
}

LocusPointing without_pointing(LocusStatus status, bool is_locus6) noexcept {
  const double none = is_locus6 ? 0.0 : nan;
  return {status, {none, none}, none, none, 0, 0, none};
}

}  // namespace

LocusPointing LocusSolver::solve(const LocusTarget& target) {
  counted_.clear();
  candidates_.clear();
  if (!is_valid(target.position)) return without_pointing(LocusStatus::no_position, rules_.is_locus6);
  const BandPhotometry& p = target.photometry;
  if ((rules_.target_needs_magnitudes && std::isnan(p.mag)) || (rules_.needs_colours && (std::isnan(p.before) || std::isnan(p.after))))
    return without_pointing(LocusStatus::no_magnitude, rules_.is_locus6);
  const FieldPlane north(target.position, rules_.geometry);
  find_all_similar(target, north);
  LocusPointing pointing = rules_.is_locus6 ? locus6(target, north) : exact(target, north);
  pointing.n_candidates = static_cast<std::int32_t>(candidates_.size());
  return pointing;
}

/// Fills `similar_`: the cheap tests on magnitude and colours come first, few stars are left for the plane.
void LocusSolver::find_all_similar(const LocusTarget& target, const FieldPlane& north) {
  similar_.clear();
  stars_.visit(wrapped_ra(target.position.ra), north.bounds(rules_.zone()),
               [&](std::size_t begin, std::size_t end) { find_similar(begin, end, target.photometry); });
}

/// Fills `candidates_` with those of `similar_` that a field on this plane can have.
void LocusSolver::place(const LocusTarget& target, const FieldPlane& plane) {
  candidates_.clear();
  for (const std::uint32_t star : similar_) {
    const Offset at = plane.offset(stars_.position(star), stars_.direction(star));
    if (!is_in_zone(star, at, target.position)) continue;
    if (rules_.is_locus6 ? is_crowded_locus6(star, target.position) : rules_.exclude_target && is_target(star, plane)) continue;
    candidates_.push_back({at, rating_of(star, target.photometry), star});
  }
}

/// Any two objects in one field are less than its size apart. The published program does not see across RA 0.
bool LocusSolver::is_in_zone(std::size_t star, Offset at, Position target) const noexcept {
  if (rules_.is_round) return at.x * at.x + at.y * at.y < rules_.field.width * rules_.field.width;
  if (!(std::abs(at.y) < rules_.field.height)) return false;
  if (!rules_.is_locus6) return std::abs(at.x) < rules_.field.width;
  return std::abs(stars_.position(star).ra - target.ra) < rules_.field.width / std::abs(std::cos(target.dec * degree));
}

/// Adds the stars of a range that pass the filters on photometry.
void LocusSolver::find_similar(std::size_t begin, std::size_t end, const BandPhotometry& target) {
  const std::size_t n = similar_.size();
  // Room for all, so that the loop writes without asking; what is not used is cut off again.
  similar_.resize(n + (end - begin));
  std::uint32_t* const found = similar_.data() + n;
  std::uint32_t* last = found;
  if (!rules_.has_given_ratings) {
    const Limits limits[] = {{stars_.mag().data(), target.mag, rules_.dmag},
                             {stars_.before().data(), target.before, rules_.dcol},
                             {stars_.after().data(), target.after, rules_.dcol}};
    last = select(limits, begin, end, found);
  } else {
    const bool has_dmag = rules_.dmag < std::numeric_limits<double>::infinity();
    for (std::size_t k = begin; k < end; ++k)
      if (stars_.rating()[k] > 0.0 && (!has_dmag || std::abs(stars_.mag()[k] - target.mag) < rules_.dmag))
        *last++ = static_cast<std::uint32_t>(k);
  }
  similar_.resize(n + static_cast<std::size_t>(last - found));
}

double LocusSolver::rating_of(std::size_t star, const BandPhotometry& target) const noexcept {
  if (rules_.has_given_ratings) return stars_.rating()[star];
  const double before = std::abs(stars_.before()[star] - target.before), after = std::abs(stars_.after()[star] - target.after);
  // In the program's own order of operations: the last bits decide between equal pointings.
  if (rules_.is_locus6) return (rules_.dcol - after) / rules_.dcol * ((rules_.dcol - before) / rules_.dcol);
  return (1.0 - before / rules_.dcol) * (1.0 - after / rules_.dcol);
}

/// A star so near that it blends with the target is the target, or as useless as a reference.
bool LocusSolver::is_target(std::size_t star, const FieldPlane& plane) const noexcept {
  const double distance2 = chord2(stars_.direction(star), plane.centre());
  // Without a resolution the limit is 0, and the target is still not its own reference.
  return distance2 < chord2_blend_ || distance2 == 0.0;
}

/// The published program looks for other stars in a box of RA and Dec, as wide as at the target's Dec.
bool LocusSolver::is_crowded_locus6(std::size_t star, Position target) const noexcept {
  const double dec_limit = rules_.resolution_deg, ra_limit = dec_limit / std::abs(std::cos(target.dec * degree));
  const Position p = stars_.position(star);
  bool is_crowded = false;
  stars_.visit(p.ra, {p.dec - dec_limit, p.dec + dec_limit, ra_limit}, [&](std::size_t begin, std::size_t end) {
    for (std::size_t other = begin; other < end; ++other) {
      const Position q = stars_.position(other);
      is_crowded |= other != star && std::abs(q.ra - p.ra) < ra_limit && std::abs(q.dec - p.dec) < dec_limit &&
                    std::abs(stars_.mag()[other] - stars_.mag()[star]) < rules_.crowding_dmag;
    }
  });
  return is_crowded;
}

/// The best pointing of a field at one position angle; candidates_ and the sweep then are those of that angle.
BestPointing LocusSolver::best_at(const LocusTarget& target, const FieldPlane& north, double angle_deg) {
  const FieldPlane plane = angle_deg == 0.0 ? north : FieldPlane(target.position, rules_.geometry, angle_deg);
  place(target, plane);
  return rules_.is_round ? round_.find(candidates_, plane) : sweep_.find(candidates_, plane);
}

LocusPointing LocusSolver::exact(const LocusTarget& target, const FieldPlane& north) {
  BestPointing best = best_at(target, north, rules_.angles.front());
  std::size_t chosen = 0;
  for (std::size_t k = 1; k < rules_.angles.size(); ++k) {
    const BestPointing turned = best_at(target, north, rules_.angles[k]);
    // Of equal pointings the first angle stays.
    if (turned.n_ref == 0 || (best.n_ref > 0 && !is_better_pointing(turned, best))) continue;
    best = turned;
    chosen = k;
  }
  if (chosen + 1 < rules_.angles.size()) best = best_at(target, north, rules_.angles[chosen]);
  if (best.n_ref == 0) return without_pointing(LocusStatus::no_reference, false);
  const auto counted = rules_.is_round ? round_.counted() : sweep_.counted();
  counted_.assign(counted.begin(), counted.end());
  centre_ = best.centre;
  angle_deg_ = rules_.angles[chosen];
  return {LocusStatus::found, best.position, best.score, 3600.0 * best.margin, best.n_ref, 0, angle_deg_};
}

LocusPointing LocusSolver::locus6(const LocusTarget& target, const FieldPlane& north) {
  place(target, north);
  // The published search depends on the order of its stars.
  std::ranges::sort(candidates_, [&](const StarCandidate& a, const StarCandidate& b) {
    const Position p = stars_.position(a.star), q = stars_.position(b.star);
    return std::tuple(p.ra, p.dec, stars_.row(a.star)) < std::tuple(q.ra, q.dec, stars_.row(b.star));
  });
  published_.clear();
  for (const StarCandidate& candidate : candidates_) {
    const Position p = stars_.position(candidate.star);
    published_.push_back({p.ra, p.dec, candidate.rating});
  }
  const Locus6Field field(target.position, rules_.field.width, rules_.field.height);
  const Locus6Pointing best = find_locus6(published_, target.position, field);
  if (best.n_ref == 0) return without_pointing(LocusStatus::no_reference, true);
  for (std::uint32_t i = 0; i < published_.size(); ++i)
    if (field.counts(published_[i], best.ra, best.dec)) counted_.push_back(i);
  centre_ = {(best.ra - target.position.ra) * field.cos_dec, best.dec - target.position.dec};
  return {LocusStatus::found, {best.ra, best.dec}, best.score, 3600.0 * best.margin_deg, best.n_ref, 0, 0.0};
}

std::span<const ReferenceStar> LocusSolver::reference_stars() {
  references_.clear();
  const FieldPlane turned({}, rules_.geometry, angle_deg_);
  for (const std::uint32_t i : counted_) {
    const StarCandidate& c = candidates_[i];
    references_.push_back({c.star, c.rating, turned.to_north({c.at.x - centre_.x, c.at.y - centre_.y})});
  }
  std::ranges::sort(references_, [&](const ReferenceStar& a, const ReferenceStar& b) {
    return a.rating != b.rating ? a.rating > b.rating : stars_.row(a.star) < stars_.row(b.star);
  });
  if (references_.size() > rules_.max_ref) references_.resize(rules_.max_ref);
  return references_;
}

double locus_halo_deg(const LocusRules& rules, Position target) noexcept {
  // A star may lie a whole field away from the target, and what crowds it the resolution farther.
  if (rules.geometry == LocusGeometry::tangent) return std::hypot(rules.field.width, rules.field.height) + rules.resolution_deg;
  const double reach_dec = rules.field.height + rules.resolution_deg;
  const double reach_ra = (rules.field.width + rules.resolution_deg) / std::cos(target.dec * degree);
  const double nearest_equator = std::max(std::abs(target.dec) - reach_dec, 0.0);
  return std::min(reach_dec + reach_ra * std::cos(nearest_equator * degree), 180.0);
}

}  // namespace skyfold

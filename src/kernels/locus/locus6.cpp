// The search of the published locus program, version 6, as it is, with its approximations: for comparisons with published
// catalogues alone (docs/locus.md says in what it differs from the exact search).
#include "skyfold/kernels/locus/locus6.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace skyfold {
namespace {

/// Where the lines of a star start, and on which side of it the star lies.
struct Corner {
  double x, y;
  bool is_east, is_north;
};

class Locus6Search {
 public:
  Locus6Search(std::span<const Locus6Star> stars, Position target, const Locus6Field& field)
      : stars_(stars), target_(target), field_(field) {}

  Locus6Pointing best() {
    for (std::size_t i = 0; i < stars_.size(); ++i)
      for (std::size_t j = i + 1; j < stars_.size(); ++j) try_pair(corner_of(stars_[i]), corner_of(stars_[j]));
    if (best_.score > 0.0) describe_best();
    return best_;
  }

 private:
  [[nodiscard]] Corner corner_of(const Locus6Star& star) const noexcept {
    const bool is_east = !(star.ra < target_.ra), is_north = !(star.dec < target_.dec);
    // The star's lines lie half a field nearer to the target than the star, where the field just holds it.
    return {is_east ? star.ra - field_.half_ra : star.ra + field_.half_ra,
            is_north ? star.dec - field_.half_dec : star.dec + field_.half_dec, is_east, is_north};
  }

  void try_pair(const Corner& a, const Corner& b) {
    const bool b_is_east = a.x < b.x, b_is_north = a.y < b.y;
    const bool a_meets_b = a.is_east == b_is_east && b.is_north != b_is_north;  // a's line along RA, b's along Dec
    const bool b_meets_a = b.is_east != b_is_east && a.is_north == b_is_north;
    const bool is_swapped = !b_is_east && b_is_north;
    if (a_meets_b) is_swapped ? try_point(a.x, b.y) : try_point(b.x, a.y);
    if (b_meets_a) is_swapped ? try_point(b.x, a.y) : try_point(a.x, b.y);
  }

  void try_point(double x, double y) {
    double score = 0.0;
    for (const Locus6Star& star : stars_)
      if (field_.counts(star, x, y)) score += star.rating;
    // Strictly better: of equal pointings the program keeps the first, which the order of the stars decides.
    if (score > best_.score) best_ = {x, y, score, 0, 0.0};
  }

  void describe_best() {
    best_.margin_deg = std::numeric_limits<double>::infinity();
    for (const Locus6Star& star : stars_) {
      if (!field_.counts(star, best_.ra, best_.dec)) continue;
      ++best_.n_ref;
      const double margin =
          std::min((field_.half_ra - std::abs(best_.ra - star.ra)) * field_.cos_dec, field_.half_dec - std::abs(best_.dec - star.dec));
      best_.margin_deg = std::min(best_.margin_deg, margin);
    }
  }

  std::span<const Locus6Star> stars_;
  Position target_;
  Locus6Field field_;
  Locus6Pointing best_;
};

}  // namespace

Locus6Field::Locus6Field(Position target, double fov_ra_deg, double fov_dec_deg) noexcept
    : cos_dec(std::abs(std::cos(target.dec * std::numbers::pi / 180.0))),
      half_ra(0.5 * fov_ra_deg / cos_dec),
      half_dec(0.5 * fov_dec_deg) {}

bool Locus6Field::counts(const Locus6Star& star, double ra, double dec) const noexcept {
  return std::abs(ra - star.ra) < half_ra + locus6_slack_deg && std::abs(dec - star.dec) < half_dec + locus6_slack_deg;
}

Locus6Pointing find_locus6(std::span<const Locus6Star> stars, Position target, const Locus6Field& field) {
  return Locus6Search(stars, target, field).best();
}

}  // namespace skyfold

#pragma once

#include <cstdint>
#include <span>

#include "skyfold/sky/healpix.hpp"

namespace skyfold {

/// A candidate of the published program.
struct Locus6Star {
  double ra = 0.0, dec = 0.0, rating = 0.0;  ///< degrees
};

/// Its answer; score 0 when it finds no intersection.
struct Locus6Pointing {
  double ra = 0.0, dec = 0.0, score = 0.0;
  std::int32_t n_ref = 0;   ///< stars that the score counts
  double margin_deg = 0.0;  ///< distance of the nearest of them from the edge of the field; may be as low as -1e-4
};

/// Slack of the published program: a star this far outside the field still counts, degrees in RA and in Dec.
inline constexpr double locus6_slack_deg = 1e-4;

/// The field of the published program about a target, half its size in RA and in Dec, degrees.
struct Locus6Field {
  Locus6Field(Position target, double fov_ra_deg, double fov_dec_deg) noexcept;
  double cos_dec, half_ra, half_dec;
  /// True when a field centred on (ra, dec) counts the star.
  [[nodiscard]] bool counts(const Locus6Star& star, double ra, double dec) const noexcept;
};

/// The search of the published program (Creaner, Hickey, Nolan et al., The Locus Algorithm, version 6.0), in its own
/// order of additions.
///
/// A star's edge lines start at its corner, half a field from it towards the target: one runs along RA and one along
/// Dec, both on the star's side of the corner. Only points where lines of two different stars cross are tried, pair by
/// pair in the order of the stars, and the first of the best wins. Two quirks are kept: RA is not wrapped at 360; and
/// for a pair whose later star has its corner further North, but not further East, the opposite crossing is tried.
///
/// O(n^3).
/// @param stars  in order of RA
[[nodiscard]] Locus6Pointing find_locus6(std::span<const Locus6Star> stars, Position target, const Locus6Field& field);

}  // namespace skyfold

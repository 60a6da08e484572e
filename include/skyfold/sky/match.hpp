#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "skyfold/sky/frame.hpp"

namespace skyfold {

/// Two positions match when their separation is <= radius + this, so that a pair laid out at the radius itself matches
/// whatever the rounding; arcsec.
inline constexpr double match_tolerance_arcsec = 1e-9;

/// Direction of a position; degrees (ICRS).
[[nodiscard]] Vector3 direction_of(double ra, double dec) noexcept;
/// Separation of two directions in arcsec, from the chord between them: exact to 1e-10 arcsec for small ones.
[[nodiscard]] double separation_arcsec(const Vector3& a, const Vector3& b) noexcept;

struct SkyGroups;

/// Positions cut into zones of declination and sorted by right ascension within them (the zones algorithm: Gray et al.
/// 2007, MSR-TR-2006-52), to find what lies within a radius of a position.
///
/// Zones and right ascensions choose candidates alone, with room to spare; unit vectors decide. So poles and the meridian
/// RA = 0 are places like others.
class SkyIndex {
 public:
  /// @param ra, dec         degrees, shape [n], valid (is_valid); n < 2^32
  /// @param radius_arcsec   > 0, at most 36,000 (10 degrees)
  SkyIndex(std::span<const double> ra, std::span<const double> dec, double radius_arcsec, int threads = 1);

  struct Found {
    std::uint32_t object;  ///< number of the position in the index's input
    double separation_arcsec;
  };
  /// Appends all positions within the radius of a position, in no particular order.
  void find(double ra, double dec, std::vector<Found>& found) const;
  /// All pairs within the radius, each once, in an order that is the same for any number of threads. Memory grows with their number,
  /// which is that of the square of the positions where these are dense.
  [[nodiscard]] std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs(int threads) const;

  [[nodiscard]] std::size_t size() const noexcept { return object_.size(); }

 private:
  [[nodiscard]] long zone_of(double dec) const noexcept;
  [[nodiscard]] double reach(long zone) const noexcept;
  void sort(std::span<const double> ra, std::span<const double> dec, int threads);
  template <class Use>
  void scan(long zone, double from, double to, Use use) const;
  template <class Use>
  void pairs_of_zone(long zone, Use use) const;
  template <class Use>
  std::vector<std::uint32_t> collapse(Use use);
  friend SkyGroups friends_of_friends(std::span<const double> ra, std::span<const double> dec, double radius_arcsec, int threads);

  double zones_per_degree_, limit_;  ///< limit_: largest squared chord of a match
  double half_chord_;                ///< sin(radius / 2), with room to spare
  long first_zone_ = 0;
  std::vector<std::uint32_t> start_;  ///< by zone from first_zone_: first of its positions; one more at the end
  std::vector<double> reach_;         ///< by zone: difference in RA, degrees, that a match in it or next to it can have
  std::vector<double> ra_;            ///< sorted by (zone, ra, dec, object); 0 <= ra < 360
  std::vector<double> dec_;
  std::vector<std::uint32_t> object_;
};

/// Connected components of positions, of which those within the radius of each other are connected (friends of friends).
struct SkyGroups {
  std::vector<std::uint32_t> group;   ///< by position: number of its group; numbered by the smallest position in them
  std::vector<std::uint32_t> first;   ///< by group: its first member in `member`; one more at the end
  std::vector<std::uint32_t> member;  ///< positions, group by group, increasing
  std::vector<std::uint64_t> pairs;   ///< by group: pairs within the radius

  [[nodiscard]] std::size_t size() const noexcept { return first.size() - 1; }
  [[nodiscard]] std::span<const std::uint32_t> members(std::size_t g) const noexcept {
    return std::span(member).subspan(first[g], first[g + 1] - first[g]);
  }
  /// Every two members are within the radius of each other.
  [[nodiscard]] bool is_clique(std::size_t g) const noexcept {
    const std::uint64_t n = first[g + 1] - first[g];
    return pairs[g] == n * (n - 1) / 2;
  }
};

/// Groups of positions; the same for any number of threads. Memory grows with the positions, whatever the number of pairs;
/// time with the pairs of different positions: many at exactly one position cost as one.
///
/// @param ra, dec         degrees, shape [n], valid
/// @param radius_arcsec   > 0
[[nodiscard]] SkyGroups friends_of_friends(std::span<const double> ra, std::span<const double> dec, double radius_arcsec, int threads);

}  // namespace skyfold

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skyfold/kernels/locus/locus6.hpp"
#include "skyfold/kernels/locus/options.hpp"
#include "skyfold/kernels/locus/round_sweep.hpp"
#include "skyfold/kernels/locus/stars.hpp"
#include "skyfold/kernels/locus/sweep.hpp"

namespace skyfold {

/// Values of the column `status`; 0 means that there is a pointing.
enum class LocusStatus : std::int32_t {
  found = 0,
  no_reference = 1,  ///< no star passes the filters, or locus6 found no intersection
  no_magnitude = 2,  ///< the target was not measured in the band or in its neighbours
  no_position = 3,   ///< the target has no valid position
  failed = 4,        ///< the computation failed; nothing else in the row is meaningful
};

struct LocusTarget {
  Position position;
  BandPhotometry photometry;
};

/// What is found for one target. Without a pointing, position, score and margin are NaN; with locus6 they are 0 as in
/// the published output.
struct LocusPointing {
  LocusStatus status = LocusStatus::no_reference;
  Position position;              ///< centre of the field
  double score = 0.0;             ///< sum of the ratings of the stars in the field
  double margin_arcsec = 0.0;     ///< distance of the nearest of them from the edge
  std::int32_t n_ref = 0;         ///< stars in the field
  std::int32_t n_candidates = 0;  ///< stars that pass all filters, for a field at `angle_deg`
  double angle_deg = 0.0;         ///< position angle of the field, the best of those that are tried
};

/// A reference star of a pointing.
struct ReferenceStar {
  std::size_t star = 0;  ///< number in the StarField
  double rating = 0.0;
  Offset in_field;  ///< from the centre of the field, in the plane of the target, degrees towards East and North
};

/// Finds the pointings of single targets among the stars of a field: filters, rates and searches.
///
/// Holds buffers: one object per thread, no allocation per target once they have grown.
class LocusSolver {
 public:
  /// Both must outlive the solver.
  LocusSolver(const LocusRules& rules, const StarField& stars)
      : rules_(rules),
        stars_(stars),
        sweep_(rules.field),
        round_(0.5 * rules.field.width),
        chord2_blend_(chord2_of_angle(rules.resolution_deg)) {}

  [[nodiscard]] LocusPointing solve(const LocusTarget& target);
  /// Candidates of the target solved last, in no particular order.
  [[nodiscard]] std::span<const StarCandidate> candidates() const noexcept { return candidates_; }
  /// Reference stars in the field of the target solved last: by falling rating, then by row; at most rules.max_ref.
  /// Valid until the next call.
  [[nodiscard]] std::span<const ReferenceStar> reference_stars();

 private:
  void find_all_similar(const LocusTarget& target, const FieldPlane& north);
  void place(const LocusTarget& target, const FieldPlane& plane);
  void find_similar(std::size_t begin, std::size_t end, const BandPhotometry& target);
  [[nodiscard]] double rating_of(std::size_t star, const BandPhotometry& target) const noexcept;
  [[nodiscard]] bool is_target(std::size_t star, const FieldPlane& plane) const noexcept;
  [[nodiscard]] BestPointing best_at(const LocusTarget& target, const FieldPlane& north, double angle_deg);
  [[nodiscard]] LocusPointing exact(const LocusTarget& target, const FieldPlane& north);
  [[nodiscard]] LocusPointing locus6(const LocusTarget& target, const FieldPlane& north);
  [[nodiscard]] bool is_in_zone(std::size_t star, Offset at, Position target) const noexcept;
  [[nodiscard]] bool is_crowded_locus6(std::size_t star, Position target) const noexcept;

  const LocusRules& rules_;
  const StarField& stars_;
  PointingSweep sweep_;
  RoundSweep round_;
  double chord2_blend_;
  AlignedVector<std::uint32_t> similar_;
  std::vector<StarCandidate> candidates_;
  std::vector<std::uint32_t> counted_;  // of candidates_, in the field of the last pointing
  std::vector<Locus6Star> published_;
  std::vector<ReferenceStar> references_;
  Offset centre_;  // of the last pointing
  double angle_deg_ = 0.0;
};

/// How far from a target a star can be and still matter, degrees on the sky: the corner of the zone in which candidates
/// lie, and the resolution.
[[nodiscard]] double locus_halo_deg(const LocusRules& rules, Position target) noexcept;

}  // namespace skyfold

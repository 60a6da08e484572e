#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/kernels/locus/solver.hpp"

namespace skyfold {

/// What a finder chart shows, in the plane of the target.
struct FinderChart {
  std::string title;
  FieldSize field;
  struct Star {
    Offset at;
    double rating = 0.0;  ///< 0: not a candidate
    bool is_reference = false;
  };
  std::vector<Star> stars;
  std::optional<Offset> centre;  ///< of the field; none: there is no pointing
};

/// The chart of one target among its stars.
[[nodiscard]] FinderChart finder_chart(const std::string& title, const LocusRules& rules, const LocusTarget& target,
                                       const StarField& stars);

/// Draws the chart as SVG: stars, candidates by rating with their loci, references, the chosen field, the target; East
/// is left. Throws IoError.
void draw_finder_chart(const FinderChart& chart, const std::string& path);

}  // namespace skyfold

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skyfold/kernels/locus/solver.hpp"

namespace skyfold {

/// What a finder chart shows, in the plane of the target: degrees towards East and North.
struct FinderChart {
  std::string title;                       ///< id of the target, date
  std::string target_line, pointing_line;  ///< below it: where the target is, and how good the pointing
  std::string band;                        ///< of the magnitudes
  struct Star {
    Offset at;
    Position position;
    double mag = 0.0;     ///< NaN where not measured
    double rating = 0.0;  ///< 0: not a candidate
    int number = 0;       ///< of a reference star, from 1 on, by falling rating; 0: none
  };
  std::vector<Star> stars;
  FieldSize field;  ///< of a round field, its diameter
  bool is_round = false;
  double angle_deg = 0.0;        ///< position angle of the field
  std::optional<Offset> centre;  ///< of the field; none: there is no pointing
};

/// The chart of one target among its stars.
/// @param id    of the target
/// @param date  of the observation, as it shall stand there; "" for none
/// @param band  of the observation, "" where magnitudes do not count
[[nodiscard]] FinderChart finder_chart(const std::string& id, const std::string& date, const std::string& band, const LocusRules& rules,
                                       const LocusTarget& target, const StarField& stars);

/// Draws the chart for an observer, East to the left: stars with dots that grow with brightness, candidates, numbered references with a
/// table of them, the field, the target, a compass, and a legend of all of these. As PNG where `path` ends so, else as SVG. Throws IoError.
void draw_finder_chart(const FinderChart& chart, const std::string& path);

/// A position as observers write it: "23:06:36.00 -05:02:21.5".
[[nodiscard]] std::string sexagesimal(Position position);

}  // namespace skyfold

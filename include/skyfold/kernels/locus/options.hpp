#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace skyfold {

class OptionSet;

/// How a pointing is chosen; section `locus` of the configuration (docs/locus.md).
struct LocusOptions {
  double fov_ra = 10.0;              ///< width of the field of view along RA, arcmin
  double fov_dec = 10.0;             ///< its height along Dec, arcmin
  double radius = 0.0;               ///< of a round field of view instead, arcmin; 0: the field is a rectangle
  double angle = 0.0;                ///< position angle of the rectangle's height, degrees from North to East
  long rotate = 1;                   ///< position angles that are tried, from `angle` on, evenly spread
  std::string band = "r";            ///< band of observation
  double dmag = 2.0;                 ///< |star - target| in the band, mag; 0: no limit
  double dcol = 0.1;                 ///< |star - target| in each colour, mag
  double resolution = 10.8;          ///< stars closer than this blend, arcsec; 0: none do
  std::vector<std::string> colours;  ///< that make stars alike, "BP-RP"; none: those of the band with its neighbours
  double epoch = 0.0;                ///< year to which stars are moved by their proper motions; 0: not moved
  double epoch_from = 0.0;           ///< year of the positions in the catalogue, where it has no column of it; 0: not known
  double crowding_dmag = 5.0;        ///< fainter neighbours than this do not crowd, mag
  bool exclude_target = true;        ///< the target is not its own reference
  std::string rating = "colour";     ///< colour, or column:NAME
  std::string geometry = "tangent";  ///< tangent or box
  std::string compat = "none";       ///< none, or locus6: the published program
  long max_ref = 0;                  ///< stars listed per pointing, best first; 0: all
};
/// @param o  `rating` is the option --rating, all others are of section `locus`
void describe(OptionSet& option, LocusOptions& o);

/// What a field of view is, in the units of the search.
struct FieldSize {
  double width = 0.0, height = 0.0;  ///< degrees in the plane of the target
};

enum class LocusGeometry { tangent, box };

/// The options as the search uses them.
struct LocusRules {
  explicit LocusRules(const LocusOptions& o);

  FieldSize field;             ///< of a round field, its diameter both ways
  bool is_round;               ///< the field is a disc
  std::vector<double> angles;  ///< position angles to be tried, degrees; one for a round field
  double dmag, dcol;           ///< mag; dmag is infinite for no limit
  double resolution_deg, crowding_dmag;
  bool exclude_target, is_locus6;
  bool has_given_ratings;        ///< ratings come from a column
  bool needs_colours;            ///< colours of stars and target count
  bool target_needs_magnitudes;  ///< the target's magnitude or colours count
  bool needs_magnitudes;         ///< those of stars count
  LocusGeometry geometry;
  std::size_t max_ref;  ///< "no limit" is the largest number

  /// True when pointings have a position angle to tell.
  [[nodiscard]] bool is_turned() const noexcept { return angles.size() > 1 || angles.front() != 0.0; }
  /// Half the side of a square about the target, at position angle 0, that holds every star which a field of any of the angles can have
  /// with the target.
  [[nodiscard]] FieldSize zone() const noexcept;
};

/// The column of `rating = column:NAME`; "" for the colour rule. Throws UsageError for anything else, and for
/// combinations that contradict each other.
[[nodiscard]] std::string rating_column(const LocusOptions& o);

}  // namespace skyfold

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive.hpp"
#include "skyfold/core/options.hpp"

namespace skyfold {

/// How detections become measurements of objects.
struct MergeOptions {
  double radius = 1.0;                                   ///< arcsec, within which detections are of one object
  long size = 0;                                         ///< pixels of a side of a detector; 0: as headers of images say
  double edge = 10.0;                                    ///< pixels
  double confidence = 80.0;                              ///< percent
  std::string filter = "filter_name", time = "mjd_obs";  ///< columns of the table multiframe
};
void describe(OptionSet& option, MergeOptions& o);

/// Bits of the column `quality` of measurements. One is set where the archive has what it is decided by, and it is so.
namespace quality_bit {
inline constexpr std::int32_t near_edge = 1;
inline constexpr std::int32_t saturated = 2;
inline constexpr std::int32_t low_confidence = 4;
inline constexpr std::int32_t bad_pixels = 8;
inline constexpr std::int32_t noise = 16;
inline constexpr std::int32_t secondary = 32;
inline constexpr std::int32_t no_magnitude = 64;
}  // namespace quality_bit

/// One detector of one file of detections.
struct DetectorFrame {
  std::int64_t multiframe_id = 0;
  std::int32_t extension = 0;
  std::string filter, night;
  double mjd = 0, airmass = 0, exp_time = 0;                             ///< NaN where they are not known, all that follows too
  double zero_point = 0, aper_corr = 0, extinction = 0, saturation = 0;  ///< of the detector
};

/// Where a detection is.
struct PlacedDetection {
  std::int64_t id = 0;
  std::uint32_t frame = 0;
  double ra = 0, dec = 0;       ///< degrees
  float edge = 0;               ///< pixels to the nearest edge of its detector; NaN: unknown
  std::int64_t object_id = -1;  ///< id of the first detection of its object; -1: no valid position
  bool is_primary = true;
  std::int64_t pri_or_sec = 0;  ///< the primary detection where others overlap with it; 0: none does
};

/// Gives detections, in order of id, their objects. Frame after frame, each detection goes to the object whose first detection is the
/// nearest to it within the radius, if it is the nearest of its frame to that one, too; others begin objects of their own.
void find_objects(std::vector<PlacedDetection>& detections, double radius_arcsec, int threads);

/// Marks what is primary where detectors overlap: of the detections of an object in one filter and night those of the detector that has
/// the one that is farthest from an edge.
void seam_overlaps(std::vector<PlacedDetection>& detections, const std::vector<DetectorFrame>& frames);

/// The tables that a catalogue is made of, written where they are asked for: a row for each object, and all rows of the archive's
/// detections.
struct MergedTables {
  std::int64_t detections = 0, objects = 0, secondary = 0;
};
MergedTables write_merged(const Archive& archive, const MergeOptions& o, int threads, const std::string& objects,
                          const std::string& detections);

}  // namespace skyfold

#pragma once

#include "skyfold/kernels/mock/nights.hpp"

/// What the parts of the mock of nights share: the camera and its filters.
namespace skyfold::night_mock {

inline constexpr int filters = 3;
/// Stars are drawn in cells of the sky of this side, of which the part is detected.
inline constexpr double cell_arcsec = 25.6, detected_part = 0.97;
inline constexpr double pixel_arcsec = 0.4, gain = 4.5, read_noise_adu = 5.0, exposure_s = 10.0;

/// How a filter sees the sky.
struct Band {
  const char* name;
  double sky_adu, zero_point, extinction, pv3;
};
inline constexpr Band bands[filters] = {
    {"J", 500.0, 23.0, 0.05, -46.0}, {"H", 2000.0, 23.3, 0.05, -46.0}, {"K", 1800.0, 22.6, 0.05, -50.0}};

/// Streams of random numbers, by purpose.
enum Stream : std::uint32_t { sky_stars = 501, frame_plan, frame_weather, pixel_noise, measurement };

/// A number for a file and a detector, for random numbers.
[[nodiscard]] inline std::uint64_t frame_key(const NightMock::File& file, int detector) {
  return (static_cast<std::uint64_t>(file.night) << 32) + static_cast<std::uint64_t>(file.number) * 8 +
         static_cast<std::uint64_t>(detector);
}

/// Weather of a file, and what a detector adds.
struct FrameState {
  double seeing_px = 2.0;  ///< FWHM
  double sky_adu = 0.0, sky_noise_adu = 0.0;
  double airmass = 1.0;
  double dither_x = 0.0, dither_y = 0.0;  ///< arcsec
  [[nodiscard]] double sigma_px() const { return seeing_px / 2.3548; }
};
[[nodiscard]] FrameState frame_state(const NightMockOptions& o, const NightMock::File& file);

/// Modified Julian date of the beginning of an exposure.
[[nodiscard]] double mjd_of(const NightMockOptions& o, const NightMock::File& file);

[[nodiscard]] HeaderCards image_cards(const NightMockOptions& o, const NightMock::File& file, int detector, const DetectorWcs& wcs);
/// Those that only the table has, for X and Y in columns 3 and 5 (CASU's tables).
[[nodiscard]] HeaderCards table_cards(const NightMockOptions& o, const NightMock::File& file, const DetectorWcs& wcs);
/// The 80 columns of a table of CASU's pipeline (imcore).
[[nodiscard]] Schema detection_schema();
inline constexpr int apertures = 13;
/// Radii of the apertures in units of the core radius.
inline constexpr double aperture_radii[apertures] = {0.5, 0.70710678, 1.0, 1.41421356, 2.0,  2.82842712, 4.0,
                                                     5.0, 6.0,        7.0, 8.0,        10.0, 12.0};
inline constexpr double core_px = 2.5;

}  // namespace skyfold::night_mock

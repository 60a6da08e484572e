#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skyfold/plan/plan.hpp"
#include "skyfold/sky/frame.hpp"
#include "skyfold/sky/pixels.hpp"
#include "skyfold/table/table.hpp"

namespace skyfold {

class OptionSet;

/// What synthetic map to make; section `map` of the configuration of mock.
struct MapMockOptions {
  long nside = 512;  ///< a power of two, 1..2048
  std::string frame = "G";
  long sources = 1000;
  double frequency_ghz = 28.4;
  double fwhm_arcmin = 33.0;  ///< of the Gaussian beam
  double flux_min_jy = 1.0, flux_max_jy = 10.0;
  double offset_arcsec = 0.0;        ///< standard deviation of each component of a source's offset from its position
  double polarisation = 0.0;         ///< polarised part of each source's flux; > 0 makes Q and U maps
  double background = 0.0;           ///< K_CMB
  double noise = 0.0;                ///< standard deviation per pixel, K_CMB
  std::string noise_kind = "white";  ///< white, correlated (over the beam)
  double missing = 0.0;              ///< part of the pixels without a value, at random
  double mask_latitude_deg = 0.0;    ///< the mask is 0 nearer than this to the equator of the frame
  long seed = 1;
};
/// Describes all but the seed, which mock has for every kind.
void describe(OptionSet& option, MapMockOptions& o);
/// Throws UsageError.
void check(const MapMockOptions& o);

/// A sky of Gaussian point sources on a flat background with noise, whose truth is known.
///
/// Sources lie in different pixels of a coarse HEALPix grid, away from its borders, so that they do not blend while there
/// are few. Every value is a function of the options and of the pixel or source alone (counter-based random numbers).
class MapMock {
 public:
  explicit MapMock(const MapMockOptions& o);

  [[nodiscard]] const Pixelisation& pixels() const noexcept { return pixels_; }
  [[nodiscard]] bool is_polarised() const noexcept { return o_.polarisation > 0.0; }

  /// Values of the RING pixels [begin, end): temperature and, for a polarised sky, Q and U (COSMO convention), K_CMB;
  /// NaN where missing. Each shape [pixels.size()], `q` and `u` empty otherwise.
  void fill(RowRange pixels, std::span<float> temperature, std::span<float> q, std::span<float> u) const;
  /// 1, or 0 near the equator.
  void fill_mask(RowRange pixels, std::span<float> mask) const;
  /// A row per source: id, position, flux, offset east and north, polarised flux and angle.
  [[nodiscard]] Table truth() const;

 private:
  struct Source {
    std::int64_t id = 0;
    Angles position;  ///< as catalogued
    Vector3 centre;   ///< where it is in the map
    double flux_jy = 0.0, east_arcsec = 0.0, north_arcsec = 0.0;
    double amplitude = 0.0;    ///< K_CMB
    double angle = 0.0;        ///< of polarisation, from north through east, radians
    double reach_begin = 0.0;  ///< smallest colatitude of its pixels
  };
  /// Gaussians that are added to a piece of the map.
  struct Canvas;
  void add_sources(RowRange pixels, Canvas& canvas) const;
  void add_correlated_noise(RowRange pixels, Canvas& canvas) const;

  MapMockOptions o_;
  Pixelisation pixels_;
  std::vector<Source> sources_;  ///< by colatitude
};

}  // namespace skyfold

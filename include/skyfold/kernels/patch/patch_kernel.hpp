#pragma once

#include <memory>
#include <string>
#include <vector>

#include "skyfold/kernels/kernel.hpp"
#include "skyfold/kernels/patch/aperture.hpp"
#include "skyfold/kernels/patch/options.hpp"
#include "skyfold/sky/frame.hpp"
#include "skyfold/sky/pixels.hpp"

namespace skyfold {

/// A map to be measured. Its values lie in memory that the owner fills before `run` reads them.
struct PatchMap {
  std::string suffix;  ///< of its output columns: "" or "_030"
  Pixelisation pixels = Pixelisation(1);
  bool is_nested = false;  ///< numbering of the values below
  Frame frame = Frame::galactic;
  std::string unit;     ///< of the values, for the output
  double mjy_sr = 0.0;  ///< MJy/sr of that unit; used for fluxes alone
  Beam beam;            ///< used for fluxes alone
  PixelValues intensity;
  PixelValues q, u;             ///< empty: not measured
  bool is_iau = false;          ///< sign of U: IAU, else COSMO
  PixelValues variance;         ///< of the intensity, unit^2; empty: unknown
  PixelValues mask;             ///< a pixel counts where this is > 0; empty: everywhere
  bool mask_is_nested = false;  ///< numbering of the mask
};

/// Where the positions of the sources stand.
struct PatchPositions {
  std::string lon, lat;  ///< columns, degrees
  Frame frame = Frame::equatorial;
};

/// Bits of the column `flags` of a map.
enum PatchFlag : int {
  patch_no_position = 1,        ///< the source has no coordinates: nothing was measured
  patch_disc_coverage = 2,      ///< the disc holds no pixel, or too few with values
  patch_aperture_coverage = 4,  ///< aperture or annulus hold too few pixels with values
  patch_psf_coverage = 8,
  patch_gauss_coverage = 16,
  patch_gauss_failed = 32,  ///< the fit did not converge, or to something that cannot be a source: see gau_status
  patch_polarisation_coverage = 64,
  patch_failed = 1 << 30,  ///< the computation failed; nothing else in the row is meaningful
};

/// Measurements around sources on HEALPix maps: one row of `gives()` per source, with a block of columns per map.
///
/// The pixels around a source are found once for all maps of one NSide and frame. Every value depends on the source
/// and the maps alone.
[[nodiscard]] std::unique_ptr<Kernel> make_patch_kernel(const PatchOptions& o, std::vector<PatchMap> maps, const PatchPositions& positions);

/// Column of a map's measurement, e.g. ("mean", "_030").
[[nodiscard]] inline std::string patch_column(const std::string& quantity, const std::string& suffix) { return quantity + suffix; }

}  // namespace skyfold
